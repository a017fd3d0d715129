"""The values of command-line arguments: files that exist, places that can be written to."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .._utils.files import check_replaceable, kind_of
from .table_files import check_format

__all__ = [
    "apply_check",
    "at_least",
    "existing_model",
    "existing_table",
    "existing_table_or_stdin",
    "fraction",
    "nonempty_text",
    "writable_file",
    "writable_folder",
    "writable_model",
    "writable_table",
]

# ---- Values ----------------------------------------------------------------------------------


def at_least(least: int) -> Callable[[str], int]:
    """Return a parser of whole numbers that are not less."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) >= least):
            raise ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
        return int(text)

    return number


def fraction(text: str) -> float:
    """Return a fraction, from 0 to less than 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1:
        raise ArgumentTypeError(
            f"expected a fraction from 0 to less than 1, such as 0.1, got {text!r}"
        )
    return number


def nonempty_text(text: str) -> str:
    """Return a text that is not empty."""
    if not text.strip():
        raise ArgumentTypeError("expected a text, got an empty one")
    return text


def apply_check(check: Callable[[Any], str], value: Any) -> str:
    """Return the result of a check; if it fails, the parser says why."""
    try:
        return check(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


# ---- Files to read ---------------------------------------------------------------------------


def existing_table(text: str) -> Path:
    """Return the path of a table that exists."""
    path = _file(text)
    apply_check(check_format, path)
    return path


def existing_table_or_stdin(text: str) -> Path:
    """Return the path of a table that exists, or "-"."""
    return Path(text) if text == "-" else existing_table(text)


def existing_model(text: str) -> Path:
    """Return the path of a model that exists."""
    path = _file(text)
    _check_model_format(path)
    return path


def _file(text: str) -> Path:
    path = Path(text)
    try:
        kind = kind_of(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        raise ArgumentTypeError(f"{text!r} does not exist") from None
    except OSError as error:  # too long, a loop of links, in a folder of another user
        raise ArgumentTypeError(f"{text!r} cannot be read: {error.strerror}") from error
    if kind == "a folder":
        raise ArgumentTypeError(f"{text!r} is a folder")
    if kind is not None:
        raise ArgumentTypeError(
            f"{text!r} is {kind}: expected a regular file, whose extension says what is in it. "
            "Only texts may come from standard input: predict MODEL -"
        )
    return path


# ---- Files to write --------------------------------------------------------------------------


def writable_file(text: str) -> Path:
    """Refuse now what could not be written after an hour of training."""
    path = Path(text)
    with suppress(OSError):  # reported below
        if path.is_dir():
            raise ArgumentTypeError(f"{text!r} is a folder")
        if not path.parent.is_dir():
            raise ArgumentTypeError(f"the folder {str(path.parent)!r} does not exist")
    _check_can_be_written(text, path)
    return path


def writable_folder(text: str) -> str:
    """Return the path of a folder, to be created if need be, where a checkpoint can be written."""
    path = Path(text)
    created = []
    try:
        for folder in reversed((path, *path.parents)):
            if not folder.exists():
                folder.mkdir()
                created.append(folder)
        _check_can_be_written(text, path / "checkpoint.npz")
    except OSError as error:
        raise ArgumentTypeError(f"{text!r} cannot be written to: {error.strerror}") from error
    finally:
        for folder in reversed(created):
            with suppress(OSError):
                folder.rmdir()
    return text


def _check_can_be_written(text: str, path: Path) -> None:
    try:
        check_replaceable(path)
    except OSError as error:
        reason = error.strerror or str(error).rstrip(".")
        raise ArgumentTypeError(f"{text!r} cannot be written to: {reason}") from error


def writable_table(text: str) -> Path:
    """Return the path of a table that can be written."""
    path = writable_file(text)
    if apply_check(check_format, path) == ".parquet" and find_spec("pyarrow") is None:
        raise ArgumentTypeError("Parquet needs pyarrow: pip install pyarrow")
    return path


def writable_model(text: str) -> Path:
    """Return the path of a model that can be written."""
    path = writable_file(text)
    _check_model_format(path)
    if path.suffix.lower() == ".skops" and find_spec("skops") is None:
        raise ArgumentTypeError('a .skops file needs skops: pip install "sklearn-rnn[safe]"')
    return path


def _check_model_format(path: Path) -> None:
    if path.suffix.lower() not in {".joblib", ".skops"}:
        raise ArgumentTypeError(f"{str(path)!r} must end in .joblib or .skops")

"""What may stand on the command line: files that there are, places that can be written to."""

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
    "at_least",
    "checked",
    "new_file",
    "new_folder",
    "new_model",
    "new_table",
    "old_model",
    "old_table",
    "old_table_or_lines",
    "share",
    "some_text",
]

# ---- Values ----------------------------------------------------------------------------------


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) >= least):
            raise ArgumentTypeError(f"expected a whole number from {least} on, got {text!r}")
        return int(text)

    return number


def share(text: str) -> float:
    """Return a share of all."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1:
        raise ArgumentTypeError(
            f"expected a share from 0 to less than 1, such as 0.1, got {text!r}"
        )
    return number


def some_text(text: str) -> str:
    """Return a text that is not empty."""
    if not text.strip():
        raise ArgumentTypeError("expected a text, got an empty one")
    return text


def checked(check: Callable[[Any], str], value: Any) -> str:
    """Return what a check does, or let the parser say why it fails."""
    try:
        return check(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


# ---- What is there ---------------------------------------------------------------------------


def old_table(text: str) -> Path:
    """Return the path of a table that is there."""
    path = _file(text)
    checked(check_format, path)
    return path


def old_table_or_lines(text: str) -> Path:
    """Return the path of a table that is there, or "-"."""
    return Path(text) if text == "-" else old_table(text)


def old_model(text: str) -> Path:
    """Return the path of a model that is there."""
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
            f"{text!r} is {kind}: expected a regular file, whose ending says what is in it. Texts "
            "alone may come from the standard input, by predict MODEL -"
        )
    return path


# ---- What is to be written -------------------------------------------------------------------


def new_file(text: str) -> Path:
    """Refuse now what could not be written after an hour of training."""
    path = Path(text)
    with suppress(OSError):  # said below
        if path.is_dir():
            raise ArgumentTypeError(f"{text!r} is a folder")
        if not path.parent.is_dir():
            raise ArgumentTypeError(f"the folder {str(path.parent)!r} does not exist")
    _check_place(text, path)
    return path


def new_folder(text: str) -> str:
    """Return the path of a folder in which checkpoints can be written, there or to be made."""
    path = Path(text)
    made = []
    try:
        for folder in reversed((path, *path.parents)):
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
        _check_place(text, path / "checkpoint.npz")
    except OSError as error:
        raise ArgumentTypeError(f"{text!r} cannot be written to: {error.strerror}") from error
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
    return text


def _check_place(text: str, path: Path) -> None:
    try:
        check_replaceable(path)
    except OSError as error:
        reason = error.strerror or str(error).rstrip(".")
        raise ArgumentTypeError(f"{text!r} cannot be written to: {reason}") from error


def new_table(text: str) -> Path:
    """Return the path of a table that can be written."""
    path = new_file(text)
    if checked(check_format, path) == ".parquet" and find_spec("pyarrow") is None:
        raise ArgumentTypeError("Parquet needs pyarrow: pip install pyarrow")
    return path


def new_model(text: str) -> Path:
    """Return the path of a model that can be written."""
    path = new_file(text)
    _check_model_format(path)
    if path.suffix.lower() == ".skops" and find_spec("skops") is None:
        raise ArgumentTypeError('a .skops file needs skops: pip install "sklearn-rnn[safe]"')
    return path


def _check_model_format(path: Path) -> None:
    if path.suffix.lower() not in {".joblib", ".skops"}:
        raise ArgumentTypeError(f"{str(path)!r} must end in .joblib or .skops")

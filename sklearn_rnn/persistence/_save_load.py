"""`save` and `load`: paths and open files, and the steps in between.

`save`: the parameters are checked, skops writes an archive (`_writing.archive_of`), which is read
back as `load` would read it (`_writing.check_readable`), signed (`_signing`), and put in place in
one step.

`load`: the signature is checked, then what the archive says of itself (`_skops_schema`: memory and
form; `_unsafe_parameters`; `_trusted_names`), and only then does skops make objects (`_reading`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO, TextIOBase
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from .._utils.files import atomic_write, open_regular
from ..exceptions import ModelFileError
from ._reading import SPOOLED_BYTES, read_model
from ._signing import check_key, signed, unsigned_comment
from ._writing import archive_of, check_parameters, check_readable

__all__ = ["load", "save"]


def save(
    model: Any,
    path: str | os.PathLike[str] | BinaryIO,
    trusted: Sequence[str] = (),
    *,
    key: bytes | None = None,
    overhead_mb: float = 64,
) -> None:
    """Save a model to a file that `load` reads without running code.

    The file replaces an older one in a single step, once all of it is on the disk: a process
    that is killed before that leaves the older one intact. Nothing is written that `load` could
    not read.

    Folders of this machine are not saved: ``checkpoint_dir``, ``memmap_dir`` and scikit-learn's
    ``memory`` are None in the file.

    Parameters
    ----------
    model : estimator
        A model or pipeline, fitted or not, or one of scikit-learn's searches, ensembles and
        the like around it. A function in it, such as a tokenizer, is saved as its name, by which
        it must be importable: a lambda or a function within a function cannot be saved. Whoever
        opens the file has to trust it by that name.
    path : str, path-like or binary file
        The file, by convention with the ending ``.skops``; or a file that is open for writing
        bytes, such as an ``io.BytesIO``.
    trusted : sequence of str, default=()
        Full names of types and functions that `load` does not trust, and that the file may
        contain nevertheless: `load` will need the same names. Your own functions and classes, and
        those of other libraries, need not be named here, nor do parameters that reach beyond the
        model: see `load`.
    key : bytes, default=None
        A secret of at least 16 bytes, such as ``secrets.token_bytes(32)``, with which the file is
        signed by HMAC-SHA256. `load` with the same key refuses a file that was altered since.
    overhead_mb : float, default=64
        Megabytes that opening the file may take beyond three times its size. Searches over
        thousands of candidates, scikit-learn's vectorizers of more than 12,000 words, and
        hundreds of thousands of words without vectors take more: the message says how much, and
        `load` has to be given as much.

    Raises
    ------
    ImportError
        If skops is missing.
    ModelFileError
        If the model contains something that cannot be saved or cannot be imported by its name,
        or a type of scikit-learn, NumPy, SciPy or Python that `load` does not trust. The older
        file stays.
    OSError
        If the file cannot be written.
    TypeError
        If the model contains a method of an object that cannot be saved, such as
        ``jieba.lcut``: pass a function that calls it. If `path` is neither a path nor a binary
        file, `trusted` is a str, or `key` is not bytes.
    ValueError
        If `key` is shorter than 16 bytes.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_rnn import SequenceVectorizer, persistence
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vectorizer.skops")
    >>> persistence.save(SequenceVectorizer(max_len=7), path)
    >>> persistence.load(path)
    SequenceVectorizer(max_len=7)
    """
    _check_names("save", trusted)
    check_key("save", key)
    target = _path_or_file("save", path)
    if isinstance(target, Path):
        _check_target(target)
    io = _import_skops()
    check_parameters(model)
    data = archive_of(io, model, b"" if key is None else unsigned_comment)
    check_readable(io, data, trusted, overhead_mb)
    data = data if key is None else signed(data, key)
    if isinstance(target, Path):
        with atomic_write(target) as file:
            file.write(data)
    else:
        target.write(data)


def load(
    path: str | os.PathLike[str] | BinaryIO,
    trusted: Sequence[str] = (),
    *,
    key: bytes | None = None,
    overhead_mb: float = 64,
) -> Any:
    """Load a model that `save` wrote. No code from the file is run.

    The memory that this takes is bounded before any object is made: three times the size of the
    file and `overhead_mb`, whatever its bytes say.

    Parameters
    ----------
    path : str, path-like or binary file
        The file, or one that is open for reading bytes.
    trusted : sequence of str, default=()
        Full names of further types and functions that the file may contain, such as
        ``["my_package.words.cut"]``. Whatever is named here may be called: name only what you
        know. Likewise parameters that reach beyond the model, as ``"parameter=value"``: a
        ``source`` that is opened by pickle, ``n_jobs`` above 256, an ``input`` that opens files,
        and a ``token_pattern`` of an unusual form, which could take for ever. The error message
        gives each as it is to be named. Folders to write to, in files of earlier versions, are
        left out with a warning unless they are named.
    key : bytes, default=None
        The key that the file was signed with. With it, a file that was altered by anybody
        without the key, or was not signed, is refused before any of it is read. Without it, the
        model's predictions are whatever the last writer of the file wanted them to be.
    overhead_mb : float, default=64
        Megabytes that opening the file may take beyond three times its size.

    Returns
    -------
    estimator
        The model.

    Raises
    ------
    ImportError
        If skops is missing.
    ModelFileError
        If the file contains types or parameters that are not trusted, is damaged, would take
        more memory than it may, was not signed with `key`, or was written by a later version of
        this library.
    OSError
        If the file cannot be read.
    TypeError
        If `path` is neither a path nor a binary file, `trusted` is a str, or `key` is not bytes.
    ValueError
        If `key` is shorter than 16 bytes.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_rnn import SequenceVectorizer, persistence
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vectorizer.skops")
    >>> persistence.save(SequenceVectorizer(max_len=7), path, key=b"sixteen bytes or more")
    >>> persistence.load(path, key=b"sixteen bytes or more").max_len
    7
    """
    _check_names("load", trusted)
    check_key("load", key)
    source = _path_or_file("load", path)
    io = _import_skops()
    if not isinstance(source, Path):
        return read_model(io, BytesIO(_read_bytes(source)), "the file", trusted, key, overhead_mb)
    with open_regular(source, who="load") as file, _copy_of(file) as copy:
        return read_model(io, copy, repr(str(source)), trusted, key, overhead_mb)


# ---- Paths and open files --------------------------------------------------------------------


def _path_or_file(who: str, path: Any) -> Path | BinaryIO:
    """Return an argument as a path, or unchanged if it is a file that is open for bytes."""
    if isinstance(path, TextIOBase) or hasattr(path, "encoding"):
        mode = "wb" if who == "save" else "rb"
        raise TypeError(
            f"{who}: expected a path or a binary file, got a file that is open for text. Open it "
            f'with mode "{mode}".'
        )
    if hasattr(path, "write" if who == "save" else "read"):
        return path
    try:
        return Path(os.fsdecode(path))
    except TypeError:
        raise TypeError(
            f"{who}: expected a path or a binary file, got {type(path).__name__}."
        ) from None


def _check_target(path: Path) -> None:
    """Raise if no file can be created there, before anything is computed."""
    if path.is_dir():
        raise IsADirectoryError(f"save: {str(path)!r} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"save: {str(path.parent)!r} is not a folder. Create it before saving a file there."
        )


@contextmanager
def _copy_of(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a copy of a file: it is read several times, and must not change in between."""
    with SpooledTemporaryFile(SPOOLED_BYTES) as copy:
        try:
            copyfileobj(file, copy)
        except OSError:  # no space left on the disk
            file.seek(0)
            yield BytesIO(file.read())
        else:
            yield cast(BinaryIO, copy)


def _read_bytes(file: BinaryIO) -> bytes:
    data: Any = file.read()
    if not isinstance(data, bytes):
        raise TypeError(
            f"load: expected a file that is open for bytes, got one that returns "
            f'{type(data).__name__}. Open it with mode "rb".'
        )
    if not data:
        raise ModelFileError("load: there is nothing to read: the file is at its end. seek(0)?")
    return data


# ---- Shared by both --------------------------------------------------------------------------


def _check_names(who: str, trusted: Sequence[str]) -> None:
    if isinstance(trusted, str):
        raise TypeError(f"{who}: expected a list of names in trusted=, got a str: [{trusted!r}].")


def _import_skops() -> Any:
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            'sklearn_rnn.persistence needs skops: pip install "sklearn-rnn[safe]". joblib.dump '
            "works without it, for files that nobody else can have written."
        ) from error

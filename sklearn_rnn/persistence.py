"""Models in files that run no code when they are opened.

A pickle, which is what ``joblib.dump`` writes too, is a program: whoever opens one runs it.
The files of this module are `skops <https://skops.readthedocs.io>`_ archives: names of types
and parameters in JSON, arrays as NumPy writes them. Opening one makes objects of the types in
it, and of no type that is not known to be harmless. Needs skops:
``pip install "sklearn-rnn[safe]"``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from ._files import replacing
from .exceptions import ModelFileError

__all__ = ["load", "save", "trusted_types"]

_OURS = (
    "sklearn_rnn._tables.SharedTable",
    "sklearn_rnn.classifier.RNNTextClassifier",
    "sklearn_rnn.embeddings.FastTextEmbedding",
    "sklearn_rnn.embeddings.PretrainedEmbedding",
    "sklearn_rnn.embeddings.Word2VecEmbedding",
    "sklearn_rnn.regressor.RNNTextRegressor",
    "sklearn_rnn.sequences.TokenSequences",
    "sklearn_rnn.text.SequenceVectorizer",
)


_MOST_INFLATED = 10**6
"""Bytes by which what is in a file may be larger than the file: `save` compresses a little."""


def trusted_types() -> list[str]:
    """Return the types of this library that a saved model may hold.

    To be given to ``skops.io.load`` as ``trusted=``, where that is called directly. `load`
    knows them. Beyond them, a model of this library needs no type but those that skops
    trusts by itself.

    Returns
    -------
    list of str
        Full names of the types.

    Examples
    --------
    >>> from sklearn_rnn import persistence
    >>> "sklearn_rnn.text.SequenceVectorizer" in persistence.trusted_types()
    True
    """
    return list(_OURS)


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model into a file from which `load` reads it without running code.

    The file takes the place of an older one in a single step, once all of it is on the disk:
    a process that is killed on the way leaves the older one whole.

    Parameters
    ----------
    model : estimator
        A model or pipeline, fitted or not. A function in it, such as a tokenizer, is written
        as its name: it must be importable by that, so a lambda or a function within a
        function cannot be saved.
    path : str or path-like
        The file, by custom with the ending ``.skops``.

    Raises
    ------
    ImportError
        If skops is missing.
    ModelFileError
        If a function in the model cannot be found by its name. The older file stays.
    TypeError
        If the model holds a method of an object that cannot be saved, such as
        ``jieba.lcut``: give a function that calls it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_rnn import SequenceVectorizer, persistence
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vectorizer.skops")
    >>> persistence.save(SequenceVectorizer(max_len=7), path)
    >>> persistence.load(path)
    SequenceVectorizer(max_len=7)
    """
    io = _skops()
    for function in _functions(model):
        _check_named(function)
    data = io.dumps(model)
    for name in io.get_untrusted_types(data=data):
        _check_importable(name)
    with replacing(Path(path)) as file:
        _write_smaller(data, file)


def load(path: str | os.PathLike[str], trusted: Sequence[str] = ()) -> Any:
    """Read a model that `save` wrote. No code from the file is run.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : sequence of str, default=()
        Full names of further types and functions that the file may hold, such as
        ``["my_package.words.cut"]``. Whatever stands here may be called: name only what you know.

    Returns
    -------
    estimator
        The model.

    Raises
    ------
    ImportError
        If skops is missing.
    ModelFileError
        If the file holds other types than those that are trusted, is damaged, or was
        written by a later version of this library.
    OSError
        If the file cannot be read.
    TypeError
        If `trusted` is a str.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_rnn import SequenceVectorizer, persistence
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vectorizer.skops")
    >>> persistence.save(SequenceVectorizer(max_len=7), path)
    >>> persistence.load(path).max_len
    7
    """
    if isinstance(trusted, str):
        raise TypeError(f"load: expected a list of names in trusted=, got a str: [{trusted!r}].")
    io = _skops()
    data = Path(path).read_bytes()  # once: what is opened is what was looked at
    try:
        _check_size(data)
        untrusted = set(io.get_untrusted_types(data=data)) - {*_OURS, *trusted}
        if not untrusted:
            return io.loads(data, trusted=[*_OURS, *trusted])
    except ModelFileError:
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise ModelFileError(
            f"load: {os.fspath(path)!r} is no model that can be read ({error!r}). It looks "
            "damaged or incomplete, or names a module that is not installed here."
        ) from error
    raise ModelFileError(
        f"load: {os.fspath(path)!r} holds {sorted(untrusted)}, which could run code. Nothing was "
        "loaded. If you know what they are and who made the file, name them in trusted=."
    )


def _write_smaller(data: bytes, file: BinaryIO) -> None:
    """Write an archive with its JSON compressed, a tenth as large then; weights would not be."""
    with ZipFile(BytesIO(data)) as whole, ZipFile(file, "w") as archive:
        for member in whole.infolist():
            method = ZIP_DEFLATED if member.filename.endswith(".json") else ZIP_STORED
            archive.writestr(member.filename, whole.read(member), method)


def _check_size(data: bytes) -> None:
    """Raise if an archive would take much more memory than its file does."""
    with ZipFile(BytesIO(data)) as archive:
        n_bytes = sum(member.file_size for member in archive.infolist())
    if n_bytes > 2 * len(data) + _MOST_INFLATED:
        raise ModelFileError(
            f"load: {len(data):,} bytes would become {n_bytes:,}: the file was not made by save."
        )


def _skops() -> Any:
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            'sklearn_rnn.persistence needs skops: pip install "sklearn-rnn[safe]". joblib.dump '
            "works without, for files that nobody else can have written."
        ) from error


def _functions(model: Any) -> list[Any]:
    """Return the functions among the parameters of a model and its steps."""
    parameters = model.get_params().values() if hasattr(model, "get_params") else ()
    values = (value.func if isinstance(value, partial) else value for value in parameters)
    return [value for value in values if isinstance(value, FunctionType)]


def _check_named(function: Any) -> None:
    """Raise if a function's name is by now another's, as that of what a decorator wrapped."""
    module = sys.modules.get(function.__module__)
    if getattr(module, function.__name__, function) is not function:
        raise ModelFileError(
            f"save: {function.__module__}.{function.__name__} is another function than the one in "
            "the model, and a file can only name it. Give the model the one that has the name."
        )


def _check_importable(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    try:
        found = hasattr(import_module(module), attribute)
    except ImportError:  # a method: what it belongs to is no module
        found = False
    if not found:
        raise ModelFileError(
            f"save: the model holds {attribute!r} of {module!r}, which cannot be found there by "
            "that name: a file can only name a function. Define it at the top of a module that "
            "is imported where the model is opened; a lambda or a method cannot be saved."
        )

"""Models in files that run no code when they are opened.

A pickle, which is what ``joblib.dump`` writes too, is a program: whoever opens one runs it.
The files of this module are `skops <https://skops.readthedocs.io>`_ archives: names of types
and parameters in JSON, arrays as NumPy writes them. Opening one makes objects of the types in
it, and of no type that is not known to be harmless. Needs skops:
``pip install "sklearn-rnn[safe]"``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from io import BytesIO, TextIOBase
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from ._files import replacing
from ._format import check_method
from ._trusted_names import MADE_OTHERWISE, trusted_names
from .exceptions import ModelFileError

__all__ = ["load", "save", "trusted_types"]

_MOST_INFLATED = 10**6
"""Bytes by which what is in a file may be larger than the file: `save` compresses a little."""

_AS_IT_IS = ("ObjectNode", "FunctionNode", "TypeNode")
"""How skops calls objects that get their attributes, functions and types."""

_NOT_OF_THE_USER = {*sys.stdlib_module_names, "joblib", "numpy", "scipy", "sklearn"}
_NOT_OF_THE_USER -= {"functools"}  # a partial was written by somebody, as the function in it
"""Packages whose types come into a model by themselves, so that nobody knows to name them."""


def trusted_types() -> list[str]:
    """Return the names that `load` trusts by itself, beyond those that skops does.

    To be given to ``skops.io.load`` as ``trusted=``, where that is called directly: types of
    this library, and what scikit-learn's searches, ensembles and calibrated classifiers are
    made of, such as splitters of cross-validations, scorers and their metrics.

    Returns
    -------
    list of str
        Full names of types and functions.

    Examples
    --------
    >>> from sklearn_rnn import persistence
    >>> "sklearn_rnn.text.SequenceVectorizer" in persistence.trusted_types()
    True
    """
    return list(trusted_names())


def save(model: Any, path: str | os.PathLike[str] | BinaryIO, trusted: Sequence[str] = ()) -> None:
    """Write a model into a file from which `load` reads it without running code.

    The file takes the place of an older one in a single step, once all of it is on the disk:
    a process that is killed on the way leaves the older one whole. Nothing is written that
    `load` could not read.

    Parameters
    ----------
    model : estimator
        A model or pipeline, fitted or not, or one of scikit-learn's searches, ensembles and
        others around it. A function in it, such as a tokenizer, is written as its name: it
        must be importable by that, so a lambda or a function within a function cannot be
        saved. Whoever opens the file has to trust it by that name.
    path : str, path-like or binary file
        The file, by custom with the ending ``.skops``; or a file that is open for writing
        bytes, such as an ``io.BytesIO``.
    trusted : sequence of str, default=()
        Full names of types and functions that `load` does not trust, and that the file shall
        hold all the same: `load` will have to be given them, too. Your own functions and
        classes, and those of other libraries, need not be named here.

    Raises
    ------
    ImportError
        If skops is missing.
    ModelFileError
        If the model holds what a file cannot hold, what cannot be found by its name, or a type
        of scikit-learn, NumPy, SciPy or Python that `load` does not trust. The older file stays.
    OSError
        If the file cannot be written.
    TypeError
        If the model holds a method of an object that cannot be saved, such as
        ``jieba.lcut``: give a function that calls it. If `path` is no path and no binary file,
        or `trusted` is a str.

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
    target = _file("save", path)
    if isinstance(target, Path):
        _check_place(target)
    io = _skops()
    _check_parameters(model)
    data = _archive(io, model)
    smaller = _smaller(data)
    data = data if _inflates(smaller) else smaller
    _check_readable(io, data, trusted)
    if isinstance(target, Path):
        with replacing(target) as file:
            file.write(data)
    else:
        target.write(data)


def load(path: str | os.PathLike[str] | BinaryIO, trusted: Sequence[str] = ()) -> Any:
    """Read a model that `save` wrote. No code from the file is run.

    Parameters
    ----------
    path : str, path-like or binary file
        The file, or one that is open for reading bytes.
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
        If `path` is no path and no binary file, or `trusted` is a str.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_rnn import SequenceVectorizer, persistence
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vectorizer.skops")
    >>> persistence.save(SequenceVectorizer(max_len=7), path)
    >>> persistence.load(path).max_len
    7
    """
    _check_names("load", trusted)
    source = _file("load", path)
    io = _skops()
    # Once: what is opened is what was looked at.
    data = source.read_bytes() if isinstance(source, Path) else _bytes_of(source)
    shown = repr(str(source)) if isinstance(source, Path) else "the file"
    try:
        if n_bytes := _inflates(data):
            raise ModelFileError(
                f"load: {len(data):,} bytes would become {n_bytes:,}: the file was not made by "
                "save."
            )
        untrusted = _untrusted(io, data, trusted)
        if not untrusted:
            return io.loads(data, trusted=[*trusted_names(), *trusted])
    except ModelFileError:
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise ModelFileError(
            f"load: {shown} is no model that can be read ({error!r}). It looks "
            "damaged or incomplete, or names a module that is not installed here."
        ) from error
    raise ModelFileError(
        f"load: {shown} holds {sorted(untrusted)}, which could run code. Nothing was "
        "loaded. If you know what they are and who made the file, name them in trusted=."
    )


# ---- Paths and open files --------------------------------------------------------------------


def _file(who: str, path: Any) -> Path | BinaryIO:
    """Return a path, or a file that is open for bytes as it came."""
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


def _check_place(path: Path) -> None:
    """Raise if no file can be made there, before anything is computed."""
    if path.is_dir():
        raise IsADirectoryError(f"save: {str(path)!r} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"save: {str(path.parent)!r}, where the file shall lie, is no folder. Make it first."
        )


def _bytes_of(file: BinaryIO) -> bytes:
    data: Any = file.read()
    if not isinstance(data, bytes):
        raise TypeError(
            f"load: expected a file that is open for bytes, got one that gives "
            f'{type(data).__name__}. Open it with mode "rb".'
        )
    if not data:
        raise ModelFileError("load: there is nothing to read: the file is at its end. seek(0)?")
    return data


# ---- What is in an archive -------------------------------------------------------------------


def _archive(io: Any, model: Any) -> bytes:
    try:
        data: bytes = io.dumps(model)
    except Exception as error:  # each type has its own way to object
        raise ModelFileError(
            f"save: {_where_it_fails(io, model)} holds what a file cannot hold ({error}). Save a "
            "part of the model without it (of a search, its best_estimator_)."
        ) from error
    return data


def _where_it_fails(io: Any, model: Any) -> str:
    """Return the name of the attribute, or else of the model, that cannot be written."""
    for name, value in getattr(model, "__dict__", {}).items():
        try:
            io.dumps(value)
        except Exception:
            return f"{name!r} of {type(model).__name__}"
    return type(model).__name__


def _untrusted(io: Any, data: bytes, trusted: Sequence[str]) -> set[str]:
    """Return the names in an archive that nobody trusts.

    skops would let a file call what is trusted by name, with arguments of its own. By itself,
    `load` trusts it as an object with attributes or as a function to be named, and no more.
    """
    by_itself = set(trusted_names()) - {*trusted}
    misused = {
        name
        for node in _nodes(data)
        if (name := f"{node['__module__']}.{node['__class__']}") in by_itself
        and node["__loader__"] not in (*_AS_IT_IS, MADE_OTHERWISE.get(name))
    }
    return set(io.get_untrusted_types(data=data)) - {*by_itself, *trusted} | misused


def _nodes(data: bytes) -> Iterator[dict[str, Any]]:
    """Return the descriptions of all objects in an archive."""
    with ZipFile(BytesIO(data)) as archive:
        waiting: list[Any] = [json.loads(archive.read("schema.json"))]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _smaller(data: bytes) -> bytes:
    """Return an archive with its JSON compressed, a tenth as large then; weights would not be."""
    smaller = BytesIO()
    with ZipFile(BytesIO(data)) as whole, ZipFile(smaller, "w") as archive:
        for member in whole.infolist():
            method = ZIP_DEFLATED if member.filename.endswith(".json") else ZIP_STORED
            archive.writestr(member.filename, whole.read(member), method)
    return smaller.getvalue()


def _inflates(data: bytes) -> int:
    """Return how large an archive would become, if that is much more than its file; else 0."""
    with ZipFile(BytesIO(data)) as archive:
        n_bytes = sum(member.file_size for member in archive.infolist())
    return n_bytes if n_bytes > 2 * len(data) + _MOST_INFLATED else 0


def _check_readable(io: Any, data: bytes, trusted: Sequence[str]) -> None:
    """Raise if `load`, given what whoever opens the file will know to name, would not read it."""
    untrusted = _untrusted(io, data, ())
    for name in untrusted:
        _check_importable(name)
    hidden = {name for name in untrusted if name.split(".")[0] in _NOT_OF_THE_USER}
    if hidden - {*trusted}:
        raise ModelFileError(
            f"save: the model holds {sorted(hidden - {*trusted})}, which load does not trust: "
            "such objects could run code, or crash, if they came from a file that was altered. "
            "Save a part of the model without them (of a search, its best_estimator_), or name "
            "them in trusted=, of save and of load."
        )
    for node in _nodes(data):
        _check_keys(node)
    try:
        io.loads(data, trusted=[*trusted_names(), *untrusted])
    except Exception as error:
        raise ModelFileError(
            f"save: the model was not saved, since it could not be read back ({error!r})."
        ) from error


def _check_keys(node: dict[str, Any]) -> None:
    """Raise if the keys of a dict would be others when they are read: JSON knows text alone."""
    if node["__loader__"] != "DictNode":
        return
    kinds = [kind["__class__"] for kind in node["key_types"]["content"]]
    if "bool" in kinds or len(kinds) != len(node["content"]):
        raise ModelFileError(
            f"save: the model holds a dict with the keys {list(node['content'])}, which would be "
            "others when the file is read. Use text or whole numbers: 0 and 1 for False and True."
        )


# ---- Names -----------------------------------------------------------------------------------


def _skops() -> Any:
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            'sklearn_rnn.persistence needs skops: pip install "sklearn-rnn[safe]". joblib.dump '
            "works without, for files that nobody else can have written."
        ) from error


def _check_names(who: str, trusted: Sequence[str]) -> None:
    if isinstance(trusted, str):
        raise TypeError(f"{who}: expected a list of names in trusted=, got a str: [{trusted!r}].")


def _check_parameters(model: Any) -> None:
    """Raise if a function among the parameters of a model and its steps cannot be named."""
    parameters = model.get_params() if hasattr(model, "get_params") else {}
    for name, value in parameters.items():
        check_method(f"{type(model).__name__}: {name}", value)
        function = value.func if isinstance(value, partial) else value
        if isinstance(function, FunctionType):
            _check_named(function)


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

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
from collections.abc import Iterable, Sequence
from functools import partial
from importlib import import_module
from io import BytesIO, TextIOBase
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from ._beyond_the_model import reaching_beyond, without_folders
from ._files import open_regular, replacing
from ._format import check_method
from ._memory_budget import OverheadError
from ._signing import check_key, check_signature, signed, unsigned_comment
from ._skops_nodes import name_of, walk
from ._skops_schema import Schema, read_schema
from ._trusted_names import MADE_OTHERWISE, trusted_names
from .exceptions import ModelFileError

__all__ = ["load", "save", "trusted_types"]

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


def save(
    model: Any,
    path: str | os.PathLike[str] | BinaryIO,
    trusted: Sequence[str] = (),
    *,
    key: bytes | None = None,
    overhead_mb: float = 64,
) -> None:
    """Write a model into a file from which `load` reads it without running code.

    The file takes the place of an older one in a single step, once all of it is on the disk:
    a process that is killed on the way leaves the older one whole. Nothing is written that
    `load` could not read.

    Folders of this machine do not go with a model: ``checkpoint_dir``, ``memmap_dir`` and
    scikit-learn's ``memory`` are None in the file.

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
    key : bytes, default=None
        A secret of at least 16 bytes, such as ``secrets.token_bytes(32)``, to sign the file
        with by HMAC-SHA256. `load` with the same key refuses whatever was altered since.
    overhead_mb : float, default=64
        Megabytes that opening the file may take beyond three times its size. Searches over
        thousands of candidates and vocabularies of hundreds of thousands of words without
        vectors take more; `load` will have to be given the same.

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
        `trusted` is a str, or `key` is no bytes.
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
    target = _file("save", path)
    if isinstance(target, Path):
        _check_place(target)
    io = _skops()
    _check_parameters(model)
    data = _repacked(_archive(io, model), b"" if key is None else unsigned_comment)
    _check_readable(io, data, trusted, overhead_mb)
    data = data if key is None else signed(data, key)
    if isinstance(target, Path):
        with replacing(target) as file:
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
    """Read a model that `save` wrote. No code from the file is run.

    What the file may take is bounded before anything is made: three times its size and
    `overhead_mb`, whatever its bytes say.

    Parameters
    ----------
    path : str, path-like or binary file
        The file, or one that is open for reading bytes.
    trusted : sequence of str, default=()
        Full names of further types and functions that the file may hold, such as
        ``["my_package.words.cut"]``. Whatever stands here may be called: name only what you
        know. Likewise parameters that reach beyond the model, as ``"parameter=value"``: a
        ``source`` that is opened by pickle, folders to write into, ``n_jobs`` beyond 256, an
        ``input`` that opens files, and a ``token_pattern`` of another form than tokens usually
        have, which could take for ever. The error message gives each as it is to be named.
    key : bytes, default=None
        The key that the file was signed with. With it, a file that was altered by anybody
        without the key, or was not signed, is refused before any of it is read. None: the
        file's answers are whatever its last writer wanted them to be.
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
        If the file holds other types or parameters than those that are trusted, is damaged,
        would take more memory than it may, was not signed with `key`, or was written by a later
        version of this library.
    OSError
        If the file cannot be read.
    TypeError
        If `path` is no path and no binary file, `trusted` is a str, or `key` is no bytes.
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
    source = _file("load", path)
    io = _skops()
    if not isinstance(source, Path):
        return _read(io, BytesIO(_bytes_of(source)), "the file", trusted, key, overhead_mb)
    with open_regular(source, who="load") as file:
        # Its bytes are read several times, and must be the same each time.
        written = os.fstat(file.fileno())
        model = _read(io, file, repr(str(source)), trusted, key, overhead_mb)
        if _moment(os.fstat(file.fileno())) != _moment(written):
            raise ModelFileError(
                f"load: {str(source)!r} changed while it was read. Read it again."
            )
    return model


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


def _moment(status: os.stat_result) -> tuple[int, ...]:
    """Return what differs once a file was written to."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


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


def _read(
    io: Any,
    file: BinaryIO,
    shown: str,
    trusted: Sequence[str],
    key: bytes | None,
    overhead_mb: float,
) -> Any:
    """Return the model in a file, or raise before anything of it is made."""
    if key is not None and (wrong := check_signature(file, key)):
        raise ModelFileError(f"load: {shown} cannot be relied upon: {wrong}. Nothing was loaded.")
    schema = _schema("load", file, shown, overhead_mb)
    try:
        beyond = reaching_beyond(schema) - {*trusted}
        untrusted = beyond or _misused(schema, trusted)
        names = _names_to_trust(schema, trusted)
        del schema  # skops reads it, too
        if not untrusted:
            return io.load(file, trusted=names)
    except import_module("skops.io.exceptions").UntrustedTypesFoundException:
        untrusted = _untrusted(io, file, trusted)
    except ModelFileError:
        raise
    except Exception as error:
        raise _unreadable("load", shown, error) from error
    raise ModelFileError(
        f"load: {shown} holds {sorted(untrusted)}, which could "
        f"{'reach beyond the model' if beyond else 'run code'}. Nothing was loaded. If you know "
        "what they are and who made the file, name them in trusted=."
    )


def _schema(who: str, file: BinaryIO, shown: str, overhead_mb: float) -> Schema:
    """Return what stands in an archive that takes no more than it may."""
    try:
        return read_schema(file, overhead_mb * 2**20)
    except OverheadError as error:
        raise ModelFileError(
            f"{who}: opening {shown} takes more than {overhead_mb:g} MB beyond three times its "
            "size. If you made it yourself, give more as overhead_mb=, to save and to load, or "
            "save a part of the model (of a search, its best_estimator_)."
        ) from error
    except Exception as error:  # a damaged archive fails in many ways
        raise _unreadable(who, shown, error) from error


def _unreadable(who: str, shown: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{who}: {shown} is no model that can be read ({_said(error)}). It looks damaged or "
        "incomplete, was not made by save, or names a module that is not installed here."
    )


def _said(error: Exception) -> str:
    """Return an error in a few words: it may speak of objects of which parts are missing."""
    try:
        return repr(error)[:300]
    except Exception:
        return type(error).__name__


def _misused(schema: Schema, trusted: Sequence[str]) -> set[str]:
    """Return names that `load` trusts by itself, but not in the way that a file uses them.

    skops would let a file call what is trusted by name, with arguments of its own. By itself,
    `load` trusts it as an object with attributes or as a function to be named, and no more.
    """
    by_itself = set(trusted_names()) - {*trusted}
    return {
        name
        for node in schema.nodes
        if (name := name_of(node)) in by_itself
        and node["__loader__"] not in (*_AS_IT_IS, MADE_OTHERWISE.get(name))
    }


def _untrusted(io: Any, file: BinaryIO, trusted: Sequence[str]) -> set[str]:
    """Return names that nobody trusts."""
    return set(io.get_untrusted_types(file=file)) - {*trusted_names(), *trusted}


def _names_to_trust(schema: Schema, trusted: Iterable[str]) -> list[str]:
    """Return what skops is to trust: it copies the list for every object, so that it be short."""
    return sorted({*trusted} | schema.names & {*trusted_names()})


def _repacked(data: bytes, comment: bytes) -> bytes:
    """Return an archive with a comment and its JSON compressed, in which no folder is named."""
    repacked = BytesIO()
    with ZipFile(BytesIO(data)) as whole, ZipFile(repacked, "w") as archive:
        for member in whole.namelist():
            if member != "schema.json":
                archive.writestr(member, whole.read(member), ZIP_STORED)
        schema = without_folders(json.loads(whole.read("schema.json")))
        archive.writestr("schema.json", json.dumps(schema), ZIP_DEFLATED)
        archive.comment = comment
    return repacked.getvalue()


def _check_readable(io: Any, data: bytes, trusted: Sequence[str], overhead_mb: float) -> None:
    """Raise if `load`, given what whoever opens the file will know to name, would not read it."""
    with ZipFile(BytesIO(data)) as archive:
        for node in walk(json.loads(archive.read("schema.json"))):
            _check_keys(node)
    schema = _schema("save", BytesIO(data), "the model", overhead_mb)
    untrusted = _misused(schema, ()) | _untrusted(io, BytesIO(data), ())
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
    try:
        io.loads(data, trusted=_names_to_trust(schema, untrusted))
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

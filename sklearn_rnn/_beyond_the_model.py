"""Parameters in a model file that reach beyond the model: to files, folders and processes.

A file that somebody altered may say what it likes of weights and labels. These parameters would
let it do more once it is open: unpickle another file, read or write where it says, start thousands
of processes, or never end. `persistence.load` wants them named, as ``parameter=value``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from ._skops_nodes import Node, value_of
from ._skops_schema import MANY_TEXTS, Schema, parameters_of, read_schema
from ._vector_files import is_unpickled

__all__ = ["reaching_beyond", "repacked", "without_folders", "without_named_folders"]

_PROCESSES = 256
_LONGEST_NGRAM = 20
_PLENTY = 2**40
"""Bytes for an archive that was looked at already."""

_FOLDERS = ("checkpoint_dir", "memmap_dir", "memory")
"""Where estimators write on the machine that they are on; ``memory`` is read by pickle, too."""

_LIBRARIES = ("imblearn", "sklearn", "sklearn_rnn")

# One character; a repetition with nothing behind it that could fail, so that nothing is tried
# again; a further part that may be missing.
_CHARACTER = r"(?:\\[^\W\dAbBZN]|\\\W|\[\^?(?:\\.|[^\[\]\\])+\]|[^\\\[\](){}*+?|^$])"
_TIMES = r"(?:[+*]|\{\d{1,2}(?:,\d{0,2})?\})?"
_REPETITION = rf"{_CHARACTER}+{_TIMES}(?:\(\?:{_CHARACTER}+[+*]?\)[?*])?"
_WORD = rf"{_CHARACTER}*\\w{_TIMES}(?:\(\?:{_CHARACTER}+\\w\+\)[?*])?\\b"  # it ends where \w+ does
_BRANCH = rf"(?:\\b)?(?:{_WORD}|{_REPETITION})"
_LINEAR = re.compile(rf"(?:\(\?[aiu]+\))?(?:{_BRANCH}(?:\|{_BRANCH})*|\({_BRANCH}\))")


def _may_never_end(pattern: str) -> bool:
    """Tell whether a regular expression may take longer than in proportion to a text.

    Some that would not are taken for such: only the usual forms of a token are known.
    """
    return len(pattern) > 1_000 or not _LINEAR.fullmatch(pattern)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_place(value: Any) -> bool:
    """Tell whether a value may name a folder: a label may have the same name as a parameter."""
    return not isinstance(value, bool | int | float | None)


def _is_more_than(most: int) -> Callable[[Any], bool]:
    """Return what tells whether a value is other than None and numbers up to one."""
    return lambda value: (
        value is not None and not (isinstance(value, int | float) and value <= most)
    )


_REACHES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_FOLDERS, _is_place),
    **dict.fromkeys(("n_jobs", "n_threads", "_n_threads", "workers"), _is_more_than(_PROCESSES)),
    "input": lambda value: value in ("file", "filename"),
    "ngram_range": _is_more_than(_LONGEST_NGRAM),
    "pattern": lambda value: _is_text(value) and _may_never_end(value),
    "source": lambda value: _is_text(value) and is_unpickled(value),
    "token_pattern": lambda value: _is_text(value) and _may_never_end(value),
}


def reaching_beyond(schema: Schema) -> set[str]:
    """Return the parameters of a model that reach beyond it, as ``parameter=value``.

    Parameters
    ----------
    schema : Schema
        What stands in its file.

    Returns
    -------
    set of str
        One for each, candidates of searches included.
    """
    return {
        f"{name}={'another object' if value is ... else value}"
        for name, value in parameters_of(schema, _REACHES)
        if value == MANY_TEXTS or _REACHES[name](value)
    }


def without_folders(part: Any) -> Any:
    """Return the JSON of a schema in which no estimator knows folders of the machine it was on."""
    if isinstance(part, list):
        return [without_folders(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {name: without_folders(item) for name, item in part.items()}
    if part.get("__loader__") == "ObjectNode" and _is_of_a_library(part):
        parameters = (part.get("content") or {}).get("content")
        for name in _FOLDERS:
            if isinstance(parameters, dict) and isinstance(_value(parameters.get(name)), str):
                # Without the id of the text, which may stand elsewhere, too.
                parameters[name] = {**parameters[name], "content": "null", "__id__": None}
                del parameters[name]["__id__"]
    return part


def repacked(file: BinaryIO, comment: bytes = b"") -> bytes:
    """Return an archive with a comment and its JSON compressed, in which no folder is named."""
    result = BytesIO()
    with ZipFile(file) as whole, ZipFile(result, "w") as archive:
        for member in whole.namelist():
            if member != "schema.json":
                archive.writestr(member, whole.read(member), ZIP_STORED)
        schema = without_folders(json.loads(whole.read("schema.json")))
        archive.writestr("schema.json", json.dumps(schema), ZIP_DEFLATED)
        archive.comment = comment
    return result.getvalue()


def without_named_folders(file: BinaryIO, beyond: set[str]) -> BinaryIO | None:
    """Return an archive without folders, or None if other parameters reach beyond its model.

    Files of earlier versions name those of the machine that they were written on.
    """
    if not all(reaching.startswith(tuple(f"{name}=" for name in _FOLDERS)) for reaching in beyond):
        return None
    rest = BytesIO(repacked(file))
    return None if beyond & reaching_beyond(read_schema(rest, _PLENTY)) else rest


def _is_of_a_library(node: Node) -> bool:
    return node["__module__"].partition(".")[0] in _LIBRARIES


def _value(node: Node | None) -> Any:
    return ... if node is None else value_of(node)

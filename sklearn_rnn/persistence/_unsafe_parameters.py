"""Parameters in a model file that reach beyond the model: to files, folders and processes.

A file that somebody altered may contain any weights and labels. With these parameters it could do
more once it is open: unpickle another file, read and write where it likes, start thousands of
processes, or never end. `persistence.load` wants them named, as ``parameter=value``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from .._vectors.gensim_format import is_unpickled
from ._skops_nodes import Node, value_of, walk
from ._skops_schema import MANY_STRINGS, Schema, parameters_of

__all__ = ["repack", "unsafe_folders", "unsafe_parameters"]

_MAX_PROCESSES = 256
_LONGEST_NGRAM = 20
_USUAL_NODES = 5_000

_FOLDERS = ("checkpoint_dir", "memmap_dir", "memory")
"""Folders that estimators write to; ``memory`` is also read, by pickle."""

_LIBRARIES = ("imblearn", "sklearn", "sklearn_rnn")

# Patterns that cannot backtrack: one character, or repeated characters with nothing after them
# that could fail, except a further part that is optional.
_CHARACTER = r"(?:\\[^\W\dAbBZN]|\\\W|\[\^?(?:\\.|[^\[\]\\])+\]|[^\\\[\](){}*+?|^$])"
_TIMES = r"(?:[+*]|\{\d{1,2}(?:,\d{0,2})?\})?"
_REPETITION = rf"{_CHARACTER}+{_TIMES}(?:\(\?:{_CHARACTER}+[+*]?\)[?*])?"
_WORD = rf"{_CHARACTER}*\\w{_TIMES}(?:\(\?:{_CHARACTER}+\\w\+\)[?*])?\\b"  # it ends where \w+ does
_BRANCH = rf"(?:\\b)?(?:{_WORD}|{_REPETITION})"
_LINEAR = re.compile(rf"(?:\(\?[aiu]+\))?(?:{_BRANCH}(?:\|{_BRANCH})*|\({_BRANCH}\))")


def _may_backtrack(pattern: str) -> bool:
    """Return whether a regular expression may take more than linear time.

    Many that would not are refused, too: only the usual forms of a token are known.
    """
    return len(pattern) > 1_000 or not _LINEAR.fullmatch(pattern)


def _may_be_folder(value: Any) -> bool:
    return not isinstance(value, bool | int | float | None)  # a label may be named as a parameter


def _exceeds(limit: int) -> Callable[[Any], bool]:
    """Return a function: whether a value is neither None nor a number up to a limit."""
    return lambda value: (
        value is not None and not (isinstance(value, int | float) and value <= limit)
    )


_IS_UNSAFE: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_FOLDERS, _may_be_folder),
    **dict.fromkeys(("n_jobs", "n_threads", "_n_threads", "workers"), _exceeds(_MAX_PROCESSES)),
    "input": lambda value: value in ("file", "filename"),
    "ngram_range": _exceeds(_LONGEST_NGRAM),
    "pattern": lambda value: isinstance(value, str) and _may_backtrack(value),
    "source": lambda value: isinstance(value, str) and is_unpickled(value),
    "token_pattern": lambda value: isinstance(value, str) and _may_backtrack(value),
}
"""Parameters by name, with the function that decides whether a value reaches beyond the model."""


def unsafe_parameters(schema: Schema) -> set[str]:
    """Return the parameters that reach beyond a model, as ``parameter=value``.

    Parameters
    ----------
    schema : Schema
        The content of its file.

    Returns
    -------
    set of str
        One for each value, candidates of searches included.
    """
    return {
        f"{name}={'another object' if value is ... else value}"
        for name, value in parameters_of(schema, _IS_UNSAFE)
        if value == MANY_STRINGS or _IS_UNSAFE[name](value)
    }


def repack(
    source: BinaryIO,
    target: BinaryIO,
    *,
    folders: Collection[str] = _FOLDERS,
    check: Callable[[Node], None] | None = None,
    comment: bytes = b"",
) -> None:
    """Rewrite an archive: with its JSON compressed, and parameters that name folders set to None.

    Parameters
    ----------
    source : binary file
        The archive, as skops or `persistence.save` writes it.
    target : binary file
        The new archive.
    folders : collection of str
        Names of the parameters.
    check : callable, default=None
        Called with each node; may raise.
    comment : bytes, default=b""
        The comment of the new archive.
    """
    with ZipFile(source) as whole, ZipFile(target, "w") as archive:
        schema = json.loads(whole.read("schema.json"))
        for node in walk(schema):
            if check is not None:
                check(node)
            _omit_folders(node, folders)
        for member in whole.namelist():
            if member != "schema.json":
                archive.writestr(member, whole.read(member), ZIP_STORED)
        archive.writestr("schema.json", json.dumps(schema), ZIP_DEFLATED)
        archive.comment = comment


def _omit_folders(node: Node, folders: Collection[str]) -> None:
    """Set parameters of a known library's estimator to None where they are strings."""
    is_known = node["__module__"].partition(".")[0] in _LIBRARIES
    if node["__loader__"] == "ObjectNode" and is_known and node.get("content"):
        parameters = node["content"]["content"]
        for name in folders:
            part = parameters.get(name) if isinstance(parameters, dict) else None
            if part is not None and isinstance(value_of(part), str):
                # Without the id of the string, which may occur elsewhere, too.
                rest = {key: value for key, value in part.items() if key != "__id__"}
                parameters[name] = {**rest, "content": "null"}


def unsafe_folders(schema: Schema, unsafe: set[str]) -> set[str]:
    """Return the names of a model's unsafe parameters, if all of them are folders.

    Models of earlier versions name folders of the machine that they were saved on. Only for
    models of the usual size: to rewrite a larger file would take too long.
    """
    names = {parameter.partition("=")[0] for parameter in unsafe}
    return names if names <= {*_FOLDERS} and len(schema.nodes) <= _USUAL_NODES else set()

"""Parameters in a model file that reach beyond the model: to files, folders and processes.

A file that somebody altered may say what it likes of weights and labels. These parameters would
let it do more once it is open: unpickle another file, read or write where it says, start thousands
of processes, or never end. `persistence.load` wants them named, as ``parameter=value``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from .._vectors.gensim_format import is_unpickled
from ._nodes import Node, value_of, walk
from ._schema import MANY_TEXTS, Schema, parameters_of

__all__ = ["FOLDERS", "named_folders", "reaching_beyond", "repack"]

_PROCESSES = 256
_LONGEST_NGRAM = 20
_USUAL_NODES = 5_000

FOLDERS = ("checkpoint_dir", "memmap_dir", "memory")
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
    **dict.fromkeys(FOLDERS, _is_place),
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


def repack(
    source: BinaryIO,
    target: BinaryIO,
    *,
    folders: Collection[str] = FOLDERS,
    check: Callable[[Node], None] | None = None,
    comment: bytes = b"",
) -> None:
    """Write an archive anew: its JSON compressed, and some parameters None that name folders.

    Parameters
    ----------
    source : binary file
        The archive, as skops or `persistence.save` writes it.
    target : binary file
        Where it is written to.
    folders : collection of str, default=FOLDERS
        The parameters.
    check : callable, default=None
        What looks at each description of an object, and may raise.
    comment : bytes, default=b""
        The comment of the new archive.
    """
    with ZipFile(source) as whole, ZipFile(target, "w") as archive:
        schema = json.loads(whole.read("schema.json"))
        for node in walk(schema):
            if check is not None:
                check(node)
            _leave_out(node, folders)
        for member in whole.namelist():
            if member != "schema.json":
                archive.writestr(member, whole.read(member), ZIP_STORED)
        archive.writestr("schema.json", json.dumps(schema), ZIP_DEFLATED)
        archive.comment = comment


def _leave_out(node: Node, folders: Collection[str]) -> None:
    """Let parameters of a library's estimator be None where they are texts."""
    is_known = node["__module__"].partition(".")[0] in _LIBRARIES
    if node["__loader__"] == "ObjectNode" and is_known and node.get("content"):
        parameters = node["content"]["content"]
        for name in folders:
            part = parameters.get(name) if isinstance(parameters, dict) else None
            if part is not None and isinstance(value_of(part), str):
                # Without the id of the text, which may stand elsewhere, too.
                rest = {key: value for key, value in part.items() if key != "__id__"}
                parameters[name] = {**rest, "content": "null"}


def named_folders(schema: Schema, beyond: set[str]) -> set[str]:
    """Return the parameters that reach beyond a model, if all of them do by naming folders.

    Of models of the usual size: those of earlier versions name folders of the machine that they
    were written on. A larger file would take longer than it may, to be written anew.
    """
    names = {reaching.partition("=")[0] for reaching in beyond}
    return names if names <= {*FOLDERS} and len(schema.nodes) <= _USUAL_NODES else set()

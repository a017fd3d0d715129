"""A model as an archive: written if it could be read, and if `persistence.load` would read it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from io import BytesIO
from types import FunctionType
from typing import Any

from .._utils.versioned_state import check_method
from ..exceptions import ModelFileError
from ._nodes import Node
from ._reading import misused, names_to_trust, schema_of, untrusted_names
from ._unsafe_parameters import repack

__all__ = ["archive_of", "check_parameters", "check_readable"]

_NOT_OF_THE_USER = {*sys.stdlib_module_names, "joblib", "numpy", "scipy", "sklearn"}
_NOT_OF_THE_USER -= {"functools"}  # a partial was written by somebody, as the function in it
"""Packages whose types come into a model by themselves, so that nobody knows to name them."""


def archive_of(io: Any, model: Any, comment: bytes) -> bytes:
    """Return a model as an archive with a comment, or raise if no archive can hold it."""
    try:
        data = io.dumps(model)
    except Exception as error:  # each type has its own way to object
        raise _not_held(_where_it_fails(io, model), error) from error
    archive = BytesIO()
    try:
        repack(BytesIO(data), archive, check=_check_keys, comment=comment)
    except ValueError as error:
        raise _not_held(f"the {type(model).__name__}", error) from error
    return archive.getvalue()


def _not_held(what: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"save: {what} holds what a file cannot hold ({error}). Save a part of the model without "
        "it (of a search, its best_estimator_)."
    )


def _where_it_fails(io: Any, model: Any) -> str:
    """Return the name of the attribute, or else of the model, that cannot be written."""
    for name, value in getattr(model, "__dict__", {}).items():
        try:
            io.dumps(value)
        except Exception:
            return f"{name!r} of {type(model).__name__}"
    return type(model).__name__


def check_readable(io: Any, data: bytes, trusted: Sequence[str], overhead_mb: float) -> None:
    """Raise if `load`, given what whoever opens the file will know to name, would not read it."""
    schema = schema_of("save", BytesIO(data), "the model", overhead_mb)
    untrusted = misused(schema, ()) | untrusted_names(io, BytesIO(data), ())
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
        io.loads(data, trusted=names_to_trust(schema, untrusted))
    except Exception as error:
        raise ModelFileError(
            f"save: the model was not saved, since it could not be read back ({error!r})."
        ) from error


def _check_keys(node: Node) -> None:
    """Raise if the keys of a dict would be others when they are read: JSON knows text alone."""
    if node["__loader__"] != "DictNode":
        return
    kinds = [kind["__class__"] for kind in node["key_types"]["content"]]
    if "bool" in kinds or len(kinds) != len(node["content"]):
        raise ModelFileError(
            f"save: the model holds a dict with the keys {list(node['content'])}, which would be "
            "others when the file is read. Use text or whole numbers: 0 and 1 for False and True."
        )


def check_parameters(model: Any) -> None:
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

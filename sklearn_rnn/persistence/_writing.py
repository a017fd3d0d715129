"""Write a model as an archive, and make sure that `persistence.load` will read it.

What is in it is what `__getstate__` returns (`_utils/saved_state.py`), as skops writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from io import BytesIO
from types import FunctionType
from typing import Any

from .._utils.saved_state import check_method
from ..exceptions import ModelFileError
from ._reading import misused_names, names_to_trust, schema_of, untrusted_names
from ._skops_nodes import Node
from ._unsafe_parameters import repack

__all__ = ["archive_of", "check_parameters", "check_readable"]

_NOT_BY_USERS = {*sys.stdlib_module_names, "joblib", "numpy", "scipy", "sklearn"}
_NOT_BY_USERS -= {"functools"}  # users write partials, as well as the functions in them
"""Packages whose types are in models without the user's doing, who could not know their names."""


def archive_of(io: Any, model: Any, comment: bytes) -> bytes:
    """Return a model as an archive with a comment, or raise if it cannot be written as one."""
    try:
        data = io.dumps(model)
    except Exception as error:  # each type fails in its own way
        raise _not_saved(_where_it_fails(io, model), error) from error
    archive = BytesIO()
    try:
        repack(BytesIO(data), archive, check=_check_keys, comment=comment)
    except ValueError as error:
        raise _not_saved(f"the {type(model).__name__}", error) from error
    return archive.getvalue()


def _not_saved(what: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"save: {what} contains something that cannot be saved ({error}). Save a part of the "
        "model without it (of a search, its best_estimator_)."
    )


def _where_it_fails(io: Any, model: Any) -> str:
    """Return the name of the first attribute that cannot be written, or else of the model."""
    for name, value in getattr(model, "__dict__", {}).items():
        try:
            io.dumps(value)
        except Exception:
            return f"{name!r} of {type(model).__name__}"
    return type(model).__name__


def check_readable(io: Any, data: bytes, trusted: Sequence[str], overhead_mb: float) -> None:
    """Raise if `load` would refuse an archive, given the names that its user can know."""
    schema = schema_of("save", BytesIO(data), "the model", overhead_mb)
    untrusted = misused_names(schema, ()) | untrusted_names(io, BytesIO(data), ())
    for name in untrusted:
        _check_importable(name)
    hidden = {name for name in untrusted if name.split(".")[0] in _NOT_BY_USERS}
    if hidden - {*trusted}:
        raise ModelFileError(
            f"save: the model contains {sorted(hidden - {*trusted})}, which load does not trust: "
            "in an altered file, such objects could run code, or crash. "
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
    """Raise if the keys of a dict would change when they are read: in JSON, all are strings."""
    if node["__loader__"] != "DictNode":
        return
    kinds = [kind["__class__"] for kind in node["key_types"]["content"]]
    if "bool" in kinds or len(kinds) != len(node["content"]):
        raise ModelFileError(
            f"save: the model contains a dict with the keys {list(node['content'])}, which would "
            "change when the file is read. Use strings or whole numbers: 0 and 1 for False and "
            "True."
        )


def check_parameters(model: Any) -> None:
    """Raise if a function in the parameters of a model or its steps cannot be found by name."""
    parameters = model.get_params() if hasattr(model, "get_params") else {}
    for name, value in parameters.items():
        check_method(f"{type(model).__name__}: {name}", value)
        function = value.func if isinstance(value, partial) else value
        if isinstance(function, FunctionType):
            _check_named(function)


def _check_named(function: Any) -> None:
    """Raise if a function's name now belongs to another one, such as what a decorator returned."""
    module = sys.modules.get(function.__module__)
    if getattr(module, function.__name__, function) is not function:
        raise ModelFileError(
            f"save: {function.__module__}.{function.__name__} is another function than the one in "
            "the model, and a file can only name it. Give the model the function of that name."
        )


def _check_importable(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    try:
        found = hasattr(import_module(module), attribute)
    except ImportError:  # a method, which belongs to a class and not to a module
        found = False
    if not found:
        raise ModelFileError(
            f"save: the model contains {attribute!r} of {module!r}, which cannot be found there "
            "by that name: a file can only name a function. Define it at the top of a module that "
            "is imported where the model is opened; a lambda or a method cannot be saved."
        )

"""Read a model from an archive, after its memory, its names and its parameters were checked."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from math import ceil
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from ..exceptions import ModelFileError
from ._memory_budget import OverheadError
from ._signing import check_signature
from ._skops_nodes import Node, has_plain_attributes, name_of
from ._skops_schema import Schema, overhead_of, read_schema
from ._trusted_names import LOADER_OF, trusted_names
from ._unsafe_parameters import repack, unsafe_folders, unsafe_parameters

__all__ = [
    "SPOOLED_BYTES",
    "misused_names",
    "names_to_trust",
    "read_model",
    "schema_of",
    "untrusted_names",
]

_MEGABYTE = 2**20

SPOOLED_BYTES = 2**23
"""A file of up to this many bytes is copied into memory; a longer one to a temporary file."""

_DEFAULT_LOADERS = ("ObjectNode", "FunctionNode", "TypeNode")
"""The loaders of objects that only get their attributes, and of functions and types."""


def read_model(
    io: Any,
    file: BinaryIO,
    shown: str,
    trusted: Sequence[str],
    key: bytes | None,
    overhead_mb: float,
) -> Any:
    """Return the model in a file, or raise before any of its objects is made.

    Parameters
    ----------
    io : module
        ``skops.io``.
    file : binary file
        The archive, which is seekable.
    shown : str
        The file's name, for messages.
    trusted : sequence of str
        Further names and parameters to trust.
    key : bytes or None
        The key that the file has to be signed with, if any.
    overhead_mb : float
        Megabytes that opening it may take beyond three times its size.
    """
    if key is not None and (wrong := check_signature(file, key)):
        raise ModelFileError(f"load: {shown} cannot be relied upon: {wrong}. Nothing was loaded.")
    schema = schema_of("load", file, shown, overhead_mb)
    try:
        unsafe = unsafe_parameters(schema) - {*trusted}
        if folders := unsafe_folders(schema, unsafe):
            del schema  # it will be read again
            return _without_folders(folders, unsafe, io, file, shown, trusted, overhead_mb)
        untrusted = unsafe or misused_names(schema, trusted)
        if untrusted and not unsafe:
            untrusted |= untrusted_names(io, file, trusted)  # so that the message names all
        names = names_to_trust(schema, trusted)
        del schema  # skops will read it, too: it takes much memory
        if not untrusted:
            return io.load(file, trusted=names)
    except import_module("skops.io.exceptions").UntrustedTypesFoundException:
        untrusted = untrusted_names(io, file, trusted)
    except (ModelFileError, Warning):
        raise
    except Exception as error:
        raise _unreadable("load", shown, error) from error
    raise _refused(shown, untrusted, "reach beyond the model" if unsafe else "run code")


def _refused(shown: str, untrusted: set[str], harm: str) -> ModelFileError:
    return ModelFileError(
        f"load: {shown} contains {sorted(untrusted)}, which could {harm}. Nothing was loaded. If "
        "you know what they are and who made the file, name them in trusted=."
    )


def _without_folders(
    folders: set[str],
    unsafe: set[str],
    io: Any,
    file: BinaryIO,
    shown: str,
    trusted: Sequence[str],
    overhead_mb: float,
) -> Any:
    """Return the model in a file without the folders that it names, and warn of that."""
    with SpooledTemporaryFile(SPOOLED_BYTES) as rest:
        repack(file, cast(BinaryIO, rest), folders=folders)
        schema = schema_of("load", cast(BinaryIO, rest), shown, overhead_mb)
        if remaining := unsafe & unsafe_parameters(schema):  # among the candidates of a search
            raise _refused(shown, remaining, "reach beyond the model")
        del schema
        warnings.warn(
            f"load: {shown} names folders of the machine that it was saved on, which are left "
            f"out: {sorted(unsafe)}. To keep them, name them in trusted=.",
            UserWarning,
            stacklevel=4,
        )
        return read_model(io, cast(BinaryIO, rest), shown, trusted, None, overhead_mb)


def schema_of(who: str, file: BinaryIO, shown: str, overhead_mb: float) -> Schema:
    """Return the content of an archive, or raise if opening it takes too much memory."""
    try:
        return read_schema(file, overhead_mb * _MEGABYTE)
    except OverheadError as error:
        if who == "save":
            needed = f"overhead_mb={ceil(overhead_of(file) / _MEGABYTE):,}"
        else:
            needed = "more as overhead_mb=, if you made it yourself"
        raise ModelFileError(
            f"{who}: opening {shown} takes more than {overhead_mb:g} MB beyond three times its "
            f"size. Give {needed}, to save and to load, or save a part of the model (of a search, "
            "its best_estimator_)."
        ) from error
    except Exception as error:  # a damaged archive fails in many ways
        raise _unreadable(who, shown, error) from error


def _unreadable(who: str, shown: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{who}: {shown} is not a model that can be read ({_short(error)}). It looks damaged or "
        "incomplete, was not made by save, or names a module that is not installed here."
    )


def _short(error: Exception) -> str:
    """Return an error in a few words, even if it cannot be shown: objects may lack attributes."""
    try:
        return repr(error)[:300]
    except Exception:
        return type(error).__name__


def misused_names(schema: Schema, trusted: Sequence[str]) -> set[str]:
    """Return names that `load` trusts by default, but not in the way in which a file uses them.

    skops would let a file call whatever is trusted by name, with arguments of its own. By
    default, `load` trusts it only as an object with attributes, or as a function that is named.
    """
    trusted_by_default = set(trusted_names()) - {*trusted}
    called = {
        name
        for node in schema.nodes
        if (name := name_of(node)) in trusted_by_default
        and node["__loader__"] not in (*_DEFAULT_LOADERS, LOADER_OF.get(name))
    }
    # Attributes that are not a dict could still become one, unseen by checks of their names.
    disguised = {name_of(node) for node in schema.nodes if not _has_attributes(node)}
    return called | disguised - {*trusted}


def _has_attributes(node: Node) -> bool:
    return node["__loader__"] != "ObjectNode" or has_plain_attributes(node)


def untrusted_names(io: Any, file: BinaryIO, trusted: Sequence[str]) -> set[str]:
    """Return names that neither skops nor `load` nor its caller trusts."""
    return set(io.get_untrusted_types(file=file)) - {*trusted_names(), *trusted}


def names_to_trust(schema: Schema, trusted: Iterable[str]) -> list[str]:
    """Return the names that skops is to trust: few, since it copies the list for each object."""
    return sorted({*trusted} | schema.names & {*trusted_names()})

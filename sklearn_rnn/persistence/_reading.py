"""A model in an archive: read once its memory, its names and its parameters were looked at."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from math import ceil
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from ..exceptions import ModelFileError
from ._memory_budget import OverheadError
from ._nodes import Node, has_plain_attributes, name_of
from ._schema import Schema, overhead_of, read_schema
from ._signing import check_signature
from ._trusted_names import MADE_OTHERWISE, trusted_names
from ._unsafe_parameters import named_folders, reaching_beyond, repack

__all__ = [
    "SPOOLED_BYTES",
    "misused",
    "names_to_trust",
    "read_model",
    "schema_of",
    "untrusted_names",
]

_MEGABYTE = 2**20

SPOOLED_BYTES = 2**23
"""Up to these a file is copied into memory; a longer one into another, which has no name."""

_AS_IT_IS = ("ObjectNode", "FunctionNode", "TypeNode")
"""How skops calls objects that get their attributes, functions and types."""


def read_model(
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
    schema = schema_of("load", file, shown, overhead_mb)
    try:
        beyond = reaching_beyond(schema) - {*trusted}
        if folders := named_folders(schema, beyond):
            del schema  # it will be read anew
            return _without(folders, beyond, io, file, shown, trusted, overhead_mb)
        untrusted = beyond or misused(schema, trusted)
        if untrusted and not beyond:
            untrusted |= untrusted_names(io, file, trusted)  # those that are to be named, too
        names = names_to_trust(schema, trusted)
        del schema  # skops reads it, too
        if not untrusted:
            return io.load(file, trusted=names)
    except import_module("skops.io.exceptions").UntrustedTypesFoundException:
        untrusted = untrusted_names(io, file, trusted)
    except (ModelFileError, Warning):
        raise
    except Exception as error:
        raise _unreadable("load", shown, error) from error
    raise _refused(shown, untrusted, "reach beyond the model" if beyond else "run code")


def _refused(shown: str, untrusted: set[str], harm: str) -> ModelFileError:
    return ModelFileError(
        f"load: {shown} holds {sorted(untrusted)}, which could {harm}. Nothing was loaded. If you "
        "know what they are and who made the file, name them in trusted=."
    )


def _without(
    folders: set[str],
    beyond: set[str],
    io: Any,
    file: BinaryIO,
    shown: str,
    trusted: Sequence[str],
    overhead_mb: float,
) -> Any:
    """Return the model in a file, less the folders that it names."""
    with SpooledTemporaryFile(SPOOLED_BYTES) as rest:
        repack(file, cast(BinaryIO, rest), folders=folders)
        schema = schema_of("load", cast(BinaryIO, rest), shown, overhead_mb)
        if remaining := beyond & reaching_beyond(schema):  # where candidates of a search are
            raise _refused(shown, remaining, "reach beyond the model")
        del schema
        warnings.warn(
            f"load: {shown} names folders of the machine that it was saved on, which are left "
            f"out: {sorted(beyond)}. To keep them, name them in trusted=.",
            UserWarning,
            stacklevel=4,
        )
        return read_model(io, cast(BinaryIO, rest), shown, trusted, None, overhead_mb)


def schema_of(who: str, file: BinaryIO, shown: str, overhead_mb: float) -> Schema:
    """Return what stands in an archive that takes no more than it may."""
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
        f"{who}: {shown} is no model that can be read ({_said(error)}). It looks damaged or "
        "incomplete, was not made by save, or names a module that is not installed here."
    )


def _said(error: Exception) -> str:
    """Return an error in a few words: it may speak of objects of which parts are missing."""
    try:
        return repr(error)[:300]
    except Exception:
        return type(error).__name__


def misused(schema: Schema, trusted: Sequence[str]) -> set[str]:
    """Return names that `load` trusts by itself, but not in the way that a file uses them.

    skops would let a file call what is trusted by name, with arguments of its own. By itself,
    `load` trusts it as an object with attributes or as a function to be named, and no more.
    """
    by_itself = set(trusted_names()) - {*trusted}
    called = {
        name
        for node in schema.nodes
        if (name := name_of(node)) in by_itself
        and node["__loader__"] not in (*_AS_IT_IS, MADE_OTHERWISE.get(name))
    }
    # What is no dict of attributes may still be made one, past all that looks at names.
    made = {name_of(node) for node in schema.nodes if not _has_attributes(node)}
    return called | made - {*trusted}


def _has_attributes(node: Node) -> bool:
    return node["__loader__"] != "ObjectNode" or has_plain_attributes(node)


def untrusted_names(io: Any, file: BinaryIO, trusted: Sequence[str]) -> set[str]:
    """Return names that nobody trusts."""
    return set(io.get_untrusted_types(file=file)) - {*trusted_names(), *trusted}


def names_to_trust(schema: Schema, trusted: Iterable[str]) -> list[str]:
    """Return what skops is to trust: it copies the list for every object, so that it be short."""
    return sorted({*trusted} | schema.names & {*trusted_names()})

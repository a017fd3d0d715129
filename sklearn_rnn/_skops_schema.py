"""What stands in a skops archive, looked at before skops sees it.

The way of an archive:

1. `_archives.open_zip` reads its directory.
2. `read_budgeted_json` reads ``schema.json``, while counting what its objects will take.
3. `_skops_nodes.walk` visits every description once, and `check_node` looks at it by itself.
4. `_Members` looks at the member that it names: headers of arrays, arrays within a sparse
   matrix, packed words. No other object may name it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Iterator
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from scipy import sparse

from ._archives import check_npy, open_zip, read_npz, read_within
from ._memory_budget import MemoryBudget, count_packed_words, read_budgeted_json
from ._skops_nodes import Node, check_node, is_listed, name_of, value_of, walk

__all__ = ["MANY_TEXTS", "Schema", "parameters_of", "read_schema"]

_PROTOCOL = 2

# Bytes that objects take in memory: twice as many as they do, or more, since they take time,
# too: 25,000 numbers half a second.
_MEMBER_BYTES, _OBJECT_BYTES = 8_000, 700
_SLOW_OBJECT_BYTES = {
    "FunctionNode": 8_000,  # skops copies the names of all ufuncs for each
    "LossNode": 8_000,
    "ObjectNode": 8_000,  # and those of all estimators
    "RandomGeneratorNode": 40_000,  # is seeded anew
    "RandomStateNode": 40_000,
}
_SHORT_BYTES = 4_096
MANY_TEXTS = "(many texts)"
_RESERVE_BYTES = 12 * 2**20
"""For what does not depend on the file, such as buffers of whoever reads it."""


class Schema(NamedTuple):
    """What stands in an archive."""

    nodes: list[Node]
    """Descriptions of all objects."""

    arrays: dict[Any, list[Any]]
    """What is in short arrays, by their ids: in all that are described as one."""

    @property
    def names(self) -> set[str]:
        """Full names of all types and functions."""
        return {name_of(node) for node in self.nodes}


def read_schema(file: BinaryIO, overhead: float) -> Schema:
    """Return what stands in an archive, if opening it takes no more than it may.

    Parameters
    ----------
    file : binary file
        The archive.
    overhead : float
        Bytes that opening it may take beyond three times its length.

    Raises
    ------
    ValueError
        If it would take more, or is no archive that `persistence.save` writes.
    """
    # Arrays take twice their bytes: once as they are read, once as arrays.
    budget = MemoryBudget(overhead - _RESERVE_BYTES + file.seek(0, os.SEEK_END))
    with open_zip(file) as archive:
        with archive.open("schema.json") as stream:
            root = read_budgeted_json(stream, budget)
        if root.get("protocol") != _PROTOCOL:
            raise ValueError(f"it has protocol {root.get('protocol')!r} of skops")
        members = _Members(archive, budget)
        nodes = []
        for node in walk(root):
            check_node(node)
            _count(node, budget)
            members.check(node)
            nodes.append(node)
    return Schema(nodes, members.short_arrays)


def _count(node: Node, budget: MemoryBudget) -> None:
    """Count an object by its loader, and a text in it by what it will be."""
    budget.take(_SLOW_OBJECT_BYTES.get(node["__loader__"], _OBJECT_BYTES))
    if node["__loader__"] == "JsonNode":
        text = node["content"]
        budget.take(2 * sys.getsizeof(text) + (3 * len(text) if "\\u" in text else 0))


def parameters_of(schema: Schema, names: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield the values that stand under some names, by a name's last part, as in set_params.

    A value in a list, such as the candidates of a search, stands under the list's name.
    """
    seen = set()
    for node in schema.nodes:
        if node["__loader__"] == "DictNode":
            for path, part in node["content"].items():
                name = path.rpartition("__")[2]
                for value in _values_in(part) if name in names else ():
                    if value["__loader__"] == "JsonNode":
                        yield name, value_of(value)
                    elif (name, _key(value)) not in seen:  # an array may be described often
                        seen.add((name, _key(value)))
                        yield from ((name, item) for item in schema.arrays.get(_key(value), ()))


def _values_in(node: Node) -> Iterator[Node]:
    """Yield the scalars and arrays in a list, or that one itself."""
    loader = node["__loader__"]
    if loader in ("ListNode", "TupleNode", "SetNode") or is_listed(node):
        for part in node["content"]:
            yield from _values_in(part)
    elif loader == "MaskedArrayNode":
        yield from _values_in(node["content"]["data"])
    elif loader in ("JsonNode", "NdArrayNode"):
        yield node


def _key(node: Node) -> Any:
    return node.get("__id__") or node["file"]


class _Members:
    """The members of an archive, each of which one object may name."""

    def __init__(self, archive: ZipFile, budget: MemoryBudget) -> None:
        self._archive, self._budget = archive, budget
        self._named: dict[str, Node] = {}
        self.short_arrays: dict[Any, list[Any]] = {}
        if any(
            member.compress_type != ZIP_STORED and member.filename != "schema.json"
            for member in archive.infolist()
        ):
            raise ValueError("its members are compressed")

    def check(self, node: Node) -> None:
        """Look at the member that an object is made of, if it is."""
        loader = node["__loader__"]
        if loader in ("BytesNode", "SparseMatrixNode") or (
            loader == "NdArrayNode" and not is_listed(node)
        ):
            known = self._named.setdefault(node["file"], node)
            if known is not node:
                if not known.get("__id__") or _key(known) != _key(node):
                    raise ValueError(f"{node['file']!r} is in two objects")
                return  # described once more
            self._budget.take(_MEMBER_BYTES)
        if loader == "NdArrayNode" and not is_listed(node):
            self._check_array(node)
        elif loader == "SparseMatrixNode":
            self._check_sparse(node["file"])
        elif name_of(node) == "sklearn_rnn._tables.SharedTable":
            self._check_table(node)

    def _check_array(self, node: Node) -> None:
        n_bytes = self._archive.getinfo(node["file"]).file_size
        with self._archive.open(node["file"]) as stream:
            shape, dtype = check_npy(stream, n_bytes)
            if dtype.kind in "Ubfiu":
                rest = stream.read(_SHORT_BYTES + 1)
                self._keep(_key(node), rest, dtype)
        scalar = shape == () and name_of(node) == f"numpy.{dtype.type.__name__}"
        if name_of(node) != "numpy.ndarray" and not scalar:
            raise ValueError(f"an array of {dtype} is no {name_of(node)}")

    def _keep(self, key: Any, rest: bytes, dtype: np.dtype[Any]) -> None:
        """Keep what is in an array if it is short; of longer ones, that they are of texts."""
        kept = self.short_arrays.setdefault(key, [])
        if len(rest) <= _SHORT_BYTES:
            kept += np.frombuffer(rest, dtype).tolist()
        elif dtype.kind == "U":
            kept.append(MANY_TEXTS)

    def _header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        with self._archive.open(name) as stream:
            return check_npy(stream, self._archive.getinfo(name).file_size)

    def _check_sparse(self, name: str) -> None:
        """Read a matrix, whose indices SciPy would believe."""
        data = read_within(self._archive, name, self._archive.getinfo(name).file_size)
        arrays = read_npz(BytesIO(data), int(self._budget.left), (ZIP_STORED, ZIP_DEFLATED))
        self._budget.take(sum(array.nbytes for array in arrays.values()))
        del arrays
        matrix = sparse.load_npz(BytesIO(data))
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)

    def _check_table(self, node: Node) -> None:
        """Count the words in a table of bytes; one of numbers is an array like any other."""
        array = node["content"]["content"]["array"]
        if array["__loader__"] != "NdArrayNode" or array["type"] != "numpy":
            raise ValueError("a table is no array of numbers")
        _, dtype = self._header(array["file"])
        if dtype == np.uint8:
            self._count_words(array["file"])

    def _count_words(self, name: str) -> None:
        n_bytes = self._archive.getinfo(name).file_size
        with self._archive.open(name) as stream:
            check_npy(stream, n_bytes)
            count_packed_words(stream, n_bytes, self._budget)

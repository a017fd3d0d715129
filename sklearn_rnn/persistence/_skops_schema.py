"""The content of a skops archive, checked before skops reads it.

An archive has a description of all objects in ``schema.json``, a tree of nodes, and a member for
each array, sparse matrix or bytes object. It is checked in four steps:

1. `open_zip` reads its directory.
2. `read_budgeted_json` parses ``schema.json``, and counts the memory that this takes.
3. `walk` visits each node once, and `check_node` checks it by itself.
4. `_Members` checks the member that it names: the header of an array, the arrays within a sparse
   matrix, the words in a packed vocabulary. A member may belong to one object only.

`MemoryBudget` counts the memory of all four, and of the objects that skops will make.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Iterator
from io import BytesIO
from math import prod
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from scipy import sparse

from .._utils.archives import check_npy, open_zip, read_npz, read_within
from ._memory_budget import MemoryBudget, count_packed_words, read_budgeted_json
from ._skops_nodes import Node, check_node, is_object_array, name_of, value_of, walk

__all__ = ["MANY_STRINGS", "Schema", "overhead_of", "parameters_of", "read_schema"]

_PROTOCOL = 2

# Bytes that are counted for each object: twice as many as it takes, or more, which bounds the
# time, too: 25,000 numbers take half a second.
_MEMBER_BYTES, _OBJECT_BYTES = 8_000, 700
_SLOW_OBJECT_BYTES = {
    "FunctionNode": 8_000,  # for each, skops copies the names of all ufuncs
    "LossNode": 8_000,
    "ObjectNode": 8_000,  # for each, skops copies the names of all estimators
    "RandomGeneratorNode": 40_000,  # is seeded again
    "RandomStateNode": 40_000,
}
_MATRIX_BYTES = 40_000
_HEADER_BYTES = 100
"""For each byte of an array's header beyond the usual length: it takes a microsecond."""

_PLENTY = 2**40
_RESERVE_BYTES = 12 * 2**20
"""For memory that does not depend on the file, such as buffers for reading it."""

_SHORT_BYTES = 4_096
MANY_STRINGS = "(many texts)"
"""Takes the place of the values of an array of strings that is not short."""


class Schema(NamedTuple):
    """The content of an archive."""

    nodes: list[Node]
    """The nodes of all objects."""

    arrays: dict[Any, list[Any]]
    """The values of short arrays, by their ids."""

    @property
    def names(self) -> set[str]:
        """Full names of all types and functions."""
        return {name_of(node) for node in self.nodes}


def overhead_of(file: BinaryIO) -> float:
    """Return the least overhead with which `read_schema` reads an archive of one's own."""
    budget = MemoryBudget(_PLENTY)
    _read(file, budget)
    return _PLENTY - budget.lowest + _RESERVE_BYTES - file.seek(0, os.SEEK_END)


def read_schema(file: BinaryIO, overhead: float) -> Schema:
    """Return the content of an archive, if opening it takes no more memory than it may.

    Parameters
    ----------
    file : binary file
        The archive.
    overhead : float
        Bytes that opening it may take beyond three times its length.

    Raises
    ------
    ValueError
        If it would take more, or is not an archive that `persistence.save` writes.
    """
    # Two of the three times are for arrays: their bytes as they are read, and as arrays.
    n_bytes = file.seek(0, os.SEEK_END)
    return _read(file, MemoryBudget(overhead - _RESERVE_BYTES + n_bytes))


def _read(file: BinaryIO, budget: MemoryBudget) -> Schema:
    with open_zip(file) as archive:
        with archive.open("schema.json") as stream:
            root = read_budgeted_json(stream, budget)
        if root.get("protocol") != _PROTOCOL:
            raise ValueError(f"it has protocol {root.get('protocol')!r} of skops")
        members = _Members(archive, budget)
        nodes = []
        for node in walk(root):
            check_node(node)
            _count_object(node, budget)
            members.check(node)
            nodes.append(node)
    schema = Schema(nodes, members.short_arrays)
    _check_vocabularies(schema)
    return schema


def _check_vocabularies(schema: Schema) -> None:
    """Raise if a vocabulary's values are not the columns of a matrix: SciPy would believe them."""
    for node in schema.nodes:
        if node["__loader__"] == "ObjectNode" and node["__module__"].startswith("sklearn."):
            attributes = (node.get("content") or {}).get("content")
            words = attributes.get("vocabulary_") if isinstance(attributes, dict) else None
            if words is not None and words["__loader__"] == "DictNode":
                columns = [_number(word, schema.arrays) for word in words["content"].values()]
                if not all(column in range(len(columns)) for column in columns):
                    raise ValueError("a word of a vocabulary has an index out of range")


def _number(node: Node, arrays: dict[Any, list[Any]]) -> Any:
    (number,) = arrays.get(_key(node), [...])[:1] if "file" in node else [value_of(node)]
    return number


def _count_object(node: Node, budget: MemoryBudget) -> None:
    """Count an object by its loader, and a scalar also by its JSON, as read and as parsed."""
    budget.take(_SLOW_OBJECT_BYTES.get(node["__loader__"], _OBJECT_BYTES))
    if node["__loader__"] == "JsonNode":
        text = node["content"]
        budget.take(2 * sys.getsizeof(text) + (3 * len(text) if "\\u" in text else 0))


def parameters_of(schema: Schema, names: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield name and value of some parameters, by the last part of their names, as in set_params.

    A value in a list, such as the candidates of a search, has the list's name. An object that is
    not a scalar is yielded as ``...``.
    """
    seen = set()
    for node in schema.nodes:
        if node["__loader__"] == "DictNode":
            for path, part in node["content"].items():
                name = path.rpartition("__")[2]
                for value in _values_in(part) if name in names else ():
                    if "file" not in value:
                        yield name, value_of(value)
                    elif (name, _key(value)) not in seen:  # an array may have many nodes
                        seen.add((name, _key(value)))
                        items = schema.arrays.get(_key(value), [...])
                        yield from ((name, item) for item in items)


def _values_in(node: Node) -> Iterator[Node]:
    """Yield the nodes in a list, however nested, or the node itself if it is not a list."""
    loader = node["__loader__"]
    if loader in ("ListNode", "TupleNode", "SetNode") or is_object_array(node):
        for part in node["content"]:
            yield from _values_in(part)
    elif loader == "MaskedArrayNode":
        yield from _values_in(node["content"]["data"])
    else:
        yield node


def _key(node: Node) -> Any:
    return node.get("__id__") or node["file"]


class _Members:
    """The members of an archive: arrays, matrices and bytes, each belonging to one object."""

    def __init__(self, archive: ZipFile, budget: MemoryBudget) -> None:
        self._archive, self._budget = archive, budget
        self._owner: dict[str, Any] = {}  # the object of each member
        self._member: dict[Any, str] = {}  # and the other way round
        self._shared: set[int] = set()  # addresses of the nodes of arrays in tables
        self._counted: set[Any] = set()  # vocabularies
        self.short_arrays: dict[Any, list[Any]] = {}
        if any(
            member.compress_type != ZIP_STORED and member.filename != "schema.json"
            for member in archive.infolist()
        ):
            raise ValueError("its members are compressed")

    def check(self, node: Node) -> None:
        """Check the member that a node names, if any, and count the memory of its object."""
        loader, name = node["__loader__"], name_of(node)
        if "file" in node:
            self._check_member(node)
        elif loader == "MaskedArrayNode":
            self._count_masked(node["content"]["data"], node["content"]["mask"])
        elif name == "sklearn_rnn._tables.SharedTable":
            self._check_table(node["content"]["content"]["array"])
        elif name == "sklearn_rnn.sequences.TokenSequences":
            self._check_sequences(node["content"]["content"])

    def _check_member(self, node: Node) -> None:
        # An object has one member (bytes may have several), and a member one object.
        is_new = node["file"] not in self._owner
        owner = self._owner.setdefault(node["file"], _key(node))
        member = self._member.setdefault(_key(node), node["file"])
        is_one = owner == _key(node) and (is_new or node.get("__id__"))
        if not is_one or (member != node["file"] and node["__loader__"] != "BytesNode"):
            raise ValueError(f"{node['file']!r} belongs to two objects")
        self._budget.take(_MEMBER_BYTES)
        if not is_new:  # each occurrence may become an array of its own, except in tables
            if id(node) not in self._shared:
                self._budget.take(2 * self._size(node["file"]))
        elif node["__loader__"] == "NdArrayNode":
            self._check_array(node)
        elif node["__loader__"] == "SparseMatrixNode":
            self._check_sparse(node["file"])

    def _check_array(self, node: Node) -> None:
        n_bytes = self._size(node["file"])
        with self._archive.open(node["file"]) as stream:
            shape, dtype = check_npy(stream, n_bytes)
            self._budget.take(_HEADER_BYTES * max(0, stream.tell() - 128))
            if dtype.kind in "Ubfiu":
                self._keep(_key(node), stream.read(_SHORT_BYTES + 1), dtype)
        scalar = shape == () and name_of(node) == f"numpy.{dtype.type.__name__}"
        if name_of(node) != "numpy.ndarray" and not scalar:
            raise ValueError(f"an array of {dtype} is not a {name_of(node)}")

    def _keep(self, key: Any, rest: bytes, dtype: np.dtype[Any]) -> None:
        """Keep the values of an array if it is short; of longer ones, that they are strings."""
        if len(rest) <= _SHORT_BYTES:
            self.short_arrays[key] = np.frombuffer(rest, dtype).tolist()
        elif dtype.kind == "U":
            self.short_arrays[key] = [MANY_STRINGS]

    def _header(self, array: Node) -> tuple[tuple[int, ...], np.dtype[Any]]:
        if array["__loader__"] != "NdArrayNode" or is_object_array(array):
            raise ValueError("a table is not an array of numbers")
        with self._archive.open(array["file"]) as stream:
            return check_npy(stream, self._size(array["file"]))

    def _size(self, name: str) -> int:
        return self._archive.getinfo(name).file_size

    def _check_sparse(self, name: str) -> None:
        """Read a matrix, and check its indices: SciPy would believe them."""
        self._budget.take(_MATRIX_BYTES)
        data = read_within(self._archive, name, self._size(name))
        limit = int(self._budget.left) // 3  # in memory three times: as bytes, arrays, matrix
        arrays = read_npz(BytesIO(data), limit, (ZIP_STORED, ZIP_DEFLATED))
        self._budget.take(sum(array.nbytes for array in arrays.values()))
        del arrays
        matrix = sparse.load_npz(BytesIO(data))
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)

    def _count_masked(self, data: Node, mask: Node) -> None:
        """Count the mask of a masked array, which has the shape of its data."""
        shape, _ = self._header(mask)
        data_shape = (len(data["content"]),) if is_object_array(data) else self._header(data)[0]
        if shape not in ((), data_shape):
            raise ValueError("a mask has another shape than its data")
        self._budget.take(2 * prod(data_shape))

    def _check_table(self, array: Node) -> None:
        """Count the words in a table of bytes; a table of numbers is an array like any other."""
        self._shared.add(id(array))
        _, dtype = self._header(array)
        if dtype == np.uint8 and _key(array) not in self._counted:
            self._counted.add(_key(array))  # equal vocabularies become the same object
            with self._archive.open(array["file"]) as stream:
                check_npy(stream, self._size(array["file"]))
                count_packed_words(stream, self._size(array["file"]), self._budget)

    def _check_sequences(self, parts: dict[str, Node]) -> None:
        """Raise if arrays of a `TokenSequences` have other dtypes: they would not be converted."""
        for part in parts.values():
            if part["__loader__"] == "NdArrayNode":
                _, dtype = self._header(part)
                if dtype not in (np.int32, np.float32):
                    raise ValueError(f"sequences of {dtype}")

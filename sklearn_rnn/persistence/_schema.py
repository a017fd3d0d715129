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
from math import prod
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from scipy import sparse

from .._utils.archives import check_npy, open_zip, read_npz, read_within
from ._memory_budget import MemoryBudget, count_packed_words, read_budgeted_json
from ._nodes import Node, check_node, is_listed, name_of, value_of, walk

__all__ = ["MANY_TEXTS", "Schema", "overhead_of", "parameters_of", "read_schema"]

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
_MATRIX_BYTES = 40_000
_HEADER_BYTES = 100
"""A byte of an array's header that is longer than usual takes a microsecond."""

_PLENTY = 2**40
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


def overhead_of(file: BinaryIO) -> float:
    """Return the least overhead by which `read_schema` reads an archive, of one's own."""
    budget = MemoryBudget(_PLENTY)
    _read(file, budget)
    return _PLENTY - budget.lowest + _RESERVE_BYTES - file.seek(0, os.SEEK_END)


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
            _count(node, budget)
            members.check(node)
            nodes.append(node)
    schema = Schema(nodes, members.short_arrays)
    _check_places(schema)
    return schema


def _check_places(schema: Schema) -> None:
    """Raise if words have other columns than the matrix of their counts, which SciPy believes."""
    for node in schema.nodes:
        if node["__loader__"] == "ObjectNode" and node["__module__"].startswith("sklearn."):
            attributes = (node.get("content") or {}).get("content")
            words = attributes.get("vocabulary_") if isinstance(attributes, dict) else None
            if words is not None and words["__loader__"] == "DictNode":
                found = [_number(word, schema.arrays) for word in words["content"].values()]
                if not all(place in range(len(found)) for place in found):
                    raise ValueError("a word of a vocabulary has no place in it")


def _number(node: Node, arrays: dict[Any, list[Any]]) -> Any:
    (number,) = arrays.get(_key(node), [...])[:1] if "file" in node else [value_of(node)]
    return number


def _count(node: Node, budget: MemoryBudget) -> None:
    """Count an object by its loader, and a text in it by what it will be."""
    budget.take(_SLOW_OBJECT_BYTES.get(node["__loader__"], _OBJECT_BYTES))
    if node["__loader__"] == "JsonNode":
        text = node["content"]
        budget.take(2 * sys.getsizeof(text) + (3 * len(text) if "\\u" in text else 0))


def parameters_of(schema: Schema, names: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield the values that stand under some names, by a name's last part, as in set_params.

    A value in a list, such as the candidates of a search, stands under the list's name. What is
    no scalar is given as ``...``.
    """
    seen = set()
    for node in schema.nodes:
        if node["__loader__"] == "DictNode":
            for path, part in node["content"].items():
                name = path.rpartition("__")[2]
                for value in _values_in(part) if name in names else ():
                    if "file" not in value:
                        yield name, value_of(value)
                    elif (name, _key(value)) not in seen:  # an array may be described often
                        seen.add((name, _key(value)))
                        items = schema.arrays.get(_key(value), [...])
                        yield from ((name, item) for item in items)


def _values_in(node: Node) -> Iterator[Node]:
    """Yield what is in a list, or the one thing that is there."""
    loader = node["__loader__"]
    if loader in ("ListNode", "TupleNode", "SetNode") or is_listed(node):
        for part in node["content"]:
            yield from _values_in(part)
    elif loader == "MaskedArrayNode":
        yield from _values_in(node["content"]["data"])
    else:
        yield node


def _key(node: Node) -> Any:
    return node.get("__id__") or node["file"]


class _Members:
    """The members of an archive: arrays, matrices and bytes, each of one object."""

    def __init__(self, archive: ZipFile, budget: MemoryBudget) -> None:
        self._archive, self._budget = archive, budget
        self._owner: dict[str, Any] = {}
        self._member: dict[Any, str] = {}
        self._shared: set[int] = set()  # addresses of descriptions of arrays
        self._counted: set[Any] = set()
        self.short_arrays: dict[Any, list[Any]] = {}
        if any(
            member.compress_type != ZIP_STORED and member.filename != "schema.json"
            for member in archive.infolist()
        ):
            raise ValueError("its members are compressed")

    def check(self, node: Node) -> None:
        """Look at the member that an object is made of, if it is, and count what it becomes."""
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
        is_new = node["file"] not in self._owner
        owner = self._owner.setdefault(node["file"], _key(node))
        member = self._member.setdefault(_key(node), node["file"])
        is_one = owner == _key(node) and (is_new or node.get("__id__"))
        if not is_one or (member != node["file"] and node["__loader__"] != "BytesNode"):
            raise ValueError(f"{node['file']!r} is in two objects")
        self._budget.take(_MEMBER_BYTES)
        if not is_new:  # each object that has it may make one of its own, but for tables
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
            raise ValueError(f"an array of {dtype} is no {name_of(node)}")

    def _keep(self, key: Any, rest: bytes, dtype: np.dtype[Any]) -> None:
        """Keep what is in an array if it is short; of longer ones, that they are of texts."""
        if len(rest) <= _SHORT_BYTES:
            self.short_arrays[key] = np.frombuffer(rest, dtype).tolist()
        elif dtype.kind == "U":
            self.short_arrays[key] = [MANY_TEXTS]

    def _header(self, array: Node) -> tuple[tuple[int, ...], np.dtype[Any]]:
        if array["__loader__"] != "NdArrayNode" or is_listed(array):
            raise ValueError("a table is no array of numbers")
        with self._archive.open(array["file"]) as stream:
            return check_npy(stream, self._size(array["file"]))

    def _size(self, name: str) -> int:
        return self._archive.getinfo(name).file_size

    def _check_sparse(self, name: str) -> None:
        """Read a matrix, whose indices SciPy would believe."""
        self._budget.take(_MATRIX_BYTES)
        data = read_within(self._archive, name, self._size(name))
        limit = int(self._budget.left) // 3  # as it is unpacked, as arrays, as a matrix
        arrays = read_npz(BytesIO(data), limit, (ZIP_STORED, ZIP_DEFLATED))
        self._budget.take(sum(array.nbytes for array in arrays.values()))
        del arrays
        matrix = sparse.load_npz(BytesIO(data))
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)

    def _count_masked(self, data: Node, mask: Node) -> None:
        """Count a mask for each masked array, which is as long as its data."""
        shape, _ = self._header(mask)
        data_shape = (len(data["content"]),) if is_listed(data) else self._header(data)[0]
        if shape not in ((), data_shape):
            raise ValueError("a mask is of another shape than its data")
        self._budget.take(2 * prod(data_shape))

    def _check_table(self, array: Node) -> None:
        """Count the words in a table of bytes; one of numbers is an array like any other."""
        self._shared.add(id(array))
        _, dtype = self._header(array)
        if dtype == np.uint8 and _key(array) not in self._counted:
            self._counted.add(_key(array))  # equal vocabularies become the same object
            with self._archive.open(array["file"]) as stream:
                check_npy(stream, self._size(array["file"]))
                count_packed_words(stream, self._size(array["file"]), self._budget)

    def _check_sequences(self, parts: dict[str, Node]) -> None:
        """Raise if a sequence's arrays are of other numbers than its own, which are kept as is."""
        for part in parts.values():
            if part["__loader__"] == "NdArrayNode":
                _, dtype = self._header(part)
                if dtype not in (np.int32, np.float32):
                    raise ValueError(f"sequences of {dtype}")

"""What stands in a skops archive, looked at before skops sees it.

skops asks of each type in a file whether it is trusted. It does not ask how often a file names
a member, how deep a list goes that contains the list below it twice, or what a number does that a
trusted type is given. So only what `persistence.save` writes is let through: the loaders in
`_CHILDREN`, each object described where it stands, each member named by one object, and all of
it counted against the memory that it will take.

The way of an archive:

1. `_archives.open_zip` reads its directory.
2. `_read_json` reads ``schema.json`` while counting what its objects will take.
3. `walk` visits every description once, and `_check` looks at it by itself.
4. Members are looked at where they are named: headers of arrays, arrays within a sparse
   matrix, packed words.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from scipy import sparse

from ._archives import check_npy, chunks_of, open_zip, read_npz, read_within

__all__ = [
    "Node",
    "OverheadError",
    "Schema",
    "name_of",
    "parameters_of",
    "read_schema",
    "value_of",
    "walk",
]

Node = dict[str, Any]
"""The description of one object: its type, the loader that makes it, and its parts."""

_PROTOCOL = 2
_MAX_DEPTH = 100
_MAX_POOL = 64
_MAX_HASHED = 1_000
_LARGEST_KEY = 2**60

# Bytes that things take in memory, at most, beyond their own text.
_VALUE_BYTES, _DICT_BYTES, _NODE_BYTES, _MEMBER_BYTES, _WORD_BYTES = 72, 240, 600, 2_500, 160
_RESERVE_BYTES = 12 * 2**20
"""For what does not depend on the file, such as buffers of whoever reads it."""


class Schema(NamedTuple):
    """What stands in an archive."""

    root: Node
    nodes: list[Node]
    """Descriptions of all objects, each once."""

    @property
    def names(self) -> set[str]:
        """Full names of all types and functions."""
        return {name_of(node) for node in self.nodes}


def name_of(node: Node) -> str:
    """Return the full name of the type or function that a description is of."""
    return f"{node['__module__']}.{node['__class__']}"


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
    budget = _Budget(overhead - _RESERVE_BYTES + file.seek(0, os.SEEK_END))
    with open_zip(file) as archive:
        root = _read_json(archive, budget)
        if root.get("protocol") != _PROTOCOL:
            raise ValueError(f"it has protocol {root.get('protocol')!r} of skops")
        nodes = list(walk(root))
        budget.take(_NODE_BYTES * len(nodes))
        members = _Members(archive, budget)
        for node in nodes:
            _check(node)
            members.check(node)
    return Schema(root, nodes)


class _Budget:
    """Counts the memory that opening a file will take."""

    def __init__(self, n_bytes: float) -> None:
        self.left = n_bytes

    def take(self, n_bytes: float) -> None:
        """Count some more, or raise."""
        self.left -= n_bytes
        if self.left < 0:
            raise OverheadError


class OverheadError(ValueError):
    """Opening a file would take more memory than it may."""


# ---- JSON ------------------------------------------------------------------------------------


def _read_json(archive: ZipFile, budget: _Budget) -> Any:
    with archive.open("schema.json") as stream:
        text = b"".join(_counted(chunks_of(stream, int(budget.left)), budget, _VALUE_BYTES))
    return json.loads(text)


def _counted(chunks: Iterable[bytes], budget: _Budget, value_bytes: int) -> Iterator[bytes]:
    """Pass pieces of a JSON text on, while counting what its text and its values will take."""
    for chunk in chunks:
        widest = 1 if chunk.isascii() else 4  # bytes of a character in a str
        values = chunk.count(b",") + chunk.count(b"[")
        budget.take(
            len(chunk) * (1 + 2 * widest) + values * value_bytes + chunk.count(b"{") * _DICT_BYTES
        )
        yield chunk


# ---- Descriptions of objects -----------------------------------------------------------------


def walk(root: Node) -> Iterator[Node]:
    """Yield each description once; raise at one that is of no loader that `save` writes.

    An object that occurs twice is described twice, with the same ``__id__``. skops reads one of
    the descriptions, and would take anything with its id for it.
    """
    described: dict[Any, Node] = {}
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError("its objects contain each other too deep")
        first = described.setdefault(node["__id__"], node) if "__id__" in node else node
        if first is not node:
            if not _same(first, node):
                raise ValueError("one id has two objects")
            continue
        yield node
        if node["__loader__"] not in _CHILDREN:
            raise ValueError(f"nothing is made by {node['__loader__']!r}")
        waiting.extend((child, depth + 1) for child in _CHILDREN[node["__loader__"]](node))


def _same(first: Any, second: Any) -> bool:
    """Tell whether two descriptions are of the same object.

    The types of its keys, and bytes in it, are described anew each time.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(
            _same(first[name], second[name]) for name in first if name not in _ANEW
        )
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)


_ANEW = ("__id__", "file")


def _listed(node: Node) -> list[Node]:
    return list(node["content"])


def _is_listed(node: Node) -> bool:
    """Tell whether an array is of objects, which are described one by one."""
    return node.get("type") == "json"


def _named(*names: str) -> Callable[[Node], list[Node]]:
    return lambda node: [node["content"][name] for name in names]


def _content(node: Node) -> list[Node]:
    return [node["content"]]


def _nothing(_: Node) -> list[Node]:
    return []


_CHILDREN: dict[str, Callable[[Node], list[Node]]] = {
    "BytesNode": _nothing,
    "ConstructorFromReduceNode": _content,
    "DTypeNode": _content,
    "DefaultDictNode": _named("main", "default_factory"),
    "DictNode": lambda node: [*node["content"].values(), node["key_types"]],
    "FunctionNode": _nothing,
    "JsonNode": _nothing,
    "ListNode": _listed,
    "LossNode": lambda node: [node["content"], node["__reduce__"]["args"]],
    "MaskedArrayNode": _named("data", "mask"),
    "MethodNode": _named("obj"),
    "NdArrayNode": lambda node: [*_listed(node), node["shape"]] if _is_listed(node) else [],
    "ObjectNode": lambda node: [node["content"]] if node.get("content") is not None else [],
    "OperatorFuncNode": lambda node: [node["attrs"]],
    "PartialNode": _named("func", "args", "kwds", "namespace"),
    "RandomGeneratorNode": _named("bit_generator", "seed_seq"),
    "RandomStateNode": _content,
    "SetNode": _listed,
    "SliceNode": _nothing,
    "SparseMatrixNode": _nothing,
    "TreeNode": lambda node: [node["content"], node["__reduce__"]["args"]],
    "TupleNode": _listed,
    "TypeNode": _nothing,
}
"""The descriptions of its parts in the description of an object, by the loader that makes it."""


def _check(node: Node) -> None:
    """Raise if an object cannot be what `save` writes, though its type may be trusted."""
    if not isinstance(node["__module__"], str) or not isinstance(node["__class__"], str):
        raise TypeError("a type has no name")
    check = _CHECKS.get(node["__loader__"])
    if check is not None and not check(node):
        raise ValueError(f"{name_of(node)} has parts that save does not write")


def _is_scalar(node: Node) -> bool:
    """Tell whether a text is that of one number, str, bool or None: lists have loaders."""
    return isinstance(node["content"], str) and not node["content"].lstrip().startswith(("[", "{"))


def _has_text_keys(node: Node) -> bool:
    """Tell whether an object's attributes are a dict of names."""
    content = node.get("content")
    if content is None or value_of(content) is None:
        return True
    return name_of(content) == "builtins.dict" and all(
        name_of(kind) == "builtins.str" for kind in content["key_types"]["content"]
    )


def _has_plain_keys(node: Node) -> bool:
    """Tell whether keys are texts, or numbers of which many cannot have the same hash."""
    kinds = [name_of(kind) for kind in node["key_types"]["content"]]
    return len(kinds) == len(node["content"]) and all(
        kind in _TEXTS or (_NUMBERS.fullmatch(kind) and abs(float(key)) < _LARGEST_KEY)
        for kind, key in zip(kinds, node["content"], strict=True)
    )


_TEXTS = ("builtins.str", "numpy.str_")
_NUMBERS = re.compile(r"builtins\.(int|float)|numpy\.(u?int|float)\d+")


def _is_small_set(node: Node) -> bool:
    """Tell whether a set's parts are texts, or few: hashes of others can be made to collide."""
    parts = node["content"]
    return len(parts) <= _MAX_HASHED or all(isinstance(value_of(part), str) for part in parts)


def _is_small_frozen_set(node: Node) -> bool:
    (arguments,) = node["content"]["content"] or [None]
    return arguments is None or _is_small_set(arguments)


def _has_small_pool(node: Node) -> bool:
    """Tell whether seeding takes no time: that grows with the square of the pool."""
    pool = node["content"]["seed_seq"]["content"].get("pool_size")
    return pool is None or value_of(pool) in range(_MAX_POOL + 1)


def _is_flat(node: Node) -> bool:
    """Tell whether an array of objects has one axis: of more, NumPy would unpack its parts."""
    if not _is_listed(node):
        return True
    return len(node["shape"]["content"]) == 1 or all(map(_is_plain, node["content"]))


def _is_plain(node: Node) -> bool:
    """Tell whether an object is a number, a text, or a list of such."""
    if node["__loader__"] == "ListNode":
        return all(map(_is_plain, node["content"]))
    return node["__loader__"] == "JsonNode"


def _is_loss(node: Node) -> bool:
    return node["__module__"] in ("_loss", "sklearn._loss._loss", "sklearn.linear_model._sgd_fast")


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "ConstructorFromReduceNode": lambda node: (
        name_of(node) != "builtins.frozenset" or _is_small_frozen_set(node)
    ),
    "DictNode": _has_plain_keys,
    "JsonNode": _is_scalar,
    "LossNode": _is_loss,
    "NdArrayNode": _is_flat,
    "ObjectNode": _has_text_keys,
    "RandomGeneratorNode": _has_small_pool,
    "SetNode": _is_small_set,
}


def value_of(node: Node) -> Any:
    """Return the number, str, bool or None that is described, or ``...`` for other objects."""
    return json.loads(node["content"]) if node["__loader__"] == "JsonNode" else ...


def parameters_of(schema: Schema) -> Iterator[tuple[str, Any]]:
    """Yield all values that stand under a name, by the name's last part, as set_params reads it.

    A value in a list, such as the candidates of a search, stands under the list's name.
    """
    for node in schema.nodes:
        if node["__loader__"] == "DictNode":
            for name, part in node["content"].items():
                for value in _values_in(part):
                    yield name.rpartition("__")[2], value


def _values_in(node: Node) -> Iterator[Any]:
    if node["__loader__"] == "JsonNode":
        yield value_of(node)
    elif node["__loader__"] in ("ListNode", "TupleNode", "SetNode") or _is_listed(node):
        for part in node["content"]:
            yield from _values_in(part)
    elif node["__loader__"] == "MaskedArrayNode":
        yield from _values_in(node["content"]["data"])


# ---- Members ---------------------------------------------------------------------------------


class _Members:
    """The members of an archive, each of which one object may name."""

    def __init__(self, archive: ZipFile, budget: _Budget) -> None:
        self._archive, self._budget = archive, budget
        self._named: set[str] = set()
        if any(
            member.compress_type != ZIP_STORED and member.filename != "schema.json"
            for member in archive.infolist()
        ):
            raise ValueError("its members are compressed")

    def check(self, node: Node) -> None:
        """Look at the member that an object is made of, if it is."""
        loader = node["__loader__"]
        if loader in ("BytesNode", "SparseMatrixNode") or (
            loader == "NdArrayNode" and not _is_listed(node)
        ):
            if node["file"] in self._named:
                raise ValueError(f"{node['file']!r} is in two objects")
            self._named.add(node["file"])
            self._budget.take(_MEMBER_BYTES)
        if loader == "NdArrayNode" and not _is_listed(node):
            self._check_array(node)
        elif loader == "SparseMatrixNode":
            self._check_sparse(node["file"])
        elif name_of(node) == "sklearn_rnn._tables.SharedTable":
            self._check_table(node)

    def _check_array(self, node: Node) -> None:
        shape, dtype = self._header(node["file"])
        scalar = shape == () and name_of(node) == f"numpy.{dtype.type.__name__}"
        if name_of(node) != "numpy.ndarray" and not scalar:
            raise ValueError(f"an array of {dtype} is no {name_of(node)}")

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
            n_bytes = self._archive.getinfo(array["file"]).file_size
            with self._archive.open(array["file"]) as stream:
                check_npy(stream, n_bytes)
                for _ in _counted(
                    _inflated(chunks_of(stream, n_bytes)), self._budget, _WORD_BYTES
                ):
                    pass


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a zlib stream holds, in pieces that are small however far it inflates."""
    inflate = zlib.decompressobj()
    for chunk in chunks:
        while chunk and not inflate.eof:
            yield inflate.decompress(chunk, 2**16)
            chunk = inflate.unconsumed_tail

"""Descriptions of objects, as skops writes them: visited once each, and looked at one by one.

skops asks of each type in a file whether it is trusted. It does not ask how often a description
leads to the same object, how deep a list goes that contains the list below it twice, or what a
trusted type does with what it is given. So only what `persistence.save` writes is let through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Node", "check_node", "is_listed", "name_of", "value_of", "walk"]

Node = dict[str, Any]
"""The description of one object: its type, the loader that makes it, and its parts."""

_MAX_DEPTH = 100
_LONGEST_NAME = 1_000
_MAX_POOL = 64
_MAX_HASHED = 1_000
_LARGEST_KEY = 2**60


def name_of(node: Node) -> str:
    """Return the full name of the type or function that a description is of."""
    return f"{node['__module__']}.{node['__class__']}"


def walk(root: Node) -> Iterator[Node]:
    """Yield each description; raise at one that is of no loader that `save` writes.

    An object that occurs twice is described twice, with the same ``__id__``. skops reads one of
    the descriptions, whichever it meets first, and takes anything with its id for it. So all
    must say the same. Each is compared by its shape: a number that descriptions have in common
    if their own entries are equal, and the shapes of their parts are.
    """
    shapes: dict[Any, int] = {}
    shape_of: dict[int, int] = {}  # by the address of a description
    described: dict[Any, int] = {}  # by the id of an object
    waiting = [(root, 0, False)]
    while waiting:
        node, depth, parts_are_done = waiting.pop()
        if not parts_are_done:
            if depth > _MAX_DEPTH:
                raise ValueError("its objects contain each other too deep")
            yield node
            waiting.append((node, depth, True))
            waiting.extend((part, depth + 1, False) for part in _parts(node))
            continue
        key = (_own_entries(node), *(shape_of[id(part)] for part in _parts(node)))
        shape = shape_of[id(node)] = shapes.setdefault(key, len(shapes))
        if "__id__" in node and described.setdefault(node["__id__"], shape) != shape:
            raise ValueError("one id has two objects")


def _parts(node: Node) -> list[Node]:
    """Return the descriptions of an object's parts."""
    if node["__loader__"] not in _CHILDREN:
        raise ValueError(f"nothing is made by {node['__loader__']!r:.80}")
    return _CHILDREN[node["__loader__"]](node)


def _own_entries(node: Node) -> Any:
    """Return what a description says of an object besides its parts and its member.

    Arrays and bytes that an object makes of itself get another member each time.
    """
    content = node.get("content")
    if isinstance(content, dict):
        loader = node["__loader__"]
        content = tuple(content.items() if loader == "SliceNode" else content)
        content += (node["content"]["func"],) if loader == "MethodNode" else ()
    elif isinstance(content, list):
        content = None
    return frozenset((k, v) for k, v in node.items() if k not in _APART), content


_APART = ("__id__", "__reduce__", "attrs", "content", "file", "key_types", "shape")


def _listed(node: Node) -> list[Node]:
    return list(node["content"])


def is_listed(node: Node) -> bool:
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
    "NdArrayNode": lambda node: [*_listed(node), node["shape"]] if is_listed(node) else [],
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


def check_node(node: Node) -> None:
    """Raise if an object cannot be what `save` writes, though its type may be trusted."""
    names = (node["__module__"], node["__class__"], node.get("file", ""))
    if not all(isinstance(name, str) and len(name) <= _LONGEST_NAME for name in names):
        raise ValueError("a type or a member has no name, or none that is a name")
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
    if not is_listed(node):
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

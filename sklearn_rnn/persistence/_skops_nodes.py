"""Descriptions of objects in skops's ``schema.json``: visited once each, and checked one by one.

The schema is a tree. Each of its nodes, as skops calls them, describes one object: the type
(``__module__``, ``__class__``), the loader of skops that makes it (``__loader__``), and the nodes
of its parts, under keys that depend on the loader. A ``DictNode`` has its values in ``content``
and the types of its keys in ``key_types``, an ``ObjectNode`` has its attributes in ``content``,
an ``NdArrayNode`` names a member of the archive in ``file``. An object that occurs twice has two
nodes, with the same ``__id__``.

skops asks of each type whether it is trusted. It does not ask how often nodes lead to the same
object, how large a list becomes that contains the next one twice, which contains the next one
twice, or what a trusted type does with its parts. So only what `persistence.save` writes is
accepted, by a grammar that has one rule for each loader (`_GRAMMAR`):

1. `walk` visits the tree from its root. The rule of a node says where the nodes of its parts are;
   they may not be nested too deep, and two nodes with the same id must say the same.
2. `check_node` looks at a single node: it may have no entries but those in its rule, and must
   pass the rule's check. Most checks are about which loaders its parts have; the others refuse
   what would take for ever (keys with equal hashes, huge seeds) or what C code would believe (a
   position beyond the end of a state).

What the members of the archive contain is for `_skops_schema` to look at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = [
    "Node",
    "check_node",
    "has_plain_attributes",
    "is_object_array",
    "name_of",
    "value_of",
    "walk",
]

Node = dict[str, Any]
"""The description of one object: its type, the loader that makes it, and its parts."""

_MAX_DEPTH = 100
_LONGEST_NAME = 1_000
_MAX_POOL = 64
_MAX_HASHED = 1_000
_LARGEST_KEY = 2**60


def name_of(node: Node) -> str:
    """Return the full name of the type or function that a node describes."""
    return f"{node['__module__']}.{node['__class__']}"


def value_of(node: Node) -> Any:
    """Return the number, str, bool or None that a node describes, or ``...`` for other objects."""
    return json.loads(node["content"]) if node["__loader__"] == "JsonNode" else ...


def is_object_array(node: Node) -> bool:
    """Return whether an array is one of objects, each of which has a node of its own."""
    return node.get("type") == "json"


# ---- 1. All nodes ----------------------------------------------------------------------------


def walk(root: Node) -> Iterator[Node]:
    """Yield each node; raise at one whose loader `save` does not write.

    skops reads one of the nodes with the same id, whichever it meets first, and takes its object
    for all of them. So all must say the same. They are compared by the number of their structure:
    nodes share it if their own entries are equal, and the structures of their parts are.
    """
    structures: dict[Any, int] = {}
    structure_of: dict[int, int] = {}  # by the address of a node
    described: dict[Any, int] = {}  # by the id of an object
    stack = [(root, 0, False)]
    while stack:
        node, depth, parts_are_done = stack.pop()
        if not parts_are_done:
            if depth > _MAX_DEPTH:
                raise ValueError("its objects are nested too deep")
            yield node
            stack.append((node, depth, True))
            stack.extend((part, depth + 1, False) for part in _parts(node))
            continue
        key = (_own_entries(node), *(structure_of[id(part)] for part in _parts(node)))
        structure = structure_of[id(node)] = structures.setdefault(key, len(structures))
        if "__id__" in node and described.setdefault(node["__id__"], structure) != structure:
            raise ValueError("one id has two objects")


def _parts(node: Node) -> list[Node]:
    """Return the nodes of an object's parts."""
    return _rule_of(node).parts(node)


def _rule_of(node: Node) -> _Rule:
    if node["__loader__"] not in _GRAMMAR:
        raise ValueError(f"no object is made by {node['__loader__']!r:.80}")
    return _GRAMMAR[node["__loader__"]]


def _own_entries(node: Node) -> Any:
    """Return what a node says of its object besides the parts and the member.

    The member is left out, since arrays and bytes that an object makes of itself get another one
    each time.
    """
    content = node.get("content")
    if isinstance(content, dict):
        loader = node["__loader__"]
        content = tuple(content.items() if loader == "SliceNode" else content)
        content += (node["content"]["func"],) if loader == "MethodNode" else ()
    elif isinstance(content, list):
        content = None
    return frozenset((k, v) for k, v in node.items() if k not in _NOT_OWN), content


_NOT_OWN = ("__id__", "__reduce__", "attrs", "content", "file", "key_types", "shape")


# ---- 2. One node -----------------------------------------------------------------------------


def check_node(node: Node) -> None:
    """Raise if an object cannot be one that `save` writes, even if its type is trusted."""
    names = (node["__module__"], node["__class__"], node.get("file", ""))
    if not all(isinstance(name, str) and len(name) <= _LONGEST_NAME for name in names):
        raise ValueError("a type or a member has no valid name")
    rule = _rule_of(node)
    if not node.keys() <= {*_COMMON_ENTRIES, *rule.entries} or not rule.is_written(node):
        raise ValueError(f"{name_of(node)} has parts that save does not write")


_COMMON_ENTRIES = ("__class__", "__module__", "__loader__", "__id__", "protocol", "_skops_version")


def _anything(_: Node) -> bool:
    return True


def _has_loader(part: Node, *loaders: str) -> bool:
    return part["__loader__"] in loaders


def _has_scalars(part: Node, *loaders: str) -> bool:
    """Return whether an object has one of some loaders, and contains nothing but scalars."""
    parts = part["content"].values() if _has_loader(part, "DictNode") else part["content"]
    return _has_loader(part, *loaders) and all(_has_loader(item, "JsonNode") for item in parts)


def _is_scalar(node: Node) -> bool:
    """Return whether JSON is one number, str, bool or None: lists have loaders of their own."""
    return isinstance(node["content"], str) and not node["content"].lstrip().startswith(("[", "{"))


def has_plain_attributes(node: Node) -> bool:
    """Return whether an object's attributes come from a dict, or there are none.

    Names with two underscores are Python's own, and refused. So are those of the templates from
    which scikit-learn makes links to its documentation: a page would show them as they are.
    """
    content = node.get("content")
    if content is None or value_of(content) is None:
        return True
    return name_of(content) == "builtins.dict" and not any(
        name.startswith(("__", "_doc_link")) for name in content["content"]
    )


def _has_attribute_names(node: Node) -> bool:
    content = node.get("content")
    if content is None or not _has_loader(content, "DictNode"):
        return True  # then its type has to be trusted by name: see `has_plain_attributes`
    return all(name_of(kind) == "builtins.str" for kind in content["key_types"]["content"])


def _has_plain_keys(node: Node) -> bool:
    """Return whether keys are strings, or numbers of which many cannot have the same hash."""
    kinds = node["key_types"]
    if not _has_loader(kinds, "ListNode"):
        return False
    if not all(_has_loader(kind, "TypeNode") for kind in kinds["content"]):
        return False
    names = [name_of(kind) for kind in kinds["content"]]
    return len(names) == len(node["content"]) and all(
        name in _STRINGS or (_NUMBERS.fullmatch(name) and abs(float(key)) < _LARGEST_KEY)
        for name, key in zip(names, node["content"], strict=True)
    )


_STRINGS = ("builtins.str", "numpy.str_")
_NUMBERS = re.compile(r"builtins\.(int|float)|numpy\.(u?int|float)\d+")


def _is_small_set(node: Node) -> bool:
    """Return whether a set's items are strings, or few: other hashes can be made to collide."""
    parts = node["content"]
    return len(parts) <= _MAX_HASHED or all(isinstance(value_of(part), str) for part in parts)


def _has_plain_arguments(node: Node) -> bool:
    """Return whether a call has arguments that its function takes, where that is known."""
    arguments = node["content"]
    if name_of(node) == "builtins.frozenset":
        return _has_loader(arguments, "TupleNode") and all(
            _has_loader(part, "ListNode") and _is_small_set(part)
            for part in arguments["content"][:2]
        )
    if name_of(node) == "torch.device":
        return _has_scalars(arguments, "TupleNode")
    return _has_loader(arguments, "TupleNode")


def _is_loss(node: Node) -> bool:
    return (
        node["__module__"] in ("_loss", "sklearn._loss._loss", "sklearn.linear_model._sgd_fast")
        and _has_scalars(node["content"], "DictNode", "TupleNode")
        and _has_scalars(node["__reduce__"]["args"], "TupleNode")
    )


def _is_array(node: Node) -> bool:
    """Return whether an array is in a member, or is one of objects along a single axis.

    With more axes, NumPy would unpack objects that are arrays.
    """
    if not is_object_array(node):
        return "content" not in node and node["type"] == "numpy"
    return _has_scalars(node["shape"], "TupleNode") and (
        len(node["shape"]["content"]) == 1 or all(map(_is_plain, node["content"]))
    )


def _is_plain(node: Node) -> bool:
    """Return whether an object is a scalar, or a list of such."""
    if _has_loader(node, "ListNode"):
        return all(map(_is_plain, node["content"]))
    return _has_loader(node, "JsonNode")


def _is_masked_array(node: Node) -> bool:
    parts = node["content"]
    return (
        _has_loader(parts["data"], "NdArrayNode")
        and _has_loader(parts["mask"], "NdArrayNode")
        and not is_object_array(parts["mask"])
    )


def _is_default_dict(node: Node) -> bool:
    parts = node["content"]
    return _has_loader(parts["main"], "DictNode") and _has_loader(
        parts["default_factory"], "TypeNode", "JsonNode"
    )


# Random generators: C code believes the positions in their states, and seeding them takes time.


def _has_valid_state(node: Node) -> bool:
    if name_of(node) != "numpy.random.mtrand.RandomState":
        return True  # then it has to be trusted by name
    return _has_loader(node["content"], "DictNode") and _is_valid_state(node["content"])


def _is_valid_state(state: Node) -> bool:
    return all(
        _is_valid_state(part) if _has_loader(part, "DictNode") else value_of(part) in _VALID[name]
        for name, part in state["content"].items()
        if name in _VALID or _has_loader(part, "DictNode")
    )


_VALID = {"pos": range(625), "buffer_pos": range(5)}
"""Positions of MT19937 and Philox in the numbers that they have drawn."""


def _is_seeded_quickly(node: Node) -> bool:
    """Return whether a generator's state is valid, and seeding it takes no time.

    That time grows with the square of the pool's size, and of the number of digits.
    """
    parts = node["content"]
    if not all(_has_loader(parts[name], "DictNode") for name in ("bit_generator", "seed_seq")):
        return False
    seeds = parts["seed_seq"]["content"]
    return (
        _is_valid_state(parts["bit_generator"])
        and seeds.keys() <= {"entropy", "spawn_key", "pool_size", "n_children_spawned"}
        and all(map(_is_seed, seeds.values()))
        and ("pool_size" not in seeds or value_of(seeds["pool_size"]) in range(_MAX_POOL + 1))
    )


def _is_seed(node: Node) -> bool:
    """Return whether an object is a whole number, None, or a short list of such."""
    if _has_loader(node, "ListNode", "TupleNode"):
        return len(node["content"]) <= _MAX_POOL and all(map(_is_seed, node["content"]))
    return value_of(node) is None or isinstance(value_of(node), int)


# ---- The grammar -----------------------------------------------------------------------------


class _Rule(NamedTuple):
    """What `save` writes for objects of one loader."""

    parts: Callable[[Node], list[Node]]
    """From a node to the nodes of the object's parts."""

    entries: tuple[str, ...] = ()
    """The keys of the node, besides those that all nodes have."""

    is_written: Callable[[Node], bool] = _anything
    """Whether `save` may have written this node."""


def _no_parts(_: Node) -> list[Node]:
    return []


def _content(node: Node) -> list[Node]:
    return [node["content"]]


def _items(node: Node) -> list[Node]:
    return list(node["content"])


def _named(*names: str) -> Callable[[Node], list[Node]]:
    return lambda node: [node["content"][name] for name in names]


def _reduced(node: Node) -> list[Node]:
    return [node["content"], node["__reduce__"]["args"]]


_GRAMMAR: dict[str, _Rule] = {
    "BytesNode": _Rule(_no_parts, ("file",)),
    "ConstructorFromReduceNode": _Rule(_content, ("content",), _has_plain_arguments),
    "DTypeNode": _Rule(
        _content, ("content",), lambda node: _has_loader(node["content"], "NdArrayNode")
    ),
    "DefaultDictNode": _Rule(_named("main", "default_factory"), ("content",), _is_default_dict),
    "DictNode": _Rule(
        lambda node: [*node["content"].values(), node["key_types"]],
        ("content", "key_types"),
        _has_plain_keys,
    ),
    "FunctionNode": _Rule(_no_parts),
    "JsonNode": _Rule(_no_parts, ("content", "is_json"), _is_scalar),
    "ListNode": _Rule(_items, ("content",)),
    "LossNode": _Rule(_reduced, ("content", "__reduce__"), _is_loss),
    "MaskedArrayNode": _Rule(_named("data", "mask"), ("content",), _is_masked_array),
    "MethodNode": _Rule(_named("obj"), ("content",)),
    "NdArrayNode": _Rule(
        lambda node: [*_items(node), node["shape"]] if is_object_array(node) else [],
        ("type", "file", "content", "shape"),
        _is_array,
    ),
    "ObjectNode": _Rule(
        lambda node: [node["content"]] if node.get("content") is not None else [],
        ("content",),
        _has_attribute_names,
    ),
    "OperatorFuncNode": _Rule(
        lambda node: [node["attrs"]],
        ("attrs",),
        lambda node: _has_loader(node["attrs"], "TupleNode"),
    ),
    "PartialNode": _Rule(
        _named("func", "args", "kwds", "namespace"),
        ("content",),
        lambda node: _has_loader(node["content"]["args"], "TupleNode"),
    ),
    "RandomGeneratorNode": _Rule(
        _named("bit_generator", "seed_seq"), ("content",), _is_seeded_quickly
    ),
    "RandomStateNode": _Rule(_content, ("content",), _has_valid_state),
    "SetNode": _Rule(_items, ("content",), _is_small_set),
    "SliceNode": _Rule(_no_parts, ("content",)),
    "SparseMatrixNode": _Rule(_no_parts, ("type", "file")),
    "TreeNode": _Rule(
        _reduced,
        ("content", "__reduce__"),
        lambda node: _has_loader(node["__reduce__"]["args"], "TupleNode"),
    ),
    "TupleNode": _Rule(_items, ("content",)),
    "TypeNode": _Rule(_no_parts),
}

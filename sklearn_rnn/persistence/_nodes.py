"""Descriptions of objects, as skops writes them: visited once each, and looked at one by one.

skops asks of each type in a file whether it is trusted. It does not ask how often a description
leads to the same object, how deep a list goes that contains the list below it twice, or what a
trusted type does with what it is given. So only what `persistence.save` writes is let through:
at each place the loaders that it writes there (`_GRAMMAR`), with no entries beyond its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "Node",
    "check_node",
    "has_plain_attributes",
    "is_listed",
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
    is_written, *entries = _GRAMMAR[node["__loader__"]]
    if not node.keys() <= {*_ENTRIES, *entries} or not is_written(node):
        raise ValueError(f"{name_of(node)} has parts that save does not write")


_ENTRIES = ("__class__", "__module__", "__loader__", "__id__", "protocol", "_skops_version")


def _anything(_: Node) -> bool:
    return True


def _is(part: Node, *loaders: str) -> bool:
    return part["__loader__"] in loaders


def _holds_scalars(part: Node, *loaders: str) -> bool:
    """Tell whether an object is of one of some loaders, and holds nothing but scalars."""
    parts = part["content"].values() if _is(part, "DictNode") else part["content"]
    return _is(part, *loaders) and all(_is(scalar, "JsonNode") for scalar in parts)


def _is_scalar(node: Node) -> bool:
    """Tell whether a text is that of one number, str, bool or None: lists have loaders."""
    return isinstance(node["content"], str) and not node["content"].lstrip().startswith(("[", "{"))


def has_plain_attributes(node: Node) -> bool:
    """Tell whether an object has attributes from a dict, or none; and none that others make.

    Names with two underscores are Python's own. scikit-learn makes its links to documentation of
    a template, which a page would show as it is.
    """
    content = node.get("content")
    if content is None or value_of(content) is None:
        return True
    return name_of(content) == "builtins.dict" and not any(
        name.startswith(("__", "_doc_link")) for name in content["content"]
    )


def _has_names(node: Node) -> bool:
    content = node.get("content")
    if content is None or not _is(content, "DictNode"):
        return True  # its type has to be trusted by name: see `has_plain_attributes`
    return all(name_of(kind) == "builtins.str" for kind in content["key_types"]["content"])


def _has_plain_keys(node: Node) -> bool:
    """Tell whether keys are texts, or numbers of which many cannot have the same hash."""
    kinds = node["key_types"]
    if not (_is(kinds, "ListNode") and all(_is(kind, "TypeNode") for kind in kinds["content"])):
        return False
    names = [name_of(kind) for kind in kinds["content"]]
    return len(names) == len(node["content"]) and all(
        name in _TEXTS or (_NUMBERS.fullmatch(name) and abs(float(key)) < _LARGEST_KEY)
        for name, key in zip(names, node["content"], strict=True)
    )


_TEXTS = ("builtins.str", "numpy.str_")
_NUMBERS = re.compile(r"builtins\.(int|float)|numpy\.(u?int|float)\d+")


def _is_small_set(node: Node) -> bool:
    """Tell whether a set's parts are texts, or few: hashes of others can be made to collide."""
    parts = node["content"]
    return len(parts) <= _MAX_HASHED or all(isinstance(value_of(part), str) for part in parts)


def _has_plain_arguments(node: Node) -> bool:
    """Tell whether a call has the arguments that its function takes, of those that are known."""
    arguments = node["content"]
    if name_of(node) == "builtins.frozenset":
        return _is(arguments, "TupleNode") and all(
            _is(part, "ListNode") and _is_small_set(part) for part in arguments["content"][:2]
        )
    if name_of(node) == "torch.device":
        return _holds_scalars(arguments, "TupleNode")
    return _is(arguments, "TupleNode")


def _is_loss(node: Node) -> bool:
    return (
        node["__module__"] in ("_loss", "sklearn._loss._loss", "sklearn.linear_model._sgd_fast")
        and _holds_scalars(node["content"], "DictNode", "TupleNode")
        and _holds_scalars(node["__reduce__"]["args"], "TupleNode")
    )


def _is_array(node: Node) -> bool:
    """Tell whether an array is in a member, or is of objects along one axis.

    Of objects along more axes, NumPy would unpack those that are arrays.
    """
    if not is_listed(node):
        return "content" not in node and node["type"] == "numpy"
    return _holds_scalars(node["shape"], "TupleNode") and (
        len(node["shape"]["content"]) == 1 or all(map(_is_plain, node["content"]))
    )


def _is_plain(node: Node) -> bool:
    """Tell whether an object is a number, a text, or a list of such."""
    if _is(node, "ListNode"):
        return all(map(_is_plain, node["content"]))
    return _is(node, "JsonNode")


def _is_masked(node: Node) -> bool:
    parts = node["content"]
    return (
        _is(parts["data"], "NdArrayNode")
        and _is(parts["mask"], "NdArrayNode")
        and not is_listed(parts["mask"])
    )


def _has_sound_state(node: Node) -> bool:
    """Tell whether a state of random numbers has no place beyond its arrays, which C believes."""
    if name_of(node) != "numpy.random.mtrand.RandomState":
        return True  # it is to be trusted by name
    return _is(node["content"], "DictNode") and _is_sound_state(node["content"])


def _is_sound_state(state: Node) -> bool:
    return all(
        _is_sound_state(part) if _is(part, "DictNode") else value_of(part) in _PLACES[name]
        for name, part in state["content"].items()
        if name in _PLACES or _is(part, "DictNode")
    )


_PLACES = {"pos": range(625), "buffer_pos": range(5)}
"""The places of MT19937 and Philox in what they have drawn."""


def _is_seeded_soon(node: Node) -> bool:
    """Tell whether a generator's state is sound, and seeding it takes no time.

    That grows with the square of the pool, and of the digits of a text.
    """
    parts = node["content"]
    if not all(_is(parts[name], "DictNode") for name in ("bit_generator", "seed_seq")):
        return False
    seeds = parts["seed_seq"]["content"]
    return (
        _is_sound_state(parts["bit_generator"])
        and seeds.keys() <= {"entropy", "spawn_key", "pool_size", "n_children_spawned"}
        and all(map(_is_seed, seeds.values()))
        and ("pool_size" not in seeds or value_of(seeds["pool_size"]) in range(_MAX_POOL + 1))
    )


def _is_seed(node: Node) -> bool:
    """Tell whether something is a whole number, None, or a few of such."""
    if _is(node, "ListNode", "TupleNode"):
        return len(node["content"]) <= _MAX_POOL and all(map(_is_seed, node["content"]))
    return value_of(node) is None or isinstance(value_of(node), int)


# For each loader whether a description is one that `save` writes, and its entries.
_GRAMMAR: dict[str, tuple[Any, ...]] = {
    "BytesNode": (_anything, "file"),
    "ConstructorFromReduceNode": (_has_plain_arguments, "content"),
    "DTypeNode": (lambda node: _is(node["content"], "NdArrayNode"), "content"),
    "DefaultDictNode": (
        lambda node: (
            _is(node["content"]["main"], "DictNode")
            and _is(node["content"]["default_factory"], "TypeNode", "JsonNode")
        ),
        "content",
    ),
    "DictNode": (_has_plain_keys, "content", "key_types"),
    "FunctionNode": (_anything,),
    "JsonNode": (_is_scalar, "content", "is_json"),
    "ListNode": (_anything, "content"),
    "LossNode": (_is_loss, "content", "__reduce__"),
    "MaskedArrayNode": (_is_masked, "content"),
    "MethodNode": (_anything, "content"),
    "NdArrayNode": (_is_array, "type", "file", "content", "shape"),
    "ObjectNode": (_has_names, "content"),
    "OperatorFuncNode": (lambda node: _is(node["attrs"], "TupleNode"), "attrs"),
    "PartialNode": (lambda node: _is(node["content"]["args"], "TupleNode"), "content"),
    "RandomGeneratorNode": (_is_seeded_soon, "content"),
    "RandomStateNode": (_has_sound_state, "content"),
    "SetNode": (_is_small_set, "content"),
    "SliceNode": (_anything, "content"),
    "SparseMatrixNode": (_anything, "type", "file"),
    "TreeNode": (
        lambda node: _is(node["__reduce__"]["args"], "TupleNode"),
        "content",
        "__reduce__",
    ),
    "TupleNode": (_anything, "content"),
    "TypeNode": (_anything,),
}


def value_of(node: Node) -> Any:
    """Return the number, str, bool or None that is described, or ``...`` for other objects."""
    return json.loads(node["content"]) if node["__loader__"] == "JsonNode" else ...

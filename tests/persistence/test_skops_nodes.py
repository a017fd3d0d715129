"""Each object that a file describes is visited once, and is one that `save` could have written."""

import copy
import json
import zipfile
from io import BytesIO

import numpy as np
import pytest

import hostile_archives as made
from sklearn_rnn import persistence
from sklearn_rnn.persistence._skops_nodes import (
    check_node,
    has_plain_attributes,
    is_object_array,
    name_of,
    value_of,
    walk,
)
from small_models import MODELS

pytest.importorskip("skops.io")


def described(model):
    """Return the tree of nodes of a model."""
    file = BytesIO()
    persistence.save(model, file)
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("schema.json"))


def nodes_below(part):
    """Return all nodes of a tree, found by their loaders alone."""
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    own = [part] if isinstance(part, dict) and "__loader__" in part else []
    return own + [node for inner in parts for node in nodes_below(inner)]


# ---- The tree --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_what_save_writes_is_walked_and_accepted(models, kind):
    root = described(models[kind])
    visited = list(walk(root))
    for node in visited:
        check_node(node)
        assert node["__loader__"] != "ObjectNode" or has_plain_attributes(node)
    assert sorted(map(id, visited)) == sorted(map(id, nodes_below(root)))


def test_each_part_is_visited_once_before_its_own_parts():
    parts = [made.listed(made.scalar(1), made.scalar(2)), made.mapping({"a": made.scalar(3)})]
    root = made.listed(*parts)
    visited = [id(node) for node in walk(root)]
    assert sorted(visited) == sorted(id(node) for node in nodes_below(root))
    assert visited[0] == id(root)
    assert visited.index(id(parts[0])) < visited.index(id(parts[0]["content"][1]))


def test_objects_that_are_nested_without_end_are_refused():
    list(walk(made.nested(90)))
    with pytest.raises(ValueError, match="nested too deep"):
        list(walk(made.nested(200)))


@pytest.mark.parametrize("loader", ["CachedNode", "BytearrayNode", "Nonsense", 3, None])
def test_a_loader_that_save_does_not_write_is_refused(loader):
    node = made.node(loader, "builtins", "list", content=[])
    with pytest.raises(ValueError, match="no object is made by"):
        list(walk(made.listed(node)))
    with pytest.raises(ValueError, match="no object is made by"):
        check_node(node)


def test_two_nodes_with_one_id_must_describe_the_same_object():
    node = made.listed(made.scalar(1), made.mapping({"a": made.scalar(2)})) | {"__id__": 7}
    assert len(list(walk(made.listed(node, copy.deepcopy(node))))) == 13
    for change in (
        lambda other: other["content"].pop(),
        lambda other: other["content"].append(made.scalar(3)),
        lambda other: other["content"].__setitem__(0, made.scalar(4)),
        lambda other: other["content"][1]["content"].update(a=made.scalar(5)),
        lambda other: other.update(__class__="tuple"),
    ):
        other = copy.deepcopy(node)
        change(other)
        with pytest.raises(ValueError, match="one id has two objects"):
            list(walk(made.listed(node, other)))


# ---- One node --------------------------------------------------------------------------------


REFUSED = {
    "an entry of another loader": made.scalar(1) | {"file": "a.npy"},
    "a name that is none": made.scalar(1) | {"__class__": 3},
    "a name without end": made.scalar(1) | {"__class__": "x" * 10**4},
    "a list in a scalar": made.text("[1, 2]"),
    "a mapping in a scalar": made.text(' {"a": 1}'),
    "a scalar that is no text": made.text(None),
    "keys with equal hashes": made.mapping({str(2**61 - 1): made.scalar(0)}, "int"),
    "fewer kinds of keys than keys": made.mapping({"a": made.scalar(0)})
    | {"key_types": made.listed()},
    "keys that are no strings or numbers": made.mapping({"a": made.scalar(0)}, "tuple"),
    "many numbers in a set": made.listed(*map(made.scalar, range(2_000)), kind="set"),
    "a pool without end": made.generator(entropy=1, pool_size=10**6),
    "an attribute that is no name": made.node(
        "ObjectNode", "a", "B", content=made.mapping({"1": made.scalar(0)}, "int")
    ),
    "a loss of another module": made.called("LossNode", "numpy", "bytes_", made.scalar(9)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_node_that_save_does_not_write_is_refused(name):
    with pytest.raises((ValueError, AttributeError, TypeError)):
        check_node(REFUSED[name])


@pytest.mark.parametrize(
    "node",
    [
        *map(made.scalar, [None, True, 3, 2.5, "text", "[in brackets"]),
        made.listed(made.scalar(1), made.scalar("a"), kind="set"),
        made.listed(*[made.scalar(str(i)) for i in range(2_000)], kind="set"),
        made.mapping({"1": made.scalar(0), "2.5": made.scalar(0)}, "float"),
        made.numbers("a.npy"),
        made.table("a.npy"),
    ],
    ids=lambda node: node["__loader__"],
)
def test_a_node_that_save_writes_is_accepted(node):
    check_node(node)


@pytest.mark.parametrize("name", ["__class__", "__dict__", "_doc_link_template"])
def test_attributes_that_are_not_the_objects_own_are_no_plain_ones(name):
    assert has_plain_attributes(made.thing("a", "B", alpha=made.scalar(1)))
    assert not has_plain_attributes(made.thing("a", "B", **{name: made.scalar(1)}))


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", np.pi])
def test_a_scalar_has_its_value_and_other_objects_have_none(value):
    assert value_of(made.scalar(value)) == value
    assert value_of(made.listed(made.scalar(value))) is ...
    assert name_of(made.listed()) == "builtins.list"
    assert not is_object_array(made.numbers("a.npy"))

"""Weights are drawn from a seed, taken from vectors that came, and saved as arrays."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lecture import ONE_EPOCH, lecture_texts
from network_configs import CONFIG
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.weights import (
    build_network,
    load_pretrained_embedding,
    pretrained_embedding,
    restore_network,
    weights_to_arrays,
)
from sklearn_rnn._tables import SharedTable, shared_table
from sklearn_rnn.exceptions import ModelFileError

VECTORS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
VECTORS[0] = 0


def assert_same_weights(ours, theirs):
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_vectors_that_are_not_frozen_are_learned_but_not_written_to():
    vectors = np.random.default_rng(1).normal(size=(10_000, 32)).astype(np.float32)
    before = vectors.copy()
    model = RNNTextClassifier(**ONE_EPOCH).fit(lecture_texts(vectors), [0, 1, 0, 1])
    assert not np.array_equal(model.embedding_vectors_, vectors)
    np.testing.assert_array_equal(vectors, before)


def test_a_seed_gives_the_same_weights_each_time():
    assert_same_weights(build_network(CONFIG, 5), build_network(CONFIG, 5))
    first, other = (build_network(CONFIG, seed).head.weight for seed in (5, 6))
    assert not torch.equal(first, other)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_a_network_comes_back_from_its_arrays(cell, frozen, bidirectional):
    config = replace(CONFIG, cell=cell, num_layers=2, bidirectional=bidirectional)
    network = build_network(config, 5)
    network.embedding.weight.requires_grad_(not frozen)
    state = weights_to_arrays(network, None)
    assert all(isinstance(array, np.ndarray) for array in state["arrays"].values())
    restored = restore_network(config, 5, state)
    assert_same_weights(restored, network)
    assert restored.embedding.weight.requires_grad != frozen
    assert restored.head.weight.requires_grad
    assert not restored.training


# ---- Vectors that came with the sequences ----------------------------------------------------


def with_vectors(frozen):
    network = build_network(CONFIG, 5)
    load_pretrained_embedding(network.embedding, VECTORS)
    network.embedding.weight.requires_grad_(not frozen)
    return network


def test_vectors_are_copied_into_the_embedding_but_for_the_row_of_padding():
    network = build_network(CONFIG, 5)
    load_pretrained_embedding(network.embedding, VECTORS + 1)
    found = network.embedding.weight.detach().numpy()
    np.testing.assert_array_equal(found[1:], VECTORS[1:] + 1)
    assert not found[0].any()


def test_a_frozen_embedding_is_saved_as_the_array_that_came():
    state = weights_to_arrays(with_vectors(frozen=True), VECTORS)
    table = state["arrays"]["embedding.weight"]
    assert isinstance(table, SharedTable)
    assert table is shared_table(VECTORS)
    assert pretrained_embedding(state) is VECTORS
    assert_same_weights(restore_network(CONFIG, 5, state), with_vectors(frozen=True))


@pytest.mark.parametrize("changed", [False, True])
def test_an_embedding_that_was_trained_is_saved_by_itself(changed):
    network = with_vectors(frozen=changed)
    if changed:
        with torch.no_grad():
            network.embedding.weight[3] += 1
    state = weights_to_arrays(network, VECTORS)
    assert isinstance(state["arrays"]["embedding.weight"], np.ndarray)
    assert pretrained_embedding(state) is None


# ---- Damage ----------------------------------------------------------------------------------


@pytest.fixture
def state():
    state = weights_to_arrays(build_network(CONFIG, 5), None)
    return state | {"arrays": {name: array.copy() for name, array in state["arrays"].items()}}


NAMES = list(weights_to_arrays(build_network(CONFIG, 5), None)["arrays"])


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_that_changed_is_noticed(state, name):
    state["arrays"][name].view(np.uint8).ravel()[0] ^= 1
    with pytest.raises(ModelFileError, match="not those that were saved"):
        restore_network(CONFIG, 5, state)


def test_weights_that_are_not_finite_or_of_another_dtype_are_refused(state):
    weight = state["arrays"]["head.weight"]
    for wrong in (np.full_like(weight, np.nan), weight.astype(np.float64)):
        state["arrays"]["head.weight"] = wrong
        with pytest.raises(ModelFileError, match=r"head\.weight: expected finite torch\.float32"):
            restore_network(CONFIG, 5, state)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_layers": 10**9}, "fewer layers"),
        ({"dropout": 1.0}, "dropout: expected a number"),
        ({"branch_dropout": 0.5}, "branch_dropout: expected a number from 0 to less than 0.5"),
        ({"input_dropout": float("nan")}, "input_dropout: expected a number"),
    ],
    ids=["layers", "dropout", "branch_dropout", "input_dropout"],
)
def test_a_configuration_that_no_parameters_allow_is_refused(state, changed, message):
    with pytest.raises(ModelFileError, match=message):
        restore_network(replace(CONFIG, **changed), 5, state)

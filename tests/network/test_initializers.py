"""Weights start as in Keras."""

import numpy as np
import pytest

from plain_network import double, make_network
from sklearn_rnn._network.cells import CELLS

N_GATES = {"rnn": 1, "lstm": 4, "gru": 3, "mingru": 2}


@pytest.mark.parametrize("cell", CELLS)
def test_initial_weights_are_those_of_the_lectures_framework(cell):
    n_hidden = 32
    network = make_network(
        cell, n_dimensions=48, hidden_size=n_hidden, bidirectional=True, num_layers=2
    )
    for layer in network.layers:
        for direction in layer.directions:
            assert_within(double(direction.input_weight), glorot_bound(direction.input_weight))
            assert (direction.recurrent_weight is None) == (cell == "mingru")
            if cell != "mingru":
                kernel = double(direction.recurrent_weight).T  # (H, gates * H), as Keras has it
                np.testing.assert_allclose(kernel @ kernel.T, np.eye(n_hidden), atol=1e-5)
            intercepts = double(direction.bias).reshape(N_GATES[cell], n_hidden)
            expected = [0, 1, 0, 0] if cell == "lstm" else [0] * N_GATES[cell]
            np.testing.assert_array_equal(intercepts, np.repeat([expected], n_hidden, 0).T)


def test_initial_head_and_embedding():
    network = make_network(n_ids=500, n_dimensions=48, hidden_size=32, n_outputs=3)
    assert_within(double(network.head.weight), glorot_bound(network.head.weight))
    assert not network.head.bias.any()
    assert_within(double(network.embedding.weight), 0.05)
    assert not network.embedding.weight[0].any()
    assert network.embedding.weight[1:].all()


def glorot_bound(weight):
    return np.sqrt(6 / sum(weight.shape))


def assert_within(weights, bound):
    """Check that weights fill the range from -bound to bound evenly."""
    assert 0.9 * bound < np.abs(weights).max() <= bound * (1 + 1e-6)
    assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.15)


def test_every_gate_and_layer_starts_with_weights_of_its_own():
    network = make_network("lstm", hidden_size=8, bidirectional=True, num_layers=2)
    blocks = [
        block
        for layer in network.layers
        for direction in layer.directions
        for block in np.split(double(direction.recurrent_weight), 4)
    ]
    assert len({block.tobytes() for block in blocks}) == 16

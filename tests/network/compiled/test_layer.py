"""One compiled layer: its states and gradients are those of torch, without dropped features."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from compiled_networks import assert_accurate, network_of
from plain_network import draw
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.compiled.buffers import Buffers
from sklearn_rnn._network.compiled.layer import CompiledLayer
from sklearn_rnn._network.compiled.packed import RowIndex, pack_ids
from sklearn_rnn._network.dropout import LockedDropout

IDS = np.array([[2, 3, 2, 4, 0], [5, 2, 0, 0, 0], [3, 3, 4, 5, 2], [1, 0, 0, 0, 0]], np.int32)
LENGTHS = np.array([4, 2, 5, 1])
N_DIMENSIONS = 4
every_cell = pytest.mark.parametrize("cell", CELLS)
every_rate = pytest.mark.parametrize("p", [0.0, 0.5])


class Layers:
    """A layer in compiled code and in torch, of the same weights and masks."""

    def __init__(self, cell, p=0.0, hidden_size=5):
        changes = {"cell": cell, "bidirectional": True, "hidden_size": hidden_size}
        (self.exact,) = network_of(**changes).double().layers
        (layer,) = network_of(**changes).layers
        dropout, self.dropout = (LockedDropout(p, torch.Generator().manual_seed(3)) for _ in "ab")
        self.packed = pack_ids(IDS, LENGTHS, RowIndex(6))
        self.compiled = CompiledLayer(layer, dropout, Buffers(), "layer 0")
        self.inputs = draw(6, N_DIMENSIONS, dtype=torch.float32)
        self.grad = draw(len(self.packed.rows), 2 * hidden_size, seed=1, dtype=torch.float32)

    def forward(self):
        """Return the states of all places, both directions side by side: (S, 2 H)."""
        rows = [self.packed.rows, self.packed.rows[self.packed.mirror]]
        inputs = self.inputs[torch.from_numpy(self.packed.words)].numpy()
        first, second = self.compiled.forward(inputs, rows, self.packed)
        return np.concatenate([first, second[self.packed.mirror]], axis=1)

    def backward(self, with_inputs=True):
        first, second = np.split(self.grad.numpy(), 2, axis=1)
        grads = [first.copy(), second[self.packed.mirror].copy()]
        return self.compiled.backward(grads, with_inputs)

    def in_torch(self):
        """Return the states, and the gradients of inputs and weights."""
        table = self.inputs.double().requires_grad_()
        ids, lengths = torch.from_numpy(IDS), torch.from_numpy(LENGTHS)
        states = self.exact(self.dropout(table[ids.T.long()]), lengths)
        places = torch.zeros(len(self.packed.rows), 2, dtype=torch.int64)
        for n, text in enumerate(self.packed.sorted_indices):
            for t in range(LENGTHS[text]):
                places[self.packed.starts[t] + n] = torch.tensor([t, text])
        states = states[places[:, 0], places[:, 1]]
        weights = [table, *self.exact.parameters()]
        of_table, *others = torch.autograd.grad(states, weights, self.grad.double())
        return states, of_table[torch.from_numpy(self.packed.words)], others


@every_rate
@every_cell
@pytest.mark.parametrize("hidden_size", [1, 5, 16, 33])
def test_states_and_gradients_are_those_of_double_precision(cell, p, hidden_size):
    layers = Layers(cell, p, hidden_size)
    states, grad_inputs, grad_weights = layers.in_torch()
    assert_accurate([torch.from_numpy(layers.forward())], [states])
    ours, weights = layers.backward()
    assert_accurate([torch.from_numpy(ours)], [grad_inputs])
    assert_accurate(map(torch.from_numpy, weights), grad_weights)


@every_rate
@every_cell
def test_without_the_gradient_of_the_inputs_those_of_the_weights_are_the_same(cell, p):
    with_inputs, without = Layers(cell, p), Layers(cell, p)
    with_inputs.forward()
    without.forward()
    _, expected = with_inputs.backward()
    nothing, weights = without.backward(with_inputs=False)
    assert nothing is None
    for ours, theirs in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_cell
def test_a_feature_that_is_dropped_gets_no_gradient_and_may_be_any_number(cell):
    layers = Layers(cell, p=0.5)
    expected = layers.forward()
    dropped = np.setdiff1d(np.arange(N_DIMENSIONS), layers.compiled.kept)
    assert 0 < len(dropped) < N_DIMENSIONS
    grad_inputs, grad_weights = layers.backward()
    input_weights = [grad for grad in grad_weights if grad.shape[-1] == N_DIMENSIONS]
    assert len(input_weights) == 2
    for gradient in (grad_inputs, *input_weights):
        assert not gradient[:, dropped].any()
        assert np.delete(gradient, dropped, axis=1).any()
    again = Layers(cell, p=0.5)
    again.inputs[:, dropped] = torch.nan
    np.testing.assert_array_equal(again.forward(), expected)


@every_cell
def test_gradients_of_weights_outlive_the_next_batch(cell):
    layers = Layers(cell)
    layers.forward()
    _, weights = layers.backward()
    before = [weight.copy() for weight in weights]
    for memory in layers.compiled.buffers._memory.values():
        memory.fill(np.nan)
    for weight, expected in zip(weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_weights_and_inputs_are_left_alone():
    layers = Layers("lstm", p=0.5)
    inputs, grad = layers.inputs.numpy().copy(), layers.grad.numpy().copy()
    weights = [weight.detach().clone() for weight in layers.exact.float().parameters()]
    layers.forward()
    layers.backward()
    np.testing.assert_array_equal(layers.inputs.numpy(), inputs)
    np.testing.assert_array_equal(layers.grad.numpy(), grad)
    ours = [weight for cell in layers.compiled.cells for weight in cell.parameters()]
    for weight, before in zip(ours, weights, strict=True):
        assert torch.equal(weight, before)

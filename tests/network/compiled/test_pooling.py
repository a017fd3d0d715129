"""Poolings of packed states: the vectors and gradients of torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from plain_network import draw
from sklearn_rnn._network.compiled.packed import pack_vectors
from sklearn_rnn._network.compiled.pooling import PACKED_POOLINGS
from sklearn_rnn._network.pooling import StateSizes

every_pooling = pytest.mark.parametrize("kind", PACKED_POOLINGS, ids=lambda kind: kind.__name__)
some_lengths = st.lists(st.integers(1, 12), min_size=1, max_size=9)
N_HIDDEN = 5


class States:
    """States of texts, packed and as torch has them."""

    def __init__(self, lengths):
        self.packed = pack_vectors(np.array(lengths), max(lengths))
        self.lengths = torch.from_numpy(self.packed.lengths)
        self.states = draw(len(self.packed.rows), N_HIDDEN, dtype=torch.float32).numpy()
        self.places = np.full((max(lengths), len(lengths)), -1)
        for t, n in enumerate(self.packed.batch_sizes):
            self.places[t, :n] = self.packed.starts[t] + np.arange(n)

    def in_torch(self, kind, grad):
        """Return the pooled states, and the gradient of the states."""
        states = torch.from_numpy(self.states).double().requires_grad_()
        pool = kind(StateSizes(N_HIDDEN, N_HIDDEN, len(self.places)))
        pooled = pool(states[torch.from_numpy(self.places)], self.lengths)
        (gradient,) = torch.autograd.grad(pooled, [states], grad.double())
        return pooled.detach(), gradient


@every_pooling
@given(lengths=some_lengths)
def test_vectors_and_gradients_are_those_of_torch(kind, lengths):
    texts, grad = States(lengths), draw(len(lengths), N_HIDDEN, seed=1, dtype=torch.float32)
    pooling = PACKED_POOLINGS[kind]()
    pooled, expected = texts.in_torch(kind, grad)
    np.testing.assert_allclose(
        pooling.forward(texts.states, texts.packed), pooled, rtol=1e-6, atol=1e-6
    )
    before = draw(*texts.states.shape, seed=2, dtype=torch.float32).numpy()
    gradient = before.copy()
    pooling.backward(grad.numpy(), texts.packed, gradient)
    np.testing.assert_allclose(gradient, before + expected.numpy(), rtol=1e-5, atol=1e-6)


@every_pooling
@given(lengths=some_lengths, other=some_lengths)
def test_a_batch_does_not_depend_on_the_one_before_it(kind, lengths, other):
    texts, grad = States(lengths), np.ones((len(lengths), N_HIDDEN), np.float32)
    results = []
    for is_first in (True, False):
        pooling = PACKED_POOLINGS[kind]()
        if not is_first:
            pooling.forward(States(other).states, States(other).packed)
        gradient = np.zeros_like(texts.states)
        results.append((pooling.forward(texts.states, texts.packed), gradient))
        pooling.backward(grad, texts.packed, gradient)
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@every_pooling
@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_state_that_is_no_number_stays_none_in_its_own_text(kind, step):
    texts = States([4, 4, 2, 4])
    place = texts.places[step, 1]
    texts.states[place, 2] = np.nan
    pooled = PACKED_POOLINGS[kind]().forward(texts.states, texts.packed)
    is_read = kind.__name__ != "LastState" or step == 3
    expected = np.zeros((4, N_HIDDEN), bool)
    expected[1, 2] = is_read
    np.testing.assert_array_equal(np.isnan(pooled), expected)


def test_the_gradient_of_a_maximum_goes_to_the_first_step_that_has_it():
    (kind,) = (kind for kind in PACKED_POOLINGS if kind.__name__ == "MaxPooling")
    texts = States([3])
    texts.states[:] = [[1] * N_HIDDEN, [2] * N_HIDDEN, [2] * N_HIDDEN]
    pooling, gradient = PACKED_POOLINGS[kind](), np.zeros_like(texts.states)
    pooling.forward(texts.states, texts.packed)
    pooling.backward(np.ones((1, N_HIDDEN), np.float32), texts.packed, gradient)
    np.testing.assert_array_equal(gradient.sum(axis=1), [0, N_HIDDEN, 0])


@every_pooling
def test_states_and_their_gradient_are_left_alone(kind):
    texts = States([3, 1, 2])
    states, grad = texts.states.copy(), np.ones((3, N_HIDDEN), np.float32)
    pooling = PACKED_POOLINGS[kind]()
    pooling.forward(texts.states, texts.packed)
    pooling.backward(grad, texts.packed, np.zeros_like(states))
    np.testing.assert_array_equal(texts.states, states)
    assert (grad == 1).all()

"""Compiled steps: the states and gradients of the cells' formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from compiled_networks import assert_accurate
from plain_network import draw
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.compiled.buffers import Buffers
from sklearn_rnn._network.compiled.layer import STEPS
from sklearn_rnn._network.compiled.matrix_product import padded
from sklearn_rnn._network.compiled.packed import pack_vectors

every_cell = pytest.mark.parametrize("cell", CELLS)
some_lengths = st.one_of(
    st.lists(st.integers(1, 7), min_size=1, max_size=9),
    st.lists(st.integers(30, 90), min_size=3, max_size=9),  # several chunks
)
hidden_sizes = st.sampled_from([1, 2, 5, 16, 33])
N_ROWS = 6


class Run:
    """The steps of one direction over texts that share some rows of a projection."""

    def __init__(self, cell, lengths, n_hidden):
        self.cell, self.n_hidden = cell, n_hidden
        self.steps = STEPS[cell](Buffers(), "steps")
        self.n_gates = self.steps.n_gates * n_hidden
        self.packed = pack_vectors(np.array(lengths), max(lengths))
        n_places = len(self.packed.rows)
        self.rows = np.random.default_rng(1).integers(0, N_ROWS, n_places).astype(np.int32)
        self.projection = draw(N_ROWS, self.n_gates, dtype=torch.float32)
        self.weight = None
        if CELLS[cell].has_matrix:
            weight = draw(self.n_gates, n_hidden, seed=2, dtype=torch.float32)
            self.weight = 0.7 * n_hidden**-0.5 * weight
        self.grad = draw(n_places, n_hidden, seed=3, dtype=torch.float32)

    def forward(self):
        """Return the states (S, H)."""
        projected = np.zeros((N_ROWS, self.steps.n_gates, padded(self.n_hidden)), np.float32)
        by_gate = self.projection.view(N_ROWS, -1, self.n_hidden)
        projected[:, :, : self.n_hidden] = by_gate
        projected = projected.reshape(N_ROWS, -1)
        weight = None if self.weight is None else self.weight.numpy()
        return self.steps.forward(projected, self.rows, self.packed, self.n_hidden, weight)

    def backward(self):
        """Return the gradients of the projection and, if there is one, of the matrix."""
        shape = N_ROWS, self.steps.n_gates, padded(self.n_hidden)
        grad_projected = np.full(shape, np.nan, np.float32)
        of_weight = self.steps.backward(self.grad.numpy(), grad_projected.reshape(N_ROWS, -1))
        gradients = [grad_projected[:, :, : self.n_hidden].reshape(N_ROWS, -1), of_weight]
        return [torch.from_numpy(each) for each in gradients if each is not None]

    def in_torch(self):
        """Return states and gradients in double precision."""
        cell = CELLS[self.cell](self.n_gates, self.n_hidden, torch.Generator()).double()
        learned = [self.projection.double().requires_grad_()]
        with torch.no_grad():
            cell.input_weight.copy_(torch.eye(self.n_gates))
            cell.bias.zero_()
            if self.weight is not None:
                cell.recurrent_weight.copy_(self.weight)
                learned.append(cell.recurrent_weight)
        places = np.zeros((len(self.packed.batch_sizes), len(self.packed.lengths)), np.int64)
        for t, n in enumerate(self.packed.batch_sizes):
            places[t, :n] = self.packed.starts[t] + np.arange(n)
        is_step = np.arange(len(places))[:, None] < self.packed.lengths
        states = cell(learned[0][torch.from_numpy(self.rows[places])])[torch.from_numpy(is_step)]
        assert (places[is_step] == np.arange(len(states))).all()  # steps lie one after the other
        return states.detach(), torch.autograd.grad(states, learned, self.grad.double())


@every_cell
@given(lengths=some_lengths, n_hidden=hidden_sizes)
@settings(max_examples=30)
def test_states_and_gradients_are_those_of_double_precision(cell, lengths, n_hidden):
    run = Run(cell, lengths, n_hidden)
    states, gradients = run.in_torch()
    assert_accurate([torch.from_numpy(run.forward())], [states])
    assert_accurate(run.backward(), gradients)


@every_cell
@pytest.mark.parametrize("n_hidden", [5, 33])
def test_a_step_may_have_more_texts_than_a_chunk(cell, n_hidden):
    run = Run(cell, [2] * 300 + [1] * 200, n_hidden)
    states, gradients = run.in_torch()
    assert_accurate([torch.from_numpy(run.forward())], [states])
    assert_accurate(run.backward(), gradients)


@every_cell
@given(lengths=some_lengths, longer=some_lengths)
@settings(max_examples=20)
def test_what_memory_contains_makes_no_difference(cell, lengths, longer):
    run, used = Run(cell, lengths, 5), Run(cell, longer, 5)
    expected = [torch.from_numpy(run.forward()).clone(), *run.backward()]
    used.forward()
    used.backward()
    again = Run(cell, lengths, 5)
    again.steps = used.steps
    for memory in used.steps.buffers._memory.values():
        memory.fill(np.nan)
    ours = [torch.from_numpy(again.forward()), *again.backward()]
    for one, other in zip(ours, expected, strict=True):
        assert torch.equal(one, other)


@every_cell
@pytest.mark.parametrize("n_hidden", [1, 5, 33])
def test_a_state_that_is_no_number_stays_in_its_text_from_its_step_on(cell, n_hidden):
    run = Run(cell, [4, 6, 2], n_hidden)
    run.rows[:] = 0
    place = run.packed.starts[2] + 1  # the second longest text, whose third step it is
    run.rows[place] = 1
    run.projection[1] = torch.nan
    is_nan = np.isnan(run.forward())
    spoiled = [run.packed.starts[t] + 1 for t in (2, 3)]
    assert is_nan[spoiled].all()
    assert not np.delete(is_nan, spoiled, axis=0).any()
    of_rows = run.backward()[0]
    assert of_rows[1].isnan().any()


@every_cell
def test_the_weight_and_the_gradient_of_the_states_are_left_alone(cell):
    run, before = Run(cell, [4, 6, 2], 5), Run(cell, [4, 6, 2], 5)
    run.forward()
    run.backward()
    assert torch.equal(run.grad, before.grad)
    assert before.weight is None or torch.equal(run.weight, before.weight)


def test_every_cell_has_compiled_steps_with_its_gates():
    assert {cell: len(kind.gates) for cell, kind in CELLS.items()} == {
        cell: kind.n_gates for cell, kind in STEPS.items()
    }

"""Compiled steps: the states and gradients of the cells' formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from compiled_networks import assert_accurate
from compiled_steps import Run
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.compiled.layer import STEPS

every_cell = pytest.mark.parametrize("cell", CELLS)
some_lengths = st.one_of(
    st.lists(st.integers(1, 7), min_size=1, max_size=9),
    st.lists(st.integers(30, 90), min_size=3, max_size=9),  # several chunks
)
hidden_sizes = st.sampled_from([1, 2, 5, 16, 33])


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

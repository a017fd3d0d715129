"""Compiled steps of tables: those of torch, on whatever rows a batch contains."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from compiled_networks import hide_numba
from plain_network import draw
from sklearn_rnn._training.compiled_steps import RowSteps
from sklearn_rnn._training.optimizers import _INITIAL_SUM, TableOptimizer, _step

N_ROWS = 7
some_rows = st.lists(st.lists(st.integers(0, N_ROWS - 1), max_size=20), min_size=1, max_size=4)


def sparse(rows, values):
    indices = torch.tensor(rows, dtype=torch.int64)[None]
    shape = N_ROWS, values.shape[1]
    return torch.sparse_coo_tensor(indices, values, shape, check_invariants=True)


def gradients(batches, n_columns):
    for i, rows in enumerate(batches):
        yield sparse(rows, draw(len(rows), n_columns, seed=i, dtype=torch.float32))


def tables(n_columns):
    return draw(N_ROWS, n_columns, seed=99, dtype=torch.float32), torch.full((N_ROWS,), 0.01)


@given(some_rows, st.sampled_from([1, 3, 16, 33]))
def test_steps_are_those_of_torch_whatever_rows_are_repeated(batches, n_columns):
    steps = RowSteps(N_ROWS)
    (table, sums), (other_table, other_sums) = tables(n_columns), tables(n_columns)
    for gradient in gradients(batches, n_columns):
        steps.step(table, sums, gradient, 0.5, 0.01)
        _step(other_table, other_sums, gradient, 0.5)
        torch.testing.assert_close(sums, other_sums, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(table, other_table, rtol=1e-5, atol=1e-6)


@given(some_rows)
def test_steps_leave_other_rows_their_memory_and_the_gradient_alone(batches):
    steps, (table, sums) = RowSteps(N_ROWS), tables(3)
    for rows, gradient in zip(batches, gradients(batches, 3), strict=True):
        before, values = table.clone(), gradient._values().clone()
        steps.step(table, sums, gradient, 0.5, 0.01)
        idle = np.setdiff1d(np.arange(N_ROWS), rows)
        assert torch.equal(table[idle], before[idle])
        assert torch.equal(gradient._values(), values)
        assert (steps.place_of == -1).all()


@pytest.mark.parametrize("rate", [0.0, float(np.finfo(np.float32).max), np.inf])
def test_any_rate_is_that_of_torch(rate):
    (table, sums), (other_table, other_sums) = tables(3), tables(3)
    (gradient,) = gradients([[1, 4, 1]], 3)
    RowSteps(N_ROWS).step(table, sums, gradient, rate, 0.01)
    _step(other_table, other_sums, gradient, rate)
    torch.testing.assert_close(table, other_table, equal_nan=True)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_spoils_its_own_row_alone(value):
    table, sums = tables(3)
    values = torch.ones(3, 3)
    values[1, 2] = value
    RowSteps(N_ROWS).step(table, sums, sparse([2, 5, 2], values), 0.5, 0.01)
    finite = table.isfinite().all(dim=1)
    assert finite.tolist() == [True] * 5 + [False, True]


def optimized(table, gradient):
    table = torch.nn.Parameter(table)
    optimizer = TableOptimizer([table], [0.5])
    for _ in range(3):
        table.grad = gradient
        optimizer.step(n_texts=32)
    return table.detach(), optimizer


def test_an_optimizer_takes_the_same_steps_without_numba(monkeypatch):
    (gradient,) = gradients([[1, 4, 1, 6]], 3)
    ours, optimizer = optimized(tables(3)[0], gradient)
    assert optimizer._row_steps[0] is not None
    hide_numba(monkeypatch)
    torchs, other = optimized(tables(3)[0], gradient)
    assert other._row_steps[0] is None
    torch.testing.assert_close(ours, torchs)
    torch.testing.assert_close(optimizer.sums[0], other.sums[0])


@pytest.mark.parametrize("kind", ["dense gradient", "double precision", "transposed table"])
def test_what_is_not_compiled_is_left_to_torch(kind):
    (gradient,) = gradients([[1, 4, 1, 6]], 3)
    table = tables(3)[0]
    expected, _ = optimized(table.clone(), gradient)
    if kind == "dense gradient":
        gradient = gradient.to_dense()
    elif kind == "double precision":
        table, gradient = table.double(), gradient.double()
    else:
        table = table.t().contiguous().t()
    ours, optimizer = optimized(table, gradient)
    assert not optimizer._row_steps
    torch.testing.assert_close(ours.float(), expected)


def test_a_table_that_grows_gets_new_memory():
    table = torch.nn.Parameter(torch.zeros(3, 2))
    optimizer = TableOptimizer([table], [0.5])
    for n_rows in (3, 9):
        if n_rows > 3:
            table.data = torch.zeros(n_rows, 2)
            optimizer.move_rows(table, torch.arange(3))
        rows = torch.tensor([[n_rows - 1]])
        table.grad = torch.sparse_coo_tensor(
            rows, torch.ones(1, 2), (n_rows, 2), check_invariants=True
        )
        optimizer.step(n_texts=32)
        assert table[n_rows - 1].detach().abs().sum() > 0
    assert optimizer.sums[0].tolist()[3:8] == pytest.approx([_INITIAL_SUM] * 5)

"""Projections without dropped features: those of the whole matrices with zeros in their place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from compiled_networks import with_nan_around
from sklearn_rnn._network.compiled.matrix_product import SPARE_ROWS, padded
from sklearn_rnn._network.compiled.projection import (
    project,
    project_backward,
    put_columns,
    take_columns,
)


def empty(n_rows, n_columns):
    return np.full((n_rows + SPARE_ROWS, n_columns), np.nan, np.float32)[:n_rows]


sizes = st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 4), st.integers(1, 33))


@given(sizes, st.integers(0, 100))
@settings(max_examples=40)
def test_projections_and_their_gradients_are_those_of_double_precision(size, seed):
    n_rows, n_features, n_gates, n_hidden = size
    rng, n_units = np.random.default_rng(seed), padded(n_hidden)
    columns = np.flatnonzero(rng.random(n_features) < 0.7)

    def numbers(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    inputs = with_nan_around(numbers(n_rows, len(columns)))
    weight, bias = numbers(n_gates * n_hidden, n_features), numbers(n_gates * n_hidden)
    kept, padded_bias = empty(n_gates * n_units, len(columns)), np.empty(n_gates * n_units, "f")
    projected = empty(n_rows, n_gates * n_units)
    project(inputs, columns, weight, bias, n_gates, kept, padded_bias, projected)
    exact = inputs.astype(float) @ weight[:, columns].T.astype(float) + bias
    by_gate = projected.reshape(n_rows, n_gates, n_units)
    ours = by_gate[:, :, :n_hidden].reshape(n_rows, -1)
    np.testing.assert_allclose(ours, exact, atol=1e-4, rtol=1e-5)
    assert not by_gate[:, :, n_hidden:].any()

    grad = with_nan_around(np.zeros((n_rows, n_gates * n_units), np.float32))
    of_units = numbers(n_rows, n_gates, n_hidden)
    grad.reshape(n_rows, n_gates, n_units)[:, :, :n_hidden] = of_units
    flat = of_units.reshape(n_rows, -1).astype(float)
    of_kept, of_weight = empty(len(kept), padded(len(columns))), np.full_like(weight, np.nan)
    of_bias, of_inputs = np.full_like(bias, np.nan), empty(n_rows, padded(len(columns)))
    of_inputs[:] = 1
    project_backward(grad, inputs, columns, kept, n_gates, of_kept, of_weight, of_bias, of_inputs)
    exact_weight = np.zeros(weight.shape)
    exact_weight[:, columns] = flat.T @ inputs
    np.testing.assert_allclose(of_weight, exact_weight, atol=1e-4, rtol=1e-5)
    np.testing.assert_allclose(of_bias, flat.sum(axis=0), atol=1e-4, rtol=1e-5)
    exact_inputs = 1 + flat @ weight[:, columns]
    np.testing.assert_allclose(of_inputs[:, : len(columns)], exact_inputs, atol=1e-4, rtol=1e-5)


def test_columns_that_are_taken_and_put_back_are_scaled_and_others_are_zero():
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    kept, back = np.empty((3, 2), np.float32), np.full((3, 4), np.nan, np.float32)
    columns = np.array([1, 3])
    take_columns(rows, columns, np.float32(2), kept)
    np.testing.assert_array_equal(kept, 2 * rows[:, columns])
    put_columns(kept, columns, np.float32(0.5), back)
    np.testing.assert_array_equal(back, rows * [0, 1, 0, 1])

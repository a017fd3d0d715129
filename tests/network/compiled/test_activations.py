"""Activation functions: right to the last bits, and of numbers that are none."""

import numpy as np
import pytest

pytest.importorskip("numba")

import numba

from sklearn_rnn._network.compiled import activations


@numba.njit
def each(x, sigmoid, tanh):
    for i in range(len(x)):
        sigmoid[i] = activations.sigmoid(x[i])
        tanh[i] = activations.tanh(x[i])


def test_gates_are_right_to_the_last_bits_of_single_precision():
    x = np.linspace(-100, 100, 1_000_001).astype(np.float32)
    x = np.concatenate([x, np.geomspace(1e-30, 1, 10_001).astype(np.float32)])
    sigmoid, tanh = np.empty_like(x), np.empty_like(x)
    each(x, sigmoid, tanh)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-exact)), rtol=5e-7, atol=1e-37)
    np.testing.assert_allclose(tanh, np.tanh(exact), rtol=5e-7)


def test_gates_of_what_is_not_finite():
    x = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38] * 7, np.float32)
    sigmoid, tanh = np.empty_like(x), np.empty_like(x)
    each(x, sigmoid, tanh)
    np.testing.assert_allclose(sigmoid, [np.nan, 1, 0, 1, 0] * 7, atol=1e-37)
    np.testing.assert_array_equal(tanh, np.array([np.nan, 1, -1, 1, -1] * 7, np.float32))

"""The compiled steps of a minimal GRU: its formula, text by text."""

import numpy as np
import pytest

pytest.importorskip("numba")

from compiled_steps import Run, sigmoid


def step(gates, h, weight, memory):
    z, g = np.split(gates, 2)
    return (1 - sigmoid(z)) * h + sigmoid(z) * np.tanh(g), memory


@pytest.mark.parametrize("n_hidden", [1, 7, 32])
def test_the_states_are_those_of_the_formula(n_hidden):
    run = Run("mingru", [5, 1, 9, 3, 9], n_hidden)
    np.testing.assert_allclose(run.forward(), run.text_by_text(step), rtol=1e-5, atol=1e-6)

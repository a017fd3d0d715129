"""The compiled steps of a simple RNN: its formula, text by text."""

import numpy as np
import pytest

pytest.importorskip("numba")

from compiled_steps import Run


def step(gate, h, weight, memory):
    return np.tanh(gate + weight @ h), memory


@pytest.mark.parametrize("n_hidden", [1, 7, 32])
def test_the_states_are_those_of_the_formula(n_hidden):
    run = Run("rnn", [5, 1, 9, 3, 9], n_hidden)
    np.testing.assert_allclose(run.forward(), run.text_by_text(step), rtol=1e-5, atol=1e-6)

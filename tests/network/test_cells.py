"""The states of each cell are those of its formulas."""

import numpy as np
import pytest

from plain_network import TEXTS, batch, double, make_network, read, unsettle
from sklearn_rnn._network.cells import CELLS


@pytest.mark.parametrize("cell", CELLS)
def test_states_of_every_step_equal_a_plain_loop_of_the_formulas(cell):
    network = unsettle(make_network(cell, num_layers=2, bidirectional=True)).double()
    ids, lengths = batch(TEXTS)
    states = network.embedding(ids.T)
    for layer in network.layers:
        states = layer(states, lengths)
    for place, text in enumerate(TEXTS):
        expected = read(cell, network, double(network.embedding.weight)[text])
        np.testing.assert_allclose(double(states[: len(text), place]), expected, atol=1e-12)

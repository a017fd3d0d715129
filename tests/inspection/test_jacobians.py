"""Norms of Jacobians are those of finite differences."""

import itertools

import numpy as np
import pytest
import torch

from plain_network import make_network
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn.inspection._jacobians import OUTPUTS, jacobian_norms


def network_of(cell, **more):
    sizes = {"n_ids": None, "n_dimensions": 3, "sequence_length": 7, "hidden_size": 4}
    dropped = {"input_dropout": 0.5, "dropout": 0.5}
    return make_network(cell, **{"pooling": "max"} | sizes | dropped | more).double().eval()


@pytest.mark.parametrize("of", OUTPUTS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "more", [{}, {"bidirectional": True, "num_layers": 2, "pooling": "attention"}]
)
def test_the_norms_are_those_of_finite_differences(cell, of, more):
    network = network_of(cell, **more)
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 7, 3)))
    lengths = torch.tensor([7, 4, 1])
    norms = jacobian_norms(network, OUTPUTS[of], X, lengths)
    squares, step = torch.zeros(3, 7, dtype=torch.float64), 1e-5
    with torch.no_grad():
        for t, d in itertools.product(range(7), range(3)):
            ends = []
            for sign in (1, -1):
                moved = X.clone()
                moved[:, t, d] += sign * step
                ends.append(OUTPUTS[of](network, moved.transpose(0, 1), lengths))
            squares[:, t] += ((ends[0] - ends[1]) / (2 * step)).square().sum(dim=1)
    for row, expected, length in zip(norms, squares.sqrt(), lengths, strict=True):
        torch.testing.assert_close(row[:length], expected[:length], rtol=1e-6, atol=1e-8)

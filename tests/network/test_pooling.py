"""Pooling: its gradients."""

import pytest
import torch

from plain_network import draw
from sklearn_rnn._network.pooling import POOLINGS, StateSizes


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_of_pooling_equal_finite_differences(pooling):
    pool = POOLINGS[pooling](StateSizes(n_states=4, n_hidden=2, n_steps=6)).double()
    lengths = torch.tensor([4, 1, 3])
    states = draw(4, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda states: pool(states, lengths), [states])

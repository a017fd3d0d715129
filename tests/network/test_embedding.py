"""Ids become rows of a table; padding is zero and learns nothing."""

import pytest
import torch

from sklearn_rnn._network.embedding import Embedding


@pytest.fixture
def embedding():
    return Embedding(9, 4, torch.Generator().manual_seed(0))


def test_initial_vectors_are_small_differ_and_follow_the_seed(embedding):
    same, other = (Embedding(9, 4, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(embedding.weight, same.weight)
    assert not torch.equal(embedding.weight, other.weight)
    assert embedding.weight.abs().max() <= 0.05
    assert len(embedding.weight.unique(dim=0)) == 9
    assert not embedding.weight[0].any()


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4)])
def test_ids_of_any_shape_become_their_rows(embedding, shape):
    ids = torch.randint(9, shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(embedding(ids), embedding.weight[ids])


def test_sparse_and_dense_gradients_are_equal_and_padding_has_none(embedding):
    ids = torch.tensor([[0, 3, 3], [5, 0, 8]])
    gradients = []
    for sparse in (False, True):
        embedding.weight.grad = None
        (embedding(ids, sparse) ** 2).sum().backward()
        assert embedding.weight.grad.is_sparse == sparse
        gradients.append(embedding.weight.grad.to_dense())
    torch.testing.assert_close(*gradients)
    used = gradients[0].any(dim=1).nonzero().ravel().tolist()
    assert used == [3, 5, 8]

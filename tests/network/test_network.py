"""The network is what its formulas say, in both branches, directions and modes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from plain_network import (
    DEPTHS,
    TEXTS,
    batch,
    make_network,
    reference_features,
    reference_logits,
    unsettle,
)
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.pooling import POOLINGS


@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_network_equals_a_plain_loop_of_the_formulas(cell, pooling, num_layers, bidirectional):
    network = unsettle(make_network(cell, pooling, num_layers, bidirectional))
    features = reference_features(cell, pooling, network, TEXTS)
    logits = reference_logits(cell, pooling, network, TEXTS)
    for precision, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        network.to(precision)
        with torch.inference_mode():
            np.testing.assert_allclose(network.features(*batch(TEXTS)), features, atol=tolerance)
            np.testing.assert_allclose(network(*batch(TEXTS)), logits, atol=tolerance)


@pytest.mark.parametrize("cell", CELLS)
def test_training_mode_computes_the_same_as_prediction(cell):
    network = unsettle(make_network(cell, num_layers=2, bidirectional=True))
    predicted = network(*batch(TEXTS))
    torch.testing.assert_close(network.train()(*batch(TEXTS)), predicted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_whole_network_equal_finite_differences(cell):
    sizes = {"n_ids": 5, "n_dimensions": 2, "n_outputs": 1, "sequence_length": 4, "hidden_size": 2}
    network = make_network(cell, "attention", num_layers=2, bidirectional=True, **sizes).double()
    ids, lengths = torch.tensor([[2, 3, 4], [4, 0, 0]]), torch.tensor([3, 1])
    names, values = zip(*network.named_parameters(), strict=True)

    def logits(*parameters):
        named = dict(zip(names, parameters, strict=True))
        # The padding's row has no gradient by design: keep its perturbation out.
        named["embedding.weight"] = torch.cat([torch.zeros(1, 2), named["embedding.weight"][1:]])
        return functional_call(network, named, (ids, lengths))

    assert torch.autograd.gradcheck(logits, values)


def test_an_embedding_of_a_users_may_take_the_place_of_ours_and_hooks_see_ids_alone():
    X = np.random.default_rng(0).integers(2, 9, (20, 5))
    settings = {"hidden_size": 2, "embedding_dim": 4, "max_epochs": 1, "random_state": 0}
    model = RNNTextClassifier(**settings, warm_start=True).fit(X, X[:, 0] > 4)
    expected = model.predict_proba(X)
    network = model.net_.module_
    seen = []
    handle = network.embedding.register_forward_hook(lambda _, ids, __: seen.append(len(ids)))
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)
    handle.remove()
    assert set(seen) == {1}
    network.embedding = nn.Embedding.from_pretrained(network.embedding.weight.detach().clone())
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)
    network.embedding.weight.requires_grad_(True)
    assert np.isfinite(model.fit(X, X[:, 0] > 4).predict_proba(X)).all()

"""Compiled recurrent steps: the same numbers and gradients as torch's, and none without numba."""

import numpy as np
import pytest
import torch

from plain_network import make_network
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._network import cells as _cells

numba = pytest.importorskip("numba")

from sklearn_rnn._network import numba_kernels as _compiled  # noqa: E402


def network_of(cell, pooling="mean"):
    sizes = {"n_ids": 30, "n_dimensions": 5, "sequence_length": 20, "hidden_size": 6}
    return make_network(cell, pooling, num_layers=2, bidirectional=True, **sizes)


def batch_of(n_texts=5):
    rng = np.random.default_rng(0)
    lengths = torch.from_numpy(rng.integers(1, 20, n_texts))
    ids = torch.from_numpy(rng.integers(2, 30, (n_texts, 24)))
    return ids, lengths


def trained_once(network):
    """Return the logits of a batch and the gradients of all weights."""
    logits = network.train()(*batch_of())
    (logits**2).sum().backward()
    return logits.detach(), [weight.grad for weight in network.parameters()]


@pytest.fixture
def without_numba(monkeypatch):
    monkeypatch.setattr(_cells, "_compiled", dict)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
def test_a_training_step_has_the_numbers_of_double_precision(cell, pooling):
    # Only float32 is compiled: this is torch's own arithmetic.
    expected, exact = trained_once(network_of(cell, pooling).double())
    logits, gradients = trained_once(network_of(cell, pooling))
    torch.testing.assert_close(logits.double(), expected, atol=1e-6, rtol=1e-5)
    for gradient, reference in zip(gradients, exact, strict=True):
        torch.testing.assert_close(gradient.double(), reference, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_what_training_computes_is_what_prediction_computes(cell):
    network = network_of(cell)
    trained, _ = trained_once(network)
    with torch.inference_mode():
        predicted = network.eval()(*batch_of())
    torch.testing.assert_close(trained, predicted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_state_past_the_end_gets_no_gradient_into_the_text(cell):
    network = network_of(cell)
    ids, lengths = batch_of()
    ids[torch.arange(24) >= lengths[:, None]] = 29
    logits = network.train()(ids, lengths)
    logits.sum().backward()
    used = {int(i) for row, n in zip(ids, lengths, strict=True) for i in row[:n]}
    assert network.embedding.weight.grad[29].any() == (29 in used)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_without_numba_a_fit_learns_the_same_up_to_rounding(cell, request):
    rng = np.random.default_rng(0)
    X, y = rng.integers(2, 50, (60, 20)), rng.integers(0, 2, 60)
    still = {"dropout": 0, "input_dropout": 0, "branch_dropout": 0}  # each kernel has its masks
    model = RNNTextClassifier(cell=cell, hidden_size=5, max_epochs=2, random_state=0, **still)
    compiled = model.fit(X, y).predict_proba(X)
    request.getfixturevalue("without_numba")
    np.testing.assert_allclose(model.fit(X, y).predict_proba(X), compiled, atol=1e-4)


@numba.njit
def each(x, sigmoid, tanh):
    for i in range(len(x)):
        sigmoid[i] = _compiled._sigmoid(x[i])
        tanh[i] = _compiled._tanh(x[i])


def test_gates_are_right_to_the_last_bits_of_single_precision():
    x = np.linspace(-100, 100, 1_000_001).astype(np.float32)
    x = np.concatenate([x, np.geomspace(1e-30, 1, 10_001).astype(np.float32)])
    sigmoid, tanh = np.empty_like(x), np.empty_like(x)
    each(x, sigmoid, tanh)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-exact)), rtol=5e-7, atol=1e-37)
    np.testing.assert_allclose(tanh, np.tanh(exact), rtol=5e-7)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_numbers_that_are_not_finite_do_not_pass_unseen(cell, value):
    network = network_of(cell).train()
    with torch.no_grad():
        network.embedding.weight[2:] = value
    assert not torch.isfinite(network(*batch_of())).all()

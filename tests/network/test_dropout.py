"""Dropout: one mask for all steps of all texts; branches that are trained together and alone."""

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from plain_network import TEXTS, batch, make_network, unsettle
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._data.batches import left_align
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.dropout import Dropout, LockedDropout
from small_models import THREE_EPOCHS


def ids_and_lengths(X):
    return tuple(torch.from_numpy(part) for part in left_align(X.astype(np.int32)))


def test_each_branch_learns_with_the_other_and_without_it(two_words):
    """With a share of a quarter: half of the texts train both, a quarter trains either."""
    X, y = two_words
    network = RNNTextClassifier(**THREE_EPOCHS, dropout=0, input_dropout=0).fit(X, y).net_.module_
    sequences = ids_and_lengths(np.repeat(X[:1], 2000, axis=0))
    network.branch_dropout.p = 0.25
    recurrent = network.head(network.features(*sequences))
    linear = network.linear(sequences[0])
    logits = network.train()(*sequences)
    token_contributions = [
        torch.isclose(logits, expected).float().mean().item()
        for expected in (recurrent + linear, recurrent, linear)
    ]
    np.testing.assert_allclose(token_contributions, [0.5, 0.25, 0.25], atol=0.05)
    assert sum(token_contributions) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_predictions_scale_the_recurrent_layers_by_what_was_trained_together(two_words, share):
    X, y = two_words
    model = RNNTextClassifier(**THREE_EPOCHS | {"branch_dropout": share}).fit(X, y)
    network, sequences = model.net_.module_, ids_and_lengths(X)
    recurrent = network.head(network.features(*sequences))
    expected = (1 - 2 * share) * recurrent + network.linear(sequences[0])
    torch.testing.assert_close(network(*sequences), expected)


class NoBranchDropout(Callback):
    """Train both branches as one."""

    def on_train_begin(self, net, **kwargs):
        net.module_.branch_dropout.p = 0.0


@pytest.mark.parametrize("changed", [{"branch_dropout": 0.1}, {"callbacks": [NoBranchDropout()]}])
def test_a_saved_model_keeps_the_share_of_its_last_training(two_words, changed):
    X, y = two_words
    model = RNNTextClassifier(**THREE_EPOCHS).fit(X, y)
    model.set_params(**changed).partial_fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


# ---- Masks -----------------------------------------------------------------------------------


KINDS = pytest.mark.parametrize("kind", [Dropout, LockedDropout])


def test_locked_dropout_has_one_mask_for_all_steps_of_all_texts_and_another_the_next_time():
    dropout = LockedDropout(0.3, torch.Generator().manual_seed(0))
    dropped, again = (dropout(torch.ones(7, 50, 40)) for _ in range(2))
    assert torch.equal(dropped, dropped[:1, :1].expand(7, 50, 40))
    assert not torch.equal(dropped, again)


def test_dropout_of_vectors_has_a_mask_for_each_text():
    dropped = Dropout(0.3, torch.Generator().manual_seed(0))(torch.ones(50, 40))
    assert len(dropped.unique(dim=0)) == 50


@KINDS
def test_dropout_drops_its_share_and_keeps_the_expected_scale(kind):
    dropout = kind(0.3, torch.Generator().manual_seed(0))
    dropped = dropout(torch.ones(40_000))
    np.testing.assert_allclose(dropped.unique(), [0, 1 / 0.7], rtol=1e-6)
    # Four standard errors of the mean of 40,000 draws.
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.014)


@KINDS
def test_dropout_acts_in_training_only(kind):
    dropout = kind(0.3, torch.Generator().manual_seed(0)).eval()
    inputs = torch.ones(3, 4, 5)
    assert dropout(inputs) is inputs


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("training", [False, True])
def test_the_features_that_are_kept_are_those_that_the_next_mask_keeps(p, training):
    twins = [LockedDropout(p, torch.Generator().manual_seed(0)).train(training) for _ in "ab"]
    for _ in range(3):
        dropped = twins[0](torch.ones(2, 3, 20))
        kept, scale = twins[1].kept_features(20)
        expected = torch.zeros(20)
        expected[kept] = scale
        torch.testing.assert_close(dropped, expected.expand(2, 3, 20))


def inputs_of_layers(network):
    seen = []
    for layer in network.layers:
        layer.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].detach()))
    network(*batch(TEXTS))
    return seen


@pytest.mark.parametrize("cell", CELLS)
def test_input_dropout_drops_the_inputs_of_every_layer(cell):
    sizes = {"n_dimensions": 200, "hidden_size": 100, "bidirectional": True, "num_layers": 2}
    network = unsettle(make_network(cell, input_dropout=0.4, **sizes)).train()
    first, second = (inputs == 0 for inputs in inputs_of_layers(network))
    for dropped in (first, second):
        assert torch.equal(dropped, dropped[:1, :1].expand_as(dropped))
        assert dropped.float().mean().item() == pytest.approx(0.4, abs=0.1)
    assert not torch.equal(first[0], second[0])
    assert not any((inputs == 0).any() for inputs in inputs_of_layers(network.eval()))


def test_dropout_of_the_pooled_vector_reaches_the_head():
    network = unsettle(make_network(dropout=0.5, hidden_size=200)).train()
    seen = []
    network.head.register_forward_pre_hook(lambda head, inputs: seen.append(inputs[0]))
    network(*batch(TEXTS))
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)

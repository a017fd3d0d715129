"""Callbacks: rates, thawing, clipping, scores and bars; copied for each fit."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EpochScoring

from sklearn_rnn import RNNTextClassifier, TokenSequences
from small_models import SIX_EPOCHS, THREE_EPOCHS
from training_runs import assert_same_weights, weights

X = np.random.default_rng(0).integers(2, 20, (40, 5))
y = np.arange(40) % 2


def test_a_bar_for_each_epoch_ends_with_its_figures(capfd):
    RNNTextClassifier(**THREE_EPOCHS, early_stopping=True, n_iter_no_change=3, verbose=1).fit(X, y)
    printed = capfd.readouterr()
    for part in ("epoch 1/3", "epoch 3/3", "train_loss=", "valid_accuracy="):
        assert part in printed.err
    assert printed.out == ""


def test_nothing_is_printed_unless_asked_even_where_training_stops_early(capfd):
    parameters = THREE_EPOCHS | {"max_epochs": 30, "lr": 0.5, "early_stopping": True}
    model = RNNTextClassifier(**parameters, n_iter_no_change=1)
    model.fit(X, y).predict(X)
    assert model.n_iter_ < 30
    assert capfd.readouterr() == ("", "")


class Rates(Callback):
    """Note the learning rates of each step."""

    seen = None  # shared by the copies that fit makes

    def on_batch_begin(self, net, training=False, **kwargs):
        groups = (net.optimizer_.param_groups[0], *net.sparse_optimizer_.param_groups)
        Rates.seen.append([group["lr"] for group in groups])


def test_learning_rates_rise_and_fall_and_are_put_back(two_words, monkeypatch):
    monkeypatch.setattr(Rates, "seen", [])
    settings = THREE_EPOCHS | {
        "max_epochs": 8,
        "lr": 0.01,
        "table_lr": 4.0,
        "callbacks": [Rates()],
    }
    model = RNNTextClassifier(**settings).fit(*two_words)
    rates, embedding_rates, linear_rates = np.transpose(Rates.seen)
    assert len(rates) == 8 * 5
    top = rates.argmax()
    assert 0 < top < 4
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] < 0.05 * rates.max() <= 0.05 * 0.01
    np.testing.assert_allclose(embedding_rates, 400 * rates)
    np.testing.assert_allclose(linear_rates, 100 * rates)
    assert model.net_.optimizer_.param_groups[0]["lr"] == 0.01


def test_a_constant_schedule_keeps_the_rates(two_words, monkeypatch):
    monkeypatch.setattr(Rates, "seen", [])
    settings = THREE_EPOCHS | {"lr": 0.01, "lr_schedule": "constant", "callbacks": [Rates()]}
    RNNTextClassifier(**settings).fit(*two_words)
    assert {rate for rate, *_ in Rates.seen} == {0.01}


class Counter(Callback):
    n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_callbacks_are_copied_before_each_fit(reviews):
    counter = Counter()
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 2}, callbacks=[counter]).fit(*reviews)
    (copy,) = [c for _, c in model.net_.callbacks_ if isinstance(c, Counter)]
    assert (counter.n_epochs, copy.n_epochs) == (0, 2)


class Lengths(Callback):
    """Note the length of each gradient that the optimizer gets."""

    def __init__(self):
        self.seen = []

    def __deepcopy__(self, memory):
        return self

    def on_grad_computed(self, net, **kwargs):
        gradients = [w.grad for g in net.optimizer_.param_groups for w in g["params"]]
        self.seen.append(torch.cat([g.flatten() for g in gradients if g is not None]).norm())


@pytest.mark.parametrize(("longest", "is_cut"), [(1e-3, True), (1e3, False), (None, False)])
def test_long_gradients_are_cut_and_short_ones_left_alone(reviews, longest, is_cut):
    lengths = Lengths()
    RNNTextClassifier(**SIX_EPOCHS, max_grad_norm=longest, callbacks=[lengths]).fit(*reviews)
    top = max(lengths.seen).item()
    assert top == pytest.approx(1e-3, rel=1e-3) if is_cut else 1e-3 < top < 1e3


def test_skorchs_scoring_callbacks_see_labels_and_probabilities(reviews):
    scores = [
        EpochScoring("accuracy", name="accuracy", lower_is_better=False),
        EpochScoring("neg_log_loss", name="log_loss", lower_is_better=False),
    ]
    history = RNNTextClassifier(**SIX_EPOCHS, callbacks=scores).fit(*reviews).history_
    np.testing.assert_allclose(history["accuracy"], history["valid_accuracy"])
    np.testing.assert_allclose(history["log_loss"], -history["valid_loss"], atol=1e-5)


class Fail(Callback):
    def on_epoch_end(self, net, **kwargs):  # by then, the weights have moved
        raise RuntimeError("no more")


@pytest.mark.parametrize("what", ["a new fit", "a warm start", "a further chunk"])
def test_a_failing_callback_leaves_a_fitted_model_as_it_was(reviews, what):
    X, y = reviews
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 1}, warm_start=what == "a warm start")
    model.fit(X, y)
    before, shares = dict(vars(model)), model.predict_proba(X)
    model.set_params(callbacks=[Fail()])
    with pytest.raises(RuntimeError, match="no more"):
        (model.partial_fit if what == "a further chunk" else model.fit)(X, y)
    assert {**vars(model), "callbacks": None} == before
    np.testing.assert_array_equal(model.predict_proba(X), shares)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_after_a_failure_training_continues_as_if_there_had_been_none(reviews, method):
    X, y = reviews
    models = [
        RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 1}, warm_start=True).fit(X, y)
        for _ in range(2)
    ]
    with pytest.raises(RuntimeError, match="no more"):
        getattr(models[0].set_params(callbacks=[Fail()]), method)(X, y)
    models[0].set_params(callbacks=None)
    for model in models:
        getattr(model, method)(X, y)
    assert_same_weights(weights(models[0]), weights(models[1]))


def vectors_for(X):
    """Random vectors by id; padding has zeros, as every embedding step gives it."""
    vectors = np.random.default_rng(0).normal(size=(len(X.vocabulary), 4)).astype(np.float32)
    vectors[0] = 0
    return vectors


def test_an_embedding_thaws_at_the_epoch_asked_for(reviews):
    X, y = reviews
    vectors = vectors_for(X)
    X = type(X)(X.ids, X.vocabulary, vectors)
    parameters = SIX_EPOCHS | {"early_stopping": False}
    for epochs, changes in ((2, False), (3, True)):
        model = RNNTextClassifier(**parameters | {"max_epochs": epochs}, freeze_embedding=2)
        model.fit(X, y)
        assert (model.embedding_vectors_ != vectors).any() == changes


def test_a_frozen_embedding_can_be_thawed_for_a_warm_start(reviews):
    X, y = reviews
    vectors = vectors_for(X)
    X = type(X)(X.ids, X.vocabulary, vectors)
    model = RNNTextClassifier(
        **SIX_EPOCHS | {"max_epochs": 1}, freeze_embedding=True, warm_start=True
    ).fit(X, y)
    np.testing.assert_array_equal(model.embedding_vectors_, vectors)
    model.set_params(freeze_embedding=False).fit(X, y)
    assert (model.embedding_vectors_ != vectors).any()


def test_limits_beyond_all_numbers_are_none():
    X, y = np.arange(2, 26).reshape(12, 2), [0, 1] * 6
    model = RNNTextClassifier(hidden_size=4, embedding_dim=4, max_epochs=2, random_state=0)
    expected = clone(model).set_params(max_grad_norm=None, batch_size=12).fit(X, y)
    found = clone(model).set_params(max_grad_norm=10**400, batch_size=2**63).fit(X, y)
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("flag", [True, np.True_, np.bool_(1)])
def test_any_true_freezes_the_vectors_for_good(flag):
    table = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    sequences = TokenSequences(X, tuple(f"w{i}" for i in range(20)), table)
    model = RNNTextClassifier(**THREE_EPOCHS, freeze_embedding=flag).fit(sequences, y)
    np.testing.assert_array_equal(model.embedding_vectors_[2:], table[2:])

"""Training by the lecture's rules, and going on after a fit, a chunk or an interrupt."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

import lecture
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._training.optimizers import RMSprop
from small_models import SIX_EPOCHS
from training_runs import WeightsByEpoch

LECTURE = lecture.LECTURE | {"early_stopping": True}
MODELS = {
    "SimpleRNN, last state": {"cell": "rnn"},
    "SimpleRNN, all states": {"cell": "rnn", "pooling": "flatten"},
    "LSTM": {"cell": "lstm"},
    "LSTM, input dropout": {"cell": "lstm", "input_dropout": 0.2},
    "three stacked LSTM": {"cell": "lstm", "num_layers": 3},
    "bidirectional LSTM": {"cell": "lstm", "bidirectional": True},
    "stacked bidirectional LSTM": {"cell": "lstm", "bidirectional": True, "num_layers": 2},
    "GRU": {"cell": "gru"},
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_lecture_learns_by_the_lectures_rules(order_task, name):
    X, y = order_task
    model = RNNTextClassifier(
        **LECTURE
        | {"max_epochs": 60, "validation_fraction": 0.2, "n_iter_no_change": 60}
        | MODELS[name]
    )
    model.fit(X, y)
    assert model.history_["valid_accuracy"].max() > 0.9
    optimizer = model.net_.optimizer_
    assert isinstance(optimizer, RMSprop)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["rho"], group["eps"]) == (1e-3, 0.9, 1e-7)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_another_network_is_not_taken_for_the_one_at_hand(reviews, method):
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 1}, warm_start=True).fit(*reviews)
    model.set_params(hidden_size=4, cell="gru")
    with pytest.raises(ValueError, match="cell, hidden_size changed since the last fit"):
        getattr(model, method)(*reviews)


def test_chunks_keep_the_optimizers_memory(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS)
    for n_chunks in (1, 2):
        model.partial_fit(*reviews, classes=["negative", "positive"])
        memory = next(iter(model.net_.optimizer_.state.values()))
        assert memory["step"] == n_chunks * 13


def test_a_learning_rate_that_is_changed_between_chunks_counts_at_once(reviews):
    X, y = reviews
    model = RNNTextClassifier(**SIX_EPOCHS).partial_fit(X, y, classes=["negative", "positive"])
    before = [weight.detach().clone() for weight in model.net_.module_.parameters()]
    model.set_params(lr=1e-12, table_lr=1e-12).partial_fit(X, y)
    for weight, expected in zip(model.net_.module_.parameters(), before, strict=True):
        torch.testing.assert_close(weight, expected, atol=1e-9, rtol=1e-6)


class Interrupt(Callback):
    """Press Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupted_fit_says_so_and_leaves_a_model_that_predicts(reviews):
    X, y = reviews
    model = RNNTextClassifier(**SIX_EPOCHS, callbacks=[Interrupt(3)])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3"):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert model.predict(X).shape == y.shape


def test_an_interrupt_in_the_first_epoch_leaves_a_model_too(reviews):
    X, y = reviews
    model = RNNTextClassifier(**SIX_EPOCHS, callbacks=[Interrupt(1)])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 1"):
        model.fit(X, y)
    assert model.n_iter_ == 0
    assert model.predict(X).shape == y.shape
    assert model.set_params(callbacks=None).partial_fit(X, y).n_iter_ == 1


class InterruptBetween(Callback):
    """Press Ctrl-C when an epoch has ended."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_an_interrupt_between_epochs_says_so_too(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS, callbacks=[InterruptBetween()])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3"):
        model.fit(*reviews)


def test_an_interrupted_fit_keeps_the_best_weights_so_far(reviews):
    X, y = reviews
    watched = SIX_EPOCHS | {"early_stopping": True, "n_iter_no_change": 10, "lr": 0.3}
    best = WeightsByEpoch()
    model = RNNTextClassifier(**watched, callbacks=[Interrupt(4), best])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 4"):
        model.fit(X, y)
    chosen = best.weights[int(np.argmin(model.history_["valid_loss"]))]
    weights = model.net_.module_.state_dict()
    for name in ("head.weight", "linear.weight"):
        torch.testing.assert_close(weights[name], chosen[name], atol=0, rtol=0)

"""Training by the lecture's rules: validation, early stopping, history, going on."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EpochScoring
from torch.nn import functional as F

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import make_reviews

QUICK = {
    "hidden_size": 8,
    "embedding_dim": 8,
    "lr": 2e-2,
    "max_epochs": 6,
    "early_stopping": True,
    "random_state": 0,
}
# No help against overfitting.
PLAIN = {"linear": "none", "table_lr": None, "lr_schedule": "constant", "label_smoothing": 0.0}
LECTURE = {
    "embedding_dim": 32,
    "hidden_size": 32,
    "bidirectional": False,
    "pooling": "last",
    "input_dropout": 0.0,
    "dropout": 0.0,
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "batch_size": 32,
    "early_stopping": True,
    **PLAIN,
    "random_state": 0,
}
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


@pytest.fixture(scope="module")
def reviews():
    texts, labels = make_reviews(400, n_filler=(0, 1), random_state=0)
    return SequenceVectorizer(max_len=50).fit_transform(texts), labels


@pytest.fixture(scope="module")
def order_task():
    """Whether a 2 stands before a 3 or behind it: only the order of tokens tells."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=640)
    X = rng.integers(4, 8, (640, 6))
    first, second = np.sort(rng.permuted(np.tile(np.arange(6), (640, 1)), axis=1)[:, :2]).T
    X[np.arange(640), first] = np.where(y, 2, 3)
    X[np.arange(640), second] = np.where(y, 3, 2)
    return X, y


def weights(model):
    return {name: t.numpy().copy() for name, t in model.net_.module_.state_dict().items()}


def assert_same_weights(ours, theirs):
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


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
    assert isinstance(optimizer, torch.optim.RMSprop)
    assert optimizer.param_groups[0]["lr"] == 1e-3
    assert optimizer.param_groups[0]["alpha"] == 0.9


def test_the_history_has_losses_and_accuracies_of_both_sides(reviews):
    model = RNNTextClassifier(**QUICK).fit(*reviews)
    assert set(model.history_) == {
        "dur",
        *(f"{side}_{figure}" for side in ("train", "valid") for figure in ("loss", "accuracy")),
    }
    assert all(len(figures) == model.n_iter_ for figures in model.history_.values())
    assert model.history_["train_loss"][-1] < model.history_["train_loss"][0]


def test_without_early_stopping_nothing_is_set_aside(reviews):
    model = RNNTextClassifier(**QUICK | {"early_stopping": False}).fit(*reviews)
    assert model.n_iter_ == QUICK["max_epochs"]
    assert not any(name.startswith("valid") for name in model.history_)


class Witness(Callback):
    """Keep what the net looked like after each epoch, and the validation part."""

    seen = None  # shared by the copies that fit makes

    def on_epoch_end(self, net, dataset_valid=None, **kwargs):
        state = {name: t.numpy().copy() for name, t in net.module_.state_dict().items()}
        Witness.seen.append((state, dataset_valid))


@pytest.fixture
def witnessed(reviews, monkeypatch):
    monkeypatch.setattr(Witness, "seen", [])
    parameters = QUICK | PLAIN | {"lr": 0.1, "max_epochs": 100, "n_iter_no_change": 3}
    model = RNNTextClassifier(**parameters, callbacks=[Witness()]).fit(*reviews)
    return model, Witness.seen


def test_the_row_of_padding_is_zero_whatever_the_vectors_that_came(reviews):
    X, y = reviews
    given = TokenSequences(X.ids, X.vocabulary, np.ones((len(X.vocabulary), 3)))
    for freeze in (True, False):
        model = RNNTextClassifier(**QUICK | {"max_epochs": 2}, freeze_embedding=freeze)
        assert not model.fit(given, y).embedding_vectors_[0].any()


def test_early_stopping_stops_and_restores_the_best_epochs_weights(witnessed):
    model, seen = witnessed
    best = int(model.history_["valid_loss"].argmin())
    assert model.n_iter_ == best + 1 + 3 < 100
    assert_same_weights(weights(model), seen[best][0])


def test_the_validation_part_mirrors_the_classes_and_gives_the_recorded_loss(witnessed):
    model, seen = witnessed
    validation = seen[0][1]
    assert len(validation) == 40
    assert abs(validation.target[validation.rows].mean() - 0.5) < 0.03
    logits = model._logits(validation.values[validation.rows])
    target = torch.from_numpy(validation.target[validation.rows]).double()
    loss = F.binary_cross_entropy_with_logits(torch.from_numpy(logits), target).item()
    assert loss == pytest.approx(model.history_["valid_loss"].min(), abs=1e-5)


def test_a_warm_start_goes_on_where_the_last_fit_ended(reviews):
    model = RNNTextClassifier(**QUICK | {"max_epochs": 2}, warm_start=True).fit(*reviews)
    first = weights(model)
    model.fit(*reviews)
    assert model.n_iter_ == 4
    assert len(model.history_["valid_loss"]) == 4
    assert not np.array_equal(first["head.weight"], weights(model)["head.weight"])
    cold = RNNTextClassifier(**QUICK | {"max_epochs": 2}).fit(*reviews).fit(*reviews)
    assert_same_weights(first, weights(cold))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_another_network_is_not_taken_for_the_one_at_hand(reviews, method):
    model = RNNTextClassifier(**QUICK | {"max_epochs": 1}, warm_start=True).fit(*reviews)
    model.set_params(hidden_size=4, cell="gru")
    with pytest.raises(ValueError, match="cell, hidden_size changed since the last fit"):
        getattr(model, method)(*reviews)


def test_history_joins_fits_with_and_without_validation(reviews):
    model = RNNTextClassifier(**QUICK | {"max_epochs": 2}).fit(*reviews).partial_fit(*reviews)
    assert model.n_iter_ == 3
    assert np.isnan(model.history_["valid_loss"]).tolist() == [False, False, True]


def test_chunks_keep_the_optimizers_memory(reviews):
    model = RNNTextClassifier(**QUICK)
    for n_chunks in (1, 2):
        model.partial_fit(*reviews, classes=["negative", "positive"])
        memory = next(iter(model.net_.optimizer_.state.values()))
        assert memory["step"] == n_chunks * 13


def test_a_learning_rate_that_is_changed_between_chunks_counts_at_once(reviews):
    X, y = reviews
    model = RNNTextClassifier(**QUICK).partial_fit(X, y, classes=["negative", "positive"])
    before = model.predict_proba(X)
    model.set_params(lr=1e-12, table_lr=1e-12).partial_fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "lr"), [("adam", 1e-2), ("adamw", 1e-2), ("rmsprop", 1e-2), ("sgd", 0.5)]
)
def test_each_named_optimizer_learns_to_tell_two_words_apart(optimizer, lr):
    y = np.arange(200) % 2
    parameters = QUICK | PLAIN | {"lr": lr, "max_epochs": 12, "early_stopping": False}
    model = RNNTextClassifier(**parameters, optimizer=optimizer)
    model.fit(2 + y[:, None], y)
    assert model.history_["train_loss"][-1] < 0.5 * model.history_["train_loss"][0]


def test_an_optimizer_may_be_any_callable(reviews):
    optimizer = partial(torch.optim.AdamW, weight_decay=0.5)
    model = RNNTextClassifier(**QUICK | {"max_epochs": 1}, optimizer=optimizer).fit(*reviews)
    assert model.net_.optimizer_.param_groups[0]["weight_decay"] == 0.5
    assert model.net_.optimizer_.param_groups[0]["lr"] == QUICK["lr"]


class Counter(Callback):
    n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_callbacks_are_copied_before_each_fit(reviews):
    counter = Counter()
    model = RNNTextClassifier(**QUICK | {"max_epochs": 2}, callbacks=[counter]).fit(*reviews)
    (copy,) = [c for _, c in model.net_.callbacks_ if isinstance(c, Counter)]
    assert (counter.n_epochs, copy.n_epochs) == (0, 2)


class Interrupt(Callback):
    """Press Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupted_fit_says_so_and_leaves_a_model_that_predicts(reviews):
    X, y = reviews
    model = RNNTextClassifier(**QUICK, callbacks=[Interrupt(3)])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3"):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert model.predict(X).shape == y.shape


def test_an_interrupt_before_anything_was_learned_goes_through(reviews):
    model = RNNTextClassifier(**QUICK, callbacks=[Interrupt(1)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(*reviews)
    assert not hasattr(model, "net_")


def test_training_that_diverges_is_an_error_that_names_the_cure(reviews):
    X, y = reviews
    model = RNNTextRegressor(**QUICK | {"lr": 1e30}, optimizer="sgd")
    with pytest.raises(
        ValueError, match=r"diverged: the loss is .* Lower lr \(now 1e\+30\) or table_lr \(now "
    ):
        model.fit(X, y == "positive")
    assert not hasattr(model, "net_")


def test_skorchs_scoring_callbacks_see_labels_and_probabilities(reviews):
    scores = [
        EpochScoring("accuracy", name="accuracy", lower_is_better=False),
        EpochScoring("neg_log_loss", name="log_loss", lower_is_better=False),
    ]
    history = RNNTextClassifier(**QUICK, callbacks=scores).fit(*reviews).history_
    np.testing.assert_allclose(history["accuracy"], history["valid_accuracy"])
    np.testing.assert_allclose(history["log_loss"], -history["valid_loss"], atol=1e-5)


class Fail(Callback):
    def on_epoch_end(self, net, **kwargs):  # by then, the weights have moved
        raise RuntimeError("no more")


@pytest.mark.parametrize("what", ["a new fit", "a warm start", "a further chunk"])
def test_a_failing_callback_leaves_a_fitted_model_as_it_was(reviews, what):
    X, y = reviews
    model = RNNTextClassifier(**QUICK | {"max_epochs": 1}, warm_start=what == "a warm start")
    model.fit(X, y)
    before, shares = dict(vars(model)), model.predict_proba(X)
    model.set_params(callbacks=[Fail()])
    with pytest.raises(RuntimeError, match="no more"):
        (model.partial_fit if what == "a further chunk" else model.fit)(X, y)
    assert {**vars(model), "callbacks": None} == before
    np.testing.assert_array_equal(model.predict_proba(X), shares)


@pytest.mark.parametrize("going_on", ["fit", "partial_fit"])
def test_after_a_failure_training_goes_on_as_if_it_had_not_been(reviews, going_on):
    X, y = reviews
    models = [
        RNNTextClassifier(**QUICK | {"max_epochs": 1}, warm_start=True).fit(X, y) for _ in range(2)
    ]
    with pytest.raises(RuntimeError, match="no more"):
        getattr(models[0].set_params(callbacks=[Fail()]), going_on)(X, y)
    models[0].set_params(callbacks=None)
    for model in models:
        getattr(model, going_on)(X, y)
    assert_same_weights(weights(models[0]), weights(models[1]))


def test_dropout_is_off_when_predicting(reviews):
    X, y = reviews
    model = RNNTextClassifier(**QUICK | {"max_epochs": 1}, input_dropout=0.5, dropout=0.5)
    model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


def vectors_for(X):
    """Random vectors by id; padding has zeros, as every embedding step gives it."""
    vectors = np.random.default_rng(0).normal(size=(len(X.vocabulary), 4)).astype(np.float32)
    vectors[0] = 0
    return vectors


def test_an_embedding_thaws_at_the_epoch_asked_for(reviews):
    X, y = reviews
    vectors = vectors_for(X)
    X = type(X)(X.ids, X.vocabulary, vectors)
    parameters = QUICK | {"early_stopping": False}
    for epochs, changes in ((2, False), (3, True)):
        model = RNNTextClassifier(**parameters | {"max_epochs": epochs}, freeze_embedding=2)
        model.fit(X, y)
        assert (model.embedding_vectors_ != vectors).any() == changes


def test_a_frozen_embedding_can_be_thawed_for_a_warm_start(reviews):
    X, y = reviews
    vectors = vectors_for(X)
    X = type(X)(X.ids, X.vocabulary, vectors)
    model = RNNTextClassifier(
        **QUICK | {"max_epochs": 1}, freeze_embedding=True, warm_start=True
    ).fit(X, y)
    np.testing.assert_array_equal(model.embedding_vectors_, vectors)
    model.set_params(freeze_embedding=False).fit(X, y)
    assert (model.embedding_vectors_ != vectors).any()

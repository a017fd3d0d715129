"""Training by the lecture's rules: validation, early stopping, history, going on."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EpochScoring
from torch.nn import functional as F

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, TokenSequences
from sklearn_rnn._training.optimizers import OPTIMIZERS, RMSprop
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.exceptions import DivergenceError

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
    assert isinstance(optimizer, RMSprop)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["rho"], group["eps"]) == (1e-3, 0.9, 1e-7)


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
    texts = TokenSequences(validation.values[validation.rows], model.vocabulary_)
    logits = model.decision_function(texts)[:, None]
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
    before = [weight.detach().clone() for weight in model.net_.module_.parameters()]
    model.set_params(lr=1e-12, table_lr=1e-12).partial_fit(X, y)
    for weight, expected in zip(model.net_.module_.parameters(), before, strict=True):
        torch.testing.assert_close(weight, expected, atol=1e-9, rtol=1e-6)


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


def test_an_interrupt_in_the_first_epoch_leaves_a_model_too(reviews):
    X, y = reviews
    model = RNNTextClassifier(**QUICK, callbacks=[Interrupt(1)])
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
    model = RNNTextClassifier(**QUICK, callbacks=[InterruptBetween()])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3"):
        model.fit(*reviews)


def test_an_interrupted_fit_keeps_the_best_weights_so_far(reviews):
    X, y = reviews
    watched = QUICK | {"early_stopping": True, "n_iter_no_change": 10, "lr": 0.3}
    best = WeightsByEpoch()
    model = RNNTextClassifier(**watched, callbacks=[Interrupt(4), best])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 4"):
        model.fit(X, y)
    chosen = best.weights[int(np.argmin(model.history_["valid_loss"]))]
    weights = model.net_.module_.state_dict()
    for name in ("head.weight", "linear.weight"):
        torch.testing.assert_close(weights[name], chosen[name], atol=0, rtol=0)


class WeightsByEpoch(Callback):
    """Keep the weights of each epoch; the same for all copies."""

    def __init__(self):
        self.weights = []

    def __deepcopy__(self, memory):
        return self

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.weights.append({name: tensor.clone() for name, tensor in state.items()})


def test_training_that_diverges_is_an_error_that_names_the_cure(reviews):
    X, y = reviews
    model = RNNTextRegressor(**QUICK | {"lr": 1e30}, optimizer="sgd")
    with pytest.raises(
        DivergenceError,
        match=r"a gradient is nan in epoch 1\. Lower lr \(now 1e\+30\) or table_lr \(now ",
    ):
        model.fit(X, y == "positive")
    assert not hasattr(model, "net_")


def test_the_batches_of_the_last_two_epochs_alone_stay_in_the_history(reviews):
    """Or else what is kept would grow with texts and epochs."""
    history = RNNTextClassifier(**QUICK | {"early_stopping": False}).fit(*reviews).net_.history
    n_batches = [len(epoch["batches"]) for epoch in history]
    assert len(history) > 2
    assert n_batches[:-2] == [0] * (len(history) - 2)
    assert n_batches[-2] == n_batches[-1] == history[-1]["train_batch_count"]


class Poison(Callback):
    """Spoil a weight after one batch."""

    def __init__(self, epoch, batch, value):
        self.epoch, self.batch, self.value = epoch, batch, value

    def on_batch_end(self, net, training=False, **kwargs):
        at = len(net.history), len(net.history[-1, "batches"])
        if training and at == (self.epoch, self.batch):
            with torch.no_grad():
                net.module_.head.weight[0, 0] = self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("epoch", "batch"), [(3, 1), (3, 12), (6, 12)])
def test_what_was_sound_before_training_diverged_is_kept(reviews, value, epoch, batch):
    """Also where the last step of an epoch, or of all of them, went wrong."""
    X, y = reviews
    witness = WeightsByEpoch()
    settings = QUICK | {"n_iter_no_change": 6}
    model = RNNTextClassifier(**settings, callbacks=[witness, Poison(epoch, batch, value)])
    with pytest.raises(DivergenceError, match=f"in epoch {epoch}"):
        model.fit(X, y)
    assert model.n_iter_ == epoch - 1
    assert len(model.history_["train_loss"]) == epoch - 1
    weights = model.net_.module_.state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values())
    torch.testing.assert_close(weights["head.weight"], witness.weights[-1]["head.weight"])
    assert model.predict(X).shape == y.shape


def test_a_chunk_that_diverges_leaves_the_model_as_it_was(reviews):
    X, y = reviews
    model = RNNTextClassifier(**QUICK).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(DivergenceError, match="in epoch 1"):
        model.set_params(callbacks=[Poison(1, 13, math.nan)]).partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_trained_model_holds_its_weights_once(reviews):
    model = RNNTextClassifier(**QUICK | {"early_stopping": False}).fit(*reviews)
    held = [vars(callback) for _, callback in model.net_.callbacks_]
    assert not [key for part in held for key, value in part.items() if isinstance(value, dict)]


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
    RNNTextClassifier(**QUICK, max_grad_norm=longest, callbacks=[lengths]).fit(*reviews)
    top = max(lengths.seen).item()
    assert top == pytest.approx(1e-3, rel=1e-3) if is_cut else 1e-3 < top < 1e3


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


HUGE = [1e39, 1e300, 10**400]


@pytest.mark.parametrize("rate", HUGE, ids=["1e39", "1e300", "an int"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"table_lr": True},
        {"table_lr": True, "lr_schedule": "constant"},
        {"table_lr": True, "max_epochs": 1},
        *({"lr": True, "optimizer": name, "table_lr": None} for name in OPTIMIZERS),
        {"lr": True, "optimizer": torch.optim.SGD},
    ],
)
def test_rates_beyond_float32_make_training_diverge_as_smaller_ones_do(parameters, rate):
    X, y = np.arange(2, 26).reshape(12, 2), [0, 1] * 6
    given = {name: rate if value is True else value for name, value in parameters.items()}
    for estimator in (RNNTextClassifier, RNNTextRegressor):
        model = estimator(hidden_size=4, embedding_dim=4, random_state=0, **given)
        with pytest.raises(DivergenceError, match="training diverged: a weight is not finite in"):
            model.fit(X, y)
        assert not hasattr(model, "net_")
    chunk = RNNTextClassifier(hidden_size=4, embedding_dim=4, random_state=0, **given)
    with pytest.raises(DivergenceError, match="training diverged"):
        chunk.partial_fit(X, y, classes=[0, 1])


def test_limits_beyond_all_numbers_are_none():
    X, y = np.arange(2, 26).reshape(12, 2), [0, 1] * 6
    model = RNNTextClassifier(hidden_size=4, embedding_dim=4, max_epochs=2, random_state=0)
    expected = clone(model).set_params(max_grad_norm=None, batch_size=12).fit(X, y)
    found = clone(model).set_params(max_grad_norm=10**400, batch_size=2**63).fit(X, y)
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))

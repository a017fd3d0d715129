"""`initialize` builds the network that `fit` would train, and trains nothing."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences, _base, persistence
from small_models import SMALL

STILL = {"lr": 1e-30, "table_lr": None, "max_epochs": 1, "optimizer": "sgd"}
WORDS = ("<pad>", "<unk>", *"abcdef")
IDS = np.random.default_rng(0).integers(2, len(WORDS), (12, 5))
VECTORS = np.random.default_rng(1).standard_normal((len(WORDS), 4)).astype(np.float32)
KINDS_OF_X = {
    "token sequences": TokenSequences(IDS, WORDS),
    "sequences with vectors": TokenSequences(IDS, WORDS, VECTORS),
    "plain ids": IDS,
    "floats": np.random.default_rng(2).standard_normal((12, 5, 3)),
}
KINDS_OF_Y = {
    "two classes": (RNNTextClassifier, np.tile(["no", "yes"], 6)),
    "three classes": (RNNTextClassifier, np.arange(12) % 3),
    "several labels": (RNNTextClassifier, np.eye(4, dtype=int).repeat(3, axis=0)),
    "numbers": (RNNTextRegressor, np.arange(12.0)),
    "pairs of numbers": (RNNTextRegressor, np.arange(24.0).reshape(12, 2)),
}


def weights(model):
    return {name: t.numpy().copy() for name, t in model.net_.module_.state_dict().items()}


@pytest.mark.parametrize("linear", ["none", "pairs"])
@pytest.mark.parametrize("y", KINDS_OF_Y)
@pytest.mark.parametrize("X", KINDS_OF_X)
def test_the_network_is_the_one_that_fit_starts_from(X, y, linear):
    X, (estimator, y) = KINDS_OF_X[X], KINDS_OF_Y[y]
    model = estimator(**SMALL, linear=linear).initialize(X, y)
    barely_fitted = estimator(**SMALL, **STILL, linear=linear).fit(X, y)
    theirs = weights(barely_fitted)
    for name, array in weights(model).items():
        np.testing.assert_allclose(array, theirs[name], atol=1e-20, err_msg=name)
    assert (model.n_iter_, model.best_epoch_, model.history_) == (0, 0, {})


@pytest.mark.parametrize("y", KINDS_OF_Y)
def test_an_untrained_network_can_be_saved(tmp_path, y):
    X, (estimator, y) = KINDS_OF_X["token sequences"], KINDS_OF_Y[y]
    model = estimator(**SMALL).initialize(X, y)
    for copy in (pickle.loads(pickle.dumps(model)), saved(model, tmp_path / "model")):
        np.testing.assert_array_equal(copy.transform(X), model.transform(X))
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def saved(model, path):
    pytest.importorskip("skops")
    persistence.save(model, path)
    return persistence.load(path)


def test_weights_put_in_are_what_predicts_and_what_training_goes_on_from():
    X, y = KINDS_OF_X["token sequences"], np.tile([0, 1], 6)
    settings = SMALL | {"linear": "none"}
    trained = RNNTextClassifier(**settings, max_epochs=3).fit(X, y)
    model = RNNTextClassifier(**settings, warm_start=True, max_epochs=1)
    model.initialize(X[:2], [0, 1])
    model.net_.module_.load_state_dict(trained.net_.module_.state_dict())
    np.testing.assert_array_equal(model.predict_proba(X), trained.predict_proba(X))
    model.set_params(**STILL).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), trained.predict_proba(X), atol=1e-6)
    assert model.n_iter_ == 1
    model.partial_fit(X, y)
    assert model.n_iter_ == 2


@pytest.mark.parametrize("linear", ["none", "words"])
def test_words_that_a_chunk_does_not_contain_keep_the_vectors_that_were_put_in(linear):
    model = RNNTextClassifier(**SMALL, **STILL, linear=linear, warm_start=True)
    model.initialize(KINDS_OF_X["token sequences"], np.tile([0, 1], 6))
    with torch.no_grad():
        model.net_.module_.embedding.weight.copy_(torch.from_numpy(VECTORS))
    X = TokenSequences(np.full((4, 5), 2), WORDS)
    for train in (model.partial_fit, model.fit):
        train(X, [0, 1, 0, 1])
        np.testing.assert_allclose(model.embedding_vectors_[1:], VECTORS[1:], atol=1e-6)


def test_chunks_leave_the_units_for_which_weights_were_made():
    X, y = KINDS_OF_X["token sequences"], 100 + np.arange(12.0)
    model = RNNTextRegressor(**SMALL, **STILL, linear="none").initialize(X[:2], [-1.0, 1.0])
    before = model.predict(X)
    np.testing.assert_allclose(model.partial_fit(X, y).predict(X), before, atol=1e-6)


def test_fit_starts_anew_as_ever():
    X, y = KINDS_OF_X["token sequences"], np.tile([0, 1], 6)
    model = RNNTextClassifier(**SMALL, max_epochs=2)
    expected = clone(model).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(
        model.initialize(X, y[::-1]).fit(X, y).predict_proba(X), expected
    )


def test_vectors_that_came_are_frozen_as_fit_would_freeze_them():
    X, y = KINDS_OF_X["sequences with vectors"], np.tile([0, 1], 6)
    frozen, free = (
        RNNTextClassifier(**SMALL, freeze_embedding=freeze, linear="none").initialize(X, y)
        for freeze in (True, False)
    )
    assert frozen.summary().non_trainable == VECTORS.size
    assert free.summary().non_trainable == 0
    np.testing.assert_array_equal(frozen.embedding_vectors_[1:], VECTORS[1:])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["raw", "texts"], [0, 1], "Put a SequenceVectorizer before it"),
        (IDS, None, "requires y"),
        (IDS, np.zeros(12), "at least 2 classes"),
        (IDS, [0, 1], "inconsistent numbers of samples"),
    ],
)
def test_what_fit_refuses_is_refused_and_changes_nothing(X, y, message):
    model = RNNTextClassifier(**SMALL)
    with pytest.raises(ValueError, match=message):
        model.initialize(X, y)
    with pytest.raises(NotFittedError):
        model.predict(IDS)
    with pytest.raises(ValueError, match="hidden_size"):
        RNNTextClassifier(hidden_size=0).initialize(IDS, np.tile([0, 1], 6))


def test_bad_names_of_columns_are_refused_before_training(monkeypatch):
    """Not after hours of it."""
    frame = pd.DataFrame(np.full((20, 2), 3)).rename(columns={0: "a"})  # "a" and 1
    monkeypatch.setattr(_base, "train", None)
    with pytest.raises(TypeError, match="Feature names are only supported"):
        RNNTextClassifier().fit(frame, np.arange(20) % 2)


def test_a_loaded_model_is_fitted_at_every_moment_while_another_thread_fits_it():
    """A fit ends by one assignment of the state, with a net; before, a predictor may be there."""
    X = np.random.default_rng(0).integers(2, 9, (20, 5))
    fitted = RNNTextClassifier(**SMALL).fit(X, X[:, 0] > 4)
    loaded = pickle.loads(pickle.dumps(fitted))

    class EndsAFit(dict):
        """The state of a loaded model, which is replaced as soon as somebody looks into it."""

        def __contains__(self, name):
            found = super().__contains__(name)
            loaded.__dict__ = dict(vars(fitted))
            return found

    before = dict(vars(loaded))
    for ask in (
        lambda: loaded.__sklearn_is_fitted__(),
        lambda: loaded.net_.module_,
        lambda: loaded._network,
        lambda: loaded._device,
    ):
        loaded.__dict__ = EndsAFit(before)
        assert ask()


def test_the_net_of_a_loaded_model_trains_for_one_epoch():
    X = np.random.default_rng(0).integers(2, 9, (20, 5))
    fitted = RNNTextClassifier(**SMALL).fit(X, X[:, 0] > 4)
    assert pickle.loads(pickle.dumps(fitted)).net_.max_epochs == 1

"""Sequences that are no texts: arrays of floats, (samples, steps, dimensions)."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from small_models import LEARNING

FIFTEEN_EPOCHS = LEARNING | {"max_epochs": 15}


@pytest.fixture(scope="module")
def waves():
    """Noisy sines of two frequencies."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    steps = np.arange(30) + rng.uniform(0, 10, (200, 1))
    series = np.sin(steps * np.where(y, 0.9, 0.5)[:, None]) + rng.normal(0, 0.1, (200, 30))
    return series[..., None], np.where(y, "fast", "slow")


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])  # a minimal GRU compares no neighbours
def test_time_series_of_two_frequencies_are_told_apart(waves, cell):
    X, y = waves
    thirty_epochs = FIFTEEN_EPOCHS | {"max_epochs": 30}
    model = RNNTextClassifier(**thirty_epochs, cell=cell).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.9
    assert model.transform(X[:3]).shape == (3, 16)


def test_single_and_double_precision_give_the_same_predictions(waves):
    X, y = waves
    single, double = (
        RNNTextClassifier(**FIFTEEN_EPOCHS | {"max_epochs": 2}).fit(X.astype(kind), y)
        for kind in (np.float32, np.float64)
    )
    np.testing.assert_array_equal(single.predict_proba(X), double.predict_proba(X))


def test_a_longer_series_than_in_training_is_read_to_its_end(waves):
    X, y = waves
    model = RNNTextClassifier(**FIFTEEN_EPOCHS | {"max_epochs": 2}).fit(X, y)
    assert model.predict(np.concatenate([X, X], axis=1)).shape == (200,)


def test_a_regressor_reads_the_sum_of_a_series():
    X = np.random.default_rng(0).normal(size=(300, 10, 2))
    y = 100 + 10 * X[..., 0].sum(axis=1)
    parameters = FIFTEEN_EPOCHS | {"max_epochs": 40, "hidden_size": 16, "n_iter_no_change": 10}
    model = RNNTextRegressor(**parameters, pooling="mean").fit(X[:250], y[:250])
    assert model.score(X[250:], y[250:]) > 0.8


def test_series_pass_through_pipelines_and_cross_validation(waves):
    X, y = waves
    scaled = make_pipeline(FunctionTransformer(np.tanh), RNNTextClassifier(**FIFTEEN_EPOCHS))
    assert cross_val_score(clone(scaled), X, y, cv=2).mean() > 0.8


def test_series_have_no_embedding_and_the_summary_has_no_row_for_one(waves):
    X, y = waves
    model = RNNTextClassifier(**FIFTEEN_EPOCHS | {"max_epochs": 1}).fit(X, y)
    assert not hasattr(model, "embedding_vectors_")
    summary = model.summary()
    assert summary.layers[0].name == "Bidirectional(LSTM)"
    assert "Embedding" not in str(summary)


def test_the_callers_array_is_never_written_to(waves):
    X, y = waves
    X = X.astype(np.float32)
    before = X.copy()
    X.flags.writeable = False
    RNNTextClassifier(**FIFTEEN_EPOCHS | {"max_epochs": 1}, input_dropout=0.5).fit(X, y).predict(X)
    np.testing.assert_array_equal(X, before)


REFUSED = {
    "ids": (np.ones((3, 30), int), "was fitted on floats of three dimensions"),
    "another number of dimensions": (
        np.ones((3, 30, 2)),
        "was fitted on vectors of 1 dimensions, got 2",
    ),
    "missing values": (np.full((3, 30, 1), np.nan), "X contains NaN"),
    "infinity": (np.full((3, 30, 1), np.inf), "X contains infinity"),
    "more than single precision holds": (np.full((3, 30, 1), 1e300), "must fit into float32"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_model_of_series_cannot_read_is_refused(waves, name):
    X, y = waves
    model = RNNTextClassifier(**FIFTEEN_EPOCHS | {"max_epochs": 1}).fit(X, y)
    before = model.predict_proba(X)
    other, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        model.predict(other)
    np.testing.assert_array_equal(model.predict_proba(X), before)

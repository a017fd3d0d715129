"""NB-SVM: scikit-learn's contract, the formula, weights as repetitions, and saved models."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import NBSVMClassifier
from sklearn_rnn.persistence import load, save

TEXTS = ["so good", "good film", "so bad", "bad film", "a film", "so so"]
LABELS = np.array(["+", "+", "-", "-", "o", "o"])


@parametrize_with_checks([NBSVMClassifier()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def counts(seed=0, n_texts=60, n_classes=2):
    rng = np.random.default_rng(seed)
    y = np.arange(n_texts) % n_classes
    return rng.poisson(0.3 + 0.7 * (np.arange(8) % n_classes == y[:, None])), y


def test_features_are_present_or_absent_and_weighted_by_log_count_ratios():
    X, y = counts()
    model = NBSVMClassifier(C=0.5, alpha=2.0).fit(X, y)
    rates = [2 + (X[y == label] > 0).sum(axis=0) for label in (0, 1)]
    ratios = np.log(rates[1] / rates[1].sum()) - np.log(rates[0] / rates[0].sum())
    linear = LogisticRegression(C=0.5, solver="liblinear", max_iter=1_000)
    linear.fit((X > 0) * ratios, y)
    np.testing.assert_allclose(model.coef_, linear.coef_ * ratios, rtol=1e-6)
    np.testing.assert_allclose(
        model.decision_function(3 * X), linear.decision_function((X > 0) * ratios), rtol=1e-6
    )


def test_of_several_classes_each_is_told_apart_from_all_others():
    X, y = counts(n_classes=3)
    model = NBSVMClassifier().fit(X, y)
    assert model.coef_.shape == (3, 8)
    for c in range(3):
        alone = NBSVMClassifier().fit(X, y == c)
        np.testing.assert_allclose(model.decision_function(X)[:, c], alone.decision_function(X))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))


def test_a_weight_is_a_number_of_texts():
    X, y = counts()
    weights = np.arange(60) % 4
    weighted = NBSVMClassifier().fit(X, y, sample_weight=weights)
    repeated = NBSVMClassifier().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-3, atol=1e-5)


def test_a_class_without_weight_is_left_out():
    X, y = counts(n_classes=3)
    model = NBSVMClassifier().fit(X, y, sample_weight=y < 2)
    assert model.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="at least two classes, got 1"):
        model.fit(X, y, sample_weight=y < 1)


def test_sparse_counts_are_read_as_dense_ones_however_they_are_stored():
    X, y = counts()
    stored = csr_matrix(X)
    twice = csr_matrix(
        (np.r_[1.0, 1.0, 0.0], [2, 2, 3], [0, 3]), shape=(1, 8)
    )  # a 0, a repetition
    model = NBSVMClassifier().fit(stored, y)
    np.testing.assert_allclose(model.coef_, NBSVMClassifier().fit(X, y).coef_)
    np.testing.assert_allclose(
        model.decision_function(twice), model.decision_function(np.eye(8)[[2]])
    )
    np.testing.assert_array_equal(stored.toarray(), X)  # nothing is written into X


def test_a_pipeline_of_it_is_saved(tmp_path):
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), NBSVMClassifier())
    model.fit(TEXTS, LABELS)
    assert model.score(TEXTS, LABELS) == 1
    save(model, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1, np.nan], [1, 0]], [0, 1], "contains NaN"),
        ([[1, 1], [1, 0]], [1, 1], "at least two classes, got 1 class"),
    ],
)
def test_what_it_cannot_learn_is_refused_and_nothing_is_changed(X, y, message):
    model = NBSVMClassifier().fit([[1, 0], [0, 1]], [0, 1])
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert vars(model) == before

"""What models say of each class: one form for all, and one scale."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from sklearn_rnn.semi_supervised._logits import check_classes, logits_of, standardised


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("classifier", [LogisticRegression(), RidgeClassifier(), GaussianNB()])
def test_logits_of_any_classifier_are_largest_for_its_answer(classifier, n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(60) % n_classes
    X = rng.normal(size=(60, 3)) + np.eye(3)[y]
    logits = logits_of(classifier.fit(X, y), X)
    assert logits.shape == (60, n_classes)
    np.testing.assert_allclose(logits.sum(axis=1), 0, atol=1e-9)
    np.testing.assert_array_equal(logits.argmax(axis=1), classifier.predict(X))


def test_scaled_logits_have_one_spread_and_equal_ones_stay():
    logits = np.random.default_rng(0).normal(3, 5, (50, 2))
    scaled = standardised(logits)
    assert (scaled - scaled.mean(axis=0)).std() == pytest.approx(1)
    np.testing.assert_allclose(scaled, standardised(10 * logits))
    np.testing.assert_array_equal(standardised(np.ones((4, 2))), np.ones((4, 2)))


class Endless:
    def decision_function(self, X):
        return np.full(len(X), np.nan)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="Endless gives a text scores that are not finite"):
        logits_of(Endless(), np.zeros((3, 1)))


def test_scores_must_be_those_of_the_classes():
    X, y = np.arange(9.0)[:, None], np.repeat([0, 1, 2], 3)
    classifier = SVC(decision_function_shape="ovr").fit(X, y)
    check_classes("teacher", classifier, np.arange(3))
    with pytest.raises(ValueError, match=r"the teacher knows the classes .* expected those"):
        check_classes("teacher", classifier, np.arange(2))
    with pytest.raises(ValueError, match="scores of pairs of classes"):
        check_classes("student", SVC(decision_function_shape="ovo").fit(X, y), np.arange(3))

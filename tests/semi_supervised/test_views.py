"""The default teacher: both views count alike, and each knows what the other does not."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from sklearn_rnn import PretrainedEmbedding, SequenceVectorizer
from sklearn_rnn.semi_supervised._inputs import Inputs
from sklearn_rnn.semi_supervised._views import TwoViews, logits_of, standardised

TEXTS = ["good film", "bad film", "good plot", "bad plot", "lovely film", "awful plot"]
SIDES = {"good": 1, "lovely": 1, "bad": -1, "awful": -1, "film": 0, "plot": 0}
VECTORS = {word: [side, 3] for word, side in SIDES.items()}  # the second is common to all


def inputs():
    vectorizer = SequenceVectorizer()
    sequences = vectorizer.fit_transform(TEXTS)
    return vectorizer, Inputs(TEXTS, PretrainedEmbedding(VECTORS).fit_transform(sequences))


def test_words_that_no_labelled_text_has_are_known_by_their_vectors():
    vectorizer, both = inputs()
    views = TwoViews(vectorizer.build_analyzer()).fit(both.at(np.arange(4)), np.array([1, 0] * 2))
    assert views.classes_.tolist() == [0, 1]
    assert (views.logits(both).argmax(axis=1) == [1, 0, 1, 0, 1, 0]).all()
    of_words = logits_of(views.of_words, TEXTS)
    assert abs(of_words[4] - of_words[5]).max() < 0.1 < abs(of_words[0] - of_words[1]).max()


def test_a_single_text_of_a_class_is_enough():
    vectorizer, both = inputs()
    views = TwoViews(vectorizer.build_analyzer()).fit(both.at(np.arange(2)), np.array([1, 0]))
    assert (views.logits(both).argmax(axis=1)[[0, 1, 4, 5]] == [1, 0, 1, 0]).all()


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

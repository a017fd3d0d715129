"""The default parts: each view counts as far as it is to be trusted, and teaches a third model."""

import numpy as np
import pytest

from sklearn_rnn import PretrainedEmbedding, SequenceVectorizer
from sklearn_rnn.semi_supervised._defaults import _weights, linear_student, two_views
from sklearn_rnn.semi_supervised._inputs import Inputs

TEXTS = ["good film", "bad film", "good plot", "bad plot", "lovely film", "awful plot"]
SIDES = {"good": 1, "lovely": 1, "bad": -1, "awful": -1, "film": 0, "plot": 0}
VECTORS = {word: [side, 3] for word, side in SIDES.items()}  # the second is common to all


def inputs(texts):
    vectorizer = SequenceVectorizer()
    sequences = vectorizer.fit_transform(texts)
    vectors = PretrainedEmbedding(VECTORS).fit_transform(sequences)
    return Inputs(texts, vectors), vectorizer.build_analyzer()


@pytest.mark.parametrize("n_labelled", [2, 4])  # with 2 of them none can be held out
def test_words_that_no_labelled_text_has_are_known_by_their_vectors(n_labelled):
    both, analyzer = inputs(TEXTS)
    codes = np.array([1, 0, 1, 0])[:n_labelled]
    logits = two_views(both, np.arange(n_labelled), codes, analyzer)
    assert (logits.argmax(axis=1) == [1, 0, 1, 0, 1, 0]).all()


def view(codes, strength, seed, n_classes=3):
    """Return logits (n, C) that tell classes apart as far as their strength goes."""
    rng = np.random.default_rng(seed)
    return strength * np.eye(n_classes)[codes] + rng.normal(size=(len(codes), n_classes))


def test_views_are_weighted_by_what_they_predict():
    codes = np.arange(300) % 3
    weights = _weights(np.stack([view(codes, s, seed) for seed, s in enumerate((2, 1, 0))]), codes)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > weights[1] > weights[2] >= 0
    assert weights[2] < 0.1


def test_what_is_wrong_more_often_than_right_does_not_count():
    codes = np.arange(300) % 3
    right = view(codes, 2, 0)
    weights = _weights(np.stack([right, -view(codes, 1, 1)]), codes)
    np.testing.assert_allclose(weights, [1, 0])
    np.testing.assert_allclose(_weights(np.stack([-right, -right]), codes), [0.5, 0.5])


def test_views_that_predict_everything_count_alike():
    codes = np.arange(30) % 3
    certain = 9.0 * np.eye(3)[codes]
    np.testing.assert_allclose(_weights(np.stack([certain, certain]), codes), 0.5, atol=1e-3)


def test_a_linear_student_knows_words_by_those_beside_them():
    """It is taught labels of texts of which each has a word that the teacher did not know."""
    rng = np.random.default_rng(0)
    side = np.arange(400) % 2
    known, unknown = np.array([["bad", "good"], ["awful", "lovely"]])
    texts = [f"{known[s]} {unknown[s] if rng.random() < 0.5 else 'film'}" for s in side]
    logits = linear_student([*texts, "awful", "lovely"], [*side, 1, 0], weights(402), str.split)
    assert logits[-2:].argmax(axis=1).tolist() == [0, 1]


def weights(n_texts):
    """Return weights of texts whose last two, which were labelled wrongly, do not count."""
    return np.where(np.arange(n_texts) < n_texts - 2, 1.0, 0.0)

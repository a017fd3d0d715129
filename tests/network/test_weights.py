"""Vectors that came with the texts, in a network."""

import numpy as np

from lecture import ONE_EPOCH, lecture_texts
from sklearn_rnn import RNNTextClassifier


def test_vectors_that_are_not_frozen_are_learned_but_not_written_to():
    vectors = np.random.default_rng(1).normal(size=(10_000, 32)).astype(np.float32)
    before = vectors.copy()
    model = RNNTextClassifier(**ONE_EPOCH).fit(lecture_texts(vectors), [0, 1, 0, 1])
    assert not np.array_equal(model.embedding_vectors_, vectors)
    np.testing.assert_array_equal(vectors, before)

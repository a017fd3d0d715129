"""Word vectors of gensim's, and texts and networks for them, small enough for tests."""

import numpy as np
import pytest

from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, Word2VecEmbedding

models = pytest.importorskip("gensim.models")

TEXTS, LABELS = make_reviews(80, n_filler=(0, 1), random_state=0)
NETWORK = {"hidden_size": 4, "embedding_dim": 6, "max_epochs": 2, "lr": 1e-2, "random_state": 0}

SMALL_VECTORS = {"vector_size": 8, "epochs": 2, "random_state": 0}
BOTH = pytest.mark.parametrize(
    "embedding",
    [Word2VecEmbedding(**SMALL_VECTORS), FastTextEmbedding(**SMALL_VECTORS, bucket=1_000)],
    ids=["word2vec", "fastText"],
)


def keyed_vectors(words, n_dimensions=4):
    vectors = models.KeyedVectors(n_dimensions)
    table = np.random.default_rng(0).normal(size=(len(words), n_dimensions)).astype(np.float32)
    vectors.add_vectors(list(words), table)
    return vectors

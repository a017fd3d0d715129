"""Small models of each kind, and what they answer."""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, Word2VecEmbedding

TEXTS, LABELS = make_reviews(60, n_filler=(0, 1), random_state=0)
TINY = {"hidden_size": 2, "embedding_dim": 2, "max_epochs": 1, "random_state": 0}
SMALL = {"hidden_size": 4, "embedding_dim": 4, "random_state": 0}
ONE_EPOCH = SMALL | {"max_epochs": 1}
TWO_EPOCHS = SMALL | {"max_epochs": 2}
THREE_EPOCHS = SMALL | {"max_epochs": 3}
FIVE_EPOCHS = SMALL | {"max_epochs": 5}
LEARNING = {"hidden_size": 8, "embedding_dim": 8, "lr": 2e-2, "random_state": 0}
"""Enough for small tasks: those that use it say for how many epochs."""
SIX_EPOCHS = LEARNING | {"max_epochs": 6, "early_stopping": True}
VECTORS = {"vector_size": 4, "epochs": 1, "random_state": 0}
MODELS = {
    "classifier": [RNNTextClassifier(**TWO_EPOCHS)],
    "regressor": [RNNTextRegressor(**TWO_EPOCHS, pooling="attention")],
    "word2vec": [Word2VecEmbedding(**VECTORS), RNNTextClassifier(**TWO_EPOCHS)],
    "fasttext": [
        FastTextEmbedding(**VECTORS, bucket=100, keep_subwords=True),
        RNNTextClassifier(**TWO_EPOCHS, freeze_embedding=True),
    ],
}


def fitted(kind):
    model = make_pipeline(SequenceVectorizer(max_len=40), *map(clone, MODELS[kind]))
    return model.fit(TEXTS, LABELS == "positive" if kind == "regressor" else LABELS)


def assert_same_answers(ours, theirs):
    for answer in ("predict", "transform"):
        np.testing.assert_array_equal(getattr(ours, answer)(TEXTS), getattr(theirs, answer)(TEXTS))

"""The models of the lecture, and texts of the size that it reads."""

import numpy as np

from sklearn_rnn import TokenSequences

# No help against overfitting.
PLAIN = {"linear": "none", "table_lr": None, "lr_schedule": "constant", "label_smoothing": 0.0}
LECTURE = {
    "hidden_size": 32,
    "embedding_dim": 32,
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.0,
    "input_dropout": 0.0,
    "optimizer": "rmsprop",
    "lr": 1e-3,
    **PLAIN,
    "random_state": 0,
}
ONE_EPOCH = LECTURE | {"max_epochs": 1, "early_stopping": False}
LECTURE_VOCABULARY = ("<pad>", "<unk>", *(f"w{i}" for i in range(2, 10_000)))


def lecture_texts(vectors=None):
    ids = np.random.default_rng(0).integers(2, 10_000, (4, 500), dtype=np.int32)
    return TokenSequences(ids, LECTURE_VOCABULARY, vectors)

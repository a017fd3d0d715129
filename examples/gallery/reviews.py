"""Reviews for the gallery: IMDB's if a folder contains them, otherwise made-up ones.

The folder is given by the environment variable SKLEARN_RNN_DATA, or else `shared/data` next to the
project's root; the reviews are in its `imdb`.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn.datasets import fetch_imdb, make_reviews


class Reviews(NamedTuple):
    """Texts to train on and to test with, and where they come from."""

    train: list[str]
    train_labels: NDArray[np.str_]
    test: list[str]
    test_labels: NDArray[np.str_]
    source: str


def data_home() -> Path:
    return Path(
        os.environ.get("SKLEARN_RNN_DATA")
        or Path(__file__).resolve().parents[3] / "shared" / "data"
    )


@cache
def imdb(subset: str) -> Any:
    return fetch_imdb(data_home() / "imdb", subset=subset, download_if_missing=False)[subset]


def load_reviews(n_train: int, n_test: int = 500) -> Reviews:
    """Return equal numbers of positive and negative reviews, drawn with a fixed seed."""
    n_reviews = n_train + n_test
    if (data_home() / "imdb").is_dir():
        rows = drawn(imdb("train").target, n_reviews)
        texts = [imdb("train").data[row].replace("<br />", " ") for row in rows]
        labels, source = np.array(["negative", "positive"])[imdb("train").target[rows]], "IMDB"
    else:
        texts, labels = make_reviews(n_reviews, random_state=0)
        source = "made up"
    return Reviews(texts[:n_train], labels[:n_train], texts[n_train:], labels[n_train:], source)


def drawn(labels: NDArray[Any], n_reviews: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(0)
    rows = [
        rng.choice(np.flatnonzero(labels == label), n_reviews // 2, replace=False)
        for label in (0, 1)
    ]
    return rng.permutation(np.concatenate(rows))

"""The best accuracy of this library on the IMDB reviews, using no other data.

    python examples/best_imdb.py FOLDER

One pipeline, each step for a reason:

1. word2vec on all 75,000 training and unlabelled reviews: labels are expensive, words are not.
2. A bidirectional LSTM that starts from these vectors and keeps training them, beside a linear
   model of words and pairs of words. With this many labels, they can determine from the start
   which words and pairs matter (``term_weights="naive_bayes"``).

FOLDER contains the IMDB reviews. ``--held-out validation`` trains on four fifths of the training
reviews and evaluates on the fifth: every choice below was made that way. The fifth is a contiguous
stretch of the files, since reviews of one film are next to each other there: a random fifth would
share its films with the rest, which the test reviews do not, and favour models that memorise
names. Without the option the test reviews are read, once, at the end; a few of them also occur
among the training reviews, so the accuracy is printed with and without them. Two threads of
word2vec give different vectors each time; one (``--workers 1``) makes them reproducible.
"""

from __future__ import annotations

import argparse
import time
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import fetch_imdb
from sklearn_rnn.embeddings import Word2VecEmbedding


class Reviews(NamedTuple):
    """Texts to train on, with and without labels, and texts to evaluate on."""

    training: list[str]
    labels: NDArray[np.int64]
    unlabelled: list[str]
    held_out: list[str]
    answers: NDArray[np.int64]


def main() -> None:
    options = parse_arguments()
    clock = Clock()
    reviews = read(options.folder, options.held_out, options.every)
    training, held_out = sequences_of(reviews, options.workers)
    clock.say("word vectors")
    model = classifier().fit(training, reviews.labels)
    clock.say("classifier")
    report(model.predict(held_out) == reviews.answers, reviews)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the IMDB reviews")
    parser.add_argument("--held-out", choices=["validation", "test"], default="test")
    parser.add_argument("--every", type=int, default=1, help="read every k-th review")
    parser.add_argument("--workers", type=int, default=2, help="threads of word2vec")
    return parser.parse_args()


class Clock:
    """Prints the time elapsed since the start."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def say(self, what: str) -> None:
        print(f"{time.perf_counter() - self.start:5.0f} s  {what}", flush=True)


def read(folder: Path, held_out: str, every: int) -> Reviews:
    data = fetch_imdb(folder)
    train, test, unlabelled = (
        [text.replace("<br />", " ") for text in part.data[::every]]
        for part in (data.train, data.test, data.unsupervised)
    )
    labels = data.train.target[::every]
    if held_out == "test":
        return Reviews(train, labels, unlabelled, test, data.test.target[::every])
    is_held_out = a_stretch_of_each(labels)
    return Reviews(
        list(compress(train, ~is_held_out)),
        labels[~is_held_out],
        unlabelled,
        list(compress(train, is_held_out)),
        labels[is_held_out],
    )


def a_stretch_of_each(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the second fifth of each label's reviews, in the order of their files."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        chosen[np.array_split(np.flatnonzero(labels == label), 5)[1]] = True
    return chosen


def sequences_of(reviews: Reviews, workers: int) -> tuple[TokenSequences, TokenSequences]:
    """Return the labelled and the held-out reviews, with vectors learned from all but these."""
    vectorizer = SequenceVectorizer(max_features=30_000, max_len=1_000, n_jobs=workers)
    words = vectorizer.fit_transform([*reviews.training, *reviews.unlabelled])
    embedding = Word2VecEmbedding(
        vector_size=100, sg=True, epochs=3, workers=workers, random_state=0
    ).fit(words)
    training, held_out = words[: len(reviews.training)], vectorizer.transform(reviews.held_out)
    return embedding.transform(training), embedding.transform(held_out)


def classifier() -> RNNTextClassifier:
    return RNNTextClassifier(
        term_weights="naive_bayes",
        max_epochs=4,
        batch_size=32,
        lr=3e-3,
        table_lr=160.0,
        random_state=0,
    )


def report(is_right: NDArray[np.bool_], reviews: Reviews) -> None:
    known = set(reviews.training)
    is_new = np.array([text not in known for text in reviews.held_out])
    print(
        f"{is_right.mean():7.2%}  right\n"
        f"{is_right[is_new].mean():7.2%}  without the {np.sum(~is_new)} that also occur among the "
        "training reviews"
    )


if __name__ == "__main__":
    main()

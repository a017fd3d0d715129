"""Few labels, many texts: what texts without labels add, on real data.

    python examples/few_labels.py FOLDER

FOLDER contains some of `imdb`, `trec` and `zh_hotel`; what is missing is skipped. Of the training
texts, some keep their label (the same share of each class), in several draws, and the others lose
it. Each row is a number of labels: the mean accuracy on held-out texts and its standard deviation
over the draws, and the seconds of one fit, for

- TF-IDF of words and pairs of words, with logistic regression, on the labelled texts,
- this library's network on the labelled texts, started from vectors of all texts,
- teacher and student.

Word vectors do not depend on labels: those that teacher and student learn by default are learned
once for all draws, and their seconds are printed above the rows. `--held-out validation` uses a
fifth of the training texts, for IMDB a stretch of the files: for all work on the models.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from baselines import TASKS, Task, tf_idf, validation_of, words_of
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import (
    PretrainedEmbedding,
    RNNTextClassifier,
    SequenceVectorizer,
    TeacherStudentClassifier,
    Word2VecEmbedding,
)
from sklearn_rnn.datasets import fetch_imdb

Models = dict[str, Callable[[int], Any]]


class Corpus(NamedTuple):
    """Texts to draw labelled ones from, further texts, and texts to evaluate on."""

    task: Task
    others: list[str]


def main() -> None:
    options = parse_arguments()
    for name in options.tasks:
        home, _ = TASKS[name]
        if (options.folder / home).is_dir():
            compare(load(options.folder, name, options.held_out), options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the data sets")
    parser.add_argument("--tasks", nargs="+", default=["imdb25k", "trec6", "hotel"], choices=TASKS)
    parser.add_argument("--labels", nargs="+", type=int, default=[100, 250, 1_000])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--held-out", choices=["validation", "test"], default="test")
    return parser.parse_args()


def load(folder: Path, name: str, held_out: str) -> Corpus:
    home, read = TASKS[name]
    task = read(folder / home)
    others = []
    if home == "imdb":
        unlabelled = fetch_imdb(folder / home, subset="unsupervised").unsupervised.data
        others = [text.replace("<br />", " ") for text in unlabelled]
    if held_out == "validation":
        task = stretch_of(task) if home == "imdb" else validation_of(task)
    return Corpus(task, others)


def stretch_of(task: Task) -> Task:
    """Hold out the second fifth of each label's reviews: others of its films are next to it."""
    by_label = [np.flatnonzero(task.train_labels == label) for label in (0, 1)]
    held_out = np.concatenate([np.array_split(rows, 5)[1] for rows in by_label])
    rest = np.setdiff1d(np.arange(len(task.train)), held_out)
    return task._replace(
        train=[task.train[row] for row in rest],
        train_labels=task.train_labels[rest],
        test=[task.train[row] for row in held_out],
        test_labels=task.train_labels[held_out],
    )


def compare(corpus: Corpus, options: argparse.Namespace) -> None:
    task = corpus.task
    texts = [*task.train, *corpus.others]
    vectorizer = SequenceVectorizer(**words_of(task))
    start = time.perf_counter()
    vectors = Word2VecEmbedding(sg=False, window=20, sample=1e-4, epochs=10, random_state=0)
    vectors.fit(vectorizer.fit_transform(texts))
    print(f"\n{task.title}, {len(texts):,} texts: vectors in {time.perf_counter() - start:.0f} s")
    print("| labels | TF-IDF + LR | network | teacher and student |")
    print("| ---: | ---: | ---: | ---: |")
    models = models_for(task, vectorizer, PretrainedEmbedding(vectors))
    for n_labels in options.labels:
        results = judge(models, corpus, n_labels, options.draws)
        print(f"| {n_labels:,} | " + " | ".join(results) + " |", flush=True)


def models_for(task: Task, vectorizer: Any, embedding: Any) -> Models:
    def network(seed: int) -> Any:
        return make_pipeline(vectorizer, embedding, RNNTextClassifier(random_state=seed))

    def teacher_and_student(seed: int) -> Any:
        return TeacherStudentClassifier(
            vectorizer=vectorizer, embedding=embedding, random_state=seed
        )

    return {
        "TF-IDF + LR": lambda seed: tf_idf(task),
        "network": network,
        "teacher and student": teacher_and_student,
    }


def judge(models: Models, corpus: Corpus, n_labels: int, n_draws: int) -> Iterator[str]:
    """Yield the result of each model."""
    task = corpus.task
    for name, model in models.items():
        accuracies, seconds = [], []
        for seed in range(n_draws):
            texts, labels = draw(corpus, n_labels, seed, name != "teacher and student")
            start = time.perf_counter()
            fitted = model(seed).fit(texts, labels)
            seconds.append(time.perf_counter() - start)
            accuracies.append(np.mean(fitted.predict(task.test) == task.test_labels))
        mean, deviation = np.mean(accuracies), np.std(accuracies, ddof=min(1, n_draws - 1))
        yield f"{100 * mean:.1f}% ± {100 * deviation:.1f} ({np.mean(seconds):.0f} s)"


def draw(
    corpus: Corpus, n_labels: int, seed: int, only_labelled: bool
) -> tuple[list[str], NDArray[Any]]:
    """Return texts, of which some have a label, as many of each class as its share says."""
    task = corpus.task
    rows, _ = train_test_split(
        np.arange(len(task.train)),
        train_size=n_labels,
        stratify=task.train_labels,
        random_state=seed,
    )
    if only_labelled:
        return [task.train[row] for row in rows], task.train_labels[rows]
    labels = np.full(len(task.train) + len(corpus.others), None, object)
    labels[rows] = task.train_labels[rows]
    return [*task.train, *corpus.others], labels


if __name__ == "__main__":
    main()

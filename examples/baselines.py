"""When is a linear model enough? This library against two linear ones, on real data.

    python examples/baselines.py FOLDER

FOLDER contains some of `imdb`, `trec`, `sms_spam` and `zh_hotel`; what is missing is skipped. Each
row is one data set: the accuracy on held-out texts, and the seconds of training, for

- TF-IDF of words and pairs of words, with logistic regression,
- NB-SVM: a linear classifier of words and pairs weighted by naive Bayes,
- this library, untuned, with its default cell and with the minimal GRU,
- the first and the third, stacked.

With `--seeds`, what depends on a random seed is trained with several on sets of fewer than 10,000
texts, and its row has the mean and the standard deviation.

`--held-out validation` uses a fifth of the training texts instead of the test texts: for all work
on the models themselves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import NBSVMClassifier, RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb

Texts = Sequence[str]


class Task(NamedTuple):
    """Texts to train on, and texts to evaluate on."""

    title: str
    train: Texts
    train_labels: NDArray[Any]
    test: Texts
    test_labels: NDArray[Any]
    tokenizer: Callable[[str], list[str]] | None = None


def tf_idf(task: Task, seed: int = 0) -> Any:
    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, **words_of(task)),
        LogisticRegression(C=10, max_iter=1000),
    )


def nb_svm(task: Task, seed: int = 0) -> Any:
    return make_pipeline(
        CountVectorizer(ngram_range=(1, 2), min_df=2, **words_of(task)), NBSVMClassifier()
    )


def this_library(task: Task, seed: int = 0, cell: str = "lstm") -> Any:
    network = RNNTextClassifier(cell=cell, random_state=seed)
    return make_pipeline(SequenceVectorizer(**words_of(task)), network)


def stacked(task: Task, seed: int = 0) -> Any:
    steps = [("linear", tf_idf(task)), ("recurrent", this_library(task, seed))]
    return StackingClassifier(steps, cv=3)


def words_of(task: Task) -> dict[str, Any]:
    if task.tokenizer is None:
        return {}
    return {"tokenizer": task.tokenizer, "token_pattern": None}


MODELS: dict[str, Callable[[Task, int], Any]] = {
    "TF-IDF + LR": tf_idf,
    "NB-SVM": nb_svm,
    "this library": this_library,
    "mingru": partial(this_library, cell="mingru"),
    "stacked": stacked,
}


# ---- data ------------------------------------------------------------------------------------


def imdb(folder: Path, n_reviews: int) -> Task:
    data = fetch_imdb(folder, subset=("train", "test"))
    rows = np.arange(25_000)
    if n_reviews < len(rows):
        rows, _ = train_test_split(
            rows, train_size=n_reviews, stratify=data.train.target, random_state=0
        )
    train, test = (
        [text.replace("<br />", " ") for text in part.data] for part in (data.train, data.test)
    )
    return Task(
        f"IMDB, {n_reviews:,} reviews",
        [train[row] for row in rows],
        data.train.target[rows],
        test,
        data.test.target,
    )


def trec(folder: Path, fine: bool) -> Task:
    def read(name: str) -> tuple[list[str], NDArray[Any]]:
        lines = (folder / name).read_text("latin-1").splitlines()
        labels, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
        return list(texts), np.array([x if fine else x.partition(":")[0] for x in labels])

    title = "TREC, 50 classes" if fine else "TREC, 6 classes"
    return Task(title, *read("train_5500.label"), *read("TREC_10.label"))


def sms_spam(folder: Path) -> Task:
    lines = (folder / "SMSSpamCollection").read_text("utf-8").splitlines()
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    return split("SMS spam", texts, np.array(labels))


def chinese_words(text: str) -> list[str]:
    """Return the words of a text. `jieba.lcut` itself, a method, could not be cloned."""
    import jieba

    jieba.setLogLevel("WARNING")
    return jieba.lcut(text)


def zh_hotel(folder: Path) -> Task:
    reviews = pd.read_csv(folder / "ChnSentiCorp_htl_all.csv.gz").dropna()
    task = split("Chinese hotel reviews", list(reviews["review"]), reviews["label"].to_numpy())
    return task._replace(tokenizer=chinese_words)


def split(title: str, texts: Texts, labels: NDArray[Any], test_size: float = 0.2) -> Task:
    train, test, train_labels, test_labels = train_test_split(
        texts, labels, test_size=test_size, stratify=labels, random_state=0
    )
    return Task(title, train, train_labels, test, test_labels)


TASKS: dict[str, tuple[str, Callable[[Path], Task]]] = {
    "imdb1k": ("imdb", partial(imdb, n_reviews=1_000)),
    "imdb5k": ("imdb", partial(imdb, n_reviews=5_000)),
    "imdb25k": ("imdb", partial(imdb, n_reviews=25_000)),
    "trec6": ("trec", partial(trec, fine=False)),
    "trec50": ("trec", partial(trec, fine=True)),
    "sms": ("sms_spam", sms_spam),
    "hotel": ("zh_hotel", zh_hotel),
}


# ---- the comparison --------------------------------------------------------------------------


def main() -> None:
    options = parse_arguments()
    print("| data | " + " | ".join(options.models) + " |")
    print("| --- |" + " ---: |" * len(options.models))
    scores = []
    for task in tasks(options.folder, options.tasks, options.held_out):
        results = [judge_seeds(name, task, options.seeds) for name in options.models]
        scores.append([result.accuracy for result in results])
        print(f"| {task.title} | {' | '.join(map(str, results))} |", flush=True)
    print("| mean | " + " | ".join(f"{mean:.1%}" for mean in np.mean(scores, axis=0)) + " |")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the data sets")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=1, help="seeds, where texts are few")
    parser.add_argument("--held-out", choices=["validation", "test"], default="test")
    return parser.parse_args()


def tasks(folder: Path, names: Sequence[str], held_out: str) -> Iterator[Task]:
    for name in names:
        home, load = TASKS[name]
        if not (folder / home).is_dir():
            continue
        task = load(folder / home)
        yield task if held_out == "test" else validation_of(task)


def validation_of(task: Task) -> Task:
    """Return the task with a part of the training texts in place of its test texts."""
    counts = dict(zip(*np.unique(task.train_labels, return_counts=True), strict=True))
    rows = [i for i, label in enumerate(task.train_labels) if counts[label] > 1]
    part = split(task.title, [task.train[i] for i in rows], task.train_labels[rows])
    return part._replace(tokenizer=task.tokenizer)


class Result(NamedTuple):
    """Means over the seeds, and the standard deviation of the accuracy; None for one seed."""

    accuracy: float
    deviation: float | None
    seconds: float

    def __str__(self) -> str:
        spread = "" if self.deviation is None else f" ± {100 * self.deviation:.1f}"
        return f"{self.accuracy:.1%}{spread} ({self.seconds:.0f} s)"


def judge_seeds(name: str, task: Task, n_seeds: int) -> Result:
    """Evaluate a model with several seeds where the texts are few and it depends on one."""
    is_random = name in ("this library", "mingru")
    seeds = range(n_seeds if is_random and len(task.train) < 10_000 else 1)
    results = [judge(MODELS[name](task, seed), task) for seed in seeds]
    accuracies, seconds = zip(*results, strict=True)
    deviation = float(np.std(accuracies, ddof=1)) if len(seeds) > 1 else None
    return Result(float(np.mean(accuracies)), deviation, float(np.mean(seconds)))


def judge(model: Any, task: Task) -> tuple[float, float]:
    """Return the accuracy on held-out texts and the seconds of training."""
    start = time.perf_counter()
    model.fit(task.train, task.train_labels)
    seconds = time.perf_counter() - start
    return float(np.mean(model.predict(task.test) == task.test_labels)), seconds


if __name__ == "__main__":
    main()

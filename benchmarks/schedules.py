"""Accuracy of other numbers of passes, batches and rates than the default ones, on training texts.

    python benchmarks/schedules.py FOLDER --task hotel --passes 4 --batch 64 --lr 0.005

FOLDER contains `imdb`, `trec`, `sms_spam`, `zh_hotel` and `tweets`. Some fifths of the training
texts are held out in turn: random ones, or of the IMDB reviews, which lie in the order of their
films, stretches of the files. No test text is read. The figures of docs/choosing.md are from here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb

Corpus = tuple[Sequence[Any], NDArray[Any]]


def imdb(folder: Path) -> Corpus:
    train = fetch_imdb(folder / "imdb", subset="train").train
    return [text.replace("<br />", " ") for text in train.data], train.target


def trec(folder: Path) -> Corpus:
    lines = (folder / "trec" / "train_5500.label").read_text("latin-1").splitlines()
    labels, texts = zip(*(line.split(" ", 1) for line in lines if line), strict=True)
    return texts, np.array([label.partition(":")[0] for label in labels])


def sms(folder: Path) -> Corpus:
    lines = (folder / "sms_spam" / "SMSSpamCollection").read_text("utf-8").splitlines()
    labels, texts = zip(*(line.split("\t", 1) for line in lines if line), strict=True)
    return texts, np.array(labels)


def hotel(folder: Path) -> Corpus:
    import jieba

    reviews = pd.read_csv(folder / "zh_hotel" / "ChnSentiCorp_htl_all.csv.gz").dropna()
    return [jieba.lcut(text) for text in reviews["review"]], reviews["label"].to_numpy()


def tweets(folder: Path) -> Corpus:
    table = pd.read_csv(folder / "tweets" / "airline_tweets.csv.gz")
    return list(table["text"].fillna("")), table["sentiment"].to_numpy()


TASKS: dict[str, Callable[[Path], Corpus]] = {
    "imdb": imdb,
    "trec": trec,
    "sms": sms,
    "hotel": hotel,
    "tweets": tweets,
}


def main() -> None:
    options = parse_arguments()
    texts, labels = TASKS[options.task](options.folder)
    scores = []
    for fold in options.folds:
        held_out = stretch(labels, fold) if options.task == "imdb" else fifth(labels, fold)
        training = np.flatnonzero(~held_out)
        if options.texts:
            training = balanced(training, labels, options.texts, options.seed)
        scores.append(accuracy(texts, labels, training, np.flatnonzero(held_out), options))
    print(f"mean {np.mean(scores):.2%}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--texts", type=int, default=0, help="training texts (default: all)")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def stretch(labels: NDArray[Any], fold: int) -> NDArray[np.bool_]:
    """Return which texts are in one of five stretches of each label's files."""
    held_out = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        held_out[np.array_split(np.flatnonzero(labels == label), 5)[fold]] = True
    return held_out


def fifth(labels: NDArray[Any], fold: int) -> NDArray[np.bool_]:
    """Return which texts are in one of five random parts."""
    is_part: NDArray[np.bool_] = np.random.default_rng(0).permutation(len(labels)) % 5 == fold
    return is_part


def balanced(
    rows: NDArray[np.intp], labels: NDArray[Any], n_texts: int, seed: int
) -> NDArray[np.intp]:
    """Return some of the rows, each label in its share."""
    generator = np.random.default_rng(100 + seed)
    parts = []
    for label in np.unique(labels[rows]):
        of_label = generator.permutation(rows[labels[rows] == label])
        parts.append(of_label[: max(1, round(n_texts * len(of_label) / len(rows)))])
    return np.sort(np.concatenate(parts))


def accuracy(
    texts: Sequence[Any],
    labels: NDArray[Any],
    training: NDArray[np.intp],
    held_out: NDArray[np.intp],
    options: argparse.Namespace,
) -> float:
    """Train on some texts, and return the share of others that is right."""
    words = {"analyzer": list} if options.task == "hotel" else {}
    vectorizer = SequenceVectorizer(**words)
    model = RNNTextClassifier(
        cell=options.cell,
        max_epochs=options.passes,
        batch_size=options.batch,
        lr=options.lr,
        table_lr=50 * options.batch / options.passes,
        random_state=options.seed,
    )
    sequences = vectorizer.fit_transform([texts[row] for row in training])
    start = time.process_time()
    model.fit(sequences, labels[training])
    seconds = time.process_time() - start
    score = model.score(vectorizer.transform([texts[row] for row in held_out]), labels[held_out])
    print(f"{score:.2%} in {seconds:.0f} s of processor time", flush=True)
    return float(score)


if __name__ == "__main__":
    main()

"""The lecture "Making RNNs More Effective", model by model, on the IMDB reviews.

    python examples/lecture.py --data FOLDER --seeds 3

trains the lecture's models by its own rules (10,000 words, 500 tokens, 32 dimensions, 32
states, RMSprop at 1e-3, batches of 32; 20,000 reviews to train on, 5,000 to validate, 25,000
to test), each with three random seeds, prints one table of means and standard deviations, and
draws the learning curves of the first seed. FOLDER contains the reviews, or they are
downloaded into it. Without ``--data`` the reviews are made up, for a quick look.

Training stops when the validation loss no longer falls, and keeps the best epoch's weights.
The test reviews are read once, at the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import fetch_imdb, make_reviews

RULES: dict[str, Any] = {
    "embedding_dim": 32,
    "hidden_size": 32,
    "bidirectional": False,
    "pooling": "last",
    "input_dropout": 0.0,
    "dropout": 0.0,
    "linear": "none",
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "table_lr": None,
    "lr_schedule": "constant",
    "label_smoothing": 0.0,
    "batch_size": 32,
    "max_epochs": 10,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 3,
}

MODELS: dict[str, dict[str, Any]] = {
    "SimpleRNN, last state": {"cell": "rnn"},
    "SimpleRNN, all states": {"cell": "rnn", "pooling": "flatten"},
    "LSTM": {"cell": "lstm"},
    "LSTM, input dropout 0.2": {"cell": "lstm", "input_dropout": 0.2},
    "three stacked LSTM": {"cell": "lstm", "num_layers": 3},
    "bidirectional LSTM": {"cell": "lstm", "bidirectional": True},
    "two stacked bidirectional LSTM": {"cell": "lstm", "bidirectional": True, "num_layers": 2},
    "GRU": {"cell": "gru"},
}


class Split(NamedTuple):
    """Reviews as sequences, with their labels."""

    sequences: TokenSequences
    labels: NDArray[np.int64]


class Fit(NamedTuple):
    """A trained model, with the seconds of processor time that it took."""

    model: RNNTextClassifier
    seconds: float


class Figures(NamedTuple):
    """The figures of one model; accuracies are of the epoch that was kept."""

    parameters: int
    seconds: float
    epochs: int
    training: float
    validation: float
    test: float


def main() -> None:
    options = parse_arguments()
    training, test = load(options.data, options.reviews)
    fits = [
        {title: fit(title, seed, training) for title in options.models}
        for seed in range(options.seeds)
    ]
    results = {title: [figures(of[title], test) for of in fits] for title in options.models}
    print(as_table(results))
    draw({title: model.history_ for title, (model, _) in fits[0].items()}, options.picture)
    print(f"\nLearning curves saved to {options.picture.resolve()}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=2_000, help="reviews to make up")
    parser.add_argument("--seeds", type=int, default=1, help="random seeds for each model")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--picture", type=Path, default=Path("lecture.png"))
    return parser.parse_args()


def load(data_home: Path | None, n_made_up: int) -> tuple[Split, Split]:
    """Return the reviews to fit on and those to test with; `fit` sets some aside to validate."""
    if data_home is None:
        texts, labels = make_reviews(2 * n_made_up, random_state=0)
        return as_sequences(
            (texts[:n_made_up], labels[:n_made_up]), (texts[n_made_up:], labels[n_made_up:])
        )
    imdb = fetch_imdb(data_home, subset=("train", "test"), verbose=1)
    return as_sequences(*((part.data, part.target) for part in (imdb.train, imdb.test)))


def as_sequences(train: tuple[Any, Any], test: tuple[Any, Any]) -> tuple[Split, Split]:
    vectorizer = SequenceVectorizer(max_features=10_000, max_len=500)
    train_texts, test_texts = (without_markup(texts) for texts, _ in (train, test))
    return (
        Split(vectorizer.fit_transform(train_texts), train[1]),
        Split(vectorizer.transform(test_texts), test[1]),
    )


def without_markup(texts: Sequence[str]) -> list[str]:
    return [text.replace("<br />", " ") for text in texts]


def fit(title: str, seed: int, training: Split) -> Fit:
    """Train one model."""
    print(f"\n{title}, seed {seed}", flush=True)
    model = RNNTextClassifier(**RULES | MODELS[title], random_state=seed, verbose=1)
    start = time.process_time()
    model.fit(training.sequences, training.labels)
    seconds = time.process_time() - start
    if seed == 0:
        print(model.summary())
    return Fit(model, seconds)


def figures(fitted: Fit, test: Split) -> Figures:
    model, history = fitted.model, fitted.model.history_
    kept = model.best_epoch_ - 1
    return Figures(
        parameters=model.n_parameters_,
        seconds=fitted.seconds,
        epochs=model.n_iter_,
        training=float(history["train_accuracy"][kept]),
        validation=float(history["valid_accuracy"][kept]),
        test=model.score(test.sequences, test.labels),
    )


def as_table(results: dict[str, list[Figures]]) -> str:
    """Return the results as a table in Markdown."""
    head = "| model | parameters | seconds | epochs | training | validation | test |"
    rule = "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    rows = [as_row(title, Figures(*zip(*seeds, strict=True))) for title, seeds in results.items()]
    return "\n".join(["", head, rule, *rows])


def as_row(title: str, seeds: Any) -> str:
    """Return one model's row, from figures that have a value for each seed."""
    return (
        f"| {title} | {seeds.parameters[0]:,} | {np.mean(seeds.seconds):.0f} "
        f"| {', '.join(map(str, seeds.epochs))} | {percent(seeds.training)} "
        f"| {percent(seeds.validation)} | {percent(seeds.test)} |"
    )


def percent(shares: Sequence[float]) -> str:
    """Return a mean, and the standard deviation between seeds if there are several."""
    spread = f" ± {100 * np.std(shares, ddof=1):.1f}" if len(shares) > 1 else ""
    return f"{np.mean(shares):.1%}{spread}"


def draw(histories: dict[str, dict[str, NDArray[np.float64]]], path: Path) -> None:
    """Draw accuracy by epoch, one panel for each model."""
    n_columns = min(4, len(histories))
    n_rows = -(-len(histories) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(2.8 * n_columns, 2.6 * n_rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, (title, history) in zip(axes.flat, histories.items(), strict=False):
        draw_model(ax, title, history)
    figure.supxlabel("epoch")
    figure.supylabel("accuracy")
    axes.flat[0].legend(loc="lower right", fontsize="small")
    figure.savefig(path, dpi=120)


def draw_model(ax: plt.Axes, title: str, history: dict[str, NDArray[np.float64]]) -> None:
    epochs = np.arange(1, len(history["train_loss"]) + 1)
    kept = int(np.argmin(history["valid_loss"]))
    ax.plot(epochs, history["train_accuracy"], label="training")
    (line,) = ax.plot(epochs, history["valid_accuracy"], label="validation")
    ax.plot(epochs[kept], history["valid_accuracy"][kept], "o", c=line.get_color(), label="kept")
    ax.set_title(title, fontsize="medium")
    ax.grid(alpha=0.3)


if __name__ == "__main__":
    main()

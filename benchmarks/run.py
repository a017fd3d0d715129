"""Times of this library and of its peers on the same work; writes `docs/benchmarks.md`.

    make bench DATA=path/to/imdb

Contenders take turns in each round, each in a process of its own; what is printed are ratios of
their median times. All of them get the same reviews as ids: 10,000 words, 500 places, batches
of 32.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from contest import contest

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb

FLOOR = "the bare module, one thread"


class Row(NamedTuple):
    """A piece of work, who does it, and how many times faster this library is to be."""

    kind: str
    model: str
    reach: dict[str, float]


ROWS = [
    Row(
        "epoch",
        "LSTM 32",
        {
            "Keras on JAX": 4,
            "Keras on TensorFlow": 10,
            "Keras on torch": 40,
            "torch, padded": 2.5,
            "torch, packed": 20,
            "skorch": 3,
            FLOOR: 1 / 0.75,
        },
    ),
    *(
        Row("epoch", model, {"Keras on JAX": reach})
        for model, reach in {
            "bidirectional LSTM 32": 4,
            "three LSTM 32": 4,
            "LSTM 128 on 100-d vectors": 4,
            "SimpleRNN 32": 1.5,
            "GRU 32": 1.5,
        }.items()
    ),
    Row("predict", "LSTM 32", {"Keras on JAX": 4, "Keras on TensorFlow": 4}),
]

PAGE = """\
# Benchmarks

`make bench DATA=path/to/imdb` writes this page. Contenders take turns, each in a process of its
own; the figures are medians over {rounds} rounds. All get the same {n_reviews:,} IMDB reviews as
ids (10,000 words, padded to 500), in batches of 32, with the same network and Adam. An epoch is
one pass of training, a prediction one pass of `predict_proba`. Peers run as they come, on all
cores.

{machine}.

| work | against | theirs, ms a batch | ours | times faster | to reach |
| --- | --- | ---: | ---: | ---: | ---: |
{rows}
"""


def main() -> None:
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        lay_down(options.data, Path(folder))
        lines = []
        for row in ROWS:
            lines += measured(row, Path(folder), options.reviews, options.rounds)
            print(*lines[-len(row.reach) :], sep="\n", flush=True)
    packages = ("torch", "numba", "keras", "jax", "tensorflow-cpu", "skorch")
    machine = f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
    machine += ", ".join(f"{package} {version(package)}" for package in packages)
    options.page.write_text(
        PAGE.format(
            rounds=options.rounds,
            n_reviews=options.reviews,
            machine=machine,
            rows="\n".join(lines),
        ),
        encoding="utf-8",
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=1_280)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--page", type=Path, default=Path("docs/benchmarks.md"))
    return parser.parse_args()


def lay_down(data_home: Path, folder: Path) -> None:
    """Write ids and labels of all training reviews, in a random order, for the contenders."""
    train = fetch_imdb(data_home, subset="train").train
    sequences = SequenceVectorizer(max_features=10_000, max_len=500).fit_transform(train.data)
    order = np.random.default_rng(0).permutation(len(sequences))
    np.save(folder / "ids.npy", sequences.ids[order])
    np.save(folder / "labels.npy", train.target[order])


def measured(row: Row, folder: Path, n_reviews: int, rounds: int) -> list[str]:
    """Let all take turns; return a line of the table for each peer."""
    seconds = contest(row.kind, ["ours", *row.reach], row.model, n_reviews, folder, rounds)
    a_batch = {name: 1e3 * s * 32 / n_reviews for name, s in seconds.items()}  # ms
    ours = a_batch["ours"]
    return [
        f"| {row.kind} of {row.model} | {peer} | {a_batch[peer]:.1f} | {ours:.1f} "
        f"| {a_batch[peer] / ours:.2f} | {reach:.2f} |"
        for peer, reach in row.reach.items()
    ]


def processor() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()

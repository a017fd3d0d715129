"""Time this library and its peers on the same work; write `docs/benchmarks.md`.

    make bench DATA=path/to/imdb

Contenders take turns in each round, each in its own process; what is printed are ratios of the
medians. All of them get the same reviews.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import alone
import fused_step
import numpy as np
from contenders import BATCH, STEPS, VOCABULARY, Reviews
from contest import contest

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb

FLOOR = "the bare module, one thread"
KERAS = ["Keras on JAX", "Keras on TensorFlow", "Keras on torch"]


class Line(NamedTuple):
    """A row of the table: their figure, ours, and the target for their ratio."""

    work: str
    peer: str
    theirs: float
    ours: float
    unit: str
    reach: float

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours

    def __str__(self) -> str:
        mark = "yes" if self.ratio >= self.reach else "no"
        return (
            f"| {self.work} | {self.peer} | {self.theirs:.3g} {self.unit} "
            f"| {self.ours:.3g} {self.unit} | {self.ratio:.2f} | {self.reach:.2f} | {mark} |"
        )


class Setting(NamedTuple):
    """The settings that all rows share."""

    folder: Path
    n_reviews: int
    rounds: int

    def of(self, kind: str, names: Sequence[str], model: str, n_reviews: int = 0) -> Medians:
        n_reviews = n_reviews or self.n_reviews
        return contest(kind, names, model, n_reviews, self.folder, self.rounds)


Medians = dict[str, list[float]]


def epoch(model: str, reach: dict[str, float], setting: Setting) -> Iterator[Line]:
    """One epoch of training."""
    n_batches = setting.n_reviews / BATCH
    medians = setting.of("epoch", ["ours", *reach], model)
    for peer, target in reach.items():
        theirs, ours = (1e3 * medians[name][0] / n_batches for name in (peer, "ours"))
        yield Line(f"epoch, {model}", peer, theirs, ours, "ms/batch", target)


def one_thread(setting: Setting) -> Iterator[Line]:
    """Measure the overhead of `fit` over training the bare module."""
    medians = setting.of("epoch", ["ours, one thread", FLOOR], "LSTM 32")
    theirs, ours = (1e3 * s[0] * BATCH / setting.n_reviews for s in reversed(medians.values()))
    yield Line("epoch, LSTM 32, one thread", FLOOR, theirs, ours, "ms/batch", 1 / 0.65)


def fit(setting: Setting) -> Iterator[Line]:
    """Time the default fit, from raw texts."""
    names = ["ours", "ours, mingru", "TF-IDF + LR"]
    medians = setting._replace(rounds=1).of("fit", names, "LSTM 32", 25_000)
    ours, minimal, theirs = (medians[name][0] for name in names)
    work = "default fit, 25,000 reviews"
    yield Line(work, "bigrams' TF-IDF + LR", theirs, ours, "s", 1 / 4)
    yield Line(f'{work}, `cell="mingru"`', "bigrams' TF-IDF + LR", theirs, minimal, "s", 1 / 2.5)


def step(setting: Setting) -> Iterator[Line]:
    """Compare a step of one layer with its arithmetic at the peak of a core."""
    for n_hidden, ideal, measured in fused_step.steps():
        work = f"training step of one layer, LSTM {n_hidden}"
        yield Line(work, "arithmetic at the core's peak", 1e3 * ideal, 1e3 * measured, "ms", 1 / 2)


def predict(setting: Setting) -> Iterator[Line]:
    medians = setting.of("predict", ["ours", *KERAS[:2]], "LSTM 32")
    for peer in KERAS[:2]:
        theirs, ours = (
            1e3 * medians[name][0] * 1e3 / setting.n_reviews for name in (peer, "ours")
        )
        yield Line("`predict_proba`", peer, theirs, ours, "ms/1,000", 10)


def one_text(setting: Setting) -> Iterator[Line]:
    medians = setting.of("one text", ["ours", *KERAS], "LSTM 32", 1_000)
    for place, (name, on_jax) in enumerate((("p50", 3), ("p99", 2.5))):
        for peer in KERAS:
            target = {"TensorFlow": 30, "JAX": on_jax}.get(peer.rpartition(" ")[2], 2)
            theirs, ours = (1e3 * medians[who][place] for who in (peer, "ours"))
            yield Line(f"one text, {name}", peer, theirs, ours, "ms", target)


def texts(setting: Setting) -> Iterator[Line]:
    names = ["ours", "ours, n_jobs=2", "CountVectorizer"]
    medians = setting.of("texts", names, "LSTM 32", 25_000)
    ours, two, theirs = (medians[name][0] for name in names)
    work = "`SequenceVectorizer.fit_transform`, 25,000 reviews"
    yield Line(work, "CountVectorizer", theirs, ours, "s", 1)
    yield Line(f"{work}, `n_jobs=2`", "itself", ours, two, "s", 1.7)


def memory(setting: Setting) -> Iterator[Line]:
    names = ["ours", "Keras on JAX", "torch, padded"]
    medians = setting._replace(rounds=1).of("memory", names, "LSTM 32", 25_000)
    for peer in names[1:]:
        theirs, ours = medians[peer][0], medians["ours"][0]
        yield Line("peak memory of a fit, 25,000 reviews", peer, theirs, ours, "MB", 1)


def imports(setting: Setting) -> Iterator[Line]:
    medians = alone.imports(2 * setting.rounds)
    theirs, ours = medians["foundations"], medians["ours"]
    yield Line(f"`{alone.ENTRY}`", f"`{alone.FOUNDATIONS}`", theirs, ours, "s", 1 / 1.05)


def busy(setting: Setting) -> Iterator[Line]:
    medians = alone.beside_another(setting.n_reviews, setting.folder, setting.rounds)
    theirs, ours = (1e3 * s * BATCH / setting.n_reviews for s in medians.values())
    yield Line("epoch, half of the cores busy", "one thread, idle", theirs, ours, "ms/batch", 0.45)


ROWS: dict[str, Callable[[Setting], Iterator[Line]]] = {
    "epoch": partial(
        epoch,
        "LSTM 32",
        {
            "Keras on JAX": 7,
            "Keras on TensorFlow": 10,
            "Keras on torch": 40,
            "torch, padded": 2.5,
            "torch, packed": 20,
            "skorch": 3,
            FLOOR: 1 / 0.75,
        },
    ),
    "one-thread": one_thread,
    **{
        name: partial(epoch, model, {"Keras on JAX": reach})
        for name, model, reach in (
            ("bidirectional", "bidirectional LSTM 32", 9),
            ("stacked", "three LSTM 32", 8),
            ("wide", "LSTM 128 on 100-d vectors", 8),
            ("rnn", "SimpleRNN 32", 3),
            ("gru", "GRU 32", 6),
        )
    },
    "fit": fit,
    "step": step,
    "predict": predict,
    "one-text": one_text,
    "texts": texts,
    "memory": memory,
    "imports": imports,
    "busy": busy,
}

PAGE = """\
# Benchmarks

`make bench DATA=path/to/imdb` writes this page. Contenders take turns, each in its own process;
the figures are medians over {rounds} rounds. All get the same IMDB reviews as ids (10,000 words,
padded to 500), in batches of 32, with the same network and Adam; {n_reviews:,} reviews unless
stated otherwise. An epoch is one pass over the training data. Peers run with their default
settings, on all cores.

{machine}.

| work | against | theirs | ours | times better | target | reached |
| --- | --- | ---: | ---: | ---: | ---: | --- |
{rows}

How the time of an epoch scales with the data: the exponent log(t / t0) / log(n / n0). The target
is 1.05 at most.

| what grows | twice | four times | eight times |
| --- | ---: | ---: | ---: |
{growth}

{notes}"""


def main() -> None:
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        reviews = lay_down(options.data, Path(folder))
        setting = Setting(Path(folder), options.reviews, options.rounds)
        lines = []
        for name in options.rows:
            for line in ROWS[name](setting):
                lines.append(str(line))
                print(line, flush=True)
        grown = list(growth(reviews, setting)) if options.growth else []
        print(*grown, sep="\n")
    if options.page is not None:
        notes = (Path(__file__).parent / "notes.md").read_text(encoding="utf-8")
        page = PAGE.format(
            rounds=options.rounds,
            n_reviews=options.reviews,
            machine=machine(),
            rows="\n".join(lines),
            growth="\n".join(grown),
            notes=notes,
        )
        options.page.write_text(page, encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=1_280)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--no-growth", dest="growth", action="store_false")
    parser.add_argument("--page", type=Path, help="where to write the page")
    return parser.parse_args()


def lay_down(data_home: Path, folder: Path) -> Reviews:
    """Write the ids, labels and texts of all training reviews, in random order."""
    train = fetch_imdb(data_home, subset="train").train
    sequences = SequenceVectorizer(max_features=VOCABULARY, max_len=STEPS).fit_transform(
        train.data
    )
    order = np.random.default_rng(0).permutation(len(sequences))
    np.save(folder / "ids.npy", sequences.ids[order])
    np.save(folder / "labels.npy", train.target[order])
    (folder / "texts.json").write_text(json.dumps([train.data[row] for row in order]), "utf-8")
    return Reviews.of(folder, len(order))


def growth(reviews: Reviews, setting: Setting) -> Iterator[str]:
    for what, sizes in (
        ("reviews", alone.more_reviews(reviews.first(8 * setting.n_reviews))),
        ("words of a review", alone.longer_reviews(setting.n_reviews // 2)),
    ):
        exponents = alone.growth(sizes, setting.rounds)
        yield f"| {what} | {' | '.join(f'{exponent:.2f}' for exponent in exponents.values())} |"


def machine() -> str:
    packages = ("torch", "numba", "keras", "jax", "tensorflow-cpu", "skorch")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def processor() -> str:
    """Return the processor's name, if the system reports it."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()

"""Measure this library against itself: imports, scaling with the data, a busy machine."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from contenders import BATCH, MODELS, Reviews, as_sequences, ours
from contest import Contender

ENTRY = "from sklearn_rnn import RNNTextClassifier, SequenceVectorizer"
FOUNDATIONS = "import torch, sklearn, skorch"


def imports(rounds: int) -> dict[str, float]:
    """Return the median import seconds, in new processes, of this library and of what it needs."""
    lines = {"ours": ENTRY, "foundations": FOUNDATIONS}
    times = [
        {name: _seconds_of([sys.executable, "-c", line]) for name, line in lines.items()}
        for _ in range(rounds)
    ]
    return {name: statistics.median(turn[name] for turn in times) for name in lines}


def growth(sizes: dict[int, Reviews], rounds: int) -> dict[int, float]:
    """Return the exponent of time in size, log(t / t0) / log(n / n0), by the factor of growth."""
    work = {
        size: (ours(MODELS["LSTM 32"]), as_sequences(part), part.labels)
        for size, part in sizes.items()
    }
    times = [{size: _epoch(*parts) for size, parts in work.items()} for _ in range(rounds + 1)][
        1:
    ]  # the first is a warm-up
    medians = {size: statistics.median(turn[size] for turn in times) for size in sizes}
    first = min(sizes)
    return {
        round(size / first): math.log(medians[size] / medians[first]) / math.log(size / first)
        for size in sizes
        if size != first
    }


def more_reviews(reviews: Reviews) -> dict[int, Reviews]:
    """Return once, twice, four and eight times as many reviews."""
    n = len(reviews.ids) // 8 // BATCH * BATCH
    return {n * k: reviews.first(n * k) for k in (1, 2, 4, 8)}


def longer_reviews(n_reviews: int) -> dict[int, Reviews]:
    """Return made-up reviews of 64, 128, 256 and 512 words each."""
    generator = np.random.default_rng(0)
    return {
        n_words: Reviews(
            generator.integers(2, 10_000, (n_reviews, n_words), dtype=np.int32),
            generator.integers(0, 2, n_reviews),
            [],
        )
        for n_words in (64, 128, 256, 512)
    }


def beside_another(n_reviews: int, folder: Path, rounds: int) -> dict[str, float]:
    """Return the median seconds of an epoch: on one thread of an idle machine, and on a busy one.

    Half of the cores are kept busy by processes that spin.
    """
    task = ("LSTM 32", n_reviews, folder)
    with (
        Contender("epoch", "ours, one thread", *task) as idle,
        Contender("epoch", "ours", *task) as busy,
    ):
        for contender in (idle, busy):
            contender.answer()  # ready
        times = []
        for _ in range(rounds):
            alone = idle.figures()[0]
            with _half_of_the_cores_taken():
                times.append((alone, busy.figures()[0]))
    one_thread, beside = (statistics.median(column) for column in zip(*times, strict=True))
    return {"idle": one_thread, "busy": beside}


@contextmanager
def _half_of_the_cores_taken() -> Iterator[None]:
    counting = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(counting) for _ in range(max(1, (os.cpu_count() or 2) // 2))]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _epoch(estimator: object, sequences: object, labels: object) -> float:
    start = time.perf_counter()
    estimator.partial_fit(sequences, labels, classes=[0, 1])  # type: ignore[attr-defined]
    return time.perf_counter() - start


def _seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start

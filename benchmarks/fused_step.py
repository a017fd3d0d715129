"""Time a training step of one recurrent layer, beside the time of its arithmetic alone.

    python benchmarks/fused_step.py

The ideal is the number of multiplications and additions, of distinct words' projections and of the
recurrence, divided by what one core does at most: the better of a matrix product in torch, and of
this library's tiles on numbers that stay in the first cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from sklearn_rnn._network.compiled.buffers import Buffers
from sklearn_rnn._network.compiled.layer import CompiledLayer
from sklearn_rnn._network.compiled.matrix_product import add_product, pack_matrix
from sklearn_rnn._network.compiled.packed import RowIndex, pack_ids
from sklearn_rnn._network.dropout import LockedDropout
from sklearn_rnn._network.recurrent import RecurrentLayer
from sklearn_rnn._utils.threads import one_blas_thread, single_threaded_math

N_TEXTS, N_STEPS, N_WORDS = 32, 224, 10_000
SIZES = ((32, 32), (64, 128), (128, 100))
"""Hidden units, and dimensions of a word's vector."""


class Step(NamedTuple):
    """Seconds of a step, forward and backward, and of its arithmetic at the core's peak."""

    n_hidden: int
    ideal: float
    measured: float


def main() -> None:
    print(f"peak of one core: {operations_per_second() / 1e9:.0f} GFLOP/s")
    for n_hidden, ideal, measured in steps():
        print(
            f"{n_hidden:3} hidden units: ideal {1e3 * ideal:.2f} ms, measured "
            f"{1e3 * measured:.2f} ms, {measured / ideal:.2f} times as long"
        )


def steps() -> Iterator[Step]:
    """Yield the figures of an LSTM on reviews of made-up words, as frequent as in a language."""
    with one_blas_thread(), single_threaded_math():
        peak = operations_per_second()
        for n_hidden, n_dimensions in SIZES:
            yield _step(n_hidden, n_dimensions, peak)


def operations_per_second() -> float:
    """Return the most multiplications and additions that one core does in a second."""
    rows, terms, columns = 64, 64, 32
    a, b = np.ones((rows + 4, terms), np.float32), np.ones((terms, columns), np.float32)
    result, packed = np.zeros((rows + 4, columns), np.float32), pack_matrix(b)

    def tiles() -> None:
        for _ in range(1_000):
            add_product(a, 0, rows, packed, result, 0)

    square = torch.ones(1024, 1024)
    with one_blas_thread(), single_threaded_math():
        return max(
            2e3 * rows * terms * columns / _best(tiles),
            2 * 1024**3 / _best(lambda: square @ square),
        )


def _step(n_hidden: int, n_dimensions: int, peak: float) -> Step:
    generator = np.random.default_rng(0)
    ids = (generator.zipf(1.3, (N_TEXTS, N_STEPS)) % N_WORDS + 2).astype(np.int32)
    lengths = np.full(N_TEXTS, N_STEPS)
    draws = torch.Generator().manual_seed(0)
    module = RecurrentLayer("lstm", n_dimensions, n_hidden, False, draws)
    layer = CompiledLayer(module, LockedDropout(0.0, draws), Buffers(), "layer")
    table = generator.normal(size=(N_WORDS + 2, n_dimensions)).astype(np.float32)
    grad_states = generator.normal(size=(ids.size, n_hidden)).astype(np.float32)
    index = RowIndex(len(table))

    def step() -> None:
        packed = pack_ids(ids, lengths, index)
        layer.forward(table[packed.words], [packed.rows], packed)
        layer.backward([grad_states])

    # Forward, and backward for both factors: three products of each matrix.
    n_words = len(pack_ids(ids, lengths, index).words)
    n_products = n_words * n_dimensions + ids.size * n_hidden
    return Step(n_hidden, 3 * 2 * n_products * 4 * n_hidden / peak, _best(step))


def _best(work: Callable[[], object], rounds: int = 50) -> float:
    """Return the least seconds of several rounds, after one that warms up."""
    work()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()

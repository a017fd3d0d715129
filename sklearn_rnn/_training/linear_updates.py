"""What a linear model that exists already gets to know of further texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._data.batches import SequenceDataset
from .._data.ngram_stream import StreamNGrams
from .._data.ngrams import NGrams, renewed
from .._network.linear import TfidfLinear
from .net import OptimizerState

__all__ = ["Counted", "count_again", "count_chunk"]


class Counted(NamedTuple):
    """What has been counted of a stream, beside what the linear model itself keeps."""

    n_texts: float
    """How many texts, or what weight of texts."""

    waiting: NDArray[np.int64]
    """Pairs that one text has held so far, of shape (2, W): see `StreamNGrams`."""


def count_chunk(
    linear: TfidfLinear,
    kind: str,
    memory: OptimizerState | None,
    chunk: SequenceDataset,
    counted: Counted,
) -> Counted:
    """Go on counting with a chunk of a stream.

    Parameters
    ----------
    linear : TfidfLinear
        The linear model, which gets to know what the chunk contains.
    kind : {"words", "pairs"}
        Single words alone, or also pairs of neighbours.
    memory : OptimizerState or None
        What optimizers remember of the steps behind them: of further pairs nothing.
    chunk : SequenceDataset
        The texts of the chunk, and their weights.
    counted : Counted
        What was counted of earlier chunks.

    Returns
    -------
    Counted
        The same, with this chunk.
    """
    rows, weights = chunk.weighty()
    stream = StreamNGrams(*_known(linear), *counted)
    stream = stream.with_chunk(chunk.values, rows, kind, weights)
    moved_to = linear.extend_statistics(stream.pairs, stream.idf)
    if memory is not None:
        memory.move_rows(linear.weight, moved_to)
    return Counted(stream.n_texts, stream.waiting)


def count_again(linear: TfidfLinear, ngrams: NGrams) -> None:
    """Let the linear model know n-grams of other texts, too, before training begins anew.

    Parameters
    ----------
    linear : TfidfLinear
        The linear model.
    ngrams : NGrams
        What the other texts contain.
    """
    linear.extend_statistics(*renewed(*_known(linear), ngrams))


def _known(linear: TfidfLinear) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return linear.pairs.numpy(force=True), linear.idf.numpy(force=True)

"""Further texts for a linear model that exists already: new pairs, updated frequencies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._data.batches import SequenceDataset
from .._data.ngram_stream import NO_PAIRS, StreamNGrams
from .._data.ngrams import NGrams, merge_ngrams
from .._network.linear import TfidfLinear
from .skorch_net import OptimizerState

__all__ = ["Counted", "count_again", "count_chunk"]


class Counted(NamedTuple):
    """What was counted so far, beside what the linear model itself keeps."""

    n_texts: float | None = 0.0
    """Number of texts, or their total weight. None: unknown, and streams are not counted."""

    waiting: NDArray[np.int64] = NO_PAIRS
    """Pairs that occurred in one text of a stream so far, of shape (2, W): see `StreamNGrams`."""


def count_chunk(
    linear: TfidfLinear,
    kind: str,
    optimizers: OptimizerState | None,
    chunk: SequenceDataset,
    counted: Counted,
) -> Counted:
    """Count a further chunk of a stream.

    Parameters
    ----------
    linear : TfidfLinear
        The linear model, whose pairs and frequencies are updated.
    kind : {"words", "pairs"}
        Single words alone, or also pairs of neighbours.
    optimizers : OptimizerState or None
        What optimizers know of earlier steps, whose rows are moved like the weights.
    chunk : SequenceDataset
        The texts of the chunk, and their weights.
    counted : Counted
        What was counted in earlier chunks.

    Returns
    -------
    Counted
        The same, with this chunk.
    """
    if counted.n_texts is None:
        return counted
    stream = StreamNGrams(*_known(linear), counted.n_texts, counted.waiting)
    stream = stream.with_chunk(chunk, kind)
    moved_to = linear.extend_statistics(stream.pairs, stream.idf)
    if optimizers is not None:
        optimizers.move_rows(linear.weight, moved_to)
    return Counted(stream.n_texts, stream.waiting)


def count_again(linear: TfidfLinear, ngrams: NGrams) -> None:
    """Add the n-grams of other texts, before a warm start trains on them.

    Parameters
    ----------
    linear : TfidfLinear
        The linear model.
    ngrams : NGrams
        What the other texts contain.
    """
    linear.extend_statistics(*merge_ngrams(*_known(linear), ngrams))


def _known(linear: TfidfLinear) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return linear.pairs.numpy(force=True), linear.idf.numpy(force=True)

"""Batches without padding: texts of similar length together, cut at the longest of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ..sequences import PADDING, UNKNOWN

__all__ = ["LengthSortedBatches", "SequenceDataset", "ShuffledBuckets", "left_align", "rounded"]

Batch = tuple[dict[str, Any], Any]

Shard = Callable[[int], slice]
"""Says which of the texts of a batch one process reads."""

_LENGTH_NOISE = 0.1
"""Share by which lengths are blurred before sorting, so that batches differ by epoch."""

_TOKENS_AT_ONCE = 16_384
"""Tokens in a batch that is only predicted: keeps the activations within the cache."""

_LOGITS_AT_ONCE = 2**21
"""Logits of such a batch: 16 MB as doubles, in each thread. Only thousands of classes reach it."""

_ROWS_AT_ONCE = 1_024

_STEPS = 8
"""Batches have a multiple of so many steps: oneDNN prepares a kernel for each number it meets."""


def rounded(n_steps: int) -> int:
    """Return the number of steps of a batch whose longest text has `n_steps`.

    Parameters
    ----------
    n_steps : int
        Tokens of the longest text.

    Returns
    -------
    int
        The next number that kernels are prepared for.
    """
    return -(-n_steps // _STEPS) * _STEPS


def left_align(ids: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Drop the padding of each row and cut all rows at the longest text, `rounded`.

    Parameters
    ----------
    ids : ndarray of int of shape (N, T)
        Token ids; wherever the padding stands, it goes.

    Returns
    -------
    ids : ndarray of int32 of shape (N, rounded(longest))
        Each row's tokens from the left. An empty text reads as one unknown token.
    lengths : ndarray of int64 of shape (N,)
        Number of tokens of each text, at least 1.
    """
    is_token = ids != PADDING
    n_tokens = is_token.sum(axis=1)
    lengths = np.maximum(n_tokens, 1)
    aligned = np.full((len(ids), rounded(int(lengths.max()))), PADDING, np.int32)
    aligned[:, 0] = UNKNOWN  # stays where a text is empty
    aligned[np.arange(aligned.shape[1]) < n_tokens[:, None]] = ids[is_token]
    return aligned, lengths


class SequenceDataset(Dataset[Batch]):
    """Sequences with their targets, taken out in whole batches.

    Parameters
    ----------
    values : ndarray of int of shape (N, T), or of float of shape (N, T, D)
        Token ids, or sequences that are embedded already. Never written to.
    target : ndarray of shape (N,) or (N, C), default=None
        Targets as the loss reads them; None for predictions.
    sample_weight : ndarray of float of shape (N,), default=None
        Weights of the texts in the loss.
    """

    def __init__(
        self,
        values: NDArray[Any],
        target: NDArray[Any] | None = None,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> None:
        self.values = values
        self.target = target
        self.sample_weight = sample_weight
        self.rows = np.arange(len(values))
        self.lengths = _lengths(values)

    def subset(self, places: NDArray[np.intp]) -> SequenceDataset:
        """Return the part at these places. It shares the arrays: nothing is copied.

        Parameters
        ----------
        places : ndarray of int of shape (n_places,)
            Places in this dataset.

        Returns
        -------
        SequenceDataset
            The part.
        """
        part = copy(self)
        part.rows, part.lengths = self.rows[places], self.lengths[places]
        return part

    def weighty(self) -> tuple[NDArray[np.intp], NDArray[np.float64] | None]:
        """Return the rows of `values` that weigh anything, and what each of them weighs.

        Returns
        -------
        rows : ndarray of int of shape (n_texts,)
            Rows of the texts whose weight is above 0.
        weights : ndarray of float64 of shape (n_texts,), or None
            Their weights; None: all weigh the same.
        """
        if self.sample_weight is None:
            return self.rows, None
        rows = self.rows[self.sample_weight[self.rows] > 0]
        return rows, self.sample_weight[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: NDArray[np.intp]) -> Batch:
        """Return the batch at these places: what the network reads, and the targets."""
        return self._inputs(self.rows[places]), self._targets(self.rows[places])

    def sharded(self, places: NDArray[np.intp], shard: Shard) -> Batch:
        """Return what one of several processes reads of a batch, and the targets of all of it.

        Parameters
        ----------
        places : ndarray of int of shape (n_places,)
            Places of the batch.
        shard : callable
            Gives the slice of the places that the process reads, by their number. A process
            for which no text is left gets the first.

        Returns
        -------
        tuple of dict and Tensor
            The inputs of some texts, and the targets of all.
        """
        own = places[shard(len(places))]
        inputs = self._inputs(self.rows[own if len(own) else places[:1]])
        return inputs, self._targets(self.rows[places])

    def _inputs(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        sequences, lengths = self._sequences(rows)
        inputs = {"sequences": torch.from_numpy(sequences), "lengths": torch.from_numpy(lengths)}
        if self.sample_weight is not None:
            inputs["sample_weight"] = torch.from_numpy(self.sample_weight[rows].astype(np.float32))
        return inputs

    def _targets(self, rows: NDArray[np.intp]) -> torch.Tensor:
        return torch.empty(0) if self.target is None else torch.from_numpy(self.target[rows])

    def _sequences(self, rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        values = np.asarray(self.values[rows])  # a copy, also of a read-only memory map
        if values.ndim == 2:
            return left_align(values)
        return values.astype(np.float32, copy=False), _lengths(values)


def _lengths(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.ndim == 3:
        return np.full(len(values), values.shape[1], np.int64)
    lengths = np.empty(len(values), np.int64)
    for start in range(0, len(values), _ROWS_AT_ONCE):  # a memory map is never loaded whole
        rows = slice(start, start + _ROWS_AT_ONCE)
        lengths[rows] = np.count_nonzero(values[rows] != PADDING, axis=1)
    return np.maximum(lengths, 1)


class ShuffledBuckets:
    """Training batches: of similar length, in a new random order each time they are read.

    Parameters
    ----------
    dataset : SequenceDataset
        The training texts.
    batch_size : int
        Texts in a batch; the last one may hold fewer.
    generator : numpy.random.Generator
        Source of the order.
    shard : callable, default=None
        Where several processes train together: gives the slice of a batch that this one reads,
        by the number of its texts. None: all of it.
    """

    def __init__(
        self,
        dataset: SequenceDataset,
        batch_size: int,
        generator: np.random.Generator,
        shard: Shard | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = min(batch_size, len(dataset))
        self.generator = generator
        self.shard = shard

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        lengths = self.dataset.lengths
        low, high = 1 - _LENGTH_NOISE, 1 + _LENGTH_NOISE
        blurred = lengths * self.generator.uniform(low, high, len(lengths))
        order = np.argsort(blurred, kind="stable")
        for start in self.generator.permutation(len(self)) * self.batch_size:
            places = order[start : start + self.batch_size]
            yield self.dataset.sharded(places, self.shard) if self.shard else self.dataset[places]


class LengthSortedBatches:
    """Batches to predict: longest texts first, about as many tokens in each.

    Parameters
    ----------
    dataset : SequenceDataset
        The texts.
    batch_size : int, default=None
        Ignored: a prediction does not depend on it. Part of the signature that skorch calls.
    n_outputs : int, default=1
        Logits of a text: where they are many, batches hold fewer texts.

    Attributes
    ----------
    order : ndarray of int of shape (N,)
        Rows in the order in which the batches hold them.
    """

    def __init__(
        self, dataset: SequenceDataset, batch_size: int | None = None, n_outputs: int = 1
    ) -> None:
        self.dataset = dataset
        self.order = np.argsort(-dataset.lengths, kind="stable")
        self.starts = [0]
        while self.starts[-1] < len(self.order):
            longest = int(dataset.lengths[self.order[self.starts[-1]]])
            n_texts = min(_TOKENS_AT_ONCE // rounded(longest), _LOGITS_AT_ONCE // n_outputs)
            self.starts.append(self.starts[-1] + max(1, n_texts))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> Batch:
        """Return the batch at a place."""
        return self.dataset[self.order[self.starts[place] : self.starts[place + 1]]]

    def __iter__(self) -> Iterator[Batch]:
        return map(self.__getitem__, range(len(self)))

"""Batches without padding: texts of similar length together, cut at the longest of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ..sequences import PADDING, UNKNOWN

__all__ = [
    "Block",
    "LengthSortedBatches",
    "SequenceDataset",
    "ShuffledBuckets",
    "left_align",
    "rounded",
]

Batch = tuple[dict[str, Any], Any]

Shard = Callable[[NDArray[np.int64]], slice]
"""Says which of the texts of a batch one process reads."""

_LENGTH_NOISE = 0.1
"""Share by which lengths are blurred before sorting, so that batches differ by epoch."""

_TOKENS_AT_ONCE = 16_384
"""Tokens in a batch that is only predicted: keeps the activations within the cache."""

_LOGITS_AT_ONCE = 2**19
"""Logits of such a batch: 4 MB as doubles, in each thread. Only hundreds of classes reach it."""

_ROWS_AT_ONCE = 1_024

_IDS_AT_ONCE = 2**17
"""Ids, padding among them, that are read at once: half a megabyte."""

_STEPS = 8
"""Batches have a multiple of this number of steps: oneDNN prepares a kernel for each number."""


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
        Token ids, with padding anywhere.

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


class Block(NamedTuple):
    """Some texts of a dataset."""

    ids: NDArray[np.int32]
    """Left-aligned ids, (n, T)."""

    lengths: NDArray[np.int64]
    """Tokens of each text, (n,)."""

    rows: NDArray[np.intp]
    """Rows of the texts in the arrays of the dataset, (n,)."""


class SequenceDataset(Dataset[Batch]):
    """Sequences with their targets, indexed by batch.

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

    def subset(self, indices: NDArray[np.intp]) -> SequenceDataset:
        """Return some of the texts. They share the arrays: nothing is copied.

        Parameters
        ----------
        indices : ndarray of int of shape (n_texts,)
            Indices of the texts in this dataset.

        Returns
        -------
        SequenceDataset
            The part.
        """
        part = copy(self)
        part.rows, part.lengths = self.rows[indices], self.lengths[indices]
        return part

    def weighted(self) -> tuple[SequenceDataset, NDArray[np.float64] | None]:
        """Return the texts whose weight is above 0, and their weights.

        Returns
        -------
        texts : SequenceDataset
            The texts.
        weights : ndarray of float64 of shape (n_texts,), or None
            Their weights; None: all weigh the same.
        """
        if self.sample_weight is None:
            return self, None
        texts = self.subset(np.flatnonzero(self.sample_weight[self.rows] > 0))
        return texts, self.sample_weight[texts.rows]

    def blocks(self) -> Iterator[Block]:
        """Yield the texts block by block: a memory map is never loaded whole.

        Yields
        ------
        Block
            Some of the texts, in their order.
        """
        for start in range(0, len(self), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            yield Block(*self._sequences(block), self.rows[block])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: NDArray[np.intp]) -> Batch:
        """Return a batch: what the network reads, and the targets."""
        return self._inputs(indices), self._targets(indices)

    def sharded(self, indices: NDArray[np.intp], shard: Shard) -> Batch:
        """Return what one of several processes reads of a batch, and the targets of all of it.

        Parameters
        ----------
        indices : ndarray of int of shape (n_texts,)
            Indices of the texts of the batch.
        shard : callable
            Gives the slice of them that the process reads, by their lengths. It may be empty.

        Returns
        -------
        tuple of dict and Tensor
            The inputs of some texts, and the targets of all.
        """
        own = indices[shard(self.lengths[indices])]
        if len(own) == 0:  # the shapes of some input, without texts
            inputs = {name: tensor[:0] for name, tensor in self._inputs(indices[:1]).items()}
            return inputs, self._targets(indices)
        return self._inputs(own), self._targets(indices)

    def _inputs(self, indices: NDArray[np.intp]) -> dict[str, Any]:
        sequences, lengths = self._sequences(indices)
        inputs = {"sequences": torch.from_numpy(sequences), "lengths": torch.from_numpy(lengths)}
        if self.sample_weight is not None:
            weights = self.sample_weight[self.rows[indices]]
            inputs["sample_weight"] = torch.from_numpy(weights.astype(np.float32))
        return inputs

    def _targets(self, indices: NDArray[np.intp]) -> torch.Tensor:
        if self.target is None:
            return torch.empty(0)
        return torch.from_numpy(self.target[self.rows[indices]])

    def _sequences(
        self, indices: NDArray[np.intp] | slice
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return sequences, left-aligned, and their lengths: a copy, never a view."""
        rows = self.rows[indices]
        if self.values.ndim == 3:  # embedded already, and without padding
            values = np.asarray(self.values[rows]).astype(np.float32, copy=False)
            return values, self.lengths[indices]
        # Aligned whenever they are read: it takes a thousandth of a step, and an aligned copy of
        # all texts would double their memory. A few at a time: rows may be padded to many times
        # the longest of these texts.
        lengths = self.lengths[indices]
        aligned = np.full((len(rows), rounded(int(lengths.max()))), PADDING, np.int32)
        n_at_once = 1 + _IDS_AT_ONCE // max(1, self.values.shape[1])
        for start in range(0, len(rows), n_at_once):
            some = slice(start, start + n_at_once)
            ids, _ = left_align(np.asarray(self.values[rows[some]]))
            aligned[some, : ids.shape[1]] = ids
        return aligned, lengths


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
        Texts in a batch; the last one may have fewer.
    generator : numpy.random.Generator
        Source of the order.
    shard : callable, default=None
        Where several processes train together: gives the slice of a batch that this one reads,
        by the lengths of its texts. None: all of it.
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
            batch = order[start : start + self.batch_size]
            yield self.dataset.sharded(batch, self.shard) if self.shard else self.dataset[batch]


class LengthSortedBatches:
    """Batches to predict: longest texts first, about as many tokens in each.

    Parameters
    ----------
    dataset : SequenceDataset
        The texts.
    batch_size : int, default=None
        Not used: a prediction does not depend on it. skorch passes it to every iterator.
    n_outputs : int, default=1
        Logits of a text: the more there are, the fewer texts are in a batch.

    Attributes
    ----------
    order : ndarray of int of shape (N,)
        Indices of the texts in the order in which the batches contain them.
    starts : list of int
        Where in this order each batch starts, and the end.
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

    def __getitem__(self, index: int) -> Batch:
        """Return one batch."""
        return self.dataset[self.order[self.starts[index] : self.starts[index + 1]]]

    def __iter__(self) -> Iterator[Batch]:
        return map(self.__getitem__, range(len(self)))

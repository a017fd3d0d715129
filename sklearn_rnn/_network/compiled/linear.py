"""The linear model's logits and gradients of a batch, compiled by numba: see `linear.py`.

A pair's row is found by a binary search among the keys of all pairs, which ascend.

A row that occurs several times in a text counts once. A text's rows are noted as seen while they
are collected, and forgotten afterwards.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` outputs, `R` rows of all texts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..._data.ngram_keys import PAIR
from ..linear import TfidfLinear
from .compiler import compiled

__all__ = ["CompiledLinear"]

Array = NDArray[np.float32]


class TextRows(NamedTuple):
    """The rows of some texts, one text after the other, each row once."""

    starts: NDArray[np.int64]
    """Where a text's rows begin, (N + 1,)."""

    rows: NDArray[np.int32]
    """Rows of the weight, (R,)."""

    tf_idf: Array
    """Their weights in the text, of length 1, (R,)."""


class CompiledLinear:
    """Computes the logits of a linear model, and their gradients.

    Parameters
    ----------
    linear : TfidfLinear
        The model. Its weights and frequencies are read for each batch anew.
    """

    def __init__(self, linear: TfidfLinear) -> None:
        self.linear = linear
        self.is_seen = np.zeros(len(linear.idf), np.bool_)

    def __call__(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits of each text: (N, T) -> (N, C).

        Parameters
        ----------
        ids : Tensor of int32 of shape (N, T)
            Left-aligned ids.
        lengths : Tensor of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        Tensor of shape (N, C)
            The logits; the gradient of the weight is sparse.
        """
        texts = self.rows_of(ids.numpy(), lengths.numpy())
        logits: Tensor = _WeightedSum.apply(self.linear.weight, texts)
        return logits

    def logits(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> Array:
        """Return the logits of each text, without a graph: (N, T) -> (N, C).

        Parameters
        ----------
        ids : ndarray of int32 of shape (N, T)
            Left-aligned ids.
        lengths : ndarray of int64 of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        ndarray of float32 of shape (N, C)
            The logits.
        """
        return _weighted_sums(self.rows_of(ids, lengths), self.linear.weight)

    def rows_of(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> TextRows:
        """Return the rows of texts: steps 1 and 2 of `linear.py`.

        Parameters
        ----------
        ids : ndarray of int32 of shape (N, T)
            Left-aligned ids.
        lengths : ndarray of int64 of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        TextRows
            The rows.
        """
        ids = np.ascontiguousarray(ids)
        starts = np.zeros(len(ids) + 1, np.int64)
        rows = np.empty(2 * int(lengths.sum()), np.int32)
        tf_idf = np.empty(len(rows), np.float32)
        _find_rows(
            *(ids, lengths, self.linear.pairs.numpy(), self.linear.idf.numpy(), self.linear.n_ids),
            *(self.is_seen, starts, rows, tf_idf),
        )
        n = starts[-1]
        return TextRows(starts, rows[:n], tf_idf[:n])


class _WeightedSum(torch.autograd.Function):
    """Step 3 of `linear.py`: the weight (V + P, C) to logits (N, C)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, texts: TextRows) -> Tensor:
        ctx.texts, ctx.shape = texts, weight.shape
        return torch.from_numpy(_weighted_sums(texts, weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        texts = ctx.texts
        if len(texts.rows) == 0:  # a gradient of zeros, in row 0, as of other texts without rows
            texts = TextRows(np.array([0, 1]), np.zeros(1, np.int32), np.zeros(1, np.float32))
        values = np.empty((len(texts.rows), ctx.shape[1]), np.float32)
        _spread(texts.starts, texts.tf_idf, grad.contiguous().numpy(), values)
        rows = torch.from_numpy(texts.rows.astype(np.int64))[None]
        numbers = torch.from_numpy(values)
        return torch.sparse_coo_tensor(rows, numbers, ctx.shape, check_invariants=False), None


def _weighted_sums(texts: TextRows, weight: Tensor) -> Array:
    logits = np.zeros((len(texts.starts) - 1, weight.shape[1]), np.float32)
    _sum_rows(*texts, weight.detach().numpy(), logits)
    return logits


@compiled
def _find_rows(
    ids: Any,
    lengths: Any,
    pairs: Any,
    idf: Any,
    n_ids: int,
    is_seen: Any,
    starts: Any,
    rows: Any,
    tf_idf: Any,
) -> None:
    has_pairs, end = len(pairs) > 0, 0
    for n in range(len(lengths)):
        squares = np.float32(0)
        for t in range(lengths[n]):
            word = ids[n, t]
            if idf[word] != 0 and not is_seen[word]:
                is_seen[word] = True
                rows[end] = word
                squares += idf[word] * idf[word]
                end += 1
            if has_pairs and t + 1 < lengths[n]:
                key = np.int64(word) * PAIR + ids[n, t + 1]
                low, high = 0, len(pairs)
                while low < high:
                    middle = (low + high) // 2
                    if pairs[middle] < key:
                        low = middle + 1
                    else:
                        high = middle
                if low < len(pairs) and pairs[low] == key:
                    row = n_ids + low
                    if idf[row] != 0 and not is_seen[row]:
                        is_seen[row] = True
                        rows[end] = row
                        squares += idf[row] * idf[row]
                        end += 1
        length = max(np.sqrt(squares), np.float32(1e-12))
        for i in range(starts[n], end):
            tf_idf[i] = idf[rows[i]] / length
            is_seen[rows[i]] = False
        starts[n + 1] = end


@compiled
def _sum_rows(starts: Any, rows: Any, tf_idf: Any, weight: Any, logits: Any) -> None:
    for n in range(len(starts) - 1):
        total = logits[n]
        for i in range(starts[n], starts[n + 1]):
            of_row = weight[rows[i]]
            for c in range(len(total)):
                total[c] += tf_idf[i] * of_row[c]


@compiled
def _spread(starts: Any, tf_idf: Any, grad: Any, values: Any) -> None:
    """Fill the gradient of each row of each text: (N, C) -> (R, C)."""
    for n in range(len(starts) - 1):
        g = grad[n]
        for i in range(starts[n], starts[n + 1]):
            for c in range(len(g)):
                values[i, c] = tf_idf[i] * g[c]

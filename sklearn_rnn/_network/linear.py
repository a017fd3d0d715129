"""A linear model of words and pairs of neighbours, weighted by TF-IDF, on batches of ids.

What a word says by itself, wherever it stands, needs no recurrence. Beside the recurrent layers
("wide and deep"), such a model leaves them what depends on order.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` outputs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from .._data.ngram_keys import PAIR

__all__ = ["TfidfLinear"]


class TfidfLinear(nn.Module):
    """The linear model: one weight for each word or pair and output.

    Parameters
    ----------
    n_ids : int
        Rows `V` of the vocabulary.
    n_pairs : int
        Pairs `P`.
    n_outputs : int
        Outputs `C`.

    References
    ----------
    Cheng et al. (2016), "Wide & Deep Learning for Recommender Systems".
    """

    def __init__(self, n_ids: int, n_pairs: int, n_outputs: int) -> None:
        super().__init__()
        self.n_ids = n_ids
        self.sparse = False
        self.weight = nn.Parameter(torch.zeros(n_ids + n_pairs, n_outputs))
        self.pairs: Tensor
        self.idf: Tensor
        self.register_buffer("pairs", torch.zeros(n_pairs, dtype=torch.int64))
        self.register_buffer("idf", torch.zeros(n_ids + n_pairs))

    def load_statistics(self, pairs: NDArray[np.int64], idf: NDArray[np.float32]) -> None:
        """Take over what was counted.

        Parameters
        ----------
        pairs : ndarray of int64 of shape (P,)
            Sorted keys of the pairs.
        idf : ndarray of float32 of shape (V + P,)
            Inverse document frequencies of words, then of pairs; 0 where there is no evidence.
        """
        self.pairs.copy_(torch.from_numpy(pairs))
        self.idf.copy_(torch.from_numpy(idf))

    def extend_statistics(self, pairs: NDArray[np.int64], idf: NDArray[np.float32]) -> Tensor:
        """Take over what was counted since, further pairs included: their weights start at zero.

        Parameters
        ----------
        pairs : ndarray of int64 of shape (P,)
            Sorted keys of all pairs, those known before among them.
        idf : ndarray of float32 of shape (V + P,)
            Inverse document frequencies of words, then of pairs.

        Returns
        -------
        Tensor of int64 of shape (V + previous P,)
            The row in which each row of `weight` is now.
        """
        device = self.weight.device
        keys = torch.from_numpy(pairs).to(device)
        of_pairs = self.n_ids + torch.searchsorted(keys, self.pairs)
        rows = torch.cat([torch.arange(self.n_ids, device=device), of_pairs])
        # In its place: optimizers know it by its identity.
        previous = self.weight.data
        self.weight.data = previous.new_zeros(len(idf), previous.shape[1])
        self.weight.data[rows] = previous
        self.pairs, self.idf = keys, torch.from_numpy(idf).to(device)
        return rows

    def forward(self, ids: Tensor) -> Tensor:
        """Return the evidence of each text: (N, T) -> (N, C).

        Parameters
        ----------
        ids : Tensor of shape (N, T)
            Left-aligned ids.

        Returns
        -------
        Tensor of shape (N, C)
            The sum of the weights of its words and pairs, each once, times their TF-IDF.
        """
        rows, weights = self._tf_idf(self._rows(ids.long()))
        return F.embedding_bag(
            rows, self.weight, per_sample_weights=weights, mode="sum", sparse=self.sparse
        )

    def token_contributions(self, ids: Tensor) -> Tensor:
        """Return what each token adds to the evidence: (N, T) -> (N, T, C).

        Parameters
        ----------
        ids : Tensor of shape (N, T)
            Left-aligned ids.

        Returns
        -------
        Tensor of shape (N, T, C)
            The evidence, a word's in equal parts with its repetitions, a pair's in halves
            with its two words. Summed over tokens it is that of the text.
        """
        rows = self._rows(ids.long())
        ordered, weights = self._tf_idf(rows)
        of_row = _at_first(ordered, weights, rows) / _repetitions(rows)  # (N, 2 T - 1)
        evidence = of_row[..., None] * self.weight[rows]
        n_tokens = ids.shape[1]
        token_contributions, of_pairs = evidence[:, :n_tokens].clone(), evidence[:, n_tokens:] / 2
        if of_pairs.shape[1]:
            token_contributions[:, :-1] += of_pairs
            token_contributions[:, 1:] += of_pairs
        return token_contributions

    def _rows(self, ids: Tensor) -> Tensor:
        """Return the row of each word and each pair; 0 where there is none: (N, 2 T - 1)."""
        if len(self.pairs) == 0:
            return ids
        keys = ids[:, :-1] * PAIR + ids[:, 1:]
        places = torch.searchsorted(self.pairs, keys).clamp_(max=len(self.pairs) - 1)
        known = self.pairs[places] == keys
        return torch.cat([ids, torch.where(known, places + self.n_ids, 0)], dim=1)

    def _tf_idf(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return sorted rows and their weights, of length 1 per text; repetitions weigh 0."""
        ordered, _ = rows.sort(dim=1)
        weights = self.idf[ordered]
        weights[:, 1:] *= ordered[:, 1:] != ordered[:, :-1]
        return ordered, F.normalize(weights, dim=1)


def _at_first(ordered: Tensor, values: Tensor, rows: Tensor) -> Tensor:
    """Return, for each of `rows`, the value where `ordered` holds it first."""
    places = torch.searchsorted(ordered, rows)
    return values.gather(1, places)


def _repetitions(rows: Tensor) -> Tensor:
    """Return how often its text holds each row: (N, R) -> (N, R)."""
    ordered, _ = rows.sort(dim=1)
    after = torch.searchsorted(ordered, rows, right=True)
    return after - torch.searchsorted(ordered, rows)

"""A linear model of words and pairs of neighbours, weighted by TF-IDF, on batches of ids.

What a word says wherever it occurs needs no recurrence. Beside the recurrent layers ("wide and
deep"), such a model leaves them what depends on order.

It has one matrix of weights, whose rows are first the words, by id, then the known pairs, by
their keys in ascending order. A batch of ids becomes logits in three steps:

1. Look up rows: one for each token, and one for each two neighbours. A binary search finds their
   key among those of the known pairs; unknown ones get row 0, that of padding, whose IDF is 0.
2. Weigh the rows. Those of a text are sorted, so that repetitions are adjacent: the first of them
   gets the IDF, the others 0. So a row counts once, however often it occurs. Then the weights of
   each text are scaled to length 1.
3. Sum the rows of the matrix times these weights.

Axes: `N` texts, `T` tokens, `R` rows looked up for a text (2 T - 1), `V` vocabulary entries,
`P` pairs, `C` outputs.
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
        Number of pairs `P`.
    n_outputs : int
        Number of outputs `C`.

    References
    ----------
    Cheng et al. (2016), "Wide & Deep Learning for Recommender Systems".
    """

    def __init__(self, n_ids: int, n_pairs: int, n_outputs: int) -> None:
        super().__init__()
        self.n_ids = n_ids
        self.weight = nn.Parameter(torch.zeros(n_ids + n_pairs, n_outputs))
        self.pairs: Tensor
        self.idf: Tensor
        self.register_buffer("pairs", torch.zeros(n_pairs, dtype=torch.int64))
        self.register_buffer("idf", torch.zeros(n_ids + n_pairs))

    def load_statistics(self, pairs: NDArray[np.int64], idf: NDArray[np.float32]) -> None:
        """Set the pairs and IDF that were counted in the training texts.

        Parameters
        ----------
        pairs : ndarray of int64 of shape (P,)
            Sorted keys of the pairs.
        idf : ndarray of float32 of shape (V + P,)
            Inverse document frequencies of words, then of pairs; 0 for no evidence.
        """
        self.pairs.copy_(torch.from_numpy(pairs))
        self.idf.copy_(torch.from_numpy(idf))

    def extend_statistics(self, pairs: NDArray[np.int64], idf: NDArray[np.float32]) -> Tensor:
        """Set pairs and IDF anew after counting further texts: weights of new pairs start at 0.

        Parameters
        ----------
        pairs : ndarray of int64 of shape (P,)
            Sorted keys of all pairs, including those known before.
        idf : ndarray of float32 of shape (V + P,)
            Inverse document frequencies of words, then of pairs.

        Returns
        -------
        Tensor of int64 of shape (V + previous P,)
            The new row of each previous row of `weight`.
        """
        device = self.weight.device
        keys = torch.from_numpy(pairs).to(device)
        of_pairs = self.n_ids + torch.searchsorted(keys, self.pairs)
        rows = torch.cat([torch.arange(self.n_ids, device=device), of_pairs])
        # In place: optimizers know the parameter by its identity.
        previous = self.weight.data
        self.weight.data = previous.new_zeros(len(idf), previous.shape[1])
        self.weight.data[rows] = previous
        self.pairs, self.idf = keys, torch.from_numpy(idf).to(device)
        return rows

    def forward(self, ids: Tensor, sparse_gradients: bool = False) -> Tensor:
        """Return the logits of each text: (N, T) -> (N, C).

        Parameters
        ----------
        ids : Tensor of shape (N, T)
            Left-aligned ids.
        sparse_gradients : bool, default=False
            Whether the gradient of `weight` is a sparse tensor.

        Returns
        -------
        Tensor of shape (N, C)
            The sum of the weights of its words and pairs, each once, times their TF-IDF.
        """
        rows, tf_idf = self._tf_idf(self._rows(ids.long()))
        return F.embedding_bag(
            rows, self.weight, per_sample_weights=tf_idf, mode="sum", sparse=sparse_gradients
        )

    def token_contributions(self, ids: Tensor) -> Tensor:
        """Return what each token adds to the logits: (N, T) -> (N, T, C).

        Parameters
        ----------
        ids : Tensor of shape (N, T)
            Left-aligned ids.

        Returns
        -------
        Tensor of shape (N, T, C)
            Contributions: a word's in equal parts to its repetitions, a pair's in halves to its
            two words. Summed over tokens they are the text's logits.
        """
        rows = self._rows(ids.long())  # (N, R), in the order of the text
        ordered, tf_idf = self._tf_idf(rows)
        # `ordered` has the weight of a row at its first occurrence. All its occurrences, from
        # there to the end of the run, get an equal share.
        first = torch.searchsorted(ordered, rows)
        end = torch.searchsorted(ordered, rows, right=True)
        share = tf_idf.gather(1, first) / (end - first)
        contributions = share[..., None] * self.weight[rows]
        n_tokens = ids.shape[1]
        of_tokens, of_pairs = contributions[:, :n_tokens].clone(), contributions[:, n_tokens:] / 2
        if of_pairs.shape[1]:
            of_tokens[:, :-1] += of_pairs
            of_tokens[:, 1:] += of_pairs
        return of_tokens

    def _rows(self, ids: Tensor) -> Tensor:
        """Step 1: return the row of each word, then of each pair, 0 for none: (N, R)."""
        if len(self.pairs) == 0:
            return ids
        keys = ids[:, :-1] * PAIR + ids[:, 1:]
        # The place where a key would be inserted: its own if it is known.
        indices = torch.searchsorted(self.pairs, keys).clamp_(max=len(self.pairs) - 1)
        known = self.pairs[indices] == keys
        return torch.cat([ids, torch.where(known, indices + self.n_ids, 0)], dim=1)

    def _tf_idf(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Step 2: return the rows of each text in order, and their TF-IDF: (N, R) twice."""
        ordered, _ = rows.sort(dim=1)
        weights = self.idf[ordered]
        weights[:, 1:] *= ordered[:, 1:] != ordered[:, :-1]
        return ordered, F.normalize(weights, dim=1)

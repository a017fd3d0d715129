"""The n-grams of a stream, counted chunk by chunk: the result does not depend on how it is cut.

The vocabulary is known beforehand, but which pairs of neighbours occur in two texts shows only as
texts arrive. A pair that occurred once waits for a second, different text. It waits with the hash
of its first text, so that reading the same texts again does not make all of their pairs known.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` known pairs, `W` waiting pairs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .batches import SequenceDataset
from .distinct_texts import text_digests
from .ngram_keys import find_keys, pair_keys
from .ngrams import CONSTANT, SINGLE, inverse_frequencies, weighted_frequencies

__all__ = ["NO_PAIRS", "StreamNGrams"]

NO_PAIRS: NDArray[np.int64] = np.empty((2, 0), np.int64)
"""The waiting pairs before the first text."""

_MOST_PAIRS = 2**21
"""The most pairs that a stream may make known: 25,000 reviews have half a million."""

_MOST_WAITING = 2**21
"""The most pairs that wait; beyond that, they are forgotten (lossy counting)."""


class StreamNGrams(NamedTuple):
    """What is known of a stream so far.

    References
    ----------
    Manku and Motwani (2002), "Approximate Frequency Counts over Data Streams".
    """

    pairs: NDArray[np.int64]
    """Sorted keys of the known pairs, (P,)."""

    idf: NDArray[np.float32]
    """Inverse document frequencies of words, then of pairs, (V + P,); 0: in no text so far."""

    n_texts: float
    """Number of texts so far, or their total weight."""

    waiting: NDArray[np.int64]
    """Keys of the pairs that occurred in one text, and the hash of that text, (2, W)."""

    def with_chunk(self, chunk: SequenceDataset, kind: str) -> StreamNGrams:
        """Return what is known after a further chunk.

        Parameters
        ----------
        chunk : SequenceDataset
            Token ids. A text of weight w counts as w texts.
        kind : {"words", "pairs"}
            Single words alone, or also pairs of neighbours.

        Returns
        -------
        StreamNGrams
            Known pairs stay known.
        """
        texts, weights = chunk.weighted()
        weights = np.ones(len(texts)) if weights is None else weights
        n_ids = len(self.idf) - len(self.pairs)
        # 1. Which pairs become known? They join the known ones, in order.
        new, waiting = np.empty(0, np.int64), self.waiting
        if kind == "pairs":
            new, waiting = self._new_pairs(texts)
        pairs = np.union1d(self.pairs, new)
        # 2. Frequencies so far. A new pair has waited since the one text of an earlier chunk
        #    that contained it, or was not there before.
        frequencies = np.zeros(n_ids + len(pairs))
        frequencies[:n_ids] = self._frequencies()[:n_ids]
        frequencies[n_ids + np.searchsorted(pairs, self.pairs)] = self._frequencies()[n_ids:]
        has_waited = np.intersect1d(new, self.waiting[0])
        frequencies[n_ids + np.searchsorted(pairs, has_waited)] = 1
        # 3. Add those of the chunk.
        frequencies += weighted_frequencies(texts, weights, pairs, n_ids)
        n_texts = self.n_texts + float(weights.sum())
        return self._replace(
            pairs=pairs,
            idf=inverse_frequencies(frequencies, n_texts),
            n_texts=n_texts,
            waiting=waiting,
        )

    def _frequencies(self) -> NDArray[np.float64]:
        """Return how many texts contained each word and pair, (V + P,), computed from `idf`."""
        frequencies = (1 + self.n_texts) * np.exp(1 - self.idf.astype(np.float64)) - 1
        frequencies[self.idf == np.float32(CONSTANT)] = self.n_texts
        frequencies[self.idf == np.float32(SINGLE)] = 1  # of a fit before the stream
        return np.where(self.idf > 0, frequencies, 0)

    def _new_pairs(self, texts: SequenceDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs that occurred in a second text, (k,), and those that wait, (2, W)."""
        new, waiting = np.empty(0, np.int64), self.waiting
        room = _MOST_PAIRS - len(self.pairs)
        for block in texts.blocks():
            seen = _pairs_with_hashes(block.ids, text_digests(block)[:, 0])
            seen = seen[:, ~find_keys(self.pairs, seen[0])[1] & ~find_keys(new, seen[0])[1]]
            confirmed, waiting = _confirmed_pairs(waiting, seen)
            new = np.union1d(new, confirmed)[:room]
            if waiting.shape[1] > _MOST_WAITING:
                waiting = waiting[:, :0]
        return new, waiting


def _pairs_with_hashes(ids: NDArray[Any], hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the different pairs of each text with its hash, sorted: (n, T), (n,) -> (2, k)."""
    keys = pair_keys(ids)
    are_pairs = keys > 0
    seen = np.stack([keys[are_pairs], np.broadcast_to(hashes[:, None], keys.shape)[are_pairs]])
    seen = seen[:, np.lexsort(seen[::-1])]
    is_new = np.ones(seen.shape[1], bool)
    is_new[1:] = (np.diff(seen) != 0).any(axis=0)
    return seen[:, is_new]


def _confirmed_pairs(
    waiting: NDArray[np.int64], seen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which pairs have occurred in two different texts by now, and which still wait.

    Both arguments are sorted by key: (2, W) and (2, k) -> (P,) and (2, W).
    """
    keys, first, n_texts = np.unique(seen[0], return_index=True, return_counts=True)
    hashes = seen[1, first]
    indices, has_waited = find_keys(waiting[0], keys)
    is_confirmed = n_texts > 1
    is_confirmed[has_waited] |= waiting[1, indices[has_waited]] != hashes[has_waited]
    is_first = ~is_confirmed & ~has_waited
    more = np.stack([keys[is_first], hashes[is_first]])
    waiting = np.insert(waiting, indices[is_first], more, axis=1)
    return keys[is_confirmed], waiting[:, ~find_keys(keys[is_confirmed], waiting[0])[1]]

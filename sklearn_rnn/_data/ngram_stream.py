"""The n-grams of a stream: counted on from chunk to chunk, however it is cut.

A vocabulary is known beforehand, but which pairs of neighbours two texts hold shows only as
texts come. A pair that came once waits for a second, different text: with the hash of its first
one, so that reading the same texts again does not make all of their pairs known.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` known pairs, `W` waiting pairs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ngram_keys import in_blocks, look_up, pair_keys, text_digests
from .ngrams import CONSTANT, SINGLE, inverse_frequencies, weighted_frequencies

__all__ = ["NO_PAIRS", "StreamNGrams"]

NO_PAIRS: NDArray[np.int64] = np.empty((2, 0), np.int64)
"""Pairs that wait before the first text."""

_MOST_PAIRS = 2**21
"""Pairs that a stream may make known: 25,000 reviews have half a million."""

_MOST_WAITING = 2**21
"""Pairs that wait; beyond that, those of earlier texts are forgotten (lossy counting)."""


class StreamNGrams(NamedTuple):
    """What a stream has shown so far.

    References
    ----------
    Manku and Motwani (2002), "Approximate Frequency Counts over Data Streams".
    """

    pairs: NDArray[np.int64]
    """Sorted keys of the known pairs, (P,)."""

    idf: NDArray[np.float32]
    """Inverse document frequencies of words, then of pairs, (V + P,); 0: in no text so far."""

    n_texts: float
    """How many texts, or what weight of texts, the frequencies are of."""

    waiting: NDArray[np.int64]
    """Keys of the pairs that one text has held, and the hash of that text, (2, W)."""

    def with_chunk(
        self,
        values: NDArray[Any],
        rows: NDArray[np.intp],
        kind: str,
        weights: NDArray[np.float64] | None = None,
    ) -> StreamNGrams:
        """Return what is known after a further chunk.

        Parameters
        ----------
        values : ndarray of int of shape (N, T)
            Token ids.
        rows : ndarray of int of shape (n_texts,)
            Which of them to count.
        kind : {"words", "pairs"}
            Single words alone, or also pairs of neighbours.
        weights : ndarray of float of shape (n_texts,), default=None
            As how many texts each of the rows counts; None: as one.

        Returns
        -------
        StreamNGrams
            Known pairs stay known.
        """
        weights = np.ones(len(rows)) if weights is None else weights
        n_ids = len(self.idf) - len(self.pairs)
        new, waiting = self._new_pairs(values, rows if kind == "pairs" else rows[:0])
        pairs = np.union1d(self.pairs, new)
        frequencies = np.zeros(n_ids + len(pairs))
        frequencies[:n_ids] = self._frequencies()[:n_ids]
        frequencies[n_ids + np.searchsorted(pairs, self.pairs)] = self._frequencies()[n_ids:]
        # The text that such a pair has waited in was in an earlier chunk.
        waited = np.intersect1d(new, self.waiting[0])
        frequencies[n_ids + np.searchsorted(pairs, waited)] = 1
        frequencies += weighted_frequencies(values, rows, weights, pairs, n_ids)
        n_texts = self.n_texts + float(weights.sum())
        return self._replace(
            pairs=pairs,
            idf=inverse_frequencies(frequencies, n_texts),
            n_texts=n_texts,
            waiting=waiting,
        )

    def _frequencies(self) -> NDArray[np.float64]:
        """Return how many texts have held each word and pair, (V + P,): `idf` tells it."""
        frequencies = (1 + self.n_texts) * np.exp(1 - self.idf.astype(np.float64)) - 1
        frequencies[self.idf == np.float32(CONSTANT)] = self.n_texts
        frequencies[self.idf == np.float32(SINGLE)] = 1  # of a fit before the stream
        return np.where(self.idf > 0, frequencies, 0)

    def _new_pairs(
        self, values: NDArray[Any], rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs that have been met in a second text, (k,), and those that wait."""
        new, waiting = np.empty(0, np.int64), self.waiting
        room = _MOST_PAIRS - len(self.pairs)
        for ids, block in in_blocks(values, rows):
            met = _met_in(ids, text_digests(values, block)[:, 0])
            met = met[:, ~look_up(self.pairs, met[0])[1] & ~look_up(new, met[0])[1]]
            again, waiting = _met_again(waiting, met)
            new = np.union1d(new, again)[:room]
            if waiting.shape[1] > _MOST_WAITING:
                waiting = waiting[:, :0]
        return new, waiting


def _met_in(ids: NDArray[np.int64], hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pairs of each text, with its hash, sorted, each once: (n, T), (n,) -> (2, k)."""
    keys = pair_keys(ids)
    are_pairs = keys > 0
    met = np.stack([keys[are_pairs], np.broadcast_to(hashes[:, None], keys.shape)[are_pairs]])
    met = met[:, np.lexsort(met[::-1])]
    is_new = np.ones(met.shape[1], bool)
    is_new[1:] = (np.diff(met) != 0).any(axis=0)
    return met[:, is_new]


def _met_again(
    waiting: NDArray[np.int64], met: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which pairs were met in two different texts by now, and which go on waiting.

    Both arguments are sorted by key: (2, W) and (2, k) -> (P,) and (2, W).
    """
    keys, first, n_texts = np.unique(met[0], return_index=True, return_counts=True)
    hashes = met[1, first]
    places, has_waited = look_up(waiting[0], keys)
    is_again = n_texts > 1
    is_again[has_waited] |= waiting[1, places[has_waited]] != hashes[has_waited]
    begins = ~is_again & ~has_waited
    more = np.stack([keys[begins], hashes[begins]])
    waiting = np.insert(waiting, places[begins], more, axis=1)
    return keys[is_again], waiting[:, ~look_up(keys[is_again], waiting[0])[1]]

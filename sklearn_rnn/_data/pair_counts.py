"""Counts of pairs, of which there may be more than memory has room for.

Pairs are counted by their keys, in sorted arrays: a dict of a million pairs takes 200 MB. If more
different keys occur than fit, the upper half of the sorted ones is dropped, and the texts are read
once more, for the keys from the first dropped one on:

    pass 1   keys  1 ........... k | dropped
    pass 2                       k .......... m | dropped
    pass 3                                    m ...........

Within a pass, each key that is counted at all is counted in full.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ngram_keys import find_keys

__all__ = ["PairCounts"]


class PairCounts:
    """Counts the keys of one pass.

    Parameters
    ----------
    start : int
        The lowest key to count.
    limit : int
        The largest number of different keys.

    Attributes
    ----------
    end : int or None
        The first key that was dropped, because there were too many to count at once.
    """

    def __init__(self, start: int, limit: int) -> None:
        self.start = start
        self.limit = limit
        self.end: int | None = None
        self.keys = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self.pending: list[NDArray[np.int64]] = []

    def add(self, keys: NDArray[np.int64]) -> None:
        """Count keys.

        Parameters
        ----------
        keys : ndarray of int64 of shape (k,)
            Keys in any order; each occurrence counts.
        """
        self.pending.append(self._in_range(keys))
        # Inserting takes time in proportion to all known keys: worth it for many new ones.
        if 2 * sum(map(len, self.pending)) > len(self.keys):
            self._merge()

    def at_least(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the keys with at least `n` occurrences, and their counts.

        Parameters
        ----------
        n : int
            The number of occurrences.

        Returns
        -------
        keys : ndarray of int64 of shape (P,)
            The keys, sorted.
        counts : ndarray of int64 of shape (P,)
            Their counts.
        """
        self._merge()
        is_frequent = self.counts >= n
        return self.keys[is_frequent], self.counts[is_frequent]

    def _in_range(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        is_here = keys >= self.start
        if self.end is not None:
            is_here &= keys < self.end
        return keys[is_here]

    def _merge(self) -> None:
        # 1. Count the pending keys among themselves. The empty array gives no key at all a dtype.
        new, counts = np.unique(
            np.concatenate([*self.pending, np.empty(0, np.int64)]), return_counts=True
        )
        self.pending = []
        # 2. Add to the counts of known keys; insert the others where they keep the order.
        indices, is_known = find_keys(self.keys, new)
        self.counts[indices[is_known]] += counts[is_known]
        self.keys = np.insert(self.keys, indices[~is_known], new[~is_known])
        self.counts = np.insert(self.counts, indices[~is_known], counts[~is_known])
        # 3. Too many: drop the upper half, and accept no key of it from now on.
        if len(self.keys) > self.limit:
            lower = slice(self.limit // 2)
            self.end = int(self.keys[lower.stop])
            self.keys, self.counts = self.keys[lower].copy(), self.counts[lower].copy()

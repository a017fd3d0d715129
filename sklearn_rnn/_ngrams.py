"""Which words and pairs of neighbours the training texts hold, and how many texts hold each.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._linear import PAIR
from .batching import left_align
from .sequences import UNKNOWN

__all__ = ["NGrams", "label_contrast", "learn_ngrams", "pairs_at_once"]

_MIN_TEXTS = 2
"""What a single text holds tells nothing about others."""

_TEXTS_AT_ONCE = 1_024

_PAIRS_AT_ONCE = 2**21
"""Different pairs counted in one pass, where texts are few. 75,000 reviews hold 3 million."""

_COMMON = 0.1
"""Contrast of what all labels hold equally often: it counts for less, not for nothing."""


class NGrams(NamedTuple):
    """Which words and pairs carry evidence, and how rare they are."""

    pairs: NDArray[np.int64]
    """Sorted keys of the pairs, shape (P,)."""

    idf: NDArray[np.float32]
    """Inverse document frequencies of words, then of pairs, shape (V + P,); 0: no evidence."""

    is_rare: NDArray[np.bool_]
    """Words that are as good as unknown, shape (V,): no two texts hold them."""


def learn_ngrams(values: NDArray[Any], rows: NDArray[np.intp], n_ids: int, kind: str) -> NGrams:
    """Count the texts that hold each word and each pair.

    Texts that are equal count once: it is the same whether a text is there twice or has twice
    the weight.

    Parameters
    ----------
    values : ndarray of int of shape (N, T)
        Token ids.
    rows : ndarray of int of shape (n_texts,)
        Which of them to count.
    n_ids : int
        Rows `V` of the vocabulary.
    kind : {"words", "pairs"}
        Single words alone, or also pairs of neighbours.

    Returns
    -------
    NGrams
        Those that two texts hold, at least.
    """
    rows = _different(values, rows)
    n_texts = np.zeros(n_ids, np.int64)
    for ids, _ in _in_blocks(values, rows):
        n_texts += np.bincount(_distinct(ids), minlength=n_ids)
    n_texts[: UNKNOWN + 1] = 0  # no words
    keys, frequencies = _frequent_pairs(values, rows if kind == "pairs" else rows[:0])
    counts = np.concatenate([n_texts, frequencies])
    # As scikit-learn smooths it: as if one more text held them all.
    idf = np.log((1 + len(rows)) / (1 + counts)) + 1
    is_evidence = counts >= _MIN_TEXTS
    return NGrams(keys, np.where(is_evidence, idf, 0).astype(np.float32), _rare(n_texts))


def label_contrast(
    values: NDArray[Any], rows: NDArray[np.intp], labels: sparse.csr_array, ngrams: NGrams
) -> NDArray[np.float32]:
    """Return how much more often texts of one label hold each word or pair than others do.

    Parameters
    ----------
    values : ndarray of int of shape (N, T)
        Token ids.
    rows : ndarray of int of shape (n_texts,)
        Which of them to count.
    labels : sparse array of shape (N, C)
        1 where a text has a label.
    ngrams : NGrams
        What to count in them.

    Returns
    -------
    ndarray of float32 of shape (V + P,)
        The largest logarithm, over the labels, of the ratio of the two frequencies, up or
        down, plus a little that all have in common.

    References
    ----------
    Wang and Manning (2012), "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification".
    """
    groups = sparse.hstack([labels, np.ones((labels.shape[0], 1))], format="csr")  # and all
    n_holding = sparse.csr_array((groups.shape[1], len(ngrams.idf)))
    n_texts = np.zeros(groups.shape[1])
    for ids, places in _in_blocks(values, _different(values, rows, labels)):
        n_holding = n_holding + groups[places].T @ _held(ids, ngrams)
        n_texts += groups[places].sum(axis=0)
    contrast = np.zeros(len(ngrams.idf))
    # One by one: a thousand of them would not fit. What all texts have, or none, tells nothing.
    for label in np.flatnonzero((n_texts[:-1] > 0) & (n_texts[:-1] < n_texts[-1])):
        inside = n_holding[[label]].toarray()[0]
        outside = n_holding[[-1]].toarray()[0] - inside
        ratio = _share(inside, n_texts[label]) / _share(outside, n_texts[-1] - n_texts[label])
        np.maximum(contrast, np.abs(np.log(ratio)), out=contrast)
    return (contrast + _COMMON).astype(np.float32)


def _share(n_holding: NDArray[np.float64], n_texts: float) -> NDArray[np.float64]:
    """Return which share of the texts hold each n-gram, as if two more were half and half."""
    return (n_holding + 1) / (n_texts + 2)


def _held(ids: NDArray[np.int64], ngrams: NGrams) -> sparse.csr_array:
    """Return 1 where a text holds a word or pair: (n, T) -> (n, V + P)."""
    n_pairs = len(ngrams.pairs)
    n_ids = len(ngrams.idf) - n_pairs
    keys = _pair_keys(ids)
    places = np.searchsorted(ngrams.pairs, keys).clip(max=max(0, n_pairs - 1))
    known = np.isin(keys, ngrams.pairs)
    columns = np.concatenate([ids, np.where(known, n_ids + places, 0)], axis=1)
    starts = np.arange(len(columns) + 1) * columns.shape[1]
    held = sparse.csr_array(
        (np.ones(columns.size), columns.ravel(), starts), shape=(len(columns), len(ngrams.idf))
    )
    held.sum_duplicates()
    held.data[:] = 1
    return held


def _rare(n_texts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which words are rare, by the number of texts that hold each: (V,) -> (V,).

    None of them where most of what stands in the texts is rare, as in a handful of texts.
    """
    is_rare = n_texts < _MIN_TEXTS
    if 2 * n_texts[is_rare].sum() > n_texts.sum():
        is_rare[:] = False
    is_rare[: UNKNOWN + 1] = False
    return is_rare


def _in_blocks(
    values: NDArray[Any], rows: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.intp]]]:
    """Yield texts, left-aligned, (n, T), and which they are, (n,): a memory map is never whole."""
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        block = rows[start : start + _TEXTS_AT_ONCE]
        yield left_align(np.asarray(values[block]))[0].astype(np.int64), block


def _different(
    values: NDArray[Any], rows: NDArray[np.intp], labels: sparse.csr_array | None = None
) -> NDArray[np.intp]:
    """Return the rows whose texts differ: of equal texts the first.

    With labels, texts are equal if their labels are too.
    """
    # Arrays, since a set would take 120 bytes per text.
    digests = np.empty((2, len(rows)), np.int64)
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        block = rows[start : start + _TEXTS_AT_ONCE]
        digests[:, start : start + len(block)] = _digests(values, block, labels).T
    order = np.lexsort(digests)  # stable: of equal ones, the first comes first
    repeats = np.ones(max(0, len(rows) - 1), bool)
    for half in digests:
        repeats &= np.diff(half[order]) == 0
    is_first = np.ones(len(rows), bool)
    is_first[order[1:][repeats]] = False
    return rows[is_first]


def _digests(
    values: NDArray[Any], rows: NDArray[np.intp], labels: sparse.csr_array | None
) -> NDArray[np.int64]:
    """Return what tells texts, and their labels, apart, in 16 bytes: (n, 2)."""
    ids, lengths = left_align(np.asarray(values[rows]))
    found = bytearray()
    for text, length, row in zip(ids, lengths, rows, strict=True):
        digest = blake2b(text[:length].tobytes(), digest_size=16)
        if labels is not None:
            of_text = slice(*labels.indptr[row : row + 2])
            digest.update(b"labels" + np.sort(labels.indices[of_text]).tobytes())
        found += digest.digest()
    return np.frombuffer(found, np.int64).reshape(-1, 2)


def _pair_keys(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the key of each pair of words, 0 where one is no word: (n, T) -> (n, T - 1)."""
    first, second = ids[:, :-1], ids[:, 1:]
    are_words = (first > UNKNOWN) & (second > UNKNOWN)
    return np.where(are_words, first * PAIR + second, 0)


def _distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values of each row, each once per row, but for zeros: (n, T) -> (k,)."""
    ordered = np.sort(rows, axis=1)
    is_first = np.ones(rows.shape, bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return ordered[is_first & (ordered > 0)]


def _frequent_pairs(
    values: NDArray[Any], rows: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted keys of pairs that two texts hold, and how many texts hold each: (P,).

    In as many passes over the texts as it takes to count so many of them at once.
    """
    limit = pairs_at_once(len(rows))
    frequent = []
    start: int | None = 1  # 0 is no pair
    while start is not None:
        pairs = _Counts(start, limit)
        for ids, _ in _in_blocks(values, rows):
            pairs.add(_distinct(_pair_keys(ids)))
        frequent.append(pairs.at_least(_MIN_TEXTS))
        start = pairs.end
    keys, counts = zip(*frequent, strict=True)
    return np.concatenate(keys), np.concatenate(counts)


def pairs_at_once(n_texts: int) -> int:
    """Return how many different pairs are counted in one pass over the texts.

    Parameters
    ----------
    n_texts : int
        Texts to count them in.

    Returns
    -------
    int
        The limit. A pass that meets more of them lets some go, down to half of it.
    """
    # With a fixed limit there would be more passes the more texts there are, each over all of
    # them. Half a pair for each text takes 32 bytes, where `_different` took 41 before.
    return max(_PAIRS_AT_ONCE, n_texts // 2)


class _Counts:
    """How often each key came, in sorted arrays: a dict of a million pairs takes 200 MB.

    Parameters
    ----------
    start : int
        The lowest key to count.
    limit : int
        How many different ones to keep.

    Attributes
    ----------
    end : int or None
        Where keys begin that were let go, because there were too many to count at once.
    """

    def __init__(self, start: int, limit: int) -> None:
        self.start = start
        self.limit = limit
        self.end: int | None = None
        self.keys = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self.waiting: list[NDArray[np.int64]] = []

    def add(self, keys: NDArray[np.int64]) -> None:
        self.waiting.append(self._in_range(keys))
        if 2 * sum(map(len, self.waiting)) > len(self.keys):
            self._merge()

    def at_least(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the keys that came so often, sorted, and how often each did."""
        self._merge()
        frequent = self.counts >= n
        return self.keys[frequent], self.counts[frequent]

    def _in_range(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        is_here = keys >= self.start
        if self.end is not None:
            is_here &= keys < self.end
        return keys[is_here]

    def _merge(self) -> None:
        new, counts = np.unique(np.concatenate([*self.waiting, self.keys[:0]]), return_counts=True)
        self.waiting = []
        places = np.searchsorted(self.keys, new)
        is_new = np.ones(len(new), bool)
        inside = places < len(self.keys)
        is_new[inside] = self.keys[places[inside]] != new[inside]
        self.counts[places[~is_new]] += counts[~is_new]
        self.keys = np.insert(self.keys, places[is_new], new[is_new])
        self.counts = np.insert(self.counts, places[is_new], counts[is_new])
        if len(self.keys) > self.limit:
            kept = slice(self.limit // 2)
            self.end = int(self.keys[kept.stop])
            self.keys, self.counts = self.keys[kept].copy(), self.counts[kept].copy()

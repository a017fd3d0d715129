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

__all__ = ["NGrams", "label_contrast", "learn_ngrams"]

_MIN_TEXTS = 2
"""What a single text holds tells nothing about others."""

_TEXTS_AT_ONCE = 1_024

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
    n_texts, total = np.zeros(n_ids, np.int64), 0
    pairs = _Counts()
    for ids, _ in _different_texts(values, rows):
        total += len(ids)
        n_texts += np.bincount(_distinct(ids), minlength=n_ids)
        if kind == "pairs":
            pairs.add(_distinct(_pair_keys(ids)))
    n_texts[: UNKNOWN + 1] = 0  # no words
    keys, frequencies = pairs.at_least(_MIN_TEXTS)
    counts = np.concatenate([n_texts, frequencies])
    # As scikit-learn smooths it: as if one more text held them all.
    idf = np.log((1 + total) / (1 + counts)) + 1
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
    for ids, places in _different_texts(values, rows, labels):
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


def _different_texts(
    values: NDArray[Any], rows: NDArray[np.intp], labels: sparse.csr_array | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.intp]]]:
    """Yield texts, left-aligned, (n, T), and which they are, (n,); of equal texts the first.

    With labels, texts are equal if their labels are too.
    """
    seen = set[bytes]()
    for start in range(0, len(rows), _TEXTS_AT_ONCE):  # a memory map is never loaded whole
        chunk = rows[start : start + _TEXTS_AT_ONCE]
        ids, lengths = left_align(np.asarray(values[chunk]))
        is_new = np.zeros(len(ids), bool)
        for row, length in enumerate(lengths):
            digest = blake2b(ids[row, :length].tobytes(), digest_size=16)
            if labels is not None:
                of_text = slice(*labels.indptr[chunk[row] : chunk[row] + 2])
                digest.update(b"labels" + np.sort(labels.indices[of_text]).tobytes())
            is_new[row] = digest.digest() not in seen
            seen.add(digest.digest())
        yield ids[is_new].astype(np.int64), chunk[is_new]


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


class _Counts:
    """How often each key came, in sorted arrays: a dict of a million pairs takes 200 MB."""

    def __init__(self) -> None:
        self.keys = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self.waiting: list[NDArray[np.int64]] = []

    def add(self, keys: NDArray[np.int64]) -> None:
        self.waiting.append(keys)
        if sum(map(len, self.waiting)) > len(self.keys):
            self._merge()

    def at_least(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the keys that came so often, sorted, and how often each did."""
        self._merge()
        frequent = self.counts >= n
        return self.keys[frequent], self.counts[frequent]

    def _merge(self) -> None:
        new, counts = np.unique(np.concatenate([*self.waiting, self.keys[:0]]), return_counts=True)
        keys, places = np.unique(np.concatenate([self.keys, new]), return_inverse=True)
        weights = np.concatenate([self.counts, counts])
        self.counts = np.bincount(places, weights, minlength=len(keys)).astype(np.int64)
        self.keys, self.waiting = keys, []

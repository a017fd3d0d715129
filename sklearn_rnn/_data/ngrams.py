"""Which words and pairs of neighbours the training texts hold, and how many texts hold each.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` labels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..sequences import UNKNOWN
from .ngram_keys import distinct, in_blocks, look_up, ngrams_in, pair_keys, text_digests

__all__ = [
    "CONSTANT",
    "SINGLE",
    "NGrams",
    "inverse_frequencies",
    "label_contrast",
    "learn_ngrams",
    "pairs_at_once",
    "renewed",
    "weighted_frequencies",
]

_MIN_TEXTS = 2
"""A pair, or a word's vector, that is learned from a single text tells nothing about others."""

SINGLE = 3.0
"""The largest inverse document frequency of a word that one text alone holds."""

CONSTANT = 1e-3
"""That of what all texts hold: next to nothing, since it tells none from others."""

_PAIRS_AT_ONCE = 2**21
"""Different pairs counted in one pass, where texts are few. 75,000 reviews hold 3 million."""

_COMMON = 0.1
"""Contrast of what all labels hold equally often: it counts for less, not for nothing."""


class NGrams(NamedTuple):
    """Which words and pairs carry evidence, and how rare they are."""

    pairs: NDArray[np.int64]
    """Sorted keys of the pairs, shape (P,)."""

    idf: NDArray[np.float32]
    """Inverse document frequencies of words, then of pairs, shape (V + P,); 0: in no text."""

    rare_word_mask: NDArray[np.bool_]
    """Words whose vectors are not worth learning, shape (V,): no two different texts hold them."""

    n_texts: float | None
    """How many texts the frequencies are of; None where `idf` does not tell them."""

    @property
    def is_absent(self) -> NDArray[np.bool_]:
        """Words that no text holds, shape (V,)."""
        return self.idf[: len(self.rare_word_mask)] == 0


def learn_ngrams(
    values: NDArray[Any],
    rows: NDArray[np.intp],
    n_ids: int,
    kind: str,
    weights: NDArray[np.float64] | None = None,
) -> NGrams:
    """Count the texts that hold each word and each pair.

    Three copies of a text count as much as one of three times the weight, and weights count
    relative to their mean over the different texts: neither copying all texts nor scaling all
    weights changes anything. What is rare, by contrast, depends on how many *different* texts
    hold it, since copies tell nothing about other texts.

    Every word of the texts is evidence, however rare: the linear model is then never blind
    where the recurrent layers read the unknown token in place of rare words. But where texts are
    many, a word that one of them alone holds weighs no more than a common one: by its rarity, it
    would explain its text in place of the words that come again. What all texts hold, such as the
    words of a form letter, weighs next to nothing.

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
    weights : ndarray of float of shape (n_texts,), default=None
        What each of the rows weighs, above 0; None: the same.

    Returns
    -------
    NGrams
        The words, and the pairs that at least two different texts hold.
    """
    rows, weights = _different(values, rows, weights)
    n_texts = np.zeros(n_ids, np.int64)
    for ids, _ in in_blocks(values, rows):
        n_texts += np.bincount(distinct(ids), minlength=n_ids)
    n_texts[: UNKNOWN + 1] = 0  # no words
    keys, n_texts_of_pairs = _frequent_pairs(values, rows if kind == "pairs" else rows[:0])
    counts = np.concatenate([n_texts, n_texts_of_pairs])
    frequencies = counts.astype(np.float64)
    if not np.allclose(weights, 1):
        frequencies = weighted_frequencies(values, rows, weights, keys, n_ids)
    idf = inverse_frequencies(frequencies, len(rows))
    idf[counts == 1] = np.minimum(idf[counts == 1], SINGLE)
    return NGrams(keys, idf, _rare(n_texts), len(rows))


def renewed(
    pairs: NDArray[np.int64], idf: NDArray[np.float32], new: NGrams
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return n-grams known before together with those of other texts.

    Parameters
    ----------
    pairs : ndarray of int64 of shape (P,)
        Sorted keys of the pairs known before.
    idf : ndarray of float32 of shape (V + P,)
        Their inverse document frequencies, and those of words.
    new : NGrams
        What the other texts hold.

    Returns
    -------
    pairs : ndarray of int64 of shape (all P,)
        Sorted keys of all pairs.
    idf : ndarray of float32 of shape (V + all P,)
        Inverse document frequencies: the new ones, where the other texts hold an n-gram.
    """
    n_ids = len(idf) - len(pairs)
    union = np.union1d(pairs, new.pairs)
    merged = np.zeros(n_ids + len(union), np.float32)
    for keys, values in ((pairs, idf), (new.pairs, new.idf)):
        words = np.flatnonzero(values[:n_ids])
        merged[words] = values[words]
        merged[n_ids + np.searchsorted(union, keys)] = values[n_ids:]
    return union, merged


def inverse_frequencies(frequencies: NDArray[np.float64], n_texts: float) -> NDArray[np.float32]:
    """Return the inverse document frequencies as scikit-learn smooths them.

    Parameters
    ----------
    frequencies : ndarray of float of shape (V + P,)
        How many texts hold each word or pair.
    n_texts : float
        How many texts there are.

    Returns
    -------
    ndarray of float32 of shape (V + P,)
        As if one more text held them all, so above 1; `CONSTANT` for what all texts hold, 0 for
        what none does.
    """
    idf = np.log((1 + n_texts) / (1 + frequencies)) + 1
    idf[np.isclose(frequencies, n_texts)] = CONSTANT
    return np.where(frequencies > 0, idf, 0).astype(np.float32)


def weighted_frequencies(
    values: NDArray[Any],
    rows: NDArray[np.intp],
    weights: NDArray[np.float64],
    pairs: NDArray[np.int64],
    n_ids: int,
) -> NDArray[np.float64]:
    """Return what the texts weigh that hold each word or pair.

    Parameters
    ----------
    values : ndarray of int of shape (N, T)
        Token ids.
    rows : ndarray of int of shape (n_texts,)
        Which of them to count.
    weights : ndarray of float of shape (n_texts,)
        What each of the rows weighs.
    pairs : ndarray of int64 of shape (P,)
        Sorted keys of the pairs.
    n_ids : int
        Rows `V` of the vocabulary.

    Returns
    -------
    ndarray of float64 of shape (V + P,)
        Sums of weights.
    """
    frequencies = np.zeros(n_ids + len(pairs))
    start = 0
    for ids, block in in_blocks(values, rows):
        frequencies += weights[start : start + len(block)] @ ngrams_in(ids, pairs, n_ids)
        start += len(block)
    frequencies[: UNKNOWN + 1] = 0  # no words
    return frequencies


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
    n_ids = len(ngrams.idf) - len(ngrams.pairs)
    different, _ = _different(values, rows, labels=labels)
    for ids, places in in_blocks(values, different):
        n_holding = n_holding + groups[places].T @ ngrams_in(ids, ngrams.pairs, n_ids)
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


def _rare(n_texts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which words are rare, by the number of texts that hold each: (V,) -> (V,).

    None of them where most of what stands in the texts is rare, as in a handful of texts.
    """
    rare_word_mask = n_texts < _MIN_TEXTS
    if 2 * n_texts[rare_word_mask].sum() > n_texts.sum():
        rare_word_mask[:] = False
    rare_word_mask[: UNKNOWN + 1] = False
    return rare_word_mask


def _different(
    values: NDArray[Any],
    rows: NDArray[np.intp],
    weights: NDArray[np.float64] | None = None,
    labels: sparse.csr_array | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the rows whose texts differ, and what each weighs with its copies: (n,), (n,).

    Of equal texts the first stands for all. With labels, texts are equal if their labels are
    too. Weights have a mean of 1.
    """
    # Arrays, since a set would take 120 bytes per text.
    digests = text_digests(values, rows, labels)
    order = np.lexsort(digests.T)  # stable: of equal ones, the first comes first
    is_new = np.zeros(len(rows), bool)
    is_new[:1] = True
    for half in digests.T:
        is_new[1:] |= np.diff(half[order]) != 0
    del digests
    starts = np.flatnonzero(is_new)
    first = order[starts]
    if weights is None:
        summed = np.diff(starts, append=len(rows)).astype(np.float64)
    else:
        summed = np.add.reduceat(weights[order], starts)
    del order, starts
    summed /= summed.mean()
    in_order = np.argsort(first)
    return rows[first[in_order]], summed[in_order]


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
        for ids, _ in in_blocks(values, rows):
            pairs.add(distinct(pair_keys(ids)))
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
        places, known = look_up(self.keys, new)
        self.counts[places[known]] += counts[known]
        self.keys = np.insert(self.keys, places[~known], new[~known])
        self.counts = np.insert(self.counts, places[~known], counts[~known])
        if len(self.keys) > self.limit:
            kept = slice(self.limit // 2)
            self.end = int(self.keys[kept.stop])
            self.keys, self.counts = self.keys[kept].copy(), self.counts[kept].copy()

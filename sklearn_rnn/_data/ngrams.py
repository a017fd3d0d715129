"""Counting n-grams: which words and pairs of neighbours occur in how many training texts.

What the linear model knows comes from here. The counts are document frequencies: how many texts
contain an n-gram, not how often it occurs. Copies carry no information about other texts, so equal
texts are found first, by a hash of each, and counted as one text of a larger weight.

Words are counted in one array, since the vocabulary says beforehand which there are. There may be
millions of different pairs, most of which occur in a single text and are dropped in the end: they
are counted by key, in several passes over the texts where memory demands it (`pair_counts`).

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..sequences import UNKNOWN
from .batches import SequenceDataset
from .distinct_texts import different_texts
from .ngram_keys import ngrams_in, pair_keys, unique_by_row
from .pair_counts import PairCounts

__all__ = [
    "CONSTANT",
    "SINGLE",
    "NGrams",
    "count_ngrams",
    "inverse_frequencies",
    "label_contrast",
    "learn_ngrams",
    "merge_ngrams",
    "pairs_at_once",
    "weighted_frequencies",
]

_MIN_TEXTS = 2
"""A pair, or a word's vector, that is learned from a single text tells nothing about others."""

SINGLE = 3.0
"""The largest inverse document frequency of a word that occurs in a single text."""

CONSTANT = 1e-3
"""Inverse document frequency of what occurs in all texts: next to nothing, but not nothing."""

_PAIRS_AT_ONCE = 2**21
"""Different pairs counted in one pass, if there are few texts. 75,000 reviews have 3 million."""

_COMMON = 0.1
"""Contrast of what occurs equally often with all labels: it counts for less, not for nothing."""


class NGrams(NamedTuple):
    """Which words and pairs the linear model knows, and how rare they are."""

    pairs: NDArray[np.int64]
    """Sorted keys of the pairs, shape (P,)."""

    idf: NDArray[np.float32]
    """Inverse document frequencies of words, then of pairs, shape (V + P,); 0: in no text."""

    rare_word_mask: NDArray[np.bool_]
    """Words that occur in too few different texts to learn a vector, shape (V,)."""

    n_texts: float | None
    """Number of texts that were counted; None if `idf` is not made of counts alone."""

    @property
    def is_absent(self) -> NDArray[np.bool_]:
        """Words that occur in no text, shape (V,)."""
        return self.idf[: len(self.rare_word_mask)] == 0


def count_ngrams(
    texts: SequenceDataset, n_ids: int, kind: str, labels: sparse.csr_array | None = None
) -> NGrams:
    """Count the n-grams of training texts, weighted by labels if there are any.

    Parameters
    ----------
    texts : SequenceDataset
        Token ids; texts without weight are not counted.
    n_ids : int
        Number of rows `V` of the vocabulary.
    kind : {"words", "pairs"}
        Single words alone, or also pairs of neighbours.
    labels : sparse array of shape (N, C), default=None
        1 where a text has a label: inverse document frequencies are then multiplied by
        `label_contrast`.

    Returns
    -------
    NGrams
        The words, and the pairs that occur in at least two different texts.
    """
    ngrams = learn_ngrams(texts, n_ids, kind)
    if labels is None:
        return ngrams
    contrast = label_contrast(texts, labels, ngrams)
    return ngrams._replace(idf=ngrams.idf * contrast, n_texts=None)


def learn_ngrams(texts: SequenceDataset, n_ids: int, kind: str) -> NGrams:
    """Count the texts that contain each word and each pair.

    Three copies of a text count as much as one of three times the weight, and weights count
    relative to their mean over the different texts: neither copying all texts nor scaling all
    weights changes anything. What is rare, by contrast, depends on how many *different* texts
    contain it, since copies tell nothing about other texts.

    Every word is evidence, however rare: the linear model then knows words that the recurrent
    layers read as the unknown token. But in many texts, a word that occurs in only one of them
    weighs no more than a common one: by its rarity, it would explain its text in place of words
    that occur elsewhere too. What occurs in all texts, such as the words of a form letter, weighs
    next to nothing.

    Parameters
    ----------
    texts : SequenceDataset
        Token ids; texts without weight are not counted.
    n_ids : int
        Number of rows `V` of the vocabulary.
    kind : {"words", "pairs"}
        Single words alone, or also pairs of neighbours.

    Returns
    -------
    NGrams
        The words, and the pairs that occur in at least two different texts.
    """
    # 1. Of equal texts keep the first, with the weight of all.
    different, weights = different_texts(texts)
    # 2. In how many texts does each word occur?
    n_texts = np.zeros(n_ids, np.int64)
    for block in different.blocks():
        n_texts += np.bincount(unique_by_row(block.ids), minlength=n_ids)
    n_texts[: UNKNOWN + 1] = 0  # no words
    # 3. Which pairs occur in two texts or more, and in how many?
    pairs, n_texts_of_pairs = np.empty(0, np.int64), np.empty(0, np.int64)
    if kind == "pairs":
        pairs, n_texts_of_pairs = _frequent_pairs(different)
    # 4. The same in terms of weights, where texts differ in weight.
    counts = np.concatenate([n_texts, n_texts_of_pairs])
    frequencies = counts.astype(np.float64)
    if not np.allclose(weights, 1):
        frequencies = weighted_frequencies(different, weights, pairs, n_ids)
    # 5. From frequencies to TF-IDF's weights.
    idf = inverse_frequencies(frequencies, len(different))
    idf[counts == 1] = np.minimum(idf[counts == 1], SINGLE)
    return NGrams(pairs, idf, _rare_words(n_texts), len(different))


def merge_ngrams(
    pairs: NDArray[np.int64], idf: NDArray[np.float32], new: NGrams
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return known n-grams together with those of other texts.

    Parameters
    ----------
    pairs : ndarray of int64 of shape (P,)
        Sorted keys of the known pairs.
    idf : ndarray of float32 of shape (V + P,)
        Inverse document frequencies of words, then of the known pairs.
    new : NGrams
        The n-grams of the other texts.

    Returns
    -------
    pairs : ndarray of int64 of shape (all P,)
        Sorted keys of all pairs.
    idf : ndarray of float32 of shape (V + all P,)
        Inverse document frequencies: the new ones, where an n-gram occurs in the other texts.
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
        Number of texts that contain each word or pair.
    n_texts : float
        Number of texts.

    Returns
    -------
    ndarray of float32 of shape (V + P,)
        As if one more text contained them all, so above 1; `CONSTANT` for what occurs in all
        texts, 0 for what occurs in none.
    """
    idf = np.log((1 + n_texts) / (1 + frequencies)) + 1
    idf[np.isclose(frequencies, n_texts)] = CONSTANT
    return np.where(frequencies > 0, idf, 0).astype(np.float32)


def weighted_frequencies(
    texts: SequenceDataset,
    weights: NDArray[np.float64],
    pairs: NDArray[np.int64],
    n_ids: int,
) -> NDArray[np.float64]:
    """Return the total weight of the texts that contain each word or pair.

    Parameters
    ----------
    texts : SequenceDataset
        Token ids.
    weights : ndarray of float of shape (n_texts,)
        Weights of the texts.
    pairs : ndarray of int64 of shape (P,)
        Sorted keys of the pairs.
    n_ids : int
        Number of rows `V` of the vocabulary.

    Returns
    -------
    ndarray of float64 of shape (V + P,)
        Sums of weights.
    """
    frequencies = np.zeros(n_ids + len(pairs))
    start = 0
    for block in texts.blocks():
        stop = start + len(block.ids)
        frequencies += weights[start:stop] @ ngrams_in(block.ids, pairs, n_ids)
        start = stop
    frequencies[: UNKNOWN + 1] = 0  # no words
    return frequencies


def label_contrast(
    texts: SequenceDataset, labels: sparse.csr_array, ngrams: NGrams
) -> NDArray[np.float32]:
    """Return how much more often each word or pair occurs with one label than with the others.

    Parameters
    ----------
    texts : SequenceDataset
        Token ids; texts without weight are not counted.
    labels : sparse array of shape (N, C)
        1 where a text has a label.
    ngrams : NGrams
        What to count.

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
    n_containing = sparse.csr_array((groups.shape[1], len(ngrams.idf)))
    n_texts = np.zeros(groups.shape[1])
    n_ids = len(ngrams.idf) - len(ngrams.pairs)
    different, _ = different_texts(texts, labels)
    for block in different.blocks():
        of_block = groups[block.rows]
        n_containing = n_containing + of_block.T @ ngrams_in(block.ids, ngrams.pairs, n_ids)
        n_texts += of_block.sum(axis=0)
    contrast = np.zeros(len(ngrams.idf))
    # One by one: a thousand of them would not fit. What all texts have, or none, tells nothing.
    for label in np.flatnonzero((n_texts[:-1] > 0) & (n_texts[:-1] < n_texts[-1])):
        inside = n_containing[[label]].toarray()[0]
        outside = n_containing[[-1]].toarray()[0] - inside
        ratio = _share(inside, n_texts[label]) / _share(outside, n_texts[-1] - n_texts[label])
        np.maximum(contrast, np.abs(np.log(ratio)), out=contrast)
    return (contrast + _COMMON).astype(np.float32)


def _share(n_containing: NDArray[np.float64], n_texts: float) -> NDArray[np.float64]:
    """Return the share of texts that contain each n-gram, smoothed by two texts, one with it."""
    return (n_containing + 1) / (n_texts + 2)


def _rare_words(n_texts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which words are rare, by the number of texts that contain each: (V,) -> (V,).

    None of them if most occurrences are of rare words, as in a handful of texts.
    """
    is_rare = n_texts < _MIN_TEXTS
    if 2 * n_texts[is_rare].sum() > n_texts.sum():
        is_rare[:] = False
    is_rare[: UNKNOWN + 1] = False
    return is_rare


def _frequent_pairs(texts: SequenceDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted keys of pairs that occur in two texts, and in how many: (P,), (P,).

    It takes one pass over the texts for about each `pairs_at_once` of different pairs.
    """
    limit = pairs_at_once(len(texts))
    frequent = []
    start: int | None = 1  # 0 is no pair
    while start is not None:
        pairs = PairCounts(start, limit)
        for block in texts.blocks():
            pairs.add(unique_by_row(pair_keys(block.ids)))
        frequent.append(pairs.at_least(_MIN_TEXTS))
        start = pairs.end
    keys, counts = zip(*frequent, strict=True)
    return np.concatenate(keys), np.concatenate(counts)


def pairs_at_once(n_texts: int) -> int:
    """Return how many different pairs are counted in one pass over the texts.

    Parameters
    ----------
    n_texts : int
        Number of texts to count them in.

    Returns
    -------
    int
        The limit. If a pass meets more of them, half are dropped, and counted in a later pass.
    """
    # It grows with the texts, or else the number of passes would, each of them over all texts.
    # A pair per two texts takes 32 bytes: less than finding equal texts took before.
    return max(_PAIRS_AT_ONCE, n_texts // 2)

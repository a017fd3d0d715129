"""Words and pairs of neighbours as keys: which of them texts hold.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..sequences import UNKNOWN
from .batches import left_align

__all__ = ["PAIR", "distinct", "in_blocks", "look_up", "ngrams_in", "pair_keys", "text_digests"]

PAIR = 2**31
"""A pair's key is `first * PAIR + second`: ids are below 2**31."""

_TEXTS_AT_ONCE = 1_024


def in_blocks(
    values: NDArray[Any], rows: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.intp]]]:
    """Give texts block by block: a memory map is never read whole.

    Parameters
    ----------
    values : ndarray of int of shape (N, T)
        Token ids.
    rows : ndarray of int of shape (n_texts,)
        Which of them.

    Yields
    ------
    ids : ndarray of int64 of shape (n, T)
        Some of the texts, left-aligned.
    rows : ndarray of int of shape (n,)
        Which they are.
    """
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        block = rows[start : start + _TEXTS_AT_ONCE]
        yield left_align(np.asarray(values[block]))[0].astype(np.int64), block


def pair_keys(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the key of each pair of neighbours: (n, T) -> (n, T - 1).

    Parameters
    ----------
    ids : ndarray of int64 of shape (n, T)
        Left-aligned texts.

    Returns
    -------
    ndarray of int64 of shape (n, T - 1)
        The keys, 0 where one of the two is no word.
    """
    first, second = ids[:, :-1], ids[:, 1:]
    are_words = (first > UNKNOWN) & (second > UNKNOWN)
    return np.where(are_words, first * PAIR + second, 0)


def ngrams_in(ids: NDArray[np.int64], pairs: NDArray[np.int64], n_ids: int) -> sparse.csr_array:
    """Return which words and pairs texts hold.

    Parameters
    ----------
    ids : ndarray of int64 of shape (n, T)
        Left-aligned texts.
    pairs : ndarray of int64 of shape (P,)
        Sorted keys of the pairs.
    n_ids : int
        Rows `V` of the vocabulary.

    Returns
    -------
    sparse array of shape (n, V + P)
        1 where a text holds a word or pair.
    """
    places, known = look_up(pairs, pair_keys(ids))
    columns = np.concatenate([ids, np.where(known, n_ids + places, 0)], axis=1)
    starts = np.arange(len(columns) + 1) * columns.shape[1]
    held = sparse.csr_array(
        (np.ones(columns.size), columns.ravel(), starts), shape=(len(columns), n_ids + len(pairs))
    )
    held.sum_duplicates()
    held.data[:] = 1
    return held


def look_up(
    pairs: NDArray[np.int64], keys: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where keys are among sorted ones.

    Parameters
    ----------
    pairs : ndarray of int64 of shape (P,)
        Sorted keys.
    keys : ndarray of int64 of any shape
        Keys to look up.

    Returns
    -------
    places : ndarray of int of the shape of `keys`
        Where each is, or would be.
    known : ndarray of bool of the shape of `keys`
        Whether it is there.
    """
    places = np.searchsorted(pairs, keys)
    known = np.zeros(keys.shape, bool)
    inside = places < len(pairs)
    known[inside] = pairs[places[inside]] == keys[inside]
    return places, known


def text_digests(
    values: NDArray[Any], rows: NDArray[np.intp], labels: sparse.csr_array | None = None
) -> NDArray[np.int64]:
    """Return what tells texts, and their labels, apart, in 16 bytes: (n, 2).

    Parameters
    ----------
    values : ndarray of int of shape (N, T)
        Token ids.
    rows : ndarray of int of shape (n,)
        Which of them.
    labels : sparse array of shape (N, C), default=None
        Their labels, where those tell texts apart too.

    Returns
    -------
    ndarray of int64 of shape (n, 2)
        Hashes: padding changes none.
    """
    digests = np.empty((len(rows), 2), np.int64)
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        block = rows[start : start + _TEXTS_AT_ONCE]
        ids, lengths = left_align(np.asarray(values[block]))
        found = bytearray()
        for text, length, row in zip(ids, lengths, block, strict=True):
            digest = blake2b(text[:length].tobytes(), digest_size=16)
            if labels is not None:
                of_text = slice(*labels.indptr[row : row + 2])
                digest.update(b"labels" + np.sort(labels.indices[of_text]).tobytes())
            found += digest.digest()
        digests[start : start + len(block)] = np.frombuffer(found, np.int64).reshape(-1, 2)
    return digests


def distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values of each row, each once per row, but for zeros: (n, T) -> (k,).

    Parameters
    ----------
    rows : ndarray of int64 of shape (n, T)
        Ids or keys, 0 where there is none.

    Returns
    -------
    ndarray of int64 of shape (k,)
        Row after row.
    """
    ordered = np.sort(rows, axis=1)
    is_first = np.ones(rows.shape, bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return ordered[is_first & (ordered > 0)]

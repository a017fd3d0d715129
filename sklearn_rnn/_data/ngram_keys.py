"""Words and pairs of neighbours as keys, by which they are counted and looked up.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `P` pairs, `C` labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..sequences import UNKNOWN

__all__ = ["PAIR", "find_keys", "ngrams_in", "pair_keys", "unique_by_row"]

PAIR = 2**31
"""A pair's key is `first * PAIR + second`: ids are below 2**31."""


def pair_keys(ids: NDArray[Any]) -> NDArray[np.int64]:
    """Return the key of each pair of neighbours: (n, T) -> (n, T - 1).

    Parameters
    ----------
    ids : ndarray of int of shape (n, T)
        Left-aligned texts.

    Returns
    -------
    ndarray of int64 of shape (n, T - 1)
        The keys; 0 where one of the two is padding or the unknown token.
    """
    first, second = ids[:, :-1].astype(np.int64), ids[:, 1:]
    are_words = (first > UNKNOWN) & (second > UNKNOWN)
    return np.where(are_words, first * PAIR + second, 0)


def ngrams_in(ids: NDArray[Any], pairs: NDArray[np.int64], n_ids: int) -> sparse.csr_array:
    """Return which words and known pairs each text contains.

    Parameters
    ----------
    ids : ndarray of int of shape (n, T)
        Left-aligned texts.
    pairs : ndarray of int64 of shape (P,)
        Sorted keys of the known pairs.
    n_ids : int
        Number of rows `V` of the vocabulary.

    Returns
    -------
    sparse array of shape (n, V + P)
        1 where a text contains a word or pair.
    """
    indices, is_known = find_keys(pairs, pair_keys(ids))
    columns = np.concatenate([ids, np.where(is_known, n_ids + indices, 0)], axis=1)
    starts = np.arange(len(columns) + 1) * columns.shape[1]
    contained = sparse.csr_array(
        (np.ones(columns.size), columns.ravel(), starts), shape=(len(columns), n_ids + len(pairs))
    )
    contained.sum_duplicates()
    contained.data[:] = 1
    return contained


def find_keys(
    sorted_keys: NDArray[np.int64], keys: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the indices of keys among sorted ones.

    Parameters
    ----------
    sorted_keys : ndarray of int64 of shape (P,)
        Where to look.
    keys : ndarray of int64 of any shape
        What to look up.

    Returns
    -------
    indices : ndarray of int of the shape of `keys`
        The index of each key, or the index at which it would be inserted.
    is_known : ndarray of bool of the shape of `keys`
        Whether the key is among the sorted ones.
    """
    indices = np.searchsorted(sorted_keys, keys)
    is_known = np.zeros(keys.shape, bool)
    is_inside = indices < len(sorted_keys)
    is_known[is_inside] = sorted_keys[indices[is_inside]] == keys[is_inside]
    return indices, is_known


def unique_by_row(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the different values of each row, without zeros: (n, T) -> (k,).

    Parameters
    ----------
    rows : ndarray of int of shape (n, T)
        Ids or keys, 0 where there is none.

    Returns
    -------
    ndarray of int of shape (k,)
        The values of the first row, then those of the second, and so on.
    """
    ordered = np.sort(rows, axis=1)
    is_first = np.ones(rows.shape, bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return ordered[is_first & (ordered > 0)]

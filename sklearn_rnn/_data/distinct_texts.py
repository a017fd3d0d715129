"""Equal texts, found by a hash of each: they are counted as one text of a larger weight."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .batches import Block, SequenceDataset

__all__ = ["different_texts", "text_digests"]


def different_texts(
    texts: SequenceDataset, labels: sparse.csr_array | None = None
) -> tuple[SequenceDataset, NDArray[np.float64]]:
    """Return one of each group of equal texts, and the weight of the group.

    Parameters
    ----------
    texts : SequenceDataset
        Token ids; texts without weight are left out.
    labels : sparse array of shape (N, C), default=None
        Labels of all texts of the dataset, where texts are equal only if their labels are too.

    Returns
    -------
    texts : SequenceDataset
        The first text of each group, in their order.
    weights : ndarray of float64 of shape (n_texts,)
        Weights of the groups, with a mean of 1.
    """
    texts, weights = texts.weighted()
    # Arrays, since a set would take 120 bytes per text.
    digests = np.empty((len(texts), 2), np.int64)
    start = 0
    for block in texts.blocks():
        digests[start : start + len(block.ids)] = text_digests(block, labels)
        start += len(block.ids)
    # Sorted by digest, equal texts are neighbours. The sort is stable: the first comes first.
    order = np.lexsort(digests.T)
    is_new = np.zeros(len(texts), bool)
    is_new[:1] = True
    for half in digests.T:
        is_new[1:] |= np.diff(half[order]) != 0
    del digests
    starts = np.flatnonzero(is_new)  # of the groups
    first = order[starts]
    if weights is None:
        summed = np.diff(starts, append=len(texts)).astype(np.float64)
    else:
        summed = np.add.reduceat(weights[order], starts)
    del order, starts
    summed /= summed.mean()
    by_position = np.argsort(first)
    first, summed = first[by_position], summed[by_position]
    del by_position
    return texts.subset(first), summed


def text_digests(block: Block, labels: sparse.csr_array | None = None) -> NDArray[np.int64]:
    """Return a hash of 16 bytes for each text, by which equal texts are recognised.

    Parameters
    ----------
    block : Block
        The texts.
    labels : sparse array of shape (N, C), default=None
        Labels of all texts of the dataset, where texts are equal only if their labels are too.

    Returns
    -------
    ndarray of int64 of shape (n, 2)
        The hashes; padding has no influence on them.
    """
    digests = bytearray()
    for text, length, row in zip(*block, strict=True):
        digest = blake2b(text[:length].tobytes(), digest_size=16)
        if labels is not None:
            of_text = slice(*labels.indptr[row : row + 2])
            digest.update(b"labels" + np.sort(labels.indices[of_text]).tobytes())
        digests += digest.digest()
    return np.frombuffer(digests, np.int64).reshape(-1, 2)

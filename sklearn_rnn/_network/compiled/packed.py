"""Texts of a batch without padding: their steps one after the other, and each distinct word once.

A batch of 32 reviews has 7,800 tokens of 2,000 distinct words, and a word's projection into the
gates does not depend on its place. So the network of `network.py` computes it once for each word,
and each step looks it up. Texts are packed as in torch's `PackedSequence`:

1. Texts are sorted by falling length. So those that have a step ``t`` are the first
   ``batch_sizes[t]`` of them, and a text that has ended is left out of all later steps.
2. The steps lie one after the other: text ``n`` of step ``t`` is at place ``starts[t] + n``.
3. ``rows[place]`` is the index, among the batch's distinct words, of the word at that place.

A backward direction reads each text from its own last token. Its step ``t`` of a text of length
``L`` is the token ``L - 1 - t``, at the place that ``mirror`` names; as each text is mirrored in
itself, the same array leads back.

Imported only if numba is installed. Axes: `N` texts, `T` tokens, `V` vocabulary entries, `U`
distinct words, `S` places, that is, tokens of all texts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...sequences import UNKNOWN
from .compiler import compiled

__all__ = ["PackedTexts", "RowIndex", "pack_ids", "pack_vectors"]

Mask = NDArray[np.bool_]


class RowIndex:
    """Memory for telling words apart: one more than the row of each word, 0 for those not met.

    Parameters
    ----------
    n_ids : int
        Size `V` of the vocabulary.
    """

    def __init__(self, n_ids: int) -> None:
        self.number_of = np.zeros(n_ids, np.int32)  # of zeros, pages are given when written to


class PackedTexts(NamedTuple):
    """The places of a batch."""

    sorted_indices: NDArray[np.int64]
    """Indices of the texts by falling length, (N,)."""

    lengths: NDArray[np.int64]
    """Their lengths, falling, (N,)."""

    batch_sizes: NDArray[np.int64]
    """Number of texts that have a step, (T,)."""

    starts: NDArray[np.int64]
    """Place of the first text of a step, (T + 1,)."""

    mirror: NDArray[np.int32]
    """Place of the same distance from a text's other end, (S,)."""

    previous: NDArray[np.int32]
    """Place of a text's step before; -1 for the first step, (S,)."""

    rows: NDArray[np.int32]
    """Row of the word at a place, (S,)."""

    words: NDArray[np.int64]
    """Id of each distinct word, (U,); without ids, the token of each place, (S,)."""


def pack_ids(
    ids: NDArray[np.int32],
    lengths: NDArray[np.int64],
    index: RowIndex,
    read_as_unknown: Mask | None = None,
) -> PackedTexts:
    """Pack texts of ids.

    Parameters
    ----------
    ids : ndarray of int32 of shape (N, T)
        Left-aligned ids.
    lengths : ndarray of int64 of shape (N,)
        Number of tokens of each text.
    index : RowIndex
        Memory, used by one thread at a time.
    read_as_unknown : ndarray of bool of shape (V,), default=None
        Words that are read as the unknown token.

    Returns
    -------
    PackedTexts
        The places.
    """
    places = _pack(lengths)
    rows = np.empty(places.starts[-1], np.int32)
    words = np.empty(len(rows), np.int64)
    mask = np.zeros(0, np.bool_) if read_as_unknown is None else read_as_unknown
    n_words = _number_words(
        *(ids, places.sorted_indices, places.lengths, places.starts),
        *(mask, index.number_of, rows, words),
    )
    return places._replace(rows=rows, words=words[:n_words])


def pack_vectors(lengths: NDArray[np.int64], n_steps: int) -> PackedTexts:
    """Pack texts whose tokens are vectors, each a row of its own.

    Parameters
    ----------
    lengths : ndarray of int64 of shape (N,)
        Number of tokens of each text.
    n_steps : int
        Number of tokens `T` that the batch has room for.

    Returns
    -------
    PackedTexts
        The places. A "word" is the index of a token in the batch flattened to (N * T).
    """
    places = _pack(lengths)
    rows = np.arange(places.starts[-1], dtype=np.int32)
    words = np.empty(len(rows), np.int64)
    _number_tokens(places.sorted_indices, places.lengths, places.starts, n_steps, words)
    return places._replace(rows=rows, words=words)


def _pack(lengths: NDArray[np.int64]) -> PackedTexts:
    """Return the places of texts, without their words."""
    sorted_indices = np.argsort(-lengths, kind="stable")
    by_length = lengths[sorted_indices]
    n_steps = int(by_length[0])
    # Of texts sorted by length, those longer than t are as many as there are.
    batch_sizes = np.searchsorted(-by_length, -np.arange(n_steps), side="left")
    starts = np.concatenate([[0], np.cumsum(batch_sizes)])
    mirror, previous = np.empty((2, starts[-1]), np.int32)
    _link_places(by_length, starts, mirror, previous)
    no_rows, no_words = np.zeros(0, np.int32), np.zeros(0, np.int64)
    return PackedTexts(
        *(sorted_indices, by_length, batch_sizes, starts, mirror, previous),
        *(no_rows, no_words),
    )


@compiled
def _link_places(lengths: Any, starts: Any, mirror: Any, previous: Any) -> None:
    for n in range(len(lengths)):
        for t in range(lengths[n]):
            place = starts[t] + n
            mirror[place] = starts[lengths[n] - 1 - t] + n
            previous[place] = starts[t - 1] + n if t > 0 else -1


@compiled
def _number_tokens(order: Any, lengths: Any, starts: Any, n_steps: int, words: Any) -> None:
    for n in range(len(lengths)):
        for t in range(lengths[n]):
            words[starts[t] + n] = order[n] * n_steps + t


@compiled
def _number_words(
    ids: Any,
    order: Any,
    lengths: Any,
    starts: Any,
    mask: Any,
    number_of: Any,
    rows: Any,
    words: Any,
) -> int:
    """Fill `rows` and `words` with the distinct words in the order in which they are met."""
    n_words = 0
    for n in range(len(lengths)):
        text = ids[order[n]]
        for t in range(lengths[n]):
            word = text[t]
            if len(mask) and mask[word]:
                word = np.int32(UNKNOWN)
            if number_of[word] == 0:
                words[n_words] = word
                n_words += 1
                number_of[word] = n_words
            rows[starts[t] + n] = number_of[word] - 1
    for i in range(n_words):  # leave the memory as it was
        number_of[words[i]] = 0
    return n_words

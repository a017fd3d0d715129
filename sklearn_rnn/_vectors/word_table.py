"""One vector for each word of a vocabulary, filled with what a source has."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..sequences import UNKNOWN

__all__ = ["WordTable"]

_NOT_FOUND = 127

_BLOCK_ROWS = 10_000
"""Rows processed at a time: no second table is ever made."""


class WordTable:
    """Vectors by id. It contains (``in``) each spelling that would improve the vector of a word.

    Parameters
    ----------
    words : tuple of str
        The vocabulary, by id.

    Attributes
    ----------
    vectors : ndarray of float32 of shape (V, D)
        The vectors, zeros where none was found; without rows until the first one is.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.vectors: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._rank = np.full(len(words), _NOT_FOUND, np.int8)  # of the spelling found: (V,)
        self._ids: dict[str, list[int]] = {}  # by a spelling in lower case
        for i, word in enumerate(words[UNKNOWN + 1 :], UNKNOWN + 1):
            for key in {spelling.lower() for spelling in _spellings(word)}:
                self._ids.setdefault(key, []).append(i)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which words have a vector from the source: (V,)."""
        return self._rank < _NOT_FOUND

    def __contains__(self, spelling: object) -> bool:
        return isinstance(spelling, str) and bool(self._improved_by(spelling))

    def add(self, spelling: str, vector: NDArray[np.float32]) -> None:
        """Set the vector of the words that have none of a better spelling yet."""
        self._allocate(len(vector))
        for i, rank in self._improved_by(spelling):
            self.vectors[i], self._rank[i] = vector, rank

    def add_from_subwords(
        self, missing: NDArray[np.intp], subword_vector: Callable[[str], NDArray[np.float32]]
    ) -> NDArray[np.bool_]:
        """Set missing vectors to those of a word's n-grams; return which words have any: (V,)."""
        made = np.zeros(len(self.words), bool)
        for i in missing:
            vector = subword_vector(self.words[i])
            self._allocate(len(vector))
            self.vectors[i], made[i] = vector, vector.any()
        return made

    def fill(self, missing: NDArray[np.intp], policy: str, noise: np.random.Generator) -> None:
        """Set missing vectors to the mean of the others, or to random ones of their spread."""
        mean, spread = self._mean_and_spread()
        for start in range(0, len(missing), _BLOCK_ROWS):
            rows = missing[start : start + _BLOCK_ROWS]
            self.vectors[rows] = mean
            if policy == "random":
                shape = (len(rows), len(mean))
                self.vectors[rows] += spread * noise.standard_normal(shape, np.float32)

    def _allocate(self, n_dimensions: int) -> None:
        if not self.vectors.size:
            self.vectors = np.zeros((len(self.words), n_dimensions), np.float32)

    def _improved_by(self, spelling: str) -> list[tuple[int, int]]:
        """Return the ids of words for which a spelling would be the best so far, and its rank."""
        ids = self._ids.get(spelling.lower(), ())
        ranks = ((i, _rank(self.words[i], spelling)) for i in ids)
        return [(i, rank) for i, rank in ranks if rank < self._rank[i]]

    def _mean_and_spread(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and standard deviation of the vectors found: (D,), (D,)."""
        rows = np.flatnonzero(self.found)
        sums = np.zeros((2, self.vectors.shape[1]))
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = self.vectors[rows[start : start + _BLOCK_ROWS]].astype(np.float64)
            sums += [block.sum(axis=0), (block * block).sum(axis=0)]
        mean, square = sums / len(rows)
        spread = np.sqrt(np.maximum(square - mean * mean, 0))
        if len(rows) == 1:  # has no spread: its size takes the place of one
            mean, spread = 0 * mean, np.full_like(spread, np.sqrt(square.mean()))
        return mean.astype(np.float32), spread.astype(np.float32)


def _rank(word: str, spelling: str) -> int:
    spellings = _spellings(word)
    return spellings.index(spelling) if spelling in spellings else _NOT_FOUND


def _spellings(word: str) -> list[str]:
    """Return the spellings under which a word is looked up, the best first.

    As it is written, however its accents are encoded, then in other cases.
    """
    cases = (word, word.lower(), word.capitalize())
    if word.isascii():
        return list(cases)
    return [form for case in cases for form in (case, *_normal_forms(case))]


def _normal_forms(word: str) -> list[str]:
    return [unicodedata.normalize(form, word) for form in ("NFC", "NFD")]

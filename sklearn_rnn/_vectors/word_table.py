"""One vector for each word of a vocabulary, filled with what a source holds."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..sequences import UNKNOWN

__all__ = ["WordTable"]

_NOT_FOUND = 127

_BLOCK = 10_000
"""Rows that are worked on at once: no second table is ever made."""


class WordTable:
    """Vectors by id. A container of the words that are wanted, in each spelling that will do.

    Parameters
    ----------
    words : tuple of str
        The vocabulary, by id.

    Attributes
    ----------
    vectors : ndarray of float32 of shape (V, D)
        The vectors, zeros where none was found; without rows until the first one was.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.vectors: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._rank = np.full(len(words), _NOT_FOUND, np.int8)  # of the spelling found
        self._ids: dict[str, list[int]] = {}
        for i, word in enumerate(words[UNKNOWN + 1 :], UNKNOWN + 1):
            for key in {spelling.lower() for spelling in _spellings(word)}:
                self._ids.setdefault(key, []).append(i)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which words have got a vector: (V,)."""
        return self._rank < _NOT_FOUND

    def __contains__(self, spelling: object) -> bool:
        return isinstance(spelling, str) and bool(self._served(spelling))

    def keep(self, spelling: str, vector: NDArray[np.float32]) -> None:
        """Give a vector to the words that have none of a better spelling yet."""
        self._make_room(len(vector))
        for i, rank in self._served(spelling):
            self.vectors[i], self._rank[i] = vector, rank

    def make(
        self, missing: NDArray[np.intp], subword_vector: Callable[[str], NDArray[np.float32]]
    ) -> NDArray[np.bool_]:
        """Give words without a vector those of their parts; return which have any: (V,)."""
        made = np.zeros(len(self.words), bool)
        for i in missing:
            vector = subword_vector(self.words[i])
            self._make_room(len(vector))
            self.vectors[i], made[i] = vector, vector.any()
        return made

    def fill(self, missing: NDArray[np.intp], policy: str, noise: np.random.Generator) -> None:
        """Give words without a vector the mean of the others, or random ones like these."""
        mean, spread = self._mean_and_spread()
        for start in range(0, len(missing), _BLOCK):
            rows = missing[start : start + _BLOCK]
            self.vectors[rows] = mean
            if policy == "random":
                shape = (len(rows), len(mean))
                self.vectors[rows] += spread * noise.standard_normal(shape, np.float32)

    def _make_room(self, n_dimensions: int) -> None:
        if not self.vectors.size:
            self.vectors = np.zeros((len(self.words), n_dimensions), np.float32)

    def _served(self, spelling: str) -> list[tuple[int, int]]:
        """Return the words that a spelling would be new or better for, and its rank."""
        ids = self._ids.get(spelling.lower(), ())
        ranks = ((i, _rank(self.words[i], spelling)) for i in ids)
        return [(i, rank) for i, rank in ranks if rank < self._rank[i]]

    def _mean_and_spread(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and standard deviation of the vectors found: (D,), (D,)."""
        rows = np.flatnonzero(self.found)
        sums = np.zeros((2, self.vectors.shape[1]))
        for start in range(0, len(rows), _BLOCK):
            block = self.vectors[rows[start : start + _BLOCK]].astype(np.float64)
            sums += [block.sum(axis=0), (block * block).sum(axis=0)]
        mean, square = sums / len(rows)
        spread = np.sqrt(np.maximum(square - mean * mean, 0))
        if len(rows) == 1:  # has no spread: take its size
            mean, spread = 0 * mean, np.full_like(spread, np.sqrt(square.mean()))
        return mean.astype(np.float32), spread.astype(np.float32)


def _rank(word: str, spelling: str) -> int:
    spellings = _spellings(word)
    return spellings.index(spelling) if spelling in spellings else _NOT_FOUND


def _spellings(word: str) -> list[str]:
    """Return what a word is looked for as, in this order.

    Its letters come first, however their accents are encoded, then other cases.
    """
    cases = (word, word.lower(), word.capitalize())
    if word.isascii():
        return list(cases)
    return [form for case in cases for form in (case, *_normal_forms(case))]


def _normal_forms(word: str) -> list[str]:
    return [unicodedata.normalize(form, word) for form in ("NFC", "NFD")]

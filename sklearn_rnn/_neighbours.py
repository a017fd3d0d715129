"""Which words lie nearest to a word, by the angle between their vectors."""

from __future__ import annotations

import difflib

import numpy as np
from numpy.typing import NDArray

from .sequences import UNKNOWN

__all__ = ["nearest_words"]


def nearest_words(
    who: str, vocabulary: tuple[str, ...], vectors: NDArray[np.float32], word: str, topn: int
) -> list[tuple[str, float]]:
    """Return the words whose vectors point most nearly the same way, and the cosines.

    Words without a vector, and the two markers, are no neighbours.
    """
    row = _row(who, vocabulary, word)
    lengths = np.linalg.norm(vectors, axis=1)
    if lengths[row] == 0:
        raise ValueError(f"{who}: {word!r} has no vector: it was not found in the source.")
    cosines = (
        vectors @ vectors[row] / np.maximum(lengths * lengths[row], np.finfo(np.float32).tiny)
    )
    cosines[lengths == 0] = -np.inf
    cosines[[*range(UNKNOWN + 1), row]] = -np.inf
    best = np.argsort(-cosines, kind="stable")[:topn]
    return [(vocabulary[i], float(cosines[i])) for i in best if np.isfinite(cosines[i])]


def _row(who: str, vocabulary: tuple[str, ...], word: str) -> int:
    try:
        return vocabulary.index(word, UNKNOWN + 1)
    except ValueError:
        similar = difflib.get_close_matches(word, vocabulary[UNKNOWN + 1 :], n=3)
        hint = f" Similarly spelled: {', '.join(similar)}." if similar else ""
        raise KeyError(f"{who}: {word!r} is not in the vocabulary.{hint}") from None

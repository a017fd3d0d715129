"""The words most similar to a word, by the cosine of their vectors."""

from __future__ import annotations

import difflib
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from ..sequences import UNKNOWN

__all__ = ["nearest_words"]


def nearest_words(
    who: str,
    vocabulary: tuple[str, ...],
    vectors: NDArray[np.float32],
    word: str,
    topn: int,
    found: NDArray[np.bool_] | None = None,
) -> list[tuple[str, float]]:
    """Return the words with the most similar vectors, and their cosines.

    Left out are the padding and unknown markers, and words without a vector of their own: with
    zeros, or one that was filled in (not `found`).
    """
    if topn < 1:
        raise ValueError(f"{who}: topn must be at least 1, got {topn}.")
    row = _row(who, vocabulary, word)
    lengths = np.linalg.norm(vectors, axis=1)
    if found is not None:
        lengths = np.where(found, lengths, 0)
    if lengths[row] == 0:
        raise ValueError(f"{who}: {word!r} has no vector: it was not found in the source.")
    cosines = np.full(len(vectors), -np.inf)
    np.divide(vectors @ vectors[row], lengths * lengths[row], out=cosines, where=lengths > 0)
    cosines[[*range(UNKNOWN + 1), row]] = -np.inf
    best = np.argsort(-cosines, kind="stable")[:topn]
    return [(vocabulary[i], float(cosines[i])) for i in best if np.isfinite(cosines[i])]


def _row(who: str, vocabulary: tuple[str, ...], word: str) -> int:
    # Vocabularies are usually composed (NFC); the word asked for may not be.
    for spelling in dict.fromkeys((word, normalize("NFC", word), normalize("NFD", word))):
        if spelling in vocabulary[UNKNOWN + 1 :]:
            return vocabulary.index(spelling, UNKNOWN + 1)
    similar = difflib.get_close_matches(word, vocabulary[UNKNOWN + 1 :], n=3)
    hint = f" Similarly spelled: {', '.join(similar)}." if similar else ""
    raise KeyError(f"{who}: {word!r} is not in the vocabulary.{hint}")

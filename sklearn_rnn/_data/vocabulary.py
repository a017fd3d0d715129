"""Vocabularies: one that was given, checked; or one that is selected by counts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Set
from numbers import Integral
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..sequences import UNKNOWN
from .analyzer import AnalysisParameters, lowercases_tokens, to_normal_form
from .token_ids import WordCounts

__all__ = ["MARKERS", "given_words", "ids_of", "select_words"]

MARKERS = ("<pad>", "<unk>")


class VocabularyParameters(AnalysisParameters, Protocol):
    """A vectorizer, as far as its parameters decide which words it knows."""

    min_df: float
    max_df: float
    max_features: int | None
    vocabulary: Mapping[str, int] | Iterable[str] | None


def ids_of(words: Iterable[str]) -> dict[str, int]:
    """Return the ids of words, which start after those of the markers."""
    return {word: i for i, word in enumerate(words, start=len(MARKERS))}


def select_words(
    vectorizer: VocabularyParameters, words: list[str], counts: WordCounts
) -> tuple[list[str], NDArray[np.int32]]:
    """Choose a vocabulary from words that were counted.

    Parameters
    ----------
    vectorizer : SequenceVectorizer
        Its parameters say how many words to keep, and how frequent these must be.
    words : list of str
        Words, by the ids under which they were counted.
    counts : WordCounts
        Their counts.

    Returns
    -------
    words : list of str
        The words of the vocabulary, by falling frequency, ties by spelling.
    new_ids : ndarray of int32 of shape (n_words,)
        The new id of each word that was counted.
    """
    who, min_df, max_df = type(vectorizer).__name__, vectorizer.min_df, vectorizer.max_df
    if counts.n_texts_of(min_df) > counts.n_texts_of(max_df):
        raise ValueError(
            f"{who}: max_df corresponds to < documents than min_df, got max_df={max_df!r} and "
            f"min_df={min_df!r}."
        )
    candidates = np.flatnonzero(counts.between(min_df, max_df))
    if not len(candidates):
        raise ValueError(
            f"{who}: no word is left for the vocabulary. Are all texts empty, or made of stop "
            f"words, or is min_df={min_df!r} too high, or max_df={max_df!r} too low?"
        )
    in_order = sorted(candidates.tolist(), key=lambda i: (-counts.frequency[i], words[i]))
    selected = in_order[: _max_words(vectorizer)]
    new_ids = np.full(len(words), UNKNOWN, np.int32)
    new_ids[selected] = np.arange(len(selected)) + len(MARKERS)
    return [words[i] for i in selected], new_ids


def _max_words(vectorizer: VocabularyParameters) -> int | None:
    return None if vectorizer.max_features is None else vectorizer.max_features - len(MARKERS)


def given_words(vectorizer: VocabularyParameters) -> list[str]:
    """Return the words of a vectorizer's parameter `vocabulary`, normalised, by id, or raise."""
    who, given = type(vectorizer).__name__, vectorizer.vocabulary
    words = _in_order(who, given)
    if isinstance(given, str) or not all(isinstance(word, str) for word in words):
        raise TypeError(
            f"{who}: vocabulary must be a mapping or an iterable of str, got {given!r:.200}."
        )
    if tuple(words[:2]) in _KNOWN_MARKERS:
        words = words[2:]
    words = [str.__str__(to_normal_form(vectorizer.normalize, word)) for word in words]
    if not words or len(set(words)) < len(words):
        raise ValueError(
            f"{who}: vocabulary must contain at least one word, and each word once, got "
            f"{len(words)} entries, {len(set(words))} of them distinct (with "
            f"normalize={vectorizer.normalize!r})."
        )
    if lowercases_tokens(vectorizer):
        _warn_of_capitals(who, words)
    return words[: _max_words(vectorizer)]


_KNOWN_MARKERS = (MARKERS, ("", "[UNK]"))
"""The first entries of vocabularies that name padding and the unknown token: ours, and Keras's."""


def _in_order(who: str, given: Any) -> list[Any]:
    if isinstance(given, Mapping):
        _check_indices(who, list(given.values()))
        return sorted(given, key=given.__getitem__)
    # Sets are sorted: another process would iterate them in another order.
    return sorted(given) if isinstance(given, Set) else list(given)


def _check_indices(who: str, indices: list[Any]) -> None:
    """Raise unless indices are consecutive: then ids are as given, or shifted by 1 or 2."""
    if not all(isinstance(index, Integral) for index in indices):
        raise TypeError(f"{who}: expected a vocabulary's values to be int.")
    first = min(indices, default=0)
    if 0 <= first <= len(MARKERS) and set(indices) == set(range(first, first + len(indices))):
        return
    n_repeated = len(indices) - len(set(indices))
    fault = f"{n_repeated} repeated indices" if n_repeated else "gaps"
    raise ValueError(
        f"{who}: expected a vocabulary's indices to be consecutive, from 0, 1 or 2, got {fault} "
        f"(of {min(indices)} to {max(indices)}). For the order alone, pass a list of its words."
    )


def _warn_of_capitals(who: str, words: list[str]) -> None:
    lost = [word for word in words if word != word.lower()]
    if lost:
        warnings.warn(
            f"{who}: {len(lost)} words of the vocabulary have upper-case letters, "
            f"such as {lost[0]!r}, and match no text, since lowercase is True.",
            UserWarning,
            stacklevel=6,
        )

"""Vocabularies: one that is given, checked, or one selected by counts; ids by word."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Set
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sequences import UNKNOWN
from .analysis import in_form, is_lowered
from .token_ids import WordCounts

__all__ = ["MARKERS", "given_words", "ids_of", "select_words"]

MARKERS = ("<pad>", "<unk>")


def ids_of(words: Iterable[str]) -> dict[str, int]:
    """Return the ids of words, which start after those of the markers."""
    return {word: i for i, word in enumerate(words, start=len(MARKERS))}


def select_words(
    vectorizer: Any, words: list[str], counts: WordCounts
) -> tuple[list[str], NDArray[np.int32]]:
    """Choose a vocabulary; return its words, and the new id of each word as first seen."""
    min_df, max_df = vectorizer.min_df, vectorizer.max_df
    if counts.n_texts_of(min_df) > counts.n_texts_of(max_df):
        raise ValueError(
            "SequenceVectorizer: max_df corresponds to < documents than min_df, got "
            f"max_df={max_df!r} and min_df={min_df!r}."
        )
    kept = np.flatnonzero(counts.between(min_df, max_df))
    if not len(kept):
        raise ValueError(
            "SequenceVectorizer: no word is left for the vocabulary. Are all texts empty, or made "
            f"of stop words, or is min_df={min_df!r} too high, or max_df={max_df!r} too low?"
        )
    in_order = sorted(kept.tolist(), key=lambda i: (-counts.frequency[i], words[i]))
    order = in_order[: _n_words(vectorizer)]
    new_ids = np.full(len(words), UNKNOWN, np.int32)
    new_ids[order] = np.arange(len(order)) + len(MARKERS)
    return [words[i] for i in order], new_ids


def _n_words(vectorizer: Any) -> int | None:
    return None if vectorizer.max_features is None else vectorizer.max_features - len(MARKERS)


def given_words(vectorizer: Any) -> list[str]:
    """Return the words of a vectorizer's `vocabulary`, normalised, by id, or raise."""
    given = vectorizer.vocabulary
    words = _in_order(given)
    if isinstance(given, str) or not all(isinstance(word, str) for word in words):
        raise TypeError(
            "SequenceVectorizer: vocabulary must be a mapping or an iterable of str, got "
            f"{given!r:.200}."
        )
    if tuple(words[:2]) in _MARKERS_OF_OTHERS:
        words = words[2:]
    words = [str.__str__(in_form(vectorizer.normalize, word)) for word in words]
    if not words or len(set(words)) < len(words):
        raise ValueError(
            "SequenceVectorizer: vocabulary must hold at least one word, and each word once, got "
            f"{len(words)} entries, {len(set(words))} of them distinct (with "
            f"normalize={vectorizer.normalize!r})."
        )
    if is_lowered(vectorizer):
        _warn_of_capitals(words)
    return words[: _n_words(vectorizer)]


_MARKERS_OF_OTHERS = (MARKERS, ("", "[UNK]"))
"""How vocabularies that name padding and the unknown token begin: ours, and Keras'."""


def _in_order(given: Any) -> list[Any]:
    if isinstance(given, Mapping):
        _check_indices(list(given.values()))
        return sorted(given, key=given.__getitem__)
    # A set has no order that another process would repeat.
    return sorted(given) if isinstance(given, Set) else list(given)


def _check_indices(indices: list[Any]) -> None:
    """Raise unless indices are consecutive: then each id is what was given, or off by a shift."""
    if not all(isinstance(index, Integral) for index in indices):
        raise TypeError("SequenceVectorizer: expected a vocabulary's values to be int.")
    first = min(indices, default=0)
    if 0 <= first <= len(MARKERS) and set(indices) == set(range(first, first + len(indices))):
        return
    n_repeated = len(indices) - len(set(indices))
    fault = f"{n_repeated} repeated indices" if n_repeated else "gaps"
    raise ValueError(
        f"SequenceVectorizer: expected a vocabulary's indices to be consecutive, from 0, 1 or 2, "
        f"got {fault} (of {min(indices)} to {max(indices)}). For the order alone, pass a list of "
        "its words."
    )


def _warn_of_capitals(words: list[str]) -> None:
    lost = [word for word in words if word != word.lower()]
    if lost:
        warnings.warn(
            f"SequenceVectorizer: {len(lost)} words of the vocabulary have upper-case letters, "
            f"such as {lost[0]!r}, and match no text, since lowercase is True.",
            UserWarning,
            stacklevel=6,
        )

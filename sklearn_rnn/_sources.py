"""Where ready-made vectors come from: a file, gensim's vectors, or a fitted model of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._gensim import subword_vector
from ._vector_files import read_vectors
from .sequences import UNKNOWN

__all__ = ["Vectors", "look_up"]

OfParts = Callable[[str], NDArray[np.float32]]
"""Gives the vector of a word by its parts."""


class Vectors(NamedTuple):
    """The words that a source holds, of those that were wanted, and their vectors."""

    rows: dict[str, int]
    """Row by word."""

    table: NDArray[np.float32]
    """Vectors by row, shape (n_found, D)."""

    of_parts: OfParts | None
    """Vectors for all other words, where the source is a fastText model."""


def look_up(who: str, source: Any, wanted: Collection[str]) -> Vectors:
    """Return the vectors of the wanted words, exactly as they are spelled.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    source : str, path-like, gensim vectors, or a fitted estimator or pipeline of this library
        Where to look.
    wanted : collection of str
        The words.

    Returns
    -------
    Vectors
        Those that were found.
    """
    if isinstance(source, str | os.PathLike):
        found = read_vectors(who, source, wanted)
        return Vectors(_numbered(found.words), found.vectors, found.of_parts)
    vectors = getattr(source, "wv", source)  # a model of gensim's holds its vectors there
    if hasattr(vectors, "key_to_index"):
        of_parts = vectors.get_vector if hasattr(vectors, "vectors_ngrams") else None
        return _picked(vectors.key_to_index, vectors.vectors, wanted, of_parts)
    steps = [step for _, step in getattr(source, "steps", [("", source)])]
    for step in reversed(steps):
        vocabulary = getattr(step, "vocabulary_", None)
        for name in ("embedding_vectors_", "vectors_"):
            if isinstance(vocabulary, tuple) and hasattr(step, name):
                # Not the two markers: padding and unknown are no words.
                index = {word: i for i, word in enumerate(vocabulary) if i > UNKNOWN}
                return _picked(index, getattr(step, name), wanted, _of_parts(steps))
    raise TypeError(
        f"{who}: expected source to be a path, gensim's KeyedVectors, or a fitted pipeline or "
        f"estimator of this library that has an embedding, got {source!r}. Is it fitted?"
    )


def _numbered(words: Collection[str]) -> dict[str, int]:
    return {word: row for row, word in enumerate(words)}


def _picked(
    index: dict[str, int], table: Any, wanted: Collection[str], of_parts: OfParts | None
) -> Vectors:
    words = [word for word in wanted if word in index]
    rows = np.asarray(table, np.float32)[[index[word] for word in words]]
    return Vectors(_numbered(words), rows, of_parts)


def _of_parts(steps: list[Any]) -> OfParts | None:
    """Return what makes vectors of parts, if one of the steps is fastText's and has kept them."""
    for step in steps:
        table = getattr(step, "subword_vectors_", None)
        if table is not None:
            return partial(subword_vector, table=table, min_n=step.min_n, max_n=step.max_n)
    return None

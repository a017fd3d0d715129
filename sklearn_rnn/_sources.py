"""Where ready-made vectors come from: a file, gensim's vectors, or a fitted model of ours."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._vector_files import read_vectors

__all__ = ["Vectors", "look_up", "with_subwords"]


class Vectors(NamedTuple):
    """The words that a source holds, of those that were wanted, and their vectors."""

    rows: dict[str, int]
    """Row by word."""

    table: NDArray[np.float32]
    """Vectors by row, shape (n_found, D)."""


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
        return Vectors({word: row for row, word in enumerate(found.words)}, found.vectors)
    index, table = _words_and_table(who, source)
    words = [word for word in wanted if word in index]
    picked = np.asarray(table, np.float32)[[index[word] for word in words]]
    return Vectors({word: row for row, word in enumerate(words)}, picked)


def with_subwords(source: Any) -> Any | None:
    """Return gensim's fastText vectors if the source is or has some, else None."""
    vectors = getattr(source, "wv", source)
    return vectors if hasattr(vectors, "vectors_ngrams") else None


def _words_and_table(who: str, source: Any) -> tuple[dict[str, int], Any]:
    vectors = getattr(source, "wv", source)  # a model of gensim's holds its vectors there
    if hasattr(vectors, "key_to_index"):
        return vectors.key_to_index, vectors.vectors
    for step in reversed([step for _, step in getattr(source, "steps", [("", source)])]):
        vocabulary = getattr(step, "vocabulary_", None)
        for name in ("embedding_vectors_", "vectors_"):
            if isinstance(vocabulary, tuple) and hasattr(step, name):
                # Not the two markers: padding and unknown are no words.
                return {w: i for i, w in enumerate(vocabulary) if i > 1}, getattr(step, name)
    raise TypeError(
        f"{who}: expected source to be a path, gensim's KeyedVectors, or a fitted pipeline or "
        f"estimator of this library that has an embedding, got {source!r}. Is it fitted?"
    )

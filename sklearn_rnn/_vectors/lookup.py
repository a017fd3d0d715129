"""Where pretrained vectors come from: files, plain objects, gensim, models of this library."""

from __future__ import annotations

import os
from collections.abc import Container
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils.pipelines import pipeline_steps
from .._utils.snapshots import snapshot
from ..sequences import UNKNOWN
from .file_source import OnVector, SubwordLookup
from .files import read_vectors
from .gensim_format import keyed_vectors_rows
from .gensim_training import subword_vector
from .in_memory import is_in_memory, load_from_memory

__all__ = ["load_vectors", "source_name", "words_and_vectors"]


def load_vectors(
    who: str, source: Any, vocabulary: Container[str], on_vector: OnVector
) -> SubwordLookup | None:
    """Call `on_vector` with each word of the vocabulary that the source has, and its vector.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    source : str, path-like, mapping, pair, DataFrame, gensim vectors, or a fitted estimator or \
pipeline of this library
        Where to look.
    vocabulary : container of str
        The words, exactly as they are spelled.
    on_vector : callable
        Called with a word and its vector of shape (D,).

    Returns
    -------
    callable or None
        What makes vectors of other words from their character n-grams, if the source is a
        fastText model.
    """
    if isinstance(source, str | os.PathLike):
        return read_vectors(who, source, vocabulary, on_vector)
    if is_in_memory(source):
        load_from_memory(who, source, vocabulary, on_vector)
        return None
    vectors = getattr(source, "wv", source)  # where gensim's models have their vectors
    if hasattr(vectors, "key_to_index"):

        def error(problem: str) -> ValueError:
            return ValueError(f"{who}: {source_name(source)} {problem}")

        return keyed_vectors_rows(vectors, error).send(vocabulary, on_vector)
    steps = pipeline_steps(source)
    _load_from_step(_with_vectors(who, source, steps), vocabulary, on_vector)
    return _subword_lookup(steps)


def source_name(source: Any) -> str:
    """Return how messages refer to a source."""
    return repr(source) if isinstance(source, str | os.PathLike) else type(source).__name__


def _with_vectors(who: str, source: Any, steps: list[Any]) -> Any:
    """Return the last step that has learned or loaded vectors of words."""
    names = ("embedding_vectors_", "vectors_")
    fitted = [step for step in steps if any(hasattr(step, name) for name in names)]
    if not fitted:
        raise TypeError(
            f"{who}: expected source to be a path, a dict of words to vectors, a pair (words, "
            "table), a DataFrame with words as its index, gensim's KeyedVectors, or a fitted "
            "pipeline or estimator of this library that has an embedding, got "
            f"{source_name(source)}. Is it fitted? (A saved embedding no longer has a source that "
            "was in memory.)"
        )
    if fitted[-1].vocabulary_ is None:
        raise TypeError(
            f"{who}: the source, {source_name(source)}, was fitted on plain ids, which stand for "
            "no words. Fit it on the sequences of a SequenceVectorizer."
        )
    return snapshot(fitted[-1])


def words_and_vectors(
    who: str, source: Any
) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return the words of a fitted estimator or pipeline, their vectors, and which were found."""
    step = _with_vectors(who, source, pipeline_steps(source))
    return step.vocabulary_, _vectors_of(step), getattr(step, "found_", None)


def _vectors_of(step: Any) -> NDArray[np.float32]:
    """Return the vectors that a step has learned, or those that it has loaded."""
    return step.embedding_vectors_ if hasattr(step, "embedding_vectors_") else step.vectors_


def _load_from_step(step: Any, vocabulary: Container[str], on_vector: OnVector) -> None:
    table = _vectors_of(step)
    # Words without a vector of their own have zeros there, or what the `oov` policy of a
    # `PretrainedEmbedding` gave them. The two markers, padding and unknown, are not words.
    found = getattr(step, "found_", None)
    for row, word in enumerate(step.vocabulary_[UNKNOWN + 1 :], UNKNOWN + 1):
        if word in vocabulary and (table[row].any() if found is None else found[row]):
            on_vector(word, np.asarray(table[row], np.float32))


def _subword_lookup(steps: list[Any]) -> SubwordLookup | None:
    """Return a lookup by character n-grams, if one of the steps has kept fastText's."""
    for step in steps:
        table = getattr(step, "subword_vectors_", None)
        if table is not None:
            return partial(subword_vector, table=table, min_n=step.min_n, max_n=step.max_n)
    return None

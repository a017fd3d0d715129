"""Word vectors in plain objects: a dict, words and their table, a data frame."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .file_source import OnVector

__all__ = ["is_in_memory", "load_from_memory"]


def is_in_memory(source: Any) -> bool:
    """Return whether a source is a mapping, a pair, or a data frame."""
    is_pair = isinstance(source, tuple | list) and len(source) == 2
    return is_pair or isinstance(source, Mapping) or _is_frame(source)


def load_from_memory(
    who: str, source: Any, vocabulary: Container[str], on_vector: OnVector
) -> None:
    """Call `on_vector` with each word of the vocabulary that the source has, and its vector.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    source : mapping, pair or DataFrame
        Words to vectors; words and the table of their vectors, in the same order; words to rows
        of a table, and the table; or a table with the words as its index.
    vocabulary : container of str
        The words to look for.
    on_vector : callable
        Called with each of them that has a vector other than zeros, and that of shape (D,).

    Raises
    ------
    TypeError
        If words are not str, or vectors are not numbers.
    ValueError
        If there are no words, if a word occurs twice or has no row in its table, or if vectors
        are empty, of several lengths, or not finite.
    """
    words, value_of = _words_and_lookup(who, source)
    if not len(words):
        raise ValueError(f"{who}: the source, {type(source).__name__}, contains no words.")
    n_values = 0
    for word in words:
        _check_is_word(who, word)
        if word not in vocabulary:
            continue
        vector = _as_vector(who, word, value_of(word))
        n_values = n_values or len(vector)
        if len(vector) != n_values:
            raise ValueError(
                f"{who}: expected vectors of one length in the source, got {n_values} values for "
                f"the first word, {len(vector)} for {word!r}."
            )
        if vector.any():  # by convention, words without a vector have zeros in a table
            on_vector(word, vector)


def _words_and_lookup(who: str, source: Any) -> tuple[Any, Callable[[str], Any]]:
    """Return the words of a source, and what returns the vector of one: others are not read."""
    if isinstance(source, Mapping):
        return source, source.__getitem__
    words, table = (source.index, source.to_numpy()) if _is_frame(source) else source
    table = _as_table(who, table)
    if not isinstance(words, Mapping):
        words = _rows_by_word(who, words, len(table))
    return words, lambda word: table[_row_of(who, word, words[word], len(table))]


def _is_frame(source: Any) -> bool:
    return hasattr(source, "to_numpy") and hasattr(source, "index") and hasattr(source, "columns")


def _check_is_word(who: str, word: Any) -> None:
    if not isinstance(word, str):
        raise TypeError(
            f"{who}: expected words (str) in the source, got {word!r} of type "
            f"{type(word).__name__}. Decode bytes, and pass words in place of ids."
        )


# ---- tables ---------------------------------------------------------------------------------


def _as_table(who: str, table: Any) -> NDArray[Any]:
    array = _as_array(table)
    if array.ndim != 2 or not _is_numeric(array):
        raise TypeError(
            f"{who}: expected the source, a pair, to contain words and a table of numbers of "
            f"shape (words, dimensions), in this order, got {type(table).__name__} of shape "
            f"{array.shape} and type {array.dtype} as its table."
        )
    return array


def _rows_by_word(who: str, words: Iterable[Any], n_rows: int) -> dict[str, int]:
    """Return the row of each word of a list."""
    # The order of a set differs from process to process.
    if isinstance(words, str | set | frozenset) or not isinstance(words, Iterable):
        raise TypeError(
            f"{who}: expected a list of words, or a dict of words to rows, as the first of the "
            f"pair that is the source, got {type(words).__name__}."
        )
    rows: dict[str, int] = {}
    n_words = 0
    for word in words:
        _check_is_word(who, word)
        if rows.setdefault(word, n_words) != n_words:
            raise ValueError(
                f"{who}: expected each word once in the source, got {word!r} in rows "
                f"{rows[word]} and {n_words}. Leave one of them out."
            )
        n_words += 1
    if n_words != n_rows:
        raise ValueError(
            f"{who}: expected as many words as rows in the table of the source, got {n_words} "
            f"words and {n_rows} rows. If the table has other rows too, pass a dict of words to "
            "rows in place of the list."
        )
    return rows


def _row_of(who: str, word: str, row: Any, n_rows: int) -> int:
    if not isinstance(row, Integral) or not 0 <= int(row) < n_rows:
        raise ValueError(
            f"{who}: expected a row of the table of the source, 0 to {n_rows - 1}, for each word, "
            f"got {row!r} for {word!r}."
        )
    return int(row)


# ---- vectors --------------------------------------------------------------------------------


def _as_vector(who: str, word: str, value: Any) -> NDArray[np.float32]:
    """Return the vector of a word, or raise: (D,)."""
    array = _as_array(value)
    if array.ndim != 1 or not array.size or not _is_numeric(array):
        raise TypeError(
            f"{who}: expected a vector of numbers for {word!r} in the source, got "
            f"{type(value).__name__} of shape {array.shape} and type {array.dtype}. A dict of "
            "words to rows goes with its table, as a pair: (rows, table)."
        )
    with np.errstate(over="ignore"):
        vector = array.astype(np.float32)
    if not np.isfinite(vector).all():
        raise ValueError(
            f"{who}: expected finite float32 numbers in the source, got others for {word!r}."
        )
    return vector


def _as_array(value: Any) -> NDArray[Any]:
    """Return anything array-like as an array, including tensors with a gradient or of bfloat16."""
    try:
        return np.asarray(value.detach().cpu().float() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):  # ragged, or of a type unknown to NumPy
        return np.array(None)


def _is_numeric(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "fiu"

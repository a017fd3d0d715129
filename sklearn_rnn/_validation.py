"""What comes in from users, checked: the error says who, what was expected, what came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

__all__ = [
    "check_given",
    "check_ids",
    "check_summable",
    "check_texts",
    "check_vocabulary",
    "seed_from",
]


def check_texts(who: str, texts: Iterable[str]) -> Iterator[str]:
    """Give texts that are checked one by one, or raise.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    texts : iterable of str
        What came.

    Returns
    -------
    iterator of str
        The texts, of which there is at least one.
    """
    if isinstance(texts, str | bytes):
        cure = "[text]" if isinstance(texts, str) else '[text.decode("utf-8")]'
        raise ValueError(
            f"{who}: expected a sequence of texts, got one {type(texts).__name__}. "
            f"Wrap it: {cure}."
        )
    shape = getattr(texts, "shape", (None,))
    if isinstance(texts, Mapping) or not isinstance(texts, Iterable) or len(shape) != 1:
        of_shape = f" of shape {shape}" if len(shape) != 1 else ""
        cure = 'one column, such as frame["text"]' if len(shape) == 2 else "a list of str"
        raise TypeError(
            f"{who}: expected a one-dimensional sequence of texts, got {type(texts).__name__}"
            f"{of_shape}. Pass {cure}."
        )
    return _checked(who, texts)


def _checked(who: str, texts: Iterable[str]) -> Iterator[str]:
    row = -1
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(_not_a_text(who, row, text))
        yield text
    if row < 0:
        raise ValueError(f"{who}: expected at least one text, got none.")


def _not_a_text(who: str, row: int, text: object) -> str:
    if isinstance(text, bytes):
        cure = 'Decode bytes first, for instance with text.decode("utf-8").'
    elif text is None or is_scalar_nan(text) or is_pandas_na(text):
        cure = 'Drop missing texts, or replace them by "".'
    else:
        cure = "Pass a one-dimensional sequence of str."
    return f"{who}: expected texts of type str, got {type(text).__name__} in row {row}. {cure}"


def check_given(estimator: Any, y: Any) -> None:
    """Raise if there is no target.

    Parameters
    ----------
    estimator : object
        The estimator, for its name.
    y : object
        What came.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def check_summable(estimator: Any, weights: NDArray[np.float64] | None) -> None:
    """Raise if weights of texts are so large that their sum is no number.

    Parameters
    ----------
    estimator : object
        The estimator, for its name.
    weights : ndarray of float64 of shape (N,), or None
        What each text weighs.
    """
    if weights is not None and not np.isfinite(weights.sum()):
        raise ValueError(
            f"{type(estimator).__name__}: expected weights of texts whose sum is finite, got up "
            f"to {weights.max():g}. Only their ratios count: make them smaller."
        )


def check_ids(who: str, ids: NDArray[Any], n_ids: int) -> None:
    """Raise if an id is not in [0, n_ids).

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    ids : ndarray of int of shape (N, T)
        The ids.
    n_ids : int
        Rows of the embedding table.
    """
    if ids.min() >= 0 and ids.max() < n_ids:
        return
    # Row by row: ids may be larger than memory.
    row = next(i for i, row in enumerate(ids) if row.min() < 0 or row.max() >= n_ids)
    got = next(place for place in ids[row] if not 0 <= place < n_ids)
    hint = "Was X made by another vectorizer?"
    if got < 0:
        hint = "Negative values in data are no ids: these start at 0, which is padding."
    raise ValueError(f"{who}: ids must lie in [0, {n_ids}), got {got} in row {row}. {hint}")


def seed_from(random_state: Any) -> int:
    """Draw one seed.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        As everywhere in scikit-learn, except that None asks the operating system: the
        global generator is neither read nor moved.

    Returns
    -------
    int
        A seed in [0, 2**31).
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31))


def check_vocabulary(who: str, given: Any) -> list[str]:
    """Return the words of a mapping to ids or of an iterable, in their order, or raise."""
    # A set has no order that another process would repeat.
    in_order = sorted(given) if isinstance(given, Set) else list(given)
    words = sorted(given, key=given.__getitem__) if isinstance(given, Mapping) else in_order
    if isinstance(given, str) or not all(isinstance(word, str) for word in words):
        raise TypeError(
            f"{who}: vocabulary must be a mapping or an iterable of str, got {given!r}."
        )
    if not words or len(set(words)) < len(words):
        raise ValueError(
            f"{who}: vocabulary must hold at least one word, and each word once, got "
            f"{len(words)} entries, {len(set(words))} of them distinct."
        )
    return words

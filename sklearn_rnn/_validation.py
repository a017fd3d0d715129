"""What comes in from users, checked: the error says who, what was expected, what came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

from .sequences import TokenSequences

__all__ = [
    "Inputs",
    "check_given",
    "check_ids",
    "check_inputs",
    "check_texts",
    "refuse_text",
    "seed_from",
]


class Inputs(NamedTuple):
    """What a final estimator reads: ids with the size of their vocabulary, or floats."""

    values: NDArray[Any]
    """Ids of shape (N, T), or already embedded sequences of shape (N, T, D)."""

    n_ids: int | None = None
    """Number of different ids, None for floats."""

    vectors: NDArray[np.float32] | None = None
    """Vectors by id, shape (n_ids, D), where the sequences bring any."""


def check_texts(who: str, texts: Iterable[str]) -> Sequence[str]:
    """Return texts as a sequence of str, or raise.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    texts : iterable of str
        What came.

    Returns
    -------
    sequence of str
        The texts.
    """
    if isinstance(texts, str | bytes):
        raise ValueError(
            f"{who}: expected a sequence of texts, got one {type(texts).__name__}. "
            "Wrap it: [text]."
        )
    if not isinstance(texts, Iterable):
        raise TypeError(f"{who}: expected a sequence of texts, got {texts!r}.")
    sequence: Sequence[str] = texts if isinstance(texts, list | tuple) else list(texts)
    if not sequence:
        raise ValueError(f"{who}: expected at least one text, got none.")
    for row, text in enumerate(sequence):
        if not isinstance(text, str):
            raise TypeError(_not_a_text(who, row, text))
    return sequence


def _not_a_text(who: str, row: int, text: object) -> str:
    if isinstance(text, bytes):
        cure = 'Decode bytes first, for instance with text.decode("utf-8").'
    elif text is None or is_scalar_nan(text) or is_pandas_na(text):
        cure = 'Drop missing texts, or replace them by "".'
    else:
        cure = "Pass a one-dimensional sequence of str."
    return f"{who}: expected texts of type str, got {type(text).__name__} in row {row}. {cure}"


def check_inputs(estimator: Any, X: Any) -> Inputs:
    """Return what a final estimator was given as `Inputs`, or raise.

    Parameters
    ----------
    estimator : object
        The estimator, for its name.
    X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
        What came.

    Returns
    -------
    Inputs
        The values, as they came: nothing is copied but what scikit-learn must convert.
    """
    who = type(estimator).__name__
    if isinstance(X, TokenSequences):
        return Inputs(_not_empty(who, X.ids), len(X.vocabulary), X.vectors)
    refuse_text(estimator, X)
    values = check_array(X, dtype="numeric", allow_nd=True, input_name="X", estimator=estimator)
    if values.ndim == 3:
        return Inputs(_not_empty(who, values))
    if values.ndim != 2:
        raise ValueError(
            f"{who}: expected ids of shape (n_texts, n_tokens) or sequences of vectors of shape "
            f"(n_texts, n_steps, n_dimensions), got an array of {values.ndim} dimensions."
        )
    ids = _whole_numbers(who, values)
    return Inputs(ids, int(ids.max()) + 1)


def _not_empty(who: str, values: NDArray[Any]) -> NDArray[Any]:
    if 0 in values.shape:
        raise ValueError(
            f"{who}: expected at least one text of at least one token, got X of shape "
            f"{values.shape}."
        )
    return values


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


def refuse_text(estimator: Any, X: Any) -> None:
    """Raise if X is made of str or bytes, whatever holds them.

    Parameters
    ----------
    estimator : object
        The estimator, for its name.
    X : object
        What came.
    """
    first = X
    while isinstance(first, Sequence) and not isinstance(first, str | bytes) and len(first):
        first = first[0]
    if hasattr(first, "__array__") and not isinstance(first, TokenSequences):
        first = next(iter(np.asarray(first).flat), None)  # of a data frame, too
    if isinstance(first, str | bytes):
        who = type(estimator).__name__
        raise ValueError(
            f"{who}: got raw text. Put a SequenceVectorizer before it: "
            f"make_pipeline(SequenceVectorizer(), {who}())."
        )


def _whole_numbers(who: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return ids as integers; floats may hold them, if they hold nothing else."""
    if values.dtype.kind in "iu":
        return values
    fractional = np.argwhere(values != np.rint(values))
    if len(fractional):
        row, column = fractional[0]
        raise ValueError(
            f"{who}: a two-dimensional X must hold token ids, got {values[row, column]} in row "
            f"{row}. Sequences of numbers have shape (n_texts, n_steps, n_dimensions)."
        )
    return values.astype(np.int64)


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
    row, column = np.argwhere((ids < 0) | (ids >= n_ids))[0]
    got = ids[row, column]
    hint = "Negative values in data" if got < 0 else "Was X made by another vectorizer?"
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

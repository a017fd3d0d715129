"""What the final estimators read: token sequences, plain ids, or sequences of floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _check_feature_names, _check_n_features

from ._validation import check_ids
from .sequences import UNKNOWN, TokenSequences

__all__ = ["Inputs", "check_inputs", "check_known", "check_vectors"]


class Inputs(NamedTuple):
    """Ids with the size of their vocabulary, or floats."""

    values: NDArray[Any]
    """Ids of shape (N, T), or already embedded sequences of shape (N, T, D)."""

    n_ids: int | None = None
    """Number of different ids, None for floats."""

    vocabulary: tuple[str, ...] | None = None
    """Tokens by id, where the sequences bring them."""

    vectors: NDArray[np.float32] | None = None
    """Vectors by id, shape (n_ids, D), where the sequences bring any."""


def check_inputs(estimator: Any, X: Any) -> Inputs:
    """Return what an estimator was given as `Inputs`, or raise.

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
        return Inputs(_not_empty(who, X.ids), len(X.vocabulary), X.vocabulary, X.vectors)
    _refuse_text(who, X)
    values = check_array(X, dtype="numeric", allow_nd=True, input_name="X", estimator=estimator)
    if values.ndim == 3:
        return Inputs(_single_precision(who, _not_empty(who, values)))
    if values.ndim != 2:
        raise ValueError(
            f"{who}: expected ids of shape (n_texts, n_tokens) or sequences of vectors of shape "
            f"(n_texts, n_steps, n_dimensions), got an array of {values.ndim} dimensions."
        )
    ids = _whole_numbers(who, values)
    # A text of padding alone reads as one unknown token, so that id must have a row.
    return Inputs(ids, max(int(ids.max()), UNKNOWN) + 1)


def check_known(estimator: Any, X: Any, plan: dict[str, Any]) -> Inputs:
    """Return what a fitted estimator was given, if it is what its network was built for.

    Parameters
    ----------
    estimator : object
        The estimator, with what it keeps of its training data.
    X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
        What came.
    plan : dict
        What the network was built from.

    Returns
    -------
    Inputs
        The values.
    """
    who = type(estimator).__name__
    _refuse_text(who, X)
    _check_feature_names(estimator, X, reset=False)
    inputs = check_inputs(estimator, X)
    shape = inputs.values.shape
    if (inputs.n_ids is None) != (plan["n_ids"] is None):
        kinds = ("ids of shape (n_texts, n_tokens)", "floats of three dimensions")
        raise ValueError(
            f"{who}: was fitted on {kinds[plan['n_ids'] is None]}, got X of shape {shape}. "
            "Pass X of that kind, or fit a new estimator."
        )
    if inputs.n_ids is None:
        _check_dimensions(who, shape[2], plan["n_dimensions"])
    else:
        _check_same_ids(estimator, inputs, plan["n_ids"])
    if plan["pooling"] == "flatten" and shape[1] != plan["n_places"]:
        raise ValueError(
            f'{who}: pooling="flatten" was fitted on sequences of {plan["n_places"]} places, '
            f"got {shape[1]}. Pad to the same max_len, or take another pooling."
        )
    return inputs


def check_vectors(who: str, inputs: Inputs) -> None:
    """Raise if vectors that a new network would start from are not finite.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    inputs : Inputs
        The sequences, with the vectors where they bring any.
    """
    if inputs.vectors is None or inputs.vocabulary is None:
        return
    finite = np.isfinite(inputs.vectors).all(axis=1)
    if not finite.all():
        word = inputs.vocabulary[int(np.argmin(finite))]
        raise ValueError(
            f"{who}: vectors must be finite, those of {word!r} are not. Was the source that "
            "they came from damaged?"
        )


def _check_same_ids(estimator: Any, inputs: Inputs, n_ids: int) -> None:
    who = type(estimator).__name__
    check_ids(who, inputs.values, n_ids)
    if inputs.vocabulary is None:
        # For scikit-learn a plain matrix has a fixed number of columns. Only the carrier
        # says that its columns are places, of which padding may add any number.
        _check_n_features(estimator, inputs.values, reset=False)
    elif estimator.vocabulary_ not in (None, inputs.vocabulary):
        raise ValueError(
            f"{who}: X has another vocabulary than the training data: its ids mean other "
            "words. Transform texts with the vectorizer that made the training data, or fit "
            "both anew without warm_start."
        )


def _check_dimensions(who: str, got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(
            f"{who}: was fitted on vectors of {expected} dimensions, got {got}. Pass vectors of "
            "that size, or fit a new estimator."
        )


def _not_empty(who: str, values: NDArray[Any]) -> NDArray[Any]:
    if 0 in values.shape:
        raise ValueError(
            f"{who}: expected at least one text of at least one token, got X of shape "
            f"{values.shape}."
        )
    return values


def _single_precision(who: str, values: NDArray[Any]) -> NDArray[Any]:
    """Refuse numbers that would be infinite in float32; each batch is cast by itself."""
    largest = np.finfo(np.float32).max
    if np.abs(values).max() > largest:
        raise ValueError(
            f"{who}: X must fit into float32, got values beyond {largest:.3g}. Scale them."
        )
    return values


def _refuse_text(who: str, X: Any) -> None:
    """Raise if X is made of str or bytes, whatever holds them."""
    first = X
    while isinstance(first, Sequence) and not isinstance(first, str | bytes) and len(first):
        first = first[0]
    if hasattr(first, "__array__") and not isinstance(first, TokenSequences):
        first = next(iter(np.asarray(first).flat), None)  # of a data frame, too
    if isinstance(first, str | bytes):
        raise ValueError(
            f"{who}: got raw text. Put a SequenceVectorizer before it: "
            f"make_pipeline(SequenceVectorizer(), {who}())."
        )


def _whole_numbers(who: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return ids as integers; floats may hold them, if they hold nothing else."""
    if values.dtype.kind in "iu" and values.max() <= np.iinfo(np.int32).max:
        return values
    bad = np.argwhere((values != np.rint(values)) | (np.abs(values) > np.iinfo(np.int32).max))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{who}: a two-dimensional X must hold token ids, whole numbers below 2**31, got "
            f"{values[row, column]} in row {row}. Sequences of numbers have shape "
            "(n_texts, n_steps, n_dimensions)."
        )
    return values.astype(np.int64)

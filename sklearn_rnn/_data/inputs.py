"""What the final estimators read: token sequences, plain ids, or sequences of floats."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array

from .._utils.arrays import as_array, check_numbers, whole_numbers
from .._utils.padding_margin import PaddingMargin
from .._utils.validation import check_ids
from ..sequences import UNKNOWN, TokenSequences

__all__ = ["InputSpec", "Inputs", "check_inputs", "check_known", "check_vectors", "refuse_text"]

_ROWS_AT_ONCE = 1_024

_ALWAYS_ROWS = 2**20 + 2
"""Rows of an embedding that any ids may ask for: those of a hashed vocabulary of usual size."""

_ROWS_PER_ID = 10
"""Rows that a larger one may have for each id that occurs."""


class Inputs(NamedTuple):
    """Ids with the size of their vocabulary, or floats."""

    values: NDArray[Any]
    """Ids of shape (N, T), or already embedded sequences of shape (N, T, D)."""

    n_ids: int | None = None
    """Number of different ids, None for floats."""

    vocabulary: tuple[str, ...] | None = None
    """Tokens by id, if the sequences have them."""

    vectors: NDArray[np.float32] | None = None
    """Vectors by id, shape (n_ids, D), if the sequences have them."""

    margin: PaddingMargin | None = None
    """Columns beside the `T` ones that are padding in all of the sequences."""

    @property
    def sequence_length(self) -> int:
        """Columns of a sequence, padding included."""
        return int(self.values.shape[1]) if self.margin is None else self.margin.n_tokens


class InputSpec(NamedTuple):
    """What a fitted network can read."""

    n_ids: int | None
    """Number of different ids, None for floats."""

    n_dimensions: int
    """Size of a token's vector."""

    fixed_length: int | None
    """The only sequence length that flattened states take; None: any length."""

    vocabulary: tuple[str, ...] | None
    """Tokens by id, if the training data had them."""

    n_features_in: int
    """Columns of the training data, which a plain matrix of ids must have, too."""


def check_inputs(who: str, X: Any) -> Inputs:
    """Return X as `Inputs` for a new network, or raise.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
        What the estimator was given.

    Returns
    -------
    Inputs
        The values; nothing is copied but what scikit-learn must convert.
    """
    inputs = _read(who, X)
    if inputs.vocabulary is None and inputs.n_ids is not None:
        _check_numbering(who, inputs.values, inputs.n_ids)
    return inputs


def check_known(who: str, X: Any, spec: InputSpec, training: bool = False) -> Inputs:
    """Return X as `Inputs` for an existing network, or raise.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
        What the estimator was given.
    spec : InputSpec
        What the network can read.
    training : bool, default=False
        Whether the network is to learn from them.

    Returns
    -------
    Inputs
        The values, with no ids but those that the network knows.
    """
    inputs = _read(who, X)
    shape = len(inputs.values), inputs.sequence_length, *inputs.values.shape[2:]
    if (inputs.n_ids is None) != (spec.n_ids is None):
        kinds = ("ids of shape (n_texts, n_tokens)", "floats of three dimensions")
        raise ValueError(
            f"{who}: was fitted on {kinds[spec.n_ids is None]}, got X of shape {shape}. "
            "Pass X of that kind, or fit a new estimator."
        )
    if inputs.n_ids is None or spec.n_ids is None:
        _check_dimensions(who, shape[2], spec.n_dimensions)
    else:
        _check_same_vocabulary(who, inputs, spec)
        if training and inputs.n_ids > spec.n_ids:
            _warn_of_new_ids(who, inputs.n_ids, spec.n_ids)
        ids = _known_ids(who, inputs.values, spec.n_ids, spec.vocabulary)
        inputs = inputs._replace(values=ids, n_ids=spec.n_ids)
    if spec.fixed_length not in (None, shape[1]):
        raise ValueError(
            f'{who}: pooling="flatten" was fitted on sequences of {spec.fixed_length} tokens, '
            f"got {shape[1]}. Pad to the same max_len, or take another pooling."
        )
    return inputs


def _warn_of_new_ids(who: str, n_ids: int, n_known: int) -> None:
    warnings.warn(
        f"{who}: the network knows ids below {n_known}, those of its first texts, and X has ids "
        f"up to {n_ids - 1}: it learns to read these as unknown. Give the first texts the largest "
        "id, or pass TokenSequences, which know the size of their vocabulary.",
        UserWarning,
        stacklevel=7,  # above _fit, partial_fit and scikit-learn's wrapper
    )


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


def _check_same_vocabulary(who: str, inputs: Inputs, spec: InputSpec) -> None:
    if inputs.vocabulary is None:
        # For scikit-learn a plain matrix has a fixed number of columns, and this is how it says
        # so. Only TokenSequences say that columns are tokens, and padding any number of them.
        n_features = inputs.values.shape[1]
        if n_features != spec.n_features_in:
            raise ValueError(
                f"X has {n_features} features, but {who} is expecting {spec.n_features_in} "
                "features as input."
            )
    elif spec.vocabulary not in (None, inputs.vocabulary):
        raise ValueError(
            f"{who}: X has another vocabulary than the training data: its ids mean other "
            "words. Transform texts with the vectorizer that made the training data, or fit "
            "both anew without warm_start."
        )


def _known_ids(
    who: str, ids: NDArray[Any], n_ids: int, vocabulary: tuple[str, ...] | None
) -> NDArray[Any]:
    """Return ids that have a row in the embedding; others become the unknown token's."""
    if ids.max() < n_ids:
        return ids
    if vocabulary is not None:  # which has no words beyond its own
        check_ids(who, ids, n_ids)
    return np.where(ids < n_ids, ids, UNKNOWN)


def _check_dimensions(who: str, got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(
            f"{who}: was fitted on vectors of {expected} dimensions, got {got}. Pass vectors of "
            "that size, or fit a new estimator."
        )


# ---- From X to numbers -----------------------------------------------------------------------


def _read(who: str, X: Any) -> Inputs:
    """Return X as ids that are at least 0, or as floats."""
    if isinstance(X, TokenSequences):
        ids = _not_empty(who, X._stored)
        check_ids(who, ids, len(X.vocabulary))
        return Inputs(ids, len(X.vocabulary), X.vocabulary, X.vectors, X._margin)
    values = _array(who, X)
    if values.ndim == 3:
        return Inputs(_single_precision(who, _not_empty(who, values)))
    if values.ndim != 2:
        raise ValueError(
            f"{who}: expected ids of shape (n_texts, n_tokens) or sequences of vectors of shape "
            f"(n_texts, n_steps, n_dimensions), got an array of {values.ndim} dimensions."
        )
    ids = whole_numbers(who, values)
    # A text of padding alone reads as one unknown token, so that id must have a row.
    n_ids = max(int(ids.max()), UNKNOWN) + 1
    check_ids(who, ids, n_ids)
    return Inputs(ids, n_ids)


def _array(who: str, X: Any) -> NDArray[Any]:
    """Return X as an array of finite numbers."""
    refuse_text(who, X)
    if sparse.issparse(X):
        raise TypeError(
            f"{who}: expected TokenSequences or a dense array, got a sparse one. Ids do not mix "
            'with columns such as those of TF-IDF: see "Several columns" in the recipes.'
        )
    values = as_array(who, X)
    check_numbers(who, values)
    numbers: NDArray[Any] = check_array(values, allow_nd=True, input_name="X", estimator=who)
    return numbers


def _check_numbering(who: str, ids: NDArray[Any], n_ids: int) -> None:
    """Raise if most rows of a large embedding would be of numbers between ids."""
    if n_ids <= _ALWAYS_ROWS:
        return
    limit = min(_ROWS_PER_ID * ids.size, 2**31)
    if n_ids <= limit:
        limit = _ROWS_PER_ID * _n_different(ids, n_ids)
    if n_ids > limit:
        raise ValueError(
            f"{who}: ids must be numbered one after the other, from 2 on, since the embedding has "
            f"a row for each number up to the largest, which is {n_ids - 1}: few of them occur. "
            "Hashes, times and keys are numbered with np.searchsorted: see "
            '"Ids of your own" in the recipes.'
        )


def _n_different(ids: NDArray[Any], n_ids: int) -> int:
    occurs = np.zeros(n_ids, bool)
    for start in range(0, len(ids), _ROWS_AT_ONCE):  # a memory map is never loaded whole
        occurs[ids[start : start + _ROWS_AT_ONCE]] = True
    return int(occurs.sum())


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


def refuse_text(who: str, X: Any) -> None:
    """Raise if X is made of str or bytes, or of several sequences, whatever contains them.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    X : object
        What the estimator was given.
    """
    first = X
    while isinstance(first, Sequence) and not isinstance(first, str | bytes) and len(first):
        first = first[0]
    if hasattr(first, "__array__") and not isinstance(first, TokenSequences):
        first = next(iter(as_array(who, first).flat), None)  # of a data frame, too
    if isinstance(first, str | bytes):
        raise ValueError(
            f"{who}: got raw text. Put a SequenceVectorizer before it: "
            f"make_pipeline(SequenceVectorizer(), {who}())."
        )
    if isinstance(first, TokenSequences) and first is not X:
        raise ValueError(
            f"{who}: expected one TokenSequences, got a {type(X).__name__} of them. "
            "np.concatenate joins the rows of one vocabulary."
        )

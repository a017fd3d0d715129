"""Weights of the texts in the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight

from .class_weight import weights_by_label

__all__ = ["text_weights"]


def text_weights(
    who: str,
    y: NDArray[Any],
    sample_weight: Any,
    class_weight: Any = None,
    *,
    incremental: bool = False,
) -> NDArray[np.float64] | None:
    """Return what each text weighs in the loss.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    y : ndarray of shape (N,) or (N, C)
        The targets.
    sample_weight : array-like of shape (N,) or None
        Weights of the texts.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes.
    incremental : bool, default=False
        Whether the texts are a chunk of a stream, whose mean is not known.

    Returns
    -------
    ndarray of float64 of shape (N,), or None
        Products of the two weights, with a mean of 1 unless incremental: a common factor would
        act like one of the learning rate. None: all texts weigh the same.

    Raises
    ------
    ValueError
        If weights are not numbers of 0 or more, or if their sum is not finite.
    """
    weights = None
    with np.errstate(over="ignore"):  # an infinite sum has an error of its own
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, y, dtype=np.float64, ensure_non_negative=True
            )
        if class_weight is not None:
            by_label = weights_by_label(who, class_weight, y)
            weights = by_label if weights is None else by_label * weights
        if weights is None:
            return None
        _check_sum(who, weights, incremental)
    return weights if incremental else weights / weights.mean()


def _check_sum(who: str, weights: NDArray[np.float64], incremental: bool) -> None:
    """Raise if the sum of the weights overflows; those of a chunk are used as they are."""
    largest = np.finfo(np.float32 if incremental else np.float64).max
    if not weights.sum() <= largest:
        raise ValueError(
            f"{who}: expected weights of texts whose sum is finite"
            f"{' in float32' if incremental else ''}, got up to {weights.max():g}. "
            f"{'' if incremental else 'Only their ratios count: '}Make them smaller."
        )

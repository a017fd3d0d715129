"""Weights of texts by their labels: `class_weight`, checked and looked up."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

__all__ = ["check_weighted_labels", "weights_by_label"]


def weights_by_label(who: str, class_weight: Any, y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the weight of each text by its labels.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    class_weight : dict, list or "balanced"
        Weights by label; for an indicator matrix a list of dicts, one for each column.
    y : ndarray of shape (N,) or (N, C)
        Labels, not necessarily all of them in each chunk of the data; or an indicator matrix.

    Returns
    -------
    ndarray of float64 of shape (N,)
        Finite weights of 0 or more; for an indicator matrix the product over its columns.

    Raises
    ------
    ValueError
        If `class_weight` does not match `y`, or a weight is not a finite number of 0 or more.
    """
    if y.ndim == 1:
        return _weights_of_column(who, class_weight, y)
    if isinstance(class_weight, str):
        return _balanced(y)
    if not isinstance(class_weight, list) or len(class_weight) != y.shape[1]:
        raise ValueError(
            f'{who}: class_weight for several labels at a time must be "balanced" or a list of '
            f"dicts, one for each of the {y.shape[1]} columns of y, got {class_weight!r}."
        )
    for weights in class_weight:
        check_weighted_labels(who, weights, [0, 1])
    columns = zip(class_weight, y.T, strict=True)
    product: NDArray[np.float64] = np.prod(
        [_weights_of_column(who, weights, column) for weights, column in columns], axis=0
    )
    return product


def check_weighted_labels(who: str, class_weight: Any, labels: Iterable[Any]) -> None:
    """Raise if weights are given for unknown labels, while known ones have no weight.

    If all known labels have one, further weights do no harm: their labels occur in other data.
    """
    if not isinstance(class_weight, dict):
        return
    known = np.asarray(labels).tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown and not all(label in class_weight for label in known):
        raise ValueError(
            f"{who}: class_weight has weights of {unknown}, which are not among the labels, "
            f"{known}."
        )


def _weights_of_column(who: str, class_weight: Any, y: NDArray[Any]) -> NDArray[np.float64]:
    if class_weight is None:
        return np.ones(len(y))
    if class_weight == "balanced":
        return _balanced(y)
    if not isinstance(class_weight, dict):
        raise ValueError(
            f'{who}: class_weight must be a dict of labels to weights, "balanced" or None, got '
            f"{class_weight!r}."
        )
    for label, weight in class_weight.items():
        if not _is_weight(weight):
            raise ValueError(
                f"{who}: class_weight must contain finite weights of 0 or more, got {weight!r} "
                f"for the label {label!r}."
            )
    labels, codes = np.unique(y, return_inverse=True)
    by_label = np.array([class_weight.get(label, 1.0) for label in labels.tolist()], np.float64)
    return by_label[codes]


def _is_weight(weight: Any) -> bool:
    is_number = isinstance(weight, Real)
    return is_number and bool(0 <= weight <= sys.float_info.max)


def _balanced(y: NDArray[Any]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = compute_sample_weight("balanced", y)
    return weights

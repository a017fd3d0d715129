"""Which texts have a label, and the labels that a teacher gives to the others."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

__all__ = ["assign_labels", "labels_of"]

Mask = NDArray[np.bool_]

_MARKERS_OF_TEXT = ("", "-1")
_MOST_SWEEPS = 100

_LARGEST_EXACT = 2**53
"""Whole numbers below are exact as floating-point numbers."""


def labels_of(y: ArrayLike, owner: str) -> tuple[Mask, NDArray[Any]]:
    """Return which texts have a label, and the labels of these.

    Parameters
    ----------
    y : array-like of shape (n_texts,)
        Labels. A text has none where they are numbers and it has -1 or NaN, where they are strings
        and it has an empty one or ``"-1"``, and where they are objects and it has any of these,
        None or a missing value of pandas. A masked array's masked values are missing, too.
    owner : str
        Who asks, for errors.

    Returns
    -------
    mask : ndarray of bool of shape (n_texts,)
        Which texts have a label.
    labels : ndarray of shape (n_labelled,)
        The labels, as an array of their own type: of integers where floating-point numbers or
        objects are whole numbers.

    Raises
    ------
    ValueError
        If some labels are strings and others numbers, for example.
    """
    values = column_or_1d(_as_array(y), warn=True)
    mask = _is_labelled(values)
    labels = values[mask]
    if labels.dtype.kind == "O":
        kinds = sorted({_kind(label) for label in labels})
        if len(kinds) > 1:
            raise ValueError(
                f"{owner}: expected labels of one kind, got {' and '.join(kinds)}. Convert all of "
                "them to strings, or to numbers."
            )
        labels = np.array(labels.tolist())
    if labels.dtype.kind == "f" and _are_whole(labels):
        labels = labels.astype(np.int64)
    return mask, labels


def _are_whole(numbers: NDArray[np.floating]) -> bool:
    return bool(((numbers == np.round(numbers)) & (abs(numbers) < _LARGEST_EXACT)).all())


def _as_array(y: ArrayLike) -> NDArray[Any]:
    """Return labels as an array in which those that are missing can still be seen."""
    if isinstance(y, np.ma.MaskedArray):
        values = y.data.astype(object)
        values[np.ma.getmaskarray(y)] = None
        return values
    if isinstance(y, np.ndarray):
        return y
    return np.asarray(y, dtype=object)  # an array of strings would have "nan" for NaN


def _is_labelled(labels: NDArray[Any]) -> Mask:
    kind = labels.dtype.kind
    if kind == "O":
        return np.array([not _is_marker(label) for label in labels], dtype=bool)
    if kind in "US":
        return ~np.isin(labels.astype(str), _MARKERS_OF_TEXT)
    if kind in "iu":
        return np.asarray(labels != -1)
    if kind == "f":
        return np.asarray((labels != -1) & ~np.isnan(labels))
    return np.ones(len(labels), bool)


def _kind(label: Any) -> str:
    """Return the name of a label's kind: all numbers are of one, but True and False."""
    if isinstance(label, Real) and not isinstance(label, bool | np.bool_):
        return "numbers"
    return type(label).__name__.rstrip("_")


def assign_labels(logits: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class of each text, so that each class gets its share of the texts.

    A teacher that has seen few labels prefers a class for no good reason; a student would learn
    this preference from thousands of texts. So each class gets an offset, which is added to the
    logits of all texts. In turn, the offset of each class is set so that the class wins in as
    many texts as it should, until none of them moves.

    Parameters
    ----------
    logits : ndarray of float64 of shape (n_texts, n_classes)
        How much speaks for each class. The unit makes no difference.
    shares : ndarray of float64 of shape (n_classes,)
        Share of the texts that each class gets, 1 in all.

    Returns
    -------
    ndarray of int64 of shape (n_texts,)
        Indices of classes.
    """
    n_texts, n_classes = logits.shape
    if n_texts == 0:
        return np.zeros(0, np.int64)
    # Rounded so that they add up.
    wanted = np.diff(np.round(np.cumsum(shares) * n_texts).astype(np.int64), prepend=0)
    offsets = np.zeros(n_classes)
    best: NDArray[np.int64] = logits.argmax(axis=1)
    for _ in range(_MOST_SWEEPS):
        before = best
        for c in range(n_classes):
            others = np.delete(logits + offsets, c, axis=1).max(axis=1)
            offsets[c] = _threshold(others - logits[:, c], wanted[c])
        best = (logits + offsets).argmax(axis=1)
        if (best == before).all():
            break
    return best


def _threshold(lead: NDArray[np.float64], n: int) -> float:
    """Return a number between the n smallest leads of the other classes, and the rest.

    Equal leads stay on one side, the one that makes the number of smaller ones closest to n.
    """
    in_order = np.sort(lead)
    if 0 < n < len(in_order):
        first = int(np.searchsorted(in_order, in_order[n], "left"))
        end = int(np.searchsorted(in_order, in_order[n], "right"))
        if first < n:  # the leads before and behind the cut are equal
            n = first if n - first <= end - n else end
    if n <= 0:
        return float(in_order[0]) - 1.0
    if n >= len(in_order):
        return float(in_order[-1]) + 1.0
    return float(in_order[n - 1] + in_order[n]) / 2


def _is_marker(label: Any) -> bool:
    if label is None or (isinstance(label, str) and label in _MARKERS_OF_TEXT):
        return True
    try:
        return bool(label != label or label == -1)
    except TypeError:  # pandas.NA has no truth value
        return True

"""The split of the training data: texts to train on, and texts to validate on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batches import SequenceDataset

__all__ = ["hold_out", "split_for_validation"]


def hold_out(
    who: str,
    data: SequenceDataset,
    strata: Callable[[NDArray[Any]], NDArray[Any]],
    fraction: float,
    generator: np.random.Generator,
) -> tuple[SequenceDataset, SequenceDataset]:
    """Return the training and the validation part of a dataset.

    Texts without weight are in neither: they would not count in the validation loss.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    data : SequenceDataset
        Texts with their targets.
    strata : callable
        Returns the values, by target, whose distribution the split preserves.
    fraction : float
        Share of the texts to set aside, in (0, 1); rounded up.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    training : SequenceDataset
        Texts to train on.
    validation : SequenceDataset
        Texts to validate on.
    """
    assert data.target is not None
    weights = data.sample_weight
    weighted = np.arange(len(data)) if weights is None else np.flatnonzero(weights)
    keys = strata(data.target[weighted])
    training, validation = split_for_validation(who, keys, fraction, generator)
    return data.subset(weighted[training]), data.subset(weighted[validation])


def split_for_validation(
    who: str, keys: NDArray[Any], fraction: float, generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split rows so that the validation part mirrors the distribution of `keys`.

    Rows are sorted by their keys, at random among equal ones, and every k-th is taken: each
    class gives its share, rounded up or down, and so does each range of a number. Unlike a
    stratified shuffle split, this works with classes of any size: at least one row of each
    stays in training.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    keys : ndarray of shape (N,)
        Class codes, or numbers.
    fraction : float
        Share of the rows to set aside, in (0, 1); rounded up.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    training : ndarray of int of shape (n_training,)
        Rows to train on, in rising order.
    validation : ndarray of int of shape (n_validation,)
        Rows to validate on, in rising order.

    Raises
    ------
    ValueError
        If one of the parts would be empty.
    """
    n_rows = len(keys)
    n_validation = math.ceil(fraction * n_rows)
    candidates = _sorted_by(keys, generator)
    has_classes = keys.dtype.kind in "iu"
    if has_classes:
        counts = np.bincount(keys)
        candidates = candidates[counts[keys[candidates]] > 1]
    if n_validation >= n_rows or not len(candidates):
        raise ValueError(
            f"{who}: too few samples to set validation_fraction={fraction} of them aside "
            f"(n_samples={n_rows}; a class of one sample stays in training). Pass more "
            "samples, or early_stopping=False."
        )
    n_validation = min(n_validation, len(candidates))
    every_kth = (np.arange(n_validation) + generator.uniform()) * len(candidates) / n_validation
    validation = np.sort(candidates[every_kth.astype(np.intp)])
    if has_classes:
        validation = _return_last_of_each_class(validation, keys)
    return np.setdiff1d(np.arange(n_rows), validation), validation


def _return_last_of_each_class(
    validation: NDArray[np.intp], keys: NDArray[Any]
) -> NDArray[np.intp]:
    """Drop one row of each class that would be missing in training."""
    classes, first, taken = np.unique(keys[validation], return_index=True, return_counts=True)
    return np.delete(validation, first[taken == np.bincount(keys)[classes]])


def _sorted_by(keys: NDArray[Any], generator: np.random.Generator) -> NDArray[np.intp]:
    return np.lexsort((generator.permutation(len(keys)), keys))

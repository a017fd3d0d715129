"""The split of the training data that early stopping watches."""

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

    Texts without weight are in neither: they would make a validation loss of nothing.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    data : SequenceDataset
        Texts with their targets.
    strata : callable
        Gives what the split keeps in proportion, of targets.
    fraction : float
        Share of the texts to set aside, in (0, 1); rounded up.
    generator : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    training : SequenceDataset
        Texts to train on.
    validation : SequenceDataset
        Texts to watch.
    """
    assert data.target is not None
    weights = data.sample_weight
    weighty = np.arange(len(data)) if weights is None else np.flatnonzero(weights)
    keys = strata(data.target[weighty])
    training, validation = split_for_validation(who, keys, fraction, generator)
    return data.subset(weighty[training]), data.subset(weighty[validation])


def split_for_validation(
    who: str, keys: NDArray[Any], fraction: float, generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split rows so that the validation part mirrors the distribution of `keys`.

    Rows are put in the order of their keys, at random among equals, and every so many-th is
    taken: each class gives its share, rounded up or down, and each range of a number too.
    Unlike a stratified shuffle split, this works with classes of any size: of each, at least
    one row stays in training.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    keys : ndarray of shape (N,)
        Class codes, or numbers.
    fraction : float
        Share of the rows to set aside, in (0, 1); rounded up.
    generator : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    training : ndarray of int of shape (n_training,)
        Rows to train on, in rising order.
    validation : ndarray of int of shape (n_validation,)
        Rows to watch, in rising order.

    Raises
    ------
    ValueError
        If one of the parts would be empty.
    """
    n_rows = len(keys)
    n_validation = math.ceil(fraction * n_rows)
    candidates = _in_order_of(keys, generator)
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
    places = (np.arange(n_validation) + generator.uniform()) * len(candidates) / n_validation
    validation = np.sort(candidates[places.astype(np.intp)])
    if has_classes:
        validation = _one_of_each_class_given_back(validation, keys)
    return np.setdiff1d(np.arange(n_rows), validation), validation


def _one_of_each_class_given_back(
    validation: NDArray[np.intp], keys: NDArray[Any]
) -> NDArray[np.intp]:
    """Return the rows without the first of each class that training would have none of."""
    classes, first, taken = np.unique(keys[validation], return_index=True, return_counts=True)
    return np.delete(validation, first[taken == np.bincount(keys)[classes]])


def _in_order_of(keys: NDArray[Any], generator: np.random.Generator) -> NDArray[np.intp]:
    return np.lexsort((generator.permutation(len(keys)), keys))

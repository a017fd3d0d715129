"""Checks of what users pass; errors say who raises them, what was expected and received."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

__all__ = ["check_ids", "check_y_passed", "seed_from"]


def check_y_passed(estimator: Any, y: Any) -> None:
    """Raise if the target is None.

    Parameters
    ----------
    estimator : object
        The estimator, for its name.
    y : object
        The target.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
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
    if got < 0:
        raise ValueError(
            f"{who}: ids must be 0 or more, got {got} in row {row}. Negative values in data are "
            "not ids: these start at 0, which is padding."
        )
    raise ValueError(
        f"{who}: ids must be in [0, {n_ids}), got {got} in row {row}. Was X made by another "
        "vectorizer?"
    )


def seed_from(random_state: Any) -> int:
    """Draw a random seed.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        As everywhere in scikit-learn, except that None asks the operating system: the
        global generator is neither used nor changed.

    Returns
    -------
    int
        A seed in [0, 2**31).
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31))

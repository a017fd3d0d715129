"""The history of a fit: its figures by epoch as arrays, and whether it went well."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from ..exceptions import DivergenceError
from .early_stopping import has_stopped_early

__all__ = [
    "Figures",
    "check_training",
    "diverged",
    "extended_history",
    "figures_of",
    "history_arrays",
]


Figures = dict[str, NDArray[np.float64]]
"""Losses, scores and seconds by epoch, by name."""


def history_arrays(history: Any) -> tuple[int, Figures]:
    """Return what skorch recorded of the epochs that were finished.

    Parameters
    ----------
    history : skorch.history.History
        The history of a net.

    Returns
    -------
    n_epochs : int
        Number of finished epochs.
    figures : dict of str to ndarray of float64 of shape (n_epochs,)
        Losses, scores and seconds; NaN where an epoch lacks one.
    """
    epochs = [epoch for epoch in history if "dur" in epoch]  # written when an epoch ends
    names = dict.fromkeys(name for epoch in epochs for name in figures_of(epoch))
    arrays = {
        name: np.array([epoch.get(name, np.nan) for epoch in epochs], np.float64) for name in names
    }
    return len(epochs), arrays


def extended_history(before: Figures, n_before: int, figures: Figures, n_epochs: int) -> Figures:
    """Return the figures of earlier fits followed by those of a further one.

    Parameters
    ----------
    before, figures : dict of str to ndarray of float64
        The figures of the earlier fits, and of the further one.
    n_before, n_epochs : int
        The numbers of their epochs.

    Returns
    -------
    dict of str to ndarray of float64 of shape (n_before + n_epochs,)
        All figures; NaN where a fit has none of a name.
    """
    missing_before, missing = np.full(n_before, np.nan), np.full(n_epochs, np.nan)
    return {
        name: np.concatenate([before.get(name, missing_before), figures.get(name, missing)])
        for name in {**before, **figures}
    }


def figures_of(epoch: Any) -> list[str]:
    """Return the names of an epoch's figures, without skorch's bookkeeping.

    Parameters
    ----------
    epoch : dict
        The row of a history.

    Returns
    -------
    list of str
        The names.
    """
    return [name for name, value in epoch.items() if isinstance(value, float | np.floating)]


def check_training(who: str, net: Any) -> None:
    """Raise or warn if a net's training went wrong.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    net : SequenceNet
        A net that was trained.

    Raises
    ------
    DivergenceError
        If a loss is not finite.
    """
    n_epochs, figures = history_arrays(net.history)
    if n_epochs < net.max_epochs and not has_stopped_early(net):
        # Raises if other processes were not interrupted in the same step.
        net.processes.barrier()
        net.broadcast_weights()
        warnings.warn(
            f"{who}: training was interrupted in epoch {n_epochs + 1}. The model keeps what it "
            "learned so far.",
            ConvergenceWarning,
            stacklevel=2,
        )
    bad = np.flatnonzero(~np.isfinite(figures.get("train_loss", 0.0)))
    if len(bad):
        loss = figures["train_loss"][bad[0]]
        raise diverged(who, net, f"the loss is {loss}", int(bad[0]) + 1)


def diverged(who: str, net: Any, what: str, epoch: int) -> DivergenceError:
    """Return the error for training that met numbers that are not finite.

    Parameters
    ----------
    who : str
        Name of the estimator.
    net : SequenceNet
        The net, for its learning rates.
    what : str
        What is not finite.
    epoch : int
        When, from 1.

    Returns
    -------
    DivergenceError
        The error.
    """
    tables = "" if net.sparse_optimizer_ is None else f" or table_lr (now {net.table_lr})"
    return DivergenceError(
        f"{who}: training diverged: {what} in epoch {epoch}. Lower lr (now {net.lr}){tables}, or "
        "scale X and y."
    )

"""skorch's history of a training run: judged, and as arrays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

__all__ = ["check_training", "figures_of", "history_arrays"]


def history_arrays(history: Any) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """Return the number of finished epochs, and their losses, scores and seconds."""
    epochs = [epoch for epoch in history if "dur" in epoch]  # written when an epoch ends
    names = dict.fromkeys(name for epoch in epochs for name in figures_of(epoch))
    arrays = {
        name: np.array([epoch.get(name, np.nan) for epoch in epochs], np.float64) for name in names
    }
    return len(epochs), arrays


def figures_of(epoch: Any) -> list[str]:
    """Return the names of an epoch's figures: not skorch's bookkeeping."""
    return [name for name, value in epoch.items() if isinstance(value, float | np.floating)]


def check_training(who: str, net: Any) -> None:
    """Raise or warn where a net's training went wrong."""
    n_epochs, figures = history_arrays(net.history)
    if n_epochs == 0:
        raise KeyboardInterrupt  # nothing was learned: there is nothing to keep
    if n_epochs < len(net.history):
        warnings.warn(
            f"{who}: training was interrupted in epoch {n_epochs + 1}. The model keeps what it "
            "learned so far.",
            ConvergenceWarning,
            stacklevel=2,
        )
    bad = np.flatnonzero(~np.isfinite(figures["train_loss"]))
    if len(bad):
        tables = "" if net.tables_ is None else f" or table_lr (now {net.table_lr_})"
        raise ValueError(
            f"{who}: training diverged: the loss is {figures['train_loss'][bad[0]]} in epoch "
            f"{bad[0] + 1}. Lower lr (now {net.lr}){tables}, or scale X and y."
        )

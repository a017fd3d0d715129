"""skorch's history of a training run: judged, and as arrays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from ..exceptions import DivergenceError

__all__ = ["check_training", "diverged", "figures_of", "history_arrays", "kept_epoch"]


def history_arrays(history: Any) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """Return the number of finished epochs, and their losses, scores and seconds."""
    epochs = [epoch for epoch in history if "dur" in epoch]  # written when an epoch ends
    names = dict.fromkeys(name for epoch in epochs for name in figures_of(epoch))
    arrays = {
        name: np.array([epoch.get(name, np.nan) for epoch in epochs], np.float64) for name in names
    }
    return len(epochs), arrays


def kept_epoch(net: Any) -> int:
    """Return the epoch whose weights a net has: the best one where somebody kept it."""
    keepers = [c for _, c in net.callbacks_ if getattr(c, "load_best", False)]
    n_epochs = history_arrays(net.history)[0]
    return min([keeper.best_epoch_ for keeper in keepers] or [n_epochs])


def figures_of(epoch: Any) -> list[str]:
    """Return the names of an epoch's figures: not skorch's bookkeeping."""
    return [name for name, value in epoch.items() if isinstance(value, float | np.floating)]


def check_training(who: str, net: Any) -> None:
    """Raise or warn where a net's training went wrong."""
    n_epochs, figures = history_arrays(net.history)
    if n_epochs < net.max_epochs and not _was_stopped(net):
        net.processes_.barrier()  # in vain, where others were not interrupted in the same step
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


def _was_stopped(net: Any) -> bool:
    """Return whether early stopping, ours or one of skorch's, has ended training."""
    stoppers = [c for _, c in net.callbacks_ if hasattr(c, "misses_") and hasattr(c, "patience")]
    return any(stopper.misses_ >= stopper.patience for stopper in stoppers)


def diverged(who: str, net: Any, what: str, epoch: int) -> DivergenceError:
    """Return the error that says where training met numbers that are not finite."""
    tables = "" if net.sparse_optimizer_ is None else f" or table_lr (now {net.sparse_lr_})"
    return DivergenceError(
        f"{who}: training diverged: {what} in epoch {epoch}. Lower lr (now {net.lr}){tables}, or "
        "scale X and y."
    )

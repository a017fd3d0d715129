"""Early stopping: it ends training before `max_epochs`, and keeps the best epoch's weights."""

from __future__ import annotations

from typing import Any

import skorch.callbacks

__all__ = ["EarlyStopping", "early_stopping_callbacks", "has_stopped_early", "kept_epoch"]


class EarlyStopping(skorch.callbacks.EarlyStopping):
    """skorch's, which drops the best weights so far before it copies better ones."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights of the best epoch, and stop training after too many others."""
        if self._is_score_improved(net.history[-1, self.monitor]):
            self.best_model_weights_ = None
        super().on_epoch_end(net, **kwargs)


def early_stopping_callbacks(net: Any) -> list[Any]:
    """Return a net's callbacks for early stopping: ours, skorch's, or another that counts alike.

    Parameters
    ----------
    net : NeuralNet
        A net that was trained.

    Returns
    -------
    list of skorch callbacks
        Those that count epochs without a better score (`misses_`), up to a `patience`.
    """
    return [c for _, c in net.callbacks_ if hasattr(c, "misses_") and hasattr(c, "patience")]


def has_stopped_early(net: Any) -> bool:
    """Return whether early stopping has ended a net's training.

    Parameters
    ----------
    net : NeuralNet
        A net that was trained.

    Returns
    -------
    bool
        Whether one of the callbacks has lost its patience.
    """
    return any(callback.misses_ >= callback.patience for callback in early_stopping_callbacks(net))


def kept_epoch(net: Any, n_epochs: int) -> int:
    """Return the epoch whose weights a net has.

    Parameters
    ----------
    net : NeuralNet
        A net that was trained.
    n_epochs : int
        Epochs that were finished.

    Returns
    -------
    int
        The best epoch where its weights were kept, else the last one.
    """
    stoppers = early_stopping_callbacks(net)
    keepers = [stopper for stopper in stoppers if getattr(stopper, "load_best", False)]
    return min([keeper.best_epoch_ for keeper in keepers] or [n_epochs])

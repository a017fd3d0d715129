"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._base import final_estimator
from ._matplotlib import add_legend, pyplot, text_style

__all__ = ["HistoryDisplay"]


class HistoryDisplay:
    """Losses and scores by epoch, in training and validation, with the kept epoch marked.

    Parameters
    ----------
    history : dict of str to ndarray of float64 of shape (n_epochs,)
        Values by epoch, such as ``train_loss`` and ``valid_loss``.
    best_epoch : int
        The epoch whose weights the model has, from 1.
    metrics : list of str
        What to draw, such as ``loss``: one panel each.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (n_metrics,)
        The panels, once drawn.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.displays import HistoryDisplay
    >>> model = RNNTextClassifier(hidden_size=4, max_epochs=2, random_state=0)
    >>> model = model.fit(np.arange(2, 42).reshape(20, 2), np.arange(20) % 2)
    >>> HistoryDisplay.from_estimator(model).metrics
    ['loss', 'accuracy']
    """

    def __init__(
        self, history: Mapping[str, NDArray[np.float64]], best_epoch: int, metrics: list[str]
    ) -> None:
        self.history = history
        self.best_epoch = best_epoch
        self.metrics = metrics

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, metrics: str | Sequence[str] | None = None, ax: Any = None
    ) -> Self:
        """Draw the history of a fitted model.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted classifier or regressor of this library, or a pipeline that ends with one.
        metrics : str or sequence of str, default=None
            What to draw, such as ``"loss"``. None: everything in the history.
        ax : Axes or array of Axes, default=None
            Where to draw: one for each metric. None makes a figure.

        Returns
        -------
        HistoryDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the history has no such metric.
        """
        final = final_estimator("HistoryDisplay", estimator)
        if isinstance(metrics, str):
            metrics = [metrics]
        known = list(dict.fromkeys(_metric(name) for name in final.history_ if name != "dur"))
        missing = set(metrics or ()) - set(known)
        if missing:
            raise ValueError(
                f"HistoryDisplay: the history has no {sorted(missing)}, only {known}."
            )
        display = cls(final.history_, final.best_epoch_, list(metrics or known))
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Where to draw: one for each metric. None makes a figure.

        Returns
        -------
        HistoryDisplay
            The display.
        """
        if ax is None:
            size = (4.5 * len(self.metrics), 3.5)
            _, ax = pyplot().subplots(
                1, len(self.metrics), figsize=size, squeeze=False, layout="constrained"
            )
        self.axes_ = np.atleast_1d(ax).ravel()
        if len(self.axes_) != len(self.metrics):
            raise ValueError(
                f"HistoryDisplay: expected axes for {self.metrics}, one for each, got "
                f"{len(self.axes_)}. Pass as many, or choose the metrics to draw."
            )
        self.figure_ = self.axes_[0].figure
        style = text_style("HistoryDisplay", self.metrics)
        for panel, metric in zip(self.axes_, self.metrics, strict=True):
            self._draw(panel, metric, style)
        return self

    def _draw(self, ax: Any, metric: str, style: dict[str, Any]) -> None:
        for side, label in (("train", "training"), ("valid", "validation"), ("", metric)):
            values = self.history.get(f"{side}_{metric}" if side else metric)
            if values is not None and not np.isnan(values).all():
                ax.plot(np.arange(1, len(values) + 1), values, "o-", label=label)
        ax.axvline(self.best_epoch, ls=":", c="0.4", label=f"kept: epoch {self.best_epoch}")
        ax.set(xlabel="epoch", xlim=(0.5, None))
        ax.set_ylabel(metric, **style)
        ax.xaxis.get_major_locator().set_params(integer=True)
        add_legend(ax, style)


def _metric(name: str) -> str:
    return name.removeprefix("train_").removeprefix("valid_")

"""How much of each step a model remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from .._base import final_estimator
from ..inspection import MemoryProfile, memory_profile
from ._matplotlib import add_legend, drawable, pyplot, text_style

__all__ = ["MemoryDisplay"]


class MemoryDisplay:
    """How much of each step is left at the end of a text, for one model or several.

    Parameters
    ----------
    profiles : dict of str to MemoryProfile
        What :func:`sklearn_rnn.inspection.memory_profile` returned, by the models' names.

    Attributes
    ----------
    ax_ : Axes
        The axes, once drawn.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.displays import MemoryDisplay
    >>> X = np.random.default_rng(0).integers(2, 9, (20, 12))
    >>> model = RNNTextClassifier(hidden_size=4, max_epochs=1, random_state=0)
    >>> display = MemoryDisplay.from_estimator(model.fit(X, X[:, 0] > 4), X, name="LSTM")
    >>> display.profiles["LSTM"].norms.shape
    (12,)
    """

    def __init__(self, profiles: Mapping[str, MemoryProfile]) -> None:
        self.profiles = profiles

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, of: str = "state", name: str | None = None, ax: Any = None
    ) -> Self:
        """Measure a model's memory and draw it; in the axes of another one to compare the two.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted classifier or regressor of this library, or a pipeline that ends with one.
        X : sequences or texts
            What the estimator, or the pipeline, predicts from.
        of : {"state", "logit"}, default="state"
            As in :func:`sklearn_rnn.inspection.memory_profile`.
        name : str, default=None
            Name of the model in the legend. None: its kind of cell.
        ax : Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        MemoryDisplay
            What was drawn.
        """
        label = name or final_estimator("MemoryDisplay", estimator).cell
        return cls({label: memory_profile(estimator, X, of=of)}).plot(ax=ax)

    @classmethod
    def from_profiles(cls, profiles: Mapping[str, MemoryProfile], *, ax: Any = None) -> Self:
        """Draw profiles that have been measured already.

        Parameters
        ----------
        profiles : dict of str to MemoryProfile
            Profiles by the models' names.
        ax : Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        MemoryDisplay
            What was drawn.
        """
        return cls(profiles).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw on a logarithmic scale.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        MemoryDisplay
            The display.
        """
        if ax is None:
            _, ax = pyplot().subplots(figsize=(6, 4), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        for name, profile in self.profiles.items():
            ax.plot(profile.distances, profile.norms, label=drawable(name))
        ends = " / ".join(dict.fromkeys(profile.of for profile in self.profiles.values()))
        ax.set(yscale="log", xlabel="steps before the end", ylabel=f"norm of ∂ {ends} / ∂ input")
        labels = ax.get_legend_handles_labels()[1]  # including those of models drawn before
        add_legend(ax, text_style("MemoryDisplay", labels))
        return self

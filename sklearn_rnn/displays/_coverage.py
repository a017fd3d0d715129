"""Words with and without pretrained vectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .._utils.pipelines import pipeline_steps
from ._matplotlib import drawable, pyplot, text_style

__all__ = ["CoverageDisplay"]


class CoverageDisplay:
    """Which words a pretrained embedding lacks, and how much of the texts it covers.

    Parameters
    ----------
    tokens : float
        Share of the running tokens that have a vector.
    words : float
        Share of the vocabulary that has one.
    missing : list of str
        The most frequent words without one.
    counts : list of int
        How often each of them occurs in the texts.

    Attributes
    ----------
    ax_ : Axes
        The axes, once drawn.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_rnn.displays import CoverageDisplay
    >>> CoverageDisplay(0.98, 0.9, ["zzz"], [3]).missing
    ['zzz']
    """

    def __init__(self, tokens: float, words: float, missing: list[str], counts: list[int]) -> None:
        self.tokens = tokens
        self.words = words
        self.missing = missing
        self.counts = counts

    @classmethod
    def from_estimator(cls, estimator: Any, *, n_missing: int = 20, ax: Any = None) -> Self:
        """Draw the coverage of a fitted embedding.

        Parameters
        ----------
        estimator : PretrainedEmbedding or Pipeline
            The embedding, or a pipeline with one.
        n_missing : int, default=20
            Number of missing words to show, at most 20.
        ax : Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        CoverageDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If there is no fitted `PretrainedEmbedding`.
        """
        found = [
            step.coverage_ for step in pipeline_steps(estimator) if hasattr(step, "coverage_")
        ]
        if not found:
            raise TypeError(
                "CoverageDisplay: expected a fitted PretrainedEmbedding, or a pipeline with one, "
                f"got {type(estimator).__name__}."
            )
        tokens, words = found[-1].tokens, found[-1].words
        missing, counts = found[-1].missing[:n_missing], found[-1].missing_counts[:n_missing]
        return cls(tokens, words, missing, counts).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the missing words as bars, with the two shares as title.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        CoverageDisplay
            The display.

        Warns
        -----
        UserWarning
            If no installed font has the letters of a script: they are drawn as boxes.
        """
        if ax is None:
            height = 1.2 + 0.22 * max(len(self.missing), 4)
            _, ax = pyplot().subplots(figsize=(6, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        rows = np.arange(len(self.missing))
        ax.barh(rows, self.counts)
        words = [drawable(word) for word in self.missing]
        ax.set_yticks(rows, words, **text_style("CoverageDisplay", words))
        ax.invert_yaxis()
        ax.set(xlabel="times in the texts", ylabel="words without a vector")
        ax.set_title(f"found: {self.tokens:.1%} of the tokens, {self.words:.1%} of the words")
        return self

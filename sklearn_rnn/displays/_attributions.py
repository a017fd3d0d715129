"""What each token of a text adds."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..inspection import TokenAttributions, token_attributions
from ._matplotlib import drawable, plain, pyplot
from ._shading import as_html, colour, reads_from_the_right

__all__ = ["TokenAttributionDisplay"]

_FONT_SIZES = (10, 8, 6.5, 5, 4)
"""In points: the largest in which a text fits into its axes; what does not at last is cut off."""


class TokenAttributionDisplay:
    """A text with each token shaded by what it adds to a logit.

    In a notebook the display itself shows as HTML; everything in the text stays text there.

    Parameters
    ----------
    tokens : list of str
        The tokens.
    values : ndarray of float64 of shape (n_tokens,)
        What each adds.
    target : object, default=None
        The class whose logit it is; None for numbers.
    title : str, default=""
        What stands above.

    Attributes
    ----------
    ax_ : Axes
        The axes, once drawn.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.displays import TokenAttributionDisplay
    >>> display = TokenAttributionDisplay(["<b>", "good"], np.array([0.0, 1.5]), "positive")
    >>> "&lt;b&gt;" in display._repr_html_()
    True
    """

    def __init__(
        self, tokens: list[str], values: NDArray[np.float64], target: Any = None, title: str = ""
    ) -> None:
        self.tokens = tokens
        self.values = values
        self.target = target
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        text: str,
        *,
        method: str = "integrated_gradients",
        target: Any = None,
        ax: Any = None,
    ) -> Self:
        """Explain a text, and draw it if axes are given.

        Parameters
        ----------
        estimator : Pipeline
            A fitted pipeline from texts to a classifier or regressor of this library.
        text : str
            The text.
        method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
            As in :func:`sklearn_rnn.inspection.token_attributions`.
        target : label, default=None
            As there.
        ax : Axes, default=None
            Where to draw. None leaves it to `plot`, or to the notebook.

        Returns
        -------
        TokenAttributionDisplay
            The explained text.
        """
        found = token_attributions(estimator, [text], method=method, target=target)
        display = cls.from_attributions(found)
        return display if ax is None else display.plot(ax=ax)

    @classmethod
    def from_attributions(cls, attributions: TokenAttributions, index: int = 0) -> Self:
        """Make the display of one of several texts that were explained.

        Parameters
        ----------
        attributions : TokenAttributions
            What :func:`sklearn_rnn.inspection.token_attributions` returned.
        index : int, default=0
            Which text.

        Returns
        -------
        TokenAttributionDisplay
            The explained text.
        """
        target, logit = attributions.targets[index], attributions.logits[index]
        what = "prediction" if target is None else f"logit of {str(target)!r}"
        return cls(
            attributions.tokens[index],
            attributions.values[index],
            target,
            f"{what}: {logit:+.2f}, of unknown words {attributions.baseline_logits[index]:+.2f}",
        )

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the text, line by line.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        TokenAttributionDisplay
            The display.

        Warns
        -----
        UserWarning
            If no installed font has the letters of a script: they are drawn as boxes. In a
            notebook the browser's fonts are used.
        """
        if ax is None:
            ax = _page(sum(len(token) + 2 for token in self.tokens))
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        title, *tokens = map(drawable, [self.title, *self.tokens])
        style = plain("TokenAttributionDisplay", [title, *tokens])
        ax.set_title(title, loc="left", fontsize="medium", **style)
        for size in _FONT_SIZES:
            if self._write(ax, tokens, {**style, "fontsize": size}):
                break
        return self

    def _write(self, ax: Any, tokens: list[str], style: dict[str, Any]) -> bool:
        """Put tokens side by side, line under line; return whether they fit into the axes."""
        for text in list(ax.texts):
            text.remove()
        largest = float(np.abs(self.values).max(initial=0.0))
        from_right = reads_from_the_right(tokens)
        style = {**style, "transform": ax.transAxes, "clip_on": True}
        style["ha"] = "right" if from_right else "left"
        gap, height = _size(ax.text(0, 0, "Ag", **style, alpha=0), ax)
        x, y = 0.0, 1 - height
        for token, value in zip(tokens, self.values.tolist(), strict=True):
            box = {"boxstyle": "round,pad=0.15", "fc": colour(value, largest), "ec": "none"}
            text = ax.text(0, y, token, c="black", bbox=box, **style)
            width, _ = _size(text, ax)
            if x + width > 1 and x > 0:
                x, y = 0.0, y - 1.8 * height
            text.set_position((1 - x if from_right else x, y))
            x += width + gap / 2
        return y >= 0

    def _repr_html_(self) -> str:
        towards = "higher" if self.target is None else f"for {self.target}"
        away = "lower" if self.target is None else f"against {self.target}"
        return as_html(self.tokens, self.values, self.title, (away, towards))


def _page(n_letters: int) -> Any:
    """Return axes with room for so many letters."""
    height = 0.7 + 0.3 * (1 + n_letters // 90)  # inches
    figure, ax = pyplot().subplots(figsize=(8, height))
    figure.subplots_adjust(left=0.02, right=0.98, top=1 - 0.4 / height, bottom=0.1 / height)
    return ax


def _size(text: Any, ax: Any) -> tuple[float, float]:
    """Return how wide and high a text is, as shares of the axes."""
    extent = text.get_window_extent().transformed(ax.transAxes.inverted())
    return extent.width, extent.height

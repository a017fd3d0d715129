"""What each token of a text contributes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..inspection import TokenAttributions, token_attributions
from ._matplotlib import drawable, pyplot, text_style
from ._shading import as_html, colour, is_right_to_left

__all__ = ["TokenAttributionDisplay"]

_FONT_SIZES = (10, 8, 6.5, 5, 4)
"""In points: the largest at which a text fits is used; if none, the text is clipped."""


class TokenAttributionDisplay:
    """A text with each token shaded by what it contributes to a logit.

    In a notebook the display is shown as HTML, in which the text is escaped.

    Parameters
    ----------
    tokens : list of str
        The tokens.
    values : ndarray of float64 of shape (n_tokens,)
        Their contributions.
    target : object, default=None
        The class whose logit it is; None for numbers.
    title : str, default=""
        The title.

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
        """Create the display of one of several explained texts.

        Parameters
        ----------
        attributions : TokenAttributions
            What :func:`sklearn_rnn.inspection.token_attributions` returned.
        index : int, default=0
            The number of the text.

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
            If no installed font has the letters of a script: they are drawn as boxes. The HTML
            in a notebook uses the browser's fonts.
        """
        if ax is None:
            ax = _new_axes(sum(len(token) + 2 for token in self.tokens))
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        title, *tokens = map(drawable, [self.title, *self.tokens])
        style = text_style("TokenAttributionDisplay", [title, *tokens])
        ax.set_title(title, loc="left", fontsize="medium", **style)
        for size in _FONT_SIZES:
            if self._draw_tokens(ax, tokens, {**style, "fontsize": size}):
                break
        return self

    def _draw_tokens(self, ax: Any, tokens: list[str], style: dict[str, Any]) -> bool:
        """Draw tokens side by side in lines; return whether they fit into the axes."""
        for text in list(ax.texts):
            text.remove()
        largest = float(np.abs(self.values).max(initial=0.0))
        right_to_left = is_right_to_left(tokens)
        style = {**style, "transform": ax.transAxes, "clip_on": True}
        style["ha"] = "right" if right_to_left else "left"
        gap, height = _extent(ax.text(0, 0, "Ag", **style, alpha=0), ax)
        x, y = 0.0, 1 - height
        for token, value in zip(tokens, self.values.tolist(), strict=True):
            box = {"boxstyle": "round,pad=0.15", "fc": colour(value, largest), "ec": "none"}
            text = ax.text(0, y, token, c="black", bbox=box, **style)
            width, _ = _extent(text, ax)
            if x + width > 1 and x > 0:
                x, y = 0.0, y - 1.8 * height
            text.set_position((1 - x if right_to_left else x, y))
            x += width + gap / 2
        return y >= 0

    def _repr_html_(self) -> str:
        towards = "higher" if self.target is None else f"for {self.target}"
        away = "lower" if self.target is None else f"against {self.target}"
        return as_html(self.tokens, self.values, self.title, (away, towards))


def _new_axes(n_letters: int) -> Any:
    """Return new axes with room for a number of letters."""
    height = 0.7 + 0.3 * (1 + n_letters // 90)  # inches
    figure, ax = pyplot().subplots(figsize=(8, height))
    figure.subplots_adjust(left=0.02, right=0.98, top=1 - 0.4 / height, bottom=0.1 / height)
    return ax


def _extent(text: Any, ax: Any) -> tuple[float, float]:
    """Return width and height of a text, as fractions of the axes."""
    box = text.get_window_extent().transformed(ax.transAxes.inverted())
    return box.width, box.height

"""Tokens on a ground whose colour says what they add: in HTML, and as lines to draw."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_html", "colour", "reads_from_the_right"]

RGB = tuple[int, int, int]

# Okabe and Ito's blue and orange: told apart by all eyes, and black reads well on both.
_FOR: RGB = (86, 180, 233)
_AGAINST: RGB = (230, 159, 0)
_WHITE: RGB = (255, 255, 255)

_BOX = "color:#000;border-radius:3px;padding:1px 2px;margin:1px;display:inline-block"
_GROUND = "background:#fff;color:#000;padding:8px;line-height:1.7;font-family:sans-serif"


def colour(value: float, largest: float) -> str:
    """Return the ground of a token as a hexadecimal colour: white for nothing."""
    share = 0.0 if largest == 0 else min(abs(value) / largest, 1.0)
    end = _FOR if value > 0 else _AGAINST
    mixed = (round(w + share * (e - w)) for w, e in zip(_WHITE, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def as_html(
    tokens: Sequence[str], values: NDArray[np.float64], title: str, named: tuple[str, str]
) -> str:
    """Return a text with its tokens shaded, and a legend; whatever is in them stays text.

    Parameters
    ----------
    tokens : sequence of str
        The tokens.
    values : ndarray of float64 of shape (n_tokens,)
        What each adds.
    title : str
        What stands above.
    named : tuple of (str, str)
        What the two ends of the scale speak for.

    Returns
    -------
    str
        A block of HTML with its styles in it.
    """
    largest = float(np.abs(values).max(initial=0.0))
    boxes = " ".join(
        f'<bdi style="background:{colour(value, largest)};{_BOX}" title="{value:+.3f}">'
        f"{escape(token)}</bdi>"
        for token, value in zip(tokens, values.tolist(), strict=True)
    )
    direction = "rtl" if reads_from_the_right(tokens) else "ltr"
    return (
        f'<div style="{_GROUND}"><div><strong>{escape(title)}</strong></div>'
        f'<p dir="{direction}" style="margin:6px 0">{boxes}</p>{_legend(largest, named)}</div>'
    )


def _legend(largest: float, named: tuple[str, str]) -> str:
    grounds = ", ".join(colour(value, 1.0) for value in (-1.0, 0.0, 1.0))
    against, for_ = map(escape, named)
    return (
        f'<div style="font-size:smaller">{against} {0 - largest:+.2f} '
        f'<span style="display:inline-block;width:8em;height:0.8em;'
        f'background:linear-gradient(to right, {grounds})"></span> {largest:+.2f} {for_}</div>'
    )


def reads_from_the_right(tokens: Sequence[str]) -> bool:
    """Return whether most letters are of a script that is written from the right."""
    kinds = [unicodedata.bidirectional(letter) for token in tokens for letter in token]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)

"""The background colours of tokens, and a text with these as HTML."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_html", "colour", "is_right_to_left"]

RGB = tuple[int, int, int]

# Okabe and Ito's blue and orange: safe for the colour-blind, and black is legible on both.
_FOR: RGB = (86, 180, 233)
_AGAINST: RGB = (230, 159, 0)
_WHITE: RGB = (255, 255, 255)

_BOX = "color:#000;border-radius:3px;padding:1px 2px;margin:1px;display:inline-block"
_BACKGROUND = "background:#fff;color:#000;padding:8px;line-height:1.7;font-family:sans-serif"


def colour(value: float, largest: float) -> str:
    """Return the background of a token as a hexadecimal colour: white for zero."""
    share = 0.0 if largest == 0 else min(abs(value) / largest, 1.0)
    end = _FOR if value > 0 else _AGAINST
    mixed = (round(w + share * (e - w)) for w, e in zip(_WHITE, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def as_html(
    tokens: Sequence[str], values: NDArray[np.float64], title: str, ends: tuple[str, str]
) -> str:
    """Return a text with its tokens shaded, and a legend; everything in them is escaped.

    Parameters
    ----------
    tokens : sequence of str
        The tokens.
    values : ndarray of float64 of shape (n_tokens,)
        Their contributions.
    title : str
        The title.
    ends : tuple of (str, str)
        Names of the two ends of the scale.

    Returns
    -------
    str
        A block of HTML with inline styles.
    """
    largest = float(np.abs(values).max(initial=0.0))
    boxes = " ".join(
        f'<bdi style="background:{colour(value, largest)};{_BOX}" title="{value:+.3f}">'
        f"{escape(token)}</bdi>"
        for token, value in zip(tokens, values.tolist(), strict=True)
    )
    direction = "rtl" if is_right_to_left(tokens) else "ltr"
    return (
        f'<div style="{_BACKGROUND}"><div><strong>{escape(title)}</strong></div>'
        f'<p dir="{direction}" style="margin:6px 0">{boxes}</p>{_legend(largest, ends)}</div>'
    )


def _legend(largest: float, ends: tuple[str, str]) -> str:
    colours = ", ".join(colour(value, 1.0) for value in (-1.0, 0.0, 1.0))
    against, for_ = map(escape, ends)
    return (
        f'<div style="font-size:smaller">{against} {0 - largest:+.2f} '
        f'<span style="display:inline-block;width:8em;height:0.8em;'
        f'background:linear-gradient(to right, {colours})"></span> {largest:+.2f} {for_}</div>'
    )


def is_right_to_left(tokens: Sequence[str]) -> bool:
    """Return whether most letters are of a script that is written from right to left."""
    kinds = [unicodedata.bidirectional(letter) for token in tokens for letter in token]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)

"""matplotlib, imported when something is drawn, and how it draws users' texts."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

__all__ = ["add_legend", "drawable", "pyplot", "text_style"]


def pyplot() -> Any:
    """Return matplotlib.pyplot, or raise where it is missing."""
    try:
        return import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError('Drawing needs matplotlib: pip install "sklearn-rnn[plot]".') from error


def text_style(who: str, texts: Iterable[str]) -> dict[str, Any]:
    """Return the style of users' texts: verbatim, including "$", in fonts with their letters.

    `plot` calls it once, for all its texts, since it warns of scripts that no font has.
    """
    from ._fonts import font_families  # here: it imports matplotlib

    return {"fontfamily": font_families(who, texts), "parse_math": False, "usetex": False}


def drawable(text: str) -> str:
    """Return a text without halves of surrogate pairs, which matplotlib cannot draw."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def add_legend(ax: Any, style: dict[str, Any]) -> None:
    """Add a legend whose labels are drawn in a style that `text_style` returned."""
    for text in ax.legend().get_texts():
        text.set(**style)

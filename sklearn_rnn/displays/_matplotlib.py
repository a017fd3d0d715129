"""matplotlib, imported when something is drawn, and fonts for all scripts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["plain", "pyplot"]

_FALLBACKS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
)
"""Fonts with the letters that matplotlib's own lacks; those that are there are used."""


def pyplot() -> Any:
    """Return matplotlib.pyplot, or raise where it is missing."""
    try:
        return import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError('Drawing needs matplotlib: pip install "sklearn-rnn[plot]".') from error


def plain() -> dict[str, Any]:
    """Return how text of users is drawn: as it is, "$" too, in fonts that have its letters."""
    there = set(import_module("matplotlib.font_manager").get_font_names())
    families = ["sans-serif", *(name for name in _FALLBACKS if name in there)]
    return {"fontfamily": families, "parse_math": False}

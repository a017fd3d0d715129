"""Docstrings with parts that several classes share, written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["fill_doc"]

T = TypeVar("T", bound=type)


def fill_doc(**parts: str) -> Callable[[T], T]:
    """Return a decorator that fills in the placeholders of a class's docstring.

    Parameters
    ----------
    **parts : str
        The text for each placeholder, which is its name in braces.

    Returns
    -------
    callable
        The decorator.
    """

    def fill(cls: T) -> T:
        for name, text in parts.items():
            cls.__doc__ = (cls.__doc__ or "").replace(f"{{{name}}}", text)
        return cls

    return fill

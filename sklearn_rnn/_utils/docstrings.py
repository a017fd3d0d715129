"""Text that several docstrings share, written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["fill_doc"]

T = TypeVar("T", bound=type)


def fill_doc(**parts: str) -> Callable[[T], T]:
    """Return a decorator that writes parts into a class's docstring.

    Parameters
    ----------
    **parts : str
        Text by the name that stands in braces in the docstring.

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

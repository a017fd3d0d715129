"""Texts and their labels, as commands pass them on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Examples"]


class Examples(NamedTuple):
    """Texts and their labels."""

    texts: list[str]
    labels: NDArray[Any]

    def subset(self, rows: NDArray[np.intp]) -> Examples:
        """Return some of them."""
        return Examples([self.texts[row] for row in rows], self.labels[rows])

"""Columns of token ids that are padding in every text, not stored until they are asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["PaddingMargin"]


class PaddingMargin(NamedTuple):
    """The columns on one side that are padding in every row."""

    n_tokens: int
    """Number of all columns, these included."""

    padding: str
    """The side, "pre" or "post"."""

    def pad(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return rows with the padding: (n, T) -> (n, n_tokens)."""
        ids = np.zeros((len(rows), self.n_tokens), np.int32)  # 0 is the id of padding
        width = rows.shape[1]
        ids[:, self.n_tokens - width if self.padding == "pre" else 0 :][:, :width] = rows
        return ids

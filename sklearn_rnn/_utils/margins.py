"""Places that no text of a batch of sequences fills, left out until they are asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Margin"]


class Margin(NamedTuple):
    """What all texts leave empty of their places."""

    n_tokens: int
    """Places of a text, these included."""

    padding: str
    """The side where they are, "pre" or "post"."""

    def beside(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return rows with padding: (n, T) -> (n, n_tokens)."""
        ids = np.zeros((len(rows), self.n_tokens), np.int32)  # the id of padding
        width = rows.shape[1]
        ids[:, self.n_tokens - width if self.padding == "pre" else 0 :][:, :width] = rows
        return ids

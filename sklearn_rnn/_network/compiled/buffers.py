"""Arrays that are kept from batch to batch: fresh memory costs a fifth of a step.

The operating system hands out memory page by page, when a page is first written to.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from .matrix_product import SPARE_ROWS

__all__ = ["Buffers"]

Array = NDArray[np.float32]


class Buffers:
    """Arrays by name, one at a time for each."""

    def __init__(self) -> None:
        self._memory: dict[str, Array] = {}

    @property
    def n_bytes(self) -> int:
        """Size of all arrays."""
        return sum(memory.nbytes for memory in self._memory.values())

    def empty(self, name: str, *shape: int) -> Array:
        """Return an array whose contents are undefined, valid until the name is asked for again.

        Parameters
        ----------
        name : str
            Name of the array.
        *shape : int
            Its shape. Its memory goes on for `SPARE_ROWS` more rows.

        Returns
        -------
        ndarray of float32
            The array, C-contiguous.
        """
        size = prod(shape) + SPARE_ROWS * shape[-1]
        memory = self._memory.get(name)
        if memory is None or len(memory) < size:
            # A little more, so that a batch that is a little longer needs no new memory.
            memory = self._memory[name] = np.empty(size + size // 8, np.float32)
        return memory[: prod(shape)].reshape(shape)

    def zeros(self, name: str, *shape: int) -> Array:
        """Return an array of zeros: see `empty`."""
        array = self.empty(name, *shape)
        array.fill(0)
        return array

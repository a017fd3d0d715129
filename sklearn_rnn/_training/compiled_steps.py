"""A step of `TableOptimizer` compiled by numba: one pass over the rows that a batch contains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .._network.compiled.compiler import compiled, copy_row

__all__ = ["RowSteps"]


class RowSteps:
    """Steps with some rows of one table.

    Parameters
    ----------
    n_rows : int
        Rows `V` of the table.
    """

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows
        self.place_of = np.full(n_rows, -1, np.int32)

    def step(
        self, table: Tensor, sums: Tensor, gradient: Tensor, rate: float, initial_sum: float
    ) -> None:
        """Take a step: see `TableOptimizer`.

        Parameters
        ----------
        table : Tensor of shape (V, D)
            The table, which is changed.
        sums : Tensor of shape (V,)
            Sums of the rows' squared gradients, which are changed.
        gradient : sparse Tensor of shape (V, D)
            The gradient. A row may occur in it several times.
        rate : float
            The learning rate.
        initial_sum : float
            What the sums started with.
        """
        rows, values = gradient._indices()[0].numpy(), gradient._values().numpy()
        distinct, totals = np.empty(len(rows), np.int64), np.empty_like(values)
        n = _add_up(rows, values, self.place_of, distinct, totals)
        numbers = np.float32(rate), np.float32(initial_sum)
        arrays: tuple[NDArray[Any], ...] = (table.detach().numpy(), sums.numpy())
        _descend(*arrays, distinct[:n], totals[:n], *numbers)


@compiled
def _add_up(rows: Any, values: Any, place_of: Any, distinct: Any, totals: Any) -> int:
    """Fill the distinct rows and the sums of their values; return how many they are."""
    n = 0
    for i in range(len(rows)):
        row = rows[i]
        place = place_of[row]
        if place < 0:
            place_of[row] = n
            distinct[n] = row
            copy_row(values[i], totals[n])
            n += 1
        else:
            total, value = totals[place], values[i]
            for d in range(len(total)):
                total[d] += value[d]
    for i in range(n):  # leave the memory as it was
        place_of[distinct[i]] = -1
    return n


@compiled
def _descend(
    table: Any, sums: Any, rows: Any, gradients: Any, rate: Any, initial_sum: Any
) -> None:
    for i in range(len(rows)):
        g, row = gradients[i], table[rows[i]]
        squares = np.float32(0)
        for d in range(len(g)):
            squares += g[d] * g[d]
        sums[rows[i]] += squares
        damped = rate * np.sqrt(initial_sum / sums[rows[i]])
        for d in range(len(g)):
            row[d] -= damped * g[d]

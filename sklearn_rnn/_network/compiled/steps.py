"""What the recurrent steps of all cells have in common: those of one direction of a layer.

A kernel, compiled by numba, runs all steps over packed texts in one call. Places are those of
`packed.py`. Forward, for each step:

1. Look up the projections of the texts' words.
2. Add the matrix product of their previous states: these are the first rows of the step before.
3. Apply the cell's formula to all texts at once.

What the backward pass needs is kept: activated gates, and states. Backward, from the last step
to the first:

1. The gradients of the gates' arguments, again of all texts at once.
2. One matrix product for each gate gives the gradient of the previous states.
3. After some steps (a chunk), the gates' gradients of each place are added to those of its word's
   projection, and products of them give the chunk's part of the recurrent matrix's gradient.

A chunk's gradients stay in the second cache until they are used: those of all steps together would
go to main memory, and come back twice.

Each gate has an array of its own, in which the units of a step's texts lie one after the other.
So a formula is one loop over all of them, which the compiler vectorizes; to find out
whether the arrays of a loop overlap takes as long as 32 units, and is done once for each step.
Units are filled up to whole vectors (`padded`), with zeros in weights and so in all that follows.

Arrays are float32. Axes: `S` places, `R` rows of the projection, `N` texts, `T` steps, `G` gates,
`H` hidden units, `W` these filled up.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .buffers import Buffers
from .compiler import add_row, compiled, copy_row, inlined
from .matrix_product import (
    SPARE_ROWS,
    TERMS_AT_ONCE,
    add_product,
    add_transposed_product,
    pack_matrix,
    pack_rows,
    padded,
)
from .packed import PackedTexts

__all__ = [
    "Array",
    "RecurrentSteps",
    "Rows",
    "Steps",
    "add_chunk",
    "add_products",
    "add_rows",
    "first_step_of_chunk",
    "flat",
    "look_up",
    "pack_gates",
    "pack_transposed_gates",
    "sum_products",
    "zero_rows",
]

Array = NDArray[np.float32]
Rows = NDArray[np.int32]


class Steps:
    """The steps of one direction of a layer, over all places of a batch.

    Parameters
    ----------
    buffers : Buffers
        Memory of the kernels.
    name : str
        Prefix of the buffers' names: a direction of a layer.
    """

    n_gates: ClassVar[int]
    """Blocks of the projection."""

    def __init__(self, buffers: Buffers, name: str) -> None:
        self.buffers = buffers
        self.name = name

    def forward(
        self,
        projected: Array,
        rows: Rows,
        packed: PackedTexts,
        n_hidden: int,
        weight: Array | None,
    ) -> Array:
        """Run all steps.

        Parameters
        ----------
        projected : ndarray of shape (R, n_gates * padded(H))
            The inputs' products with the input matrix, plus the intercept. May be overwritten.
        rows : ndarray of int32 of shape (S,)
            Row of `projected` that each place reads.
        packed : PackedTexts
            The places.
        n_hidden : int
            Hidden units `H`.
        weight : ndarray of shape (n_gates * H, H)
            The recurrent matrix; None if the cell has none.

        Returns
        -------
        ndarray of shape (S, H)
            The state after each step.
        """
        raise NotImplementedError

    def backward(self, grad_states: Array, grad_projected: Array) -> Array | None:
        """Compute the gradients of the projection and of the recurrent matrix.

        Parameters
        ----------
        grad_states : ndarray of shape (S, H)
            Gradient of the states, from what reads them.
        grad_projected : ndarray of shape (R, n_gates * padded(H))
            Filled with the gradient of the projection.

        Returns
        -------
        ndarray of shape (n_gates * H, H)
            The gradient of the recurrent matrix; None if the cell has none.
        """
        raise NotImplementedError

    def _empty(self, what: str, *shape: int) -> Array:
        return self.buffers.empty(f"{self.name}, {what}", *shape)

    def _without_padding(self, states: Array, n_hidden: int) -> Array:
        """Return the states of all units, contiguous: (S, W) -> (S, H)."""
        if states.shape[1] == n_hidden:
            return states
        compact = self._empty("states without padding", len(states), n_hidden)
        compact[:] = states[:, :n_hidden]
        return compact


class RecurrentSteps(Steps):
    """Steps with a recurrent product."""

    def forward(
        self,
        projected: Array,
        rows: Rows,
        packed: PackedTexts,
        n_hidden: int,
        weight: Array | None,
    ) -> Array:
        assert weight is not None
        self.rows, self.packed, self.weight = rows, packed, weight
        n_places, n_units = len(rows), padded(n_hidden)
        self.gates = self._empty("gates", self.n_gates, n_places + SPARE_ROWS, n_units)
        self.states = self._empty("states", n_places, n_units)
        self._run(projected, rows, packed.batch_sizes, packed.starts, weight)
        return self._without_padding(self.states, n_hidden)

    def backward(self, grad_states: Array, grad_projected: Array) -> Array | None:
        packed, n_units, n_hidden = self.packed, self.states.shape[1], self.weight.shape[1]
        n_places = max(TERMS_AT_ONCE, int(packed.batch_sizes[0]))
        # All directions share the memory of a chunk, and what its states are packed into.
        chunk = self._chunk("chunk", n_places)
        states = self.buffers.empty("states of a chunk", n_units * TERMS_AT_ONCE)
        grad_weight = self._empty("grad of weight", self.n_gates, n_units, n_units)
        grad_projected.fill(0)
        grad_weight.fill(0)
        self._run_back(
            *(grad_states, self.rows, packed.previous, packed.batch_sizes, packed.starts),
            *(self.weight, self.states, self.gates, chunk, states, grad_projected, grad_weight),
        )
        return grad_weight[:, :n_hidden, :n_hidden].copy().reshape(-1, n_hidden)

    def _chunk(self, name: str, n_places: int) -> Array:
        n_units = self.states.shape[1]
        return self.buffers.empty(name, self.n_gates, n_places + SPARE_ROWS, n_units)

    def _run(self, projected: Array, rows: Rows, *places_and_weight: Any) -> None:
        """Fill `gates` and `states`."""
        raise NotImplementedError

    def _run_back(self, *arguments: Any) -> None:
        """Add to the gradients of the projection and of the recurrent matrix."""
        raise NotImplementedError


# ---- What kernels consist of -------------------------------------------------------------------


@inlined
def flat(rows: Array) -> Any:
    """Return rows as one dimension, of which loops over a step take a slice: (S, W) -> (S * W,).

    A loop over a slice starts at 0: of an index that does, the compiler sees that it is not
    negative, which to numba means an index from the end.
    """
    return rows.reshape(-1)


@inlined
def zero_rows(n: int, width: int) -> Any:
    """Return memory for products: (n, width), and what tiles need behind."""
    return np.zeros((n + SPARE_ROWS, width), np.float32)


@inlined
def first_step_of_chunk(end: int, starts: Any, n_rows: int) -> Any:
    """Return the first of the steps before `end` whose places fit into a buffer's rows.

    A step with more makes a chunk by itself.
    """
    first = end - 1
    while first > 0 and starts[end] - starts[first - 1] <= n_rows - SPARE_ROWS:
        first -= 1
    return first


@compiled
def pack_gates(weight: Array, n_gates: int) -> Array:
    """Return the blocks (H, H) of the recurrent matrix (G * H, H), packed: see `pack_matrix`."""
    n_hidden = weight.shape[1]
    first = pack_matrix(weight[:n_hidden])
    packed = np.empty((n_gates, *first.shape), np.float32)
    for gate in range(n_gates):
        packed[gate] = pack_matrix(weight[gate * n_hidden : (gate + 1) * n_hidden])
    return packed


@compiled
def pack_transposed_gates(weight: Array, n_gates: int) -> Array:
    """Return the blocks of the recurrent matrix, transposed and packed: see `pack_matrix`."""
    n_hidden = weight.shape[1]
    first = pack_matrix(weight[:n_hidden].T)
    packed = np.empty((n_gates, *first.shape), np.float32)
    for gate in range(n_gates):
        packed[gate] = pack_matrix(weight[gate * n_hidden : (gate + 1) * n_hidden].T)
    return packed


@compiled
def add_products(
    states: Array, at: int, n: int, matrices: Array, gates: Array, start: int
) -> None:
    """Add states[at : at + n] @ matrices (G, ...), packed, to gates[:, start : start + n]."""
    for gate in range(len(matrices)):
        add_product(states, at, n, matrices[gate], gates[gate], start)


@compiled
def sum_products(grad: Array, start: int, n: int, matrices: Array, sums: Array) -> None:
    """Add grad[gate, start : start + n] @ matrices[gate], of all gates, to sums[:n]."""
    for gate in range(len(matrices)):
        add_product(grad[gate], start, n, matrices[gate], sums, 0)


@compiled
def look_up(projected: Array, rows: Rows, start: int, n: int, gates: Array) -> None:
    """Copy the projections (R, G * W) of a step's words to its places (G, S, W)."""
    width = gates.shape[2]
    for gate in range(len(gates)):
        first = gate * width
        for place in range(start, start + n):
            copy_row(projected[rows[place]][first : first + width], gates[gate, place])


@compiled
def add_rows(rows: Array, start: int, n: int, sums: Array) -> None:
    """Add rows[start : start + n], of (S, H), to the first ones of (N, W)."""
    for i in range(n):
        add_row(rows[start + i], sums[i])


@compiled
def add_chunk(
    of_projected: Array,
    of_product: Array,
    base: int,
    end: int,
    rows: Rows,
    previous: Rows,
    states: Array,
    memory: Array,
    grad_projected: Array,
    grad_weight: Array,
) -> None:
    """Add the gradients of a chunk's places, `base` to `end`, to those of the weights' products.

    Parameters
    ----------
    of_projected, of_product : ndarray of shape (G, chunk, W)
        Gradient of the projection, and of the recurrent product, at each place.
    base, end : int
        The places.
    rows : ndarray of int32 of shape (S,)
        Row of the projection that each place reads.
    previous : ndarray of int32 of shape (S,)
        Place of the same text in the step before; -1 in the first step.
    states : ndarray of shape (S, W)
        The states.
    memory : ndarray of shape (W * TERMS_AT_ONCE,)
        Overwritten.
    grad_projected : ndarray of shape (R, G * W)
        What the gradients of the projection are added to.
    grad_weight : ndarray of shape (G, W, W)
        What the gradient of the recurrent matrix is added to.
    """
    n_gates, _, width = of_projected.shape
    for gate in range(n_gates):
        first_unit = gate * width
        for place in range(base, end):
            of_row = grad_projected[rows[place]][first_unit : first_unit + width]
            add_row(of_projected[gate, place - base], of_row)
    first = base
    while first < end and previous[first] < 0:  # before the first step, states are zero
        first += 1
    for start in range(first, end, TERMS_AT_ONCE):
        n = min(TERMS_AT_ONCE, end - start)
        matrix = pack_rows(states, previous, start, n, memory)
        for gate in range(n_gates):
            add_transposed_product(of_product[gate], start - base, n, matrix, grad_weight[gate])

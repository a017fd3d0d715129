"""The steps of a minimal GRU: gates in the order update, candidate."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import sigmoid, tanh
from .compiler import add_row, compiled, copy_row, inlined
from .matrix_product import padded
from .packed import PackedTexts
from .steps import Array, Rows, Steps, add_rows, flat

__all__ = ["MinimalGRUSteps"]

_ONE = np.float32(1)


class MinimalGRUSteps(Steps):
    """The formulas are in `cells.MinimalGRU`.

    Gates depend on the inputs alone: they are computed once for each row of the projection, and
    a step is an interpolation.
    """

    n_gates = 2

    def forward(
        self,
        projected: Array,
        rows: Rows,
        packed: PackedTexts,
        n_hidden: int,
        weight: Array | None,
    ) -> Array:
        self.rows, self.packed = rows, packed
        self.gates = projected
        self.states = self._empty("states", len(rows), padded(n_hidden))
        _forward(projected, rows, packed.batch_sizes, packed.starts, self.states)
        return self._without_padding(self.states, n_hidden)

    def backward(self, grad_states: Array, grad_projected: Array) -> Array | None:
        grad_projected.fill(0)
        _backward(
            *(grad_states, self.rows, self.packed.batch_sizes, self.packed.starts),
            *(self.states, self.gates, grad_projected),
        )
        return None


@inlined
def _blocks(g: Array, n: int) -> Any:
    """Return the gates of a row: (2 * W,) -> (W,), (W,)."""
    return g[:n], g[n:]


@compiled
def _forward(gates: Array, rows: Rows, batch_sizes: Any, starts: Any, states: Array) -> None:
    """Activate the gates of each row in place, and run the steps."""
    n_hidden = states.shape[1]
    for i in range(len(gates)):
        z, candidate = _blocks(gates[i], n_hidden)
        for j in range(n_hidden):
            z[j] = sigmoid(z[j])
        for j in range(n_hidden):
            candidate[j] = tanh(candidate[j])
    for t in range(len(batch_sizes)):
        for n in range(batch_sizes[t]):
            z, candidate = _blocks(gates[rows[starts[t] + n]], n_hidden)
            s = states[starts[t] + n]
            if t == 0:
                for j in range(n_hidden):
                    s[j] = z[j] * candidate[j]
            else:
                before = states[starts[t - 1] + n]
                for j in range(n_hidden):
                    s[j] = before[j] + z[j] * (candidate[j] - before[j])


@compiled
def _backward(
    grad_states: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    states: Array,
    gates: Array,
    grad: Array,
) -> None:
    width = states.shape[1]
    # Of one step: gates of its texts, their gradients, and that of the states of the step after.
    of_step = np.zeros((5, batch_sizes[0], width), np.float32)
    zeros = np.zeros(batch_sizes[0] * width, np.float32)
    all_s, all_z, all_g = flat(states), flat(of_step[0]), flat(of_step[1])
    all_dz, all_dg, all_dh = flat(of_step[2]), flat(of_step[3]), flat(of_step[4])
    for t in range(len(batch_sizes) - 1, -1, -1):
        n_texts, start = batch_sizes[t], starts[t]
        for n in range(n_texts):
            z, candidate = _blocks(gates[rows[start + n]], width)
            copy_row(z, of_step[0, n])
            copy_row(candidate, of_step[1, n])
        add_rows(grad_states, start, n_texts, of_step[4])
        n_units = n_texts * width
        z, g = all_z[:n_units], all_g[:n_units]
        dz, dg, dh = all_dz[:n_units], all_dg[:n_units], all_dh[:n_units]
        before = all_s[starts[t - 1] * width : start * width] if t > 0 else zeros
        for j in range(len(dh)):
            dz[j] = dh[j] * (g[j] - before[j])
            dg[j] = dh[j] * z[j]
            dh[j] *= _ONE - z[j]
        for n in range(n_texts):
            to_z, to_candidate = _blocks(grad[rows[start + n]], width)
            add_row(of_step[2, n], to_z)
            add_row(of_step[3, n], to_candidate)
    for i in range(len(grad)):  # so far with respect to the gates, now to their arguments
        z, candidate = _blocks(gates[i], width)
        to_z, to_candidate = _blocks(grad[i], width)
        for j in range(width):
            to_z[j] *= z[j] * (_ONE - z[j])
        for j in range(width):
            to_candidate[j] *= _ONE - candidate[j] * candidate[j]

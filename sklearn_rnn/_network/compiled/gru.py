"""The steps of a GRU: gates in the order reset, update, candidate."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import sigmoid, tanh
from .compiler import compiled
from .matrix_product import add_product
from .steps import (
    Array,
    RecurrentSteps,
    Rows,
    add_chunk,
    add_rows,
    first_step_of_chunk,
    flat,
    look_up,
    pack_gates,
    pack_transposed_gates,
    zero_rows,
)

__all__ = ["GRUSteps"]

_ONE = np.float32(1)


class GRUSteps(RecurrentSteps):
    """The formulas are in `torch_kernels.gru`.

    The reset gate multiplies the candidate's recurrent product, which is kept: so the gradients
    of projection and product differ in the candidate.
    """

    n_gates = 3

    def _run(self, *arguments: Any) -> None:
        self.recalled = self._empty("recalled", *self.states.shape)
        _forward(*arguments, self.gates, self.recalled, self.states)

    def _run_back(self, *arguments: Any) -> None:
        chunk = arguments[-4]
        of_product = self.buffers.empty("chunk of products", *chunk.shape)
        _backward(self.recalled, of_product, *arguments)


@compiled
def _forward(
    projected: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    weight: Array,
    gates: Array,
    recalled: Array,
    states: Array,
) -> None:
    """`recalled` is the recurrent product that the reset gate multiplies."""
    matrices = pack_transposed_gates(weight, 3)
    zeros = np.zeros(batch_sizes[0] * states.shape[1], np.float32)
    for t in range(len(batch_sizes)):
        n, start = batch_sizes[t], starts[t]
        look_up(projected, rows, start, n, gates)
        u = flat(recalled, start, n)
        for j in range(len(u)):
            u[j] = 0
        if t > 0:
            for gate in range(2):
                add_product(states, starts[t - 1], n, matrices[gate], gates[gate], start)
            add_product(states, starts[t - 1], n, matrices[2], recalled, start)
        before = flat(states, starts[t - 1], n) if t > 0 else zeros
        r, z, g = flat(gates[0], start, n), flat(gates[1], start, n), flat(gates[2], start, n)
        s = flat(states, start, n)
        for j in range(len(s)):
            r[j] = sigmoid(r[j])
            g[j] = tanh(g[j] + r[j] * u[j])
        for j in range(len(s)):
            z[j] = sigmoid(z[j])
            s[j] = g[j] + z[j] * (before[j] - g[j])


@compiled
def _backward(
    recalled: Array,
    of_product: Array,
    grad_states: Array,
    rows: Rows,
    previous: Rows,
    batch_sizes: Any,
    starts: Any,
    weight: Array,
    states: Array,
    gates: Array,
    grad: Array,
    memory: Array,
    grad_projected: Array,
    grad_weight: Array,
) -> None:
    matrices = pack_gates(weight, 3)
    width = states.shape[1]
    grad_state = zero_rows(batch_sizes[0], width)  # from the step after, of texts that have one
    zeros = np.zeros(batch_sizes[0] * width, np.float32)
    end = len(batch_sizes)
    while end > 0:
        first = first_step_of_chunk(end, starts, grad.shape[1])
        base = starts[first]
        for t in range(end - 1, first - 1, -1):
            n, start = batch_sizes[t], starts[t]
            add_rows(grad_states, start, n, grad_state)
            before = flat(states, starts[t - 1], n) if t > 0 else zeros
            r, z, g = flat(gates[0], start, n), flat(gates[1], start, n), flat(gates[2], start, n)
            dr, dz = flat(grad[0], start - base, n), flat(grad[1], start - base, n)
            dg, dh = flat(grad[2], start - base, n), flat(grad_state, 0, n)
            u = flat(recalled, start, n)
            for j in range(len(dh)):
                dz[j] = dh[j] * (before[j] - g[j]) * z[j] * (_ONE - z[j])
                dg[j] = dh[j] * (_ONE - z[j]) * (_ONE - g[j] * g[j])
            for j in range(len(dh)):
                dr[j] = dg[j] * u[j] * r[j] * (_ONE - r[j])
                dh[j] *= z[j]  # past the gates; the products are added to it
            er, ez = flat(of_product[0], start - base, n), flat(of_product[1], start - base, n)
            eg = flat(of_product[2], start - base, n)
            for j in range(len(dh)):
                er[j] = dr[j]
                ez[j] = dz[j]
                eg[j] = dg[j] * r[j]
            for gate in range(3):
                add_product(of_product[gate], start - base, n, matrices[gate], grad_state, 0)
            grad_state[n:] = 0
        add_chunk(
            *(grad, of_product, base, starts[end], rows, previous),
            *(states, memory, grad_projected, grad_weight),
        )
        end = first

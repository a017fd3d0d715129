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
    add_products,
    add_rows,
    first_step_of_chunk,
    flat,
    look_up,
    pack_gates,
    pack_transposed_gates,
    sum_products,
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
    width = states.shape[1]
    zeros = np.zeros(batch_sizes[0] * width, np.float32)
    all_r, all_z, all_g = flat(gates[0]), flat(gates[1]), flat(gates[2])
    all_u, all_s = flat(recalled), flat(states)
    for t in range(len(batch_sizes)):
        n, start = batch_sizes[t], starts[t]
        look_up(projected, rows, start, n, gates)
        a, b = start * width, (start + n) * width
        r, z, g = all_r[a:b], all_z[a:b], all_g[a:b]
        u, s = all_u[a:b], all_s[a:b]
        for j in range(len(u)):
            u[j] = 0
        if t > 0:
            add_products(states, starts[t - 1], n, matrices[:2], gates, start)
            add_product(states, starts[t - 1], n, matrices[2], recalled, start)
        before = all_s[starts[t - 1] * width : start * width] if t > 0 else zeros
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
    all_r, all_z, all_g = flat(gates[0]), flat(gates[1]), flat(gates[2])
    all_dr, all_dz, all_dg = flat(grad[0]), flat(grad[1]), flat(grad[2])
    all_er, all_ez, all_eg = flat(of_product[0]), flat(of_product[1]), flat(of_product[2])
    all_u, all_s, all_dh = flat(recalled), flat(states), flat(grad_state)
    end = len(batch_sizes)
    while end > 0:
        first = first_step_of_chunk(end, starts, grad.shape[1])
        base = starts[first]
        for t in range(end - 1, first - 1, -1):
            n, start = batch_sizes[t], starts[t]
            add_rows(grad_states, start, n, grad_state)
            before = all_s[starts[t - 1] * width : start * width] if t > 0 else zeros
            a, b = start * width, (start + n) * width
            r, z, g, u = all_r[a:b], all_z[a:b], all_g[a:b], all_u[a:b]
            a, b = (start - base) * width, (start - base + n) * width
            dr, dz, dg, dh = all_dr[a:b], all_dz[a:b], all_dg[a:b], all_dh[: n * width]
            er, ez, eg = all_er[a:b], all_ez[a:b], all_eg[a:b]
            for j in range(len(dh)):
                dz[j] = dh[j] * (before[j] - g[j]) * z[j] * (_ONE - z[j])
                dg[j] = dh[j] * (_ONE - z[j]) * (_ONE - g[j] * g[j])
            for j in range(len(dh)):
                dr[j] = dg[j] * u[j] * r[j] * (_ONE - r[j])
                dh[j] *= z[j]  # past the gates; the products are added to it
            for j in range(len(dh)):
                er[j] = dr[j]
                ez[j] = dz[j]
                eg[j] = dg[j] * r[j]
            sum_products(of_product, start - base, n, matrices, grad_state)
            grad_state[n:] = 0
        add_chunk(
            *(grad, of_product, base, starts[end], rows, previous),
            *(states, memory, grad_projected, grad_weight),
        )
        end = first

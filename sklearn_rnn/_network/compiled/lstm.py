"""The steps of an LSTM: gates in the order input, forget, cell, output."""

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

__all__ = ["LSTMSteps"]

_ONE = np.float32(1)


class LSTMSteps(RecurrentSteps):
    """The formulas are in `cells.LSTM`. Cell states are kept, too."""

    n_gates = 4

    def _run(self, *arguments: Any) -> None:
        self.cells = self._empty("cells", *self.states.shape)
        _forward(*arguments, self.gates, self.cells, self.states)

    def _run_back(self, *arguments: Any) -> None:
        _backward(self.cells, *arguments)


@compiled
def _forward(
    projected: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    weight: Array,
    gates: Array,
    cells: Array,
    states: Array,
) -> None:
    matrices = pack_transposed_gates(weight, 4)
    zeros = np.zeros(batch_sizes[0] * states.shape[1], np.float32)
    for t in range(len(batch_sizes)):
        n, start = batch_sizes[t], starts[t]
        look_up(projected, rows, start, n, gates)
        if t > 0:
            for gate in range(4):
                add_product(states, starts[t - 1], n, matrices[gate], gates[gate], start)
        before = flat(cells, starts[t - 1], n) if t > 0 else zeros
        i, f = flat(gates[0], start, n), flat(gates[1], start, n)
        g, o = flat(gates[2], start, n), flat(gates[3], start, n)
        c, s = flat(cells, start, n), flat(states, start, n)
        for j in range(len(c)):
            i[j] = sigmoid(i[j])
            f[j] = sigmoid(f[j])
            g[j] = tanh(g[j])
            c[j] = f[j] * before[j] + i[j] * g[j]
        for j in range(len(s)):
            o[j] = sigmoid(o[j])
            s[j] = o[j] * tanh(c[j])


@compiled
def _backward(
    cells: Array,
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
    matrices = pack_gates(weight, 4)
    width = states.shape[1]
    grad_state = zero_rows(batch_sizes[0], width)  # from the step after, of texts that have one
    grad_cell = zero_rows(batch_sizes[0], width)
    zeros = np.zeros(batch_sizes[0] * width, np.float32)
    end = len(batch_sizes)
    while end > 0:
        first = first_step_of_chunk(end, starts, grad.shape[1])
        base = starts[first]
        for t in range(end - 1, first - 1, -1):
            n, start = batch_sizes[t], starts[t]
            add_rows(grad_states, start, n, grad_state)
            before = flat(cells, starts[t - 1], n) if t > 0 else zeros
            i, f = flat(gates[0], start, n), flat(gates[1], start, n)
            g, o = flat(gates[2], start, n), flat(gates[3], start, n)
            di, df = flat(grad[0], start - base, n), flat(grad[1], start - base, n)
            dg, do = flat(grad[2], start - base, n), flat(grad[3], start - base, n)
            c, dh, dc = flat(cells, start, n), flat(grad_state, 0, n), flat(grad_cell, 0, n)
            for j in range(len(c)):
                shown = tanh(c[j])
                dc[j] += dh[j] * o[j] * (_ONE - shown * shown)
                do[j] = dh[j] * shown * o[j] * (_ONE - o[j])
            for j in range(len(c)):
                di[j] = dc[j] * g[j] * i[j] * (_ONE - i[j])
                dg[j] = dc[j] * i[j] * (_ONE - g[j] * g[j])
            for j in range(len(c)):
                df[j] = dc[j] * before[j] * f[j] * (_ONE - f[j])
                dc[j] *= f[j]
            grad_state[:] = 0
            for gate in range(4):
                add_product(grad[gate], start - base, n, matrices[gate], grad_state, 0)
            grad_state[n:] = 0
        add_chunk(
            *(grad, grad, base, starts[end], rows, previous),
            *(states, memory, grad_projected, grad_weight),
        )
        end = first

"""The steps of an LSTM: gates in the order input, forget, cell, output."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import sigmoid, tanh
from .compiler import compiled
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
    width = states.shape[1]
    zeros = np.zeros(batch_sizes[0] * width, np.float32)
    all_i, all_f, all_g, all_o = flat(gates[0]), flat(gates[1]), flat(gates[2]), flat(gates[3])
    all_c, all_s = flat(cells), flat(states)
    for t in range(len(batch_sizes)):
        n, start = batch_sizes[t], starts[t]
        look_up(projected, rows, start, n, gates)
        if t > 0:
            add_products(states, starts[t - 1], n, matrices, gates, start)
        before = all_c[starts[t - 1] * width : start * width] if t > 0 else zeros
        a, b = start * width, (start + n) * width
        i, f, g, o = all_i[a:b], all_f[a:b], all_g[a:b], all_o[a:b]
        c, s = all_c[a:b], all_s[a:b]
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
    all_i, all_f, all_g, all_o = flat(gates[0]), flat(gates[1]), flat(gates[2]), flat(gates[3])
    all_di, all_df, all_dg, all_do = flat(grad[0]), flat(grad[1]), flat(grad[2]), flat(grad[3])
    all_c, all_dh, all_dc = flat(cells), flat(grad_state), flat(grad_cell)
    end = len(batch_sizes)
    while end > 0:
        first = first_step_of_chunk(end, starts, grad.shape[1])
        base = starts[first]
        for t in range(end - 1, first - 1, -1):
            n, start = batch_sizes[t], starts[t]
            add_rows(grad_states, start, n, grad_state)
            before = all_c[starts[t - 1] * width : start * width] if t > 0 else zeros
            a, b = start * width, (start + n) * width
            i, f, g, o, c = all_i[a:b], all_f[a:b], all_g[a:b], all_o[a:b], all_c[a:b]
            a, b = (start - base) * width, (start - base + n) * width
            di, df, dg, do = all_di[a:b], all_df[a:b], all_dg[a:b], all_do[a:b]
            dh, dc = all_dh[: n * width], all_dc[: n * width]
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
            sum_products(grad, start - base, n, matrices, grad_state)
            grad_state[n:] = 0
        add_chunk(
            *(grad, grad, base, starts[end], rows, previous),
            *(states, memory, grad_projected, grad_weight),
        )
        end = first

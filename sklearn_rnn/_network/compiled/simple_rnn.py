"""The steps of a SimpleRNN: h[t] = tanh(projected + U h[t-1])."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import tanh
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

__all__ = ["SimpleRNNSteps"]

_ONE = np.float32(1)


class SimpleRNNSteps(RecurrentSteps):
    """The formula is in `cells.SimpleRNN`. What is kept of a gate is the state itself."""

    n_gates = 1

    def _run(self, *arguments: Any) -> None:
        _forward(*arguments, self.gates, self.states)

    def _run_back(self, *arguments: Any) -> None:
        _backward(*arguments)


@compiled
def _forward(
    projected: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    weight: Array,
    gates: Array,
    states: Array,
) -> None:
    matrices = pack_transposed_gates(weight, 1)
    all_g, all_s, width = flat(gates[0]), flat(states), states.shape[1]
    for t in range(len(batch_sizes)):
        n, start = batch_sizes[t], starts[t]
        look_up(projected, rows, start, n, gates)
        if t > 0:
            add_products(states, starts[t - 1], n, matrices, gates, start)
        a, b = start * width, (start + n) * width
        g, s = all_g[a:b], all_s[a:b]
        for j in range(len(s)):
            s[j] = tanh(g[j])


@compiled
def _backward(
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
    matrices = pack_gates(weight, 1)
    width = states.shape[1]
    grad_state = zero_rows(batch_sizes[0], width)  # of texts that have a step after
    all_s, all_dh, all_d = flat(states), flat(grad_state), flat(grad[0])
    end = len(batch_sizes)
    while end > 0:
        first = first_step_of_chunk(end, starts, grad.shape[1])
        base = starts[first]
        for t in range(end - 1, first - 1, -1):
            n, start = batch_sizes[t], starts[t]
            add_rows(grad_states, start, n, grad_state)
            s, dh = all_s[start * width : (start + n) * width], all_dh[: n * width]
            d = all_d[(start - base) * width : (start - base + n) * width]
            for j in range(len(s)):
                d[j] = dh[j] * (_ONE - s[j] * s[j])
            grad_state[:] = 0
            sum_products(grad, start - base, n, matrices, grad_state)
            grad_state[n:] = 0
        add_chunk(
            *(grad, grad, base, starts[end], rows, previous),
            *(states, memory, grad_projected, grad_weight),
        )
        end = first

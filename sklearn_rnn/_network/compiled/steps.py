"""The recurrent steps of each cell over packed texts, forward and backward, compiled by numba.

A kernel runs all steps of one direction in one call, which releases the interpreter's lock, so
that another thread can run beside it. Places are those of `packed.py`. Forward, for each step:

1. One matrix product of the previous states of all texts that have this step.
2. For each of them: look up the projection of its word, add the product, apply the cell's formula.

What the backward pass needs is kept: activated gates, states, and the states before each step.
Backward, from the last step to the first:

1. For each text: the gradients of the gates' arguments, which take the place of the gates.
2. One matrix product gives the gradient of the previous states.

After the last step, one product over all places gives the gradient of the recurrent matrix, and
the gates' gradients of a word's places are added up to that of its projection.

A minimal GRU has no recurrent product: its gates are computed once for each distinct word, and a
step is an interpolation.

Exponentials are accurate to the last bits of float32, in a form that the compiler vectorizes; so
inner loops run over hidden units. Imported only if numba is installed.

Arrays are float32. Axes: `S` places, `R` rows of the projection, `H` hidden units; `N` texts.
Matrices multiply a row of states from the right.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .buffers import Buffers
from .compiler import compiled, copy_row, inlined
from .matrix_product import SPARE_ROWS, add_product, pack_matrix, padded, product
from .packed import PackedTexts

__all__ = ["STEPS", "Steps"]

Array = NDArray[np.float32]
Rows = NDArray[np.int32]

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
_LARGEST = np.float32(87)  # exp(88.8) overflows
_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# Coefficients of exp(r) on [-ln 2 / 2, ln 2 / 2] (Moshier, Cephes library, expf).
_P = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5]
_P0, _P1, _P2, _P3, _P4, _P5 = map(np.float32, _P)


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
        projected : ndarray of shape (R, padded(n_gates * H))
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
        grad_projected : ndarray of shape (R, padded(n_gates * H))
            Filled with the gradient of the projection.

        Returns
        -------
        ndarray of shape (n_gates * H, H)
            The gradient of the recurrent matrix; None if the cell has none.
        """
        raise NotImplementedError

    def _empty(self, what: str, *shape: int) -> Array:
        return self.buffers.empty(f"{self.name}, {what}", *shape)


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
        n_places = len(rows)
        self.gates = self._empty("gates", n_places, padded(len(weight)))
        self.states = self._empty("states", n_places, n_hidden)
        self.previous = self._empty("previous", n_places, n_hidden)
        self.previous[: len(packed.lengths)] = 0  # before the first step
        places = packed.batch_sizes, packed.starts
        self._run(projected, rows, *places, pack_matrix(weight.T))
        return self.states

    def backward(self, grad_states: Array, grad_projected: Array) -> Array | None:
        places = self.packed.batch_sizes, self.packed.starts
        grad_product = self._run_back(grad_states, *places, pack_matrix(self.weight))
        grad_projected.fill(0)
        _add_rows(self.gates, self.rows, grad_projected)
        n_rows, n_hidden = self.weight.shape
        grad_weight = self._empty("grad of weight", n_rows, padded(n_hidden))
        product(grad_product[:, :n_rows].T, self.previous, grad_weight)
        return grad_weight[:, :n_hidden].copy()

    def _run(self, projected: Array, rows: Rows, *places_and_matrix: Any) -> None:
        """Fill `gates`, `states` and `previous`."""
        raise NotImplementedError

    def _run_back(self, grad_states: Array, *places_and_matrix: Any) -> Array:
        """Turn `gates` into the gradients of their arguments; return those of the products."""
        raise NotImplementedError


class SimpleRNNSteps(RecurrentSteps):
    """h[t] = tanh(projected + U h[t-1])."""

    n_gates = 1

    def _run(self, projected: Array, rows: Rows, *places_and_matrix: Any) -> None:
        _rnn_forward(
            *(projected, rows, *places_and_matrix, self.gates, self.previous, self.states)
        )

    def _run_back(self, grad_states: Array, *places_and_matrix: Any) -> Array:
        _rnn_backward(grad_states, *places_and_matrix, self.states, self.gates)
        return self.gates


class LSTMSteps(RecurrentSteps):
    """The formulas are in `cells.LSTM`; gates in the order input, forget, cell, output."""

    n_gates = 4

    def _run(self, projected: Array, rows: Rows, *places_and_matrix: Any) -> None:
        self.cells = self._empty("cells", *self.states.shape)
        _lstm_forward(
            *(projected, rows, *places_and_matrix),
            *(self.gates, self.previous, self.cells, self.states),
        )

    def _run_back(self, grad_states: Array, *places_and_matrix: Any) -> Array:
        _lstm_backward(grad_states, *places_and_matrix, self.cells, self.gates)
        return self.gates


class GRUSteps(RecurrentSteps):
    """The formulas are in `torch_kernels.gru`; gates in the order reset, update, candidate."""

    n_gates = 3

    def _run(self, projected: Array, rows: Rows, *places_and_matrix: Any) -> None:
        self.recalled = self._empty("recalled", *self.states.shape)
        _gru_forward(
            *(projected, rows, *places_and_matrix),
            *(self.gates, self.previous, self.recalled, self.states),
        )

    def _run_back(self, grad_states: Array, *places_and_matrix: Any) -> Array:
        grad_product = self._empty("grad of product", *self.gates.shape)
        _gru_backward(
            *(grad_states, *places_and_matrix),
            *(self.previous, self.recalled, self.gates, grad_product),
        )
        return grad_product


class MinimalGRUSteps(Steps):
    """The formulas are in `cells.MinimalGRU`; gates in the order update, candidate.

    Gates depend on the inputs alone: they are computed once for each row of the projection.
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
        self.states = self._empty("states", len(rows), n_hidden)
        _minimal_gru_forward(projected, rows, packed.batch_sizes, packed.starts, self.states)
        return self.states

    def backward(self, grad_states: Array, grad_projected: Array) -> Array | None:
        grad_projected.fill(0)
        _minimal_gru_backward(
            *(grad_states, self.rows, self.packed.batch_sizes, self.packed.starts),
            *(self.states, self.gates, grad_projected),
        )
        return None


STEPS: dict[str, type[Steps]] = {
    "rnn": SimpleRNNSteps,
    "lstm": LSTMSteps,
    "gru": GRUSteps,
    "mingru": MinimalGRUSteps,
}
"""The steps by kind of cell."""


# ---- Functions of one number -----------------------------------------------------------------


@inlined
def _expm1(x: Any) -> Any:
    """Return e ** x - 1 = 2 ** n * (e ** r - 1) + 2 ** n - 1, with |r| <= ln 2 / 2."""
    x = min(max(x, -_LARGEST), _LARGEST)
    n = np.floor(x * _LOG2_E + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    power_of_two = np.int32((np.int32(n) + 127) << 23).view(np.float32)
    return power_of_two * (p * r * r + r) + (power_of_two - _ONE)


@inlined
def _sigmoid(x: Any) -> Any:
    return _ONE / (_TWO + _expm1(-x))


@inlined
def _tanh(x: Any) -> Any:
    m = _expm1(_TWO * x)
    return m / (m + _TWO)


# ---- Kernels ---------------------------------------------------------------------------------


@inlined
def _is_active_later(n: int, t: int, batch_sizes: Any) -> bool:
    return t + 1 < len(batch_sizes) and n < batch_sizes[t + 1]


@inlined
def _blocks_of_4(g: Array, n: int) -> Any:
    # A loop over a block starts at 0: of an index that does, the compiler sees that it is not
    # negative, which to numba means an index from the end.
    return g[:n], g[n : 2 * n], g[2 * n : 3 * n], g[3 * n : 4 * n]


@inlined
def _blocks_of_2(g: Array, n: int) -> Any:
    return g[:n], g[n : 2 * n]


@inlined
def _blocks_of_3(g: Array, n: int) -> Any:
    return g[:n], g[n : 2 * n], g[2 * n : 3 * n]


@compiled
def _rnn_forward(
    projected: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    matrix: Array,
    sums: Array,
    previous: Array,
    states: Array,
) -> None:
    n_hidden = states.shape[1]
    for t in range(len(batch_sizes)):
        n_texts, start = batch_sizes[t], starts[t]
        for n in range(n_texts):
            copy_row(projected[rows[start + n]], sums[start + n])
        if t > 0:
            add_product(previous, start, n_texts, matrix, sums, start)
        for n in range(n_texts):
            z, s = sums[start + n], states[start + n]
            for j in range(n_hidden):
                s[j] = _tanh(z[j])
            if _is_active_later(n, t, batch_sizes):
                copy_row(s, previous[starts[t + 1] + n])


@compiled
def _rnn_backward(
    grad_states: Array,
    batch_sizes: Any,
    starts: Any,
    matrix: Array,
    states: Array,
    grad: Array,
) -> None:
    n_hidden = states.shape[1]
    later = _zero_rows(batch_sizes[0], matrix)
    for t in range(len(batch_sizes) - 1, -1, -1):
        n_texts, start = batch_sizes[t], starts[t]
        for n in range(n_texts):
            place = start + n
            above, s, g, after = grad_states[place], states[place], grad[place], later[n]
            for j in range(n_hidden):
                g[j] = (above[j] + after[j]) * (_ONE - s[j] * s[j])
        later[:] = 0
        add_product(grad, start, n_texts, matrix, later, 0)
        later[n_texts:] = 0


@compiled
def _lstm_forward(
    projected: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    matrix: Array,
    gates: Array,
    previous: Array,
    cells: Array,
    states: Array,
) -> None:
    n_hidden = states.shape[1]
    zeros = np.zeros(n_hidden, np.float32)
    for t in range(len(batch_sizes)):
        n_texts, start = batch_sizes[t], starts[t]
        for n in range(n_texts):
            copy_row(projected[rows[start + n]], gates[start + n])
        if t > 0:
            add_product(previous, start, n_texts, matrix, gates, start)
        for n in range(n_texts):
            g, c, s = gates[start + n], cells[start + n], states[start + n]
            before = cells[starts[t - 1] + n] if t > 0 else zeros
            i, f, candidate, o = _blocks_of_4(g, n_hidden)
            for j in range(2 * n_hidden):
                g[j] = _sigmoid(g[j])
            for j in range(n_hidden):
                candidate[j] = _tanh(candidate[j])
            for j in range(n_hidden):
                o[j] = _sigmoid(o[j])
            for j in range(n_hidden):
                c[j] = f[j] * before[j] + i[j] * candidate[j]
            for j in range(n_hidden):
                s[j] = o[j] * _tanh(c[j])
            if _is_active_later(n, t, batch_sizes):
                copy_row(s, previous[starts[t + 1] + n])


@compiled
def _lstm_backward(
    grad_states: Array,
    batch_sizes: Any,
    starts: Any,
    matrix: Array,
    cells: Array,
    gates: Array,
) -> None:
    n_hidden = cells.shape[1]
    later = _zero_rows(batch_sizes[0], matrix)
    later_cells = np.zeros((batch_sizes[0], n_hidden), np.float32)
    zeros = np.zeros(n_hidden, np.float32)
    dh, dc = np.empty_like(zeros), np.empty_like(zeros)
    for t in range(len(batch_sizes) - 1, -1, -1):
        n_texts, start = batch_sizes[t], starts[t]
        for n in range(n_texts):
            above, after, after_cell = grad_states[start + n], later[n], later_cells[n]
            g, c = gates[start + n], cells[start + n]
            before = cells[starts[t - 1] + n] if t > 0 else zeros
            i, f, candidate, o = _blocks_of_4(g, n_hidden)
            for j in range(n_hidden):
                dh[j] = above[j] + after[j]
                shown = _tanh(c[j])
                dc[j] = dh[j] * o[j] * (_ONE - shown * shown) + after_cell[j]
                after_cell[j] = dc[j] * f[j]
                o[j] = dh[j] * shown * o[j] * (_ONE - o[j])
            for j in range(n_hidden):
                f[j] = dc[j] * before[j] * f[j] * (_ONE - f[j])
            for j in range(n_hidden):
                to_input = dc[j] * candidate[j] * i[j] * (_ONE - i[j])
                candidate[j] = dc[j] * i[j] * (_ONE - candidate[j] * candidate[j])
                i[j] = to_input
        later[:] = 0
        add_product(gates, start, n_texts, matrix, later, 0)
        later[n_texts:] = 0


@compiled
def _gru_forward(
    projected: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    matrix: Array,
    gates: Array,
    previous: Array,
    recalled: Array,
    states: Array,
) -> None:
    """`recalled` is the recurrent product that the reset gate multiplies."""
    n_hidden = states.shape[1]
    recurrent = _zero_rows(batch_sizes[0], matrix)
    for t in range(len(batch_sizes)):
        n_texts, start = batch_sizes[t], starts[t]
        if t > 0:
            recurrent[:] = 0
            add_product(previous, start, n_texts, matrix, recurrent, 0)
        for n in range(n_texts):
            p, q, g = projected[rows[start + n]], recurrent[n], gates[start + n]
            u, before, s = recalled[start + n], previous[start + n], states[start + n]
            r, z, candidate = _blocks_of_3(g, n_hidden)
            inputs = p[2 * n_hidden :]
            copy_row(q[2 * n_hidden : 3 * n_hidden], u)
            for j in range(2 * n_hidden):
                g[j] = _sigmoid(p[j] + q[j])
            for j in range(n_hidden):
                candidate[j] = _tanh(inputs[j] + r[j] * u[j])
            for j in range(n_hidden):
                s[j] = candidate[j] + z[j] * (before[j] - candidate[j])
            if _is_active_later(n, t, batch_sizes):
                copy_row(s, previous[starts[t + 1] + n])


@compiled
def _gru_backward(
    grad_states: Array,
    batch_sizes: Any,
    starts: Any,
    matrix: Array,
    previous: Array,
    recalled: Array,
    gates: Array,
    grad_product: Array,
) -> None:
    n_hidden = recalled.shape[1]
    later = _zero_rows(batch_sizes[0], matrix)
    for t in range(len(batch_sizes) - 1, -1, -1):
        n_texts, start = batch_sizes[t], starts[t]
        for n in range(n_texts):
            above, after, g = grad_states[start + n], later[n], gates[start + n]
            u, before, e = recalled[start + n], previous[start + n], grad_product[start + n]
            r, z, candidate = _blocks_of_3(g, n_hidden)
            e_reset, e_update, e_candidate = _blocks_of_3(e, n_hidden)
            for j in range(n_hidden):
                dh = above[j] + after[j]
                after[j] = dh * z[j]  # past the gates; the product is added to it
                e_update[j] = dh * (before[j] - candidate[j]) * z[j] * (_ONE - z[j])
                candidate[j] = dh * (_ONE - z[j]) * (_ONE - candidate[j] * candidate[j])
            for j in range(n_hidden):
                e_reset[j] = candidate[j] * u[j] * r[j] * (_ONE - r[j])
                e_candidate[j] = candidate[j] * r[j]
            copy_row(e_reset, r)
            copy_row(e_update, z)
        add_product(grad_product, start, n_texts, matrix, later, 0)
        later[n_texts:] = 0


@compiled
def _minimal_gru_forward(
    gates: Array, rows: Rows, batch_sizes: Any, starts: Any, states: Array
) -> None:
    """Activate the gates of each row in place, and run the steps."""
    n_hidden = states.shape[1]
    for i in range(len(gates)):
        z, candidate = _blocks_of_2(gates[i], n_hidden)
        for j in range(n_hidden):
            z[j] = _sigmoid(z[j])
        for j in range(n_hidden):
            candidate[j] = _tanh(candidate[j])
    for t in range(len(batch_sizes)):
        for n in range(batch_sizes[t]):
            z, candidate = _blocks_of_2(gates[rows[starts[t] + n]], n_hidden)
            s = states[starts[t] + n]
            if t == 0:
                for j in range(n_hidden):
                    s[j] = z[j] * candidate[j]
            else:
                before = states[starts[t - 1] + n]
                for j in range(n_hidden):
                    s[j] = before[j] + z[j] * (candidate[j] - before[j])


@compiled
def _minimal_gru_backward(
    grad_states: Array,
    rows: Rows,
    batch_sizes: Any,
    starts: Any,
    states: Array,
    gates: Array,
    grad: Array,
) -> None:
    n_hidden = states.shape[1]
    later = np.zeros((batch_sizes[0], n_hidden), np.float32)
    zeros = np.zeros(n_hidden, np.float32)
    for t in range(len(batch_sizes) - 1, -1, -1):
        for n in range(batch_sizes[t]):
            place = starts[t] + n
            z, candidate = _blocks_of_2(gates[rows[place]], n_hidden)
            to_z, to_candidate = _blocks_of_2(grad[rows[place]], n_hidden)
            above, after = grad_states[place], later[n]
            before = states[starts[t - 1] + n] if t > 0 else zeros
            for j in range(n_hidden):
                dh = above[j] + after[j]
                to_z[j] += dh * (candidate[j] - before[j])
                to_candidate[j] += dh * z[j]
                after[j] = dh * (_ONE - z[j])
    for i in range(len(grad)):  # so far with respect to the gates, now to their arguments
        z, candidate = _blocks_of_2(gates[i], n_hidden)
        to_z, to_candidate = _blocks_of_2(grad[i], n_hidden)
        for j in range(n_hidden):
            to_z[j] *= z[j] * (_ONE - z[j])
        for j in range(n_hidden):
            to_candidate[j] *= _ONE - candidate[j] * candidate[j]


@inlined
def _zero_rows(n: int, packed: Array) -> Any:
    """Return memory for products of `n` rows with a packed matrix."""
    return np.zeros((n + SPARE_ROWS, packed.shape[0] * packed.shape[2]), np.float32)


@compiled
def _add_rows(gradients: Array, rows: Rows, sums: Array) -> None:
    """Add the gradient of each place (S, K) to that of its row (R, K)."""
    for i in range(len(rows)):
        g, total = gradients[i], sums[rows[i]]
        for j in range(len(total)):
            total[j] += g[j]

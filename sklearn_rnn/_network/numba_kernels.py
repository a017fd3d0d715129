"""The steps of a simple RNN and a GRU compiled by numba, and as differentiable functions of torch.

A compiled kernel runs all steps in one call that releases the interpreter's lock, so that another
thread can run beside it. It exists for the cells whose steps torch does not fuse on a CPU: an LSTM
written this way was no faster than oneDNN's on half a batch, and slower with many units.

Imported only when a network is trained, if numba is installed; predictions use `torch_kernels.py`.
Exponentials are accurate to the last bits of float32, in a form that the compiler vectorizes.

Arrays are float32 and time-major: `T` steps, `N` texts, `H` hidden units; matrices multiply a row
of states from the right.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from .torch_kernels import previous_states, sum_outer_products

__all__ = ["FUNCTIONS"]

Array = NDArray[np.float32]

# Multiply-adds may be fused. Sums keep their order, and numbers that are not finite stay so.
_FASTMATH = {"contract", "nsz", "arcp"}
_inlined = numba.njit(fastmath=_FASTMATH, inline="always")
_kernel = numba.njit(fastmath=_FASTMATH, error_model="numpy", nogil=True, cache=True)

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
_LARGEST = np.float32(87)  # exp(88.8) overflows
_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# Coefficients of exp(r) on [-ln 2 / 2, ln 2 / 2] (Moshier, Cephes library, expf).
_P = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5]
_P0, _P1, _P2, _P3, _P4, _P5 = map(np.float32, _P)


@_inlined
def _expm1(x: Any) -> Any:
    """Return e ** x - 1 = 2 ** n * (e ** r - 1) + 2 ** n - 1, with |r| <= ln 2 / 2."""
    x = min(max(x, -_LARGEST), _LARGEST)
    n = np.floor(x * _LOG2_E + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    power_of_two = np.int32((np.int32(n) + 127) << 23).view(np.float32)
    return power_of_two * (p * r * r + r) + (power_of_two - _ONE)


@_inlined
def _sigmoid(x: Any) -> Any:
    return _ONE / (_TWO + _expm1(-x))


@_inlined
def _tanh(x: Any) -> Any:
    m = _expm1(_TWO * x)
    return m / (m + _TWO)


@_kernel
def _rnn_forward(projected: Array, matrix: Array, states: Array) -> None:
    """Fill states (T, N, H) from projected inputs (T, N, H) and the matrix (H, H)."""
    n_steps, n_texts, n_hidden = projected.shape
    previous = np.zeros((n_texts, n_hidden), np.float32)
    recalled = np.empty_like(previous)
    for t in range(n_steps):
        np.dot(previous, matrix, recalled)
        for n in range(n_texts):
            p, q, s = projected[t, n], recalled[n], states[t, n]
            for j in range(n_hidden):
                s[j] = _tanh(p[j] + q[j])
        previous = states[t]


@_kernel
def _rnn_backward(grad_states: Array, states: Array, matrix: Array, grad: Array) -> None:
    """Fill the gradient of tanh's argument (T, N, H), from that of the states (T, N, H)."""
    n_steps, n_texts, n_hidden = states.shape
    later = np.zeros((n_texts, n_hidden), np.float32)
    for t in range(n_steps - 1, -1, -1):
        for n in range(n_texts):
            above, s, g, after = grad_states[t, n], states[t, n], grad[t, n], later[n]
            for j in range(n_hidden):
                g[j] = (above[j] + after[j]) * (_ONE - s[j] * s[j])
        np.dot(grad[t], matrix, later)


@_kernel
def _gru_forward(
    projected: Array, matrix: Array, gates: Array, recalled: Array, states: Array
) -> None:
    """Fill gates (T, N, 3H), `recalled` and states (T, N, H).

    Gates are in the order reset, update, candidate. `recalled` is the recurrent product that the
    reset gate multiplies.
    """
    n_steps, n_texts, n_hidden = states.shape
    previous = np.zeros((n_texts, n_hidden), np.float32)
    product = np.empty((n_texts, 3 * n_hidden), np.float32)
    for t in range(n_steps):
        np.dot(previous, matrix, product)
        for n in range(n_texts):
            p, q, g = projected[t, n], product[n], gates[t, n]
            u, s, before = recalled[t, n], states[t, n], previous[n]
            for j in range(2 * n_hidden):
                g[j] = _sigmoid(p[j] + q[j])
            for j in range(n_hidden):
                u[j] = q[2 * n_hidden + j]
                candidate = _tanh(p[2 * n_hidden + j] + g[j] * u[j])
                g[2 * n_hidden + j] = candidate
                s[j] = candidate + g[n_hidden + j] * (before[j] - candidate)
        previous = states[t]


@_kernel
def _gru_backward(
    grad_states: Array,
    gates: Array,
    recalled: Array,
    previous: Array,
    matrix: Array,
    grad: Array,
    grad_product: Array,
) -> None:
    """Fill the gradients of the projected inputs and of the recurrent product (T, N, 3H)."""
    n_steps, n_texts, n_hidden = grad_states.shape
    later = np.zeros((n_texts, n_hidden), np.float32)
    through_gates = np.empty_like(later)
    for t in range(n_steps - 1, -1, -1):
        for n in range(n_texts):
            above, after, g = grad_states[t, n], later[n], gates[t, n]
            u, before, d, e = recalled[t, n], previous[t, n], grad[t, n], grad_product[t, n]
            for j in range(n_hidden):
                r, z, candidate = g[j], g[n_hidden + j], g[2 * n_hidden + j]
                dh = above[j] + after[j]
                to_candidate = dh * (_ONE - z) * (_ONE - candidate * candidate)
                to_update = dh * (before[j] - candidate) * z * (_ONE - z)
                to_reset = to_candidate * u[j] * r * (_ONE - r)
                d[j] = e[j] = to_reset
                d[n_hidden + j] = e[n_hidden + j] = to_update
                d[2 * n_hidden + j] = to_candidate
                e[2 * n_hidden + j] = to_candidate * r
                after[j] = dh * z
        np.dot(grad_product[t], matrix, through_gates)
        later += through_gates


class _SimpleRNN(torch.autograd.Function):
    """projected (T, N, H), recurrent (H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        projected = projected.contiguous()
        states = torch.empty_like(projected)
        _rnn_forward(*_arrays(projected, recurrent.t(), states))
        ctx.save_for_backward(states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        states, recurrent = ctx.saved_tensors
        grad = torch.empty_like(states)
        _rnn_backward(*_arrays(grad_states, states, recurrent, grad))
        return grad, sum_outer_products(grad, previous_states(states))


class _GRU(torch.autograd.Function):
    """projected (T, N, 3H), recurrent (3H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        projected = projected.contiguous()
        gates = torch.empty_like(projected)
        recalled, states = projected.new_empty(2, *projected.shape[:2], recurrent.shape[1])
        _gru_forward(*_arrays(projected, recurrent.t(), gates, recalled, states))
        ctx.save_for_backward(gates, recalled, states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        gates, recalled, states, recurrent = ctx.saved_tensors
        previous, (grad, grad_product) = previous_states(states), gates.new_empty(2, *gates.shape)
        _gru_backward(
            *_arrays(grad_states, gates, recalled, previous, recurrent, grad, grad_product)
        )
        return grad, sum_outer_products(grad_product, previous)


FUNCTIONS = {"rnn": _SimpleRNN, "gru": _GRU}
"""The functions by kind of cell: projected inputs and recurrent matrix to states."""


def _arrays(*tensors: Tensor) -> list[Array]:
    """Return tensors as arrays in the same memory, or in new memory if they are strided."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]

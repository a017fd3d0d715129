"""The compiled steps as differentiable functions of torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import _compiled

__all__ = ["FUNCTIONS"]


class SimpleRNN(torch.autograd.Function):
    """projected (T, N, H), recurrent (H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        states = torch.empty_like(projected)
        _compiled.rnn_forward(*_arrays(projected, recurrent.t(), states))
        ctx.save_for_backward(states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        states, recurrent = ctx.saved_tensors
        grad = torch.empty_like(states)
        _compiled.rnn_backward(*_arrays(grad_states, states, recurrent, grad))
        return grad, outer_sum(grad, before_each(states))


class GRU(torch.autograd.Function):
    """projected (T, N, 3H), recurrent (3H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        gates = torch.empty_like(projected)
        recalled, states = projected.new_empty(2, *projected.shape[:2], recurrent.shape[1])
        _compiled.gru_forward(*_arrays(projected, recurrent.t(), gates, recalled, states))
        ctx.save_for_backward(gates, recalled, states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        gates, recalled, states, recurrent = ctx.saved_tensors
        previous, (grad, grad_product) = before_each(states), gates.new_empty(2, *gates.shape)
        _compiled.gru_backward(
            *_arrays(grad_states, gates, recalled, previous, recurrent, grad, grad_product)
        )
        return grad, outer_sum(grad_product, previous)


class LSTM(torch.autograd.Function):
    """projected (T, N, 4H), recurrent (4H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        gates = torch.empty_like(projected)
        cells, outputs, states = projected.new_empty(3, *projected.shape[:2], recurrent.shape[1])
        _compiled.lstm_forward(*_arrays(projected, recurrent.t(), gates, cells, outputs, states))
        ctx.save_for_backward(gates, cells, outputs, states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        gates, cells, outputs, states, recurrent = ctx.saved_tensors
        grad = torch.empty_like(gates)
        _compiled.lstm_backward(*_arrays(grad_states, gates, cells, outputs, recurrent, grad))
        return grad, outer_sum(grad, before_each(states))


FUNCTIONS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}
"""Functions by the kind of cell: projected inputs and recurrent matrix to states."""


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def before_each(states: Tensor) -> Tensor:
    """Return the state *before* each step: (T, N, H) -> (T, N, H), zeros first."""
    return torch.cat([torch.zeros_like(states[:1]), states[:-1]])


def outer_sum(grad: Tensor, previous: Tensor) -> Tensor:
    """Sum grad[t, n] x previous[t, n] over steps and texts: (T, N, K), (T, N, H) -> (K, H)."""
    return grad.flatten(0, 1).t() @ previous.flatten(0, 1)

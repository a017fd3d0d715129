"""The compiled steps as differentiable functions of torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import numba_kernels as _compiled
from .kernels import _outer_sum, _shifted

__all__ = ["FUNCTIONS"]


class SimpleRNN(torch.autograd.Function):
    """projected (T, N, H), recurrent (H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        projected = projected.contiguous()
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
        return grad, _outer_sum(grad, _shifted(states))


class GRU(torch.autograd.Function):
    """projected (T, N, 3H), recurrent (3H, H) -> states (T, N, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        projected = projected.contiguous()
        gates = torch.empty_like(projected)
        recalled, states = projected.new_empty(2, *projected.shape[:2], recurrent.shape[1])
        _compiled.gru_forward(*_arrays(projected, recurrent.t(), gates, recalled, states))
        ctx.save_for_backward(gates, recalled, states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        gates, recalled, states, recurrent = ctx.saved_tensors
        previous, (grad, grad_product) = _shifted(states), gates.new_empty(2, *gates.shape)
        _compiled.gru_backward(
            *_arrays(grad_states, gates, recalled, previous, recurrent, grad, grad_product)
        )
        return grad, _outer_sum(grad_product, previous)


FUNCTIONS = {"rnn": SimpleRNN, "gru": GRU}
"""Functions by the kind of cell: projected inputs and recurrent matrix to states."""


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]

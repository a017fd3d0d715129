"""The steps of the cells that torch does not fuse, in torch operations: where nothing is compiled.

Torch runs a simple RNN and a GRU on a CPU as a chain of small autograd nodes. Here each is one:
forward and backward write into preallocated outputs, and whatever does not depend on the previous
step is computed for all steps at once.

All tensors are time-major: `T` steps, `N` texts, `H` hidden units.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["gru", "minimal_gru", "previous_states", "simple_rnn", "sum_outer_products"]


def simple_rnn(projected: Tensor, recurrent: Tensor) -> Tensor:
    """Run h[t] = tanh(projected[t] + U h[t-1]) from h[-1] = 0.

    Parameters
    ----------
    projected : Tensor of shape (T, N, H)
        The inputs, already multiplied by the input matrix, plus the intercept.
    recurrent : Tensor of shape (H, H)
        The recurrent matrix `U`.

    Returns
    -------
    Tensor of shape (T, N, H)
        The state after each step.
    """
    states: Tensor = _SimpleRNN.apply(projected, recurrent)
    return states


def gru(projected: Tensor, recurrent: Tensor) -> Tensor:
    """Run a gated recurrent unit from h[-1] = 0.

    r, z = sigmoid(projected + U h) for the reset and the update gate,
    n = tanh(projected + r * (U h)) for the candidate, and h = (1 - z) * n + z * h. As in
    cuDNN and torch, the reset gate is applied after the matrix product.

    Parameters
    ----------
    projected : Tensor of shape (T, N, 3 * H)
        The inputs, already multiplied by the input matrices, plus the intercepts; blocks in
        the order reset, update, candidate.
    recurrent : Tensor of shape (3 * H, H)
        The recurrent matrices `U`, in the same order.

    Returns
    -------
    Tensor of shape (T, N, H)
        The state after each step.
    """
    n_hidden = recurrent.shape[1]
    sizes = [2 * n_hidden, n_hidden]
    # Each step reads whole rows: two contiguous blocks are faster than one with strided parts.
    gates, candidate = (block.contiguous() for block in projected.split(sizes, dim=2))
    states: Tensor = _GRU.apply(gates, candidate, *recurrent.split(sizes))
    return states


def minimal_gru(projected: Tensor) -> Tensor:
    """Run a minimal gated recurrent unit from h[-1] = 0.

    Each step is ``h[t] = keep[t] * h[t-1] + add[t]``, and two steps in a row are one of the same
    form. So the steps of a text are not run one by one: after round k of this scan (Hillis and
    Steele, 1986), each step has been joined with the ``2**k - 1`` before it.

    Parameters
    ----------
    projected : Tensor of shape (T, N, 2 * H)
        The inputs, already multiplied by the input matrices, plus the intercepts; blocks in
        the order update, candidate.

    Returns
    -------
    Tensor of shape (T, N, H)
        The state after each step.
    """
    update, candidate = projected.chunk(2, dim=2)
    update = update.sigmoid()
    keep, states = 1 - update, update * candidate.tanh()
    reach = 1
    while reach < len(states):
        joined = states[reach:] + keep[reach:] * states[:-reach]
        states = torch.cat([states[:reach], joined])
        keep = torch.cat([keep[:reach], keep[reach:] * keep[:-reach]])
        reach *= 2
    return states


class _SimpleRNN(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, recurrent: Tensor) -> Tensor:
        states = torch.empty_like(projected)  # (T, N, H)
        transposed = recurrent.t()
        previous = torch.zeros_like(projected[0])
        for inputs, state in zip(projected.unbind(), states.unbind(), strict=True):
            previous = torch.addmm(inputs, previous, transposed, out=state).tanh_()
        ctx.save_for_backward(states, recurrent)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        states, recurrent = ctx.saved_tensors
        slope = 1 - states * states  # tanh'
        grad = torch.empty_like(states)  # with respect to tanh's argument
        later = torch.zeros_like(grad[0])
        steps = zip(grad_states.unbind(), slope.unbind(), grad.unbind(), strict=True)
        for from_above, slope_t, grad_t in reversed(list(steps)):
            later = torch.addmm(from_above, later, recurrent, out=grad_t).mul_(slope_t)
        return grad, sum_outer_products(grad, previous_states(states))


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, gates_in: Tensor, candidate_in: Tensor, gates_u: Tensor, candidate_u: Tensor
    ) -> Tensor:
        gates = torch.empty_like(gates_in)  # (T, N, 2H): reset, update
        recalled, candidate, states = (torch.empty_like(candidate_in) for _ in range(3))
        reset, update = gates.chunk(2, dim=2)
        arrays = (gates_in, candidate_in, gates, reset, update, recalled, candidate, states)
        state = torch.zeros_like(candidate_in[0])
        gates_ut, candidate_ut = gates_u.t(), candidate_u.t()
        for g_in, c_in, g, r, z, u, n, h in zip(*(a.unbind() for a in arrays), strict=True):
            torch.addmm(g_in, state, gates_ut, out=g).sigmoid_()
            torch.mm(state, candidate_ut, out=u)
            torch.addcmul(c_in, r, u, out=n).tanh_()
            state = torch.lerp(n, state, z, out=h)
        ctx.save_for_backward(gates, recalled, candidate, states, gates_u, candidate_u)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates, recalled, candidate, states, gates_u, candidate_u = ctx.saved_tensors
        reset, update = gates.chunk(2, dim=2)
        previous = previous_states(states)
        # Factors from dL/dh[t] to the gradient of each gate's argument, for all steps at once.
        to_candidate = (1 - update) * (1 - candidate * candidate)
        to_update = (previous - candidate) * update * (1 - update)
        to_reset = recalled * reset * (1 - reset)  # from the candidate's gradient
        grad_gates = torch.empty_like(gates)
        grad_reset, grad_update = grad_gates.chunk(2, dim=2)
        grad_candidate, grad_recalled = torch.empty_like(states), torch.empty_like(states)
        arrays = (
            *(grad_states, to_candidate, to_update, to_reset, reset, update),
            *(grad_gates, grad_reset, grad_update, grad_candidate, grad_recalled),
        )
        later = torch.zeros_like(states[0])
        steps = list(zip(*(array.unbind() for array in arrays), strict=True))
        for above, to_n, to_z, to_r, r, z, g_gates, g_r, g_z, g_n, g_u in reversed(steps):
            grad_h = later.add_(above)
            torch.mul(grad_h, to_n, out=g_n)
            torch.mul(grad_h, to_z, out=g_z)
            torch.mul(g_n, to_r, out=g_r)
            torch.mul(g_n, r, out=g_u)
            later = (grad_h * z).addmm_(g_gates, gates_u).addmm_(g_u, candidate_u)
        return (
            grad_gates,
            grad_candidate,
            sum_outer_products(grad_gates, previous),
            sum_outer_products(grad_recalled, previous),
        )


def previous_states(states: Tensor) -> Tensor:
    """Return the state before each step: (T, N, H) -> (T, N, H), zeros first.

    Parameters
    ----------
    states : Tensor of shape (T, N, H)
        The state after each step.

    Returns
    -------
    Tensor of shape (T, N, H)
        The state before each step.
    """
    return torch.cat([torch.zeros_like(states[:1]), states[:-1]])


def sum_outer_products(grad: Tensor, previous: Tensor) -> Tensor:
    """Return the sum over steps and texts of grad[t, n] x previous[t, n]: (K, H).

    Parameters
    ----------
    grad : Tensor of shape (T, N, K)
        Gradients of the recurrent matrix's products.
    previous : Tensor of shape (T, N, H)
        What the matrix was multiplied by.

    Returns
    -------
    Tensor of shape (K, H)
        The gradient of the recurrent matrix.
    """
    return grad.flatten(0, 1).t() @ previous.flatten(0, 1)

"""The three kinds of recurrent layers, in one direction.

Axes: `T` steps, `N` texts, `D` inputs, `H` hidden units; all time-major.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from . import kernels
from .initializers import glorot, orthogonal

__all__ = ["CELLS", "GRU", "LSTM", "Cell", "SimpleRNN"]


@cache
def _compiled() -> dict[str, Any]:
    """Return the compiled steps by kind of cell; none where numba is not at hand."""
    try:
        from .numba_functions import FUNCTIONS
    except (ImportError, RuntimeError):  # not installed, or no place to keep what it compiles
        return {}
    return FUNCTIONS


class Cell(nn.Module):
    """The weights of one direction: an input and a recurrent matrix and one intercept."""

    kind: str
    """What the parameter `cell` calls it."""

    gates: tuple[str, ...]
    """What the blocks of the two matrices compute, in their order."""

    torch_is_one_call = False
    """Whether torch runs all the steps on a CPU in one call."""

    @classmethod
    def is_fused(cls) -> bool:
        """Return whether the steps of training are one call, beside which others can run."""
        return cls.torch_is_one_call or cls.kind in _compiled()

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        n_rows = len(self.gates) * n_hidden
        self.input_weight = nn.Parameter(glorot(n_rows, n_inputs, generator))
        self.recurrent_weight = nn.Parameter(orthogonal(n_rows, n_hidden, generator))
        self.bias = nn.Parameter(torch.zeros(n_rows))

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.is_cuda:
            return self._with_torch(inputs)
        trains = self.training and torch.is_grad_enabled() and inputs.dtype == torch.float32
        if trains and self.kind in _compiled():
            projected = nn.functional.linear(inputs, self.input_weight, self.bias)
            states: Tensor = _compiled()[self.kind].apply(projected, self.recurrent_weight)
            return states
        return self._on_cpu(inputs)

    def _on_cpu(self, inputs: Tensor) -> Tensor:
        projected = nn.functional.linear(inputs, self.input_weight, self.bias)
        return self._kernel(projected, self.recurrent_weight)

    def _with_torch(self, inputs: Tensor) -> Tensor:
        start = inputs.new_zeros(1, inputs.shape[1], self.recurrent_weight.shape[1])
        return self._torch_kernel(inputs, start)

    def _weights(self) -> list[Tensor]:
        # Torch's kernels carry a second intercept. It adds nothing: no parameter, all zeros.
        no_bias = torch.zeros_like(self.bias)
        return [self.input_weight, self.recurrent_weight, self.bias, no_bias]

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        raise NotImplementedError

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        raise NotImplementedError


class SimpleRNN(Cell):
    """The lecture's first layer: state = tanh(W x + U state + b)."""

    kind = "rnn"
    gates = ("state",)

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        return kernels.simple_rnn(projected, recurrent)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.rnn_tanh(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class GRU(Cell):
    """Gated recurrent unit (Cho et al., 2014), gates in the order reset, update, candidate."""

    kind = "gru"
    gates = ("reset", "update", "candidate")

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        return kernels.gru(projected, recurrent)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.gru(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate.

    Gates in the order input, forget, cell, output. Forget gates start open (intercept 1).
    """

    kind = "lstm"
    gates = ("input", "forget", "cell", "output")
    torch_is_one_call = True

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__(n_inputs, n_hidden, generator)
        with torch.no_grad():
            self.bias[n_hidden : 2 * n_hidden] = 1

    def _on_cpu(self, inputs: Tensor) -> Tensor:
        return self._with_torch(inputs)  # oneDNN's fused kernel

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.lstm(
            inputs, (start, start), self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


CELLS: dict[str, type[Cell]] = {cell.kind: cell for cell in (SimpleRNN, LSTM, GRU)}
"""Kinds of recurrent layers by the name that the parameter `cell` takes."""

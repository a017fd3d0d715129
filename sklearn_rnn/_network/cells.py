"""The recurrent cells: simple RNN, LSTM and GRU, each over all the steps of one direction.

A cell's steps are run by the first of these that applies:

1. on a GPU, torch's kernel (`_torch_kernel`), which is cuDNN's;
2. in training, the compiled steps of `numba_kernels.py`, if it has any for this cell;
3. otherwise, the steps of `torch_kernels.py` (`_kernel`).

The LSTM has neither 2 nor 3: torch fuses its steps on a CPU as well (`LSTM._on_cpu`).

To add a cell, write a subclass of `Cell` and add it to `CELLS` at the end of this file;
`_parameters.py` takes the allowed names from there, and has the documentation for users.

Axes: `T` steps, `N` texts, `D` inputs, `H` hidden units; all time-major.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from . import torch_kernels
from .initializers import glorot, orthogonal

__all__ = ["CELLS", "GRU", "LSTM", "Cell", "SimpleRNN"]


@cache
def _compiled() -> dict[str, Any]:
    """Return the compiled steps by kind of cell; none if numba is not available."""
    try:
        from .numba_kernels import FUNCTIONS
    except (ImportError, RuntimeError):  # not installed, or nowhere to cache what it compiles
        return {}
    return FUNCTIONS


class Cell(nn.Module):
    """One direction of a layer: inputs (T, N, D) to states (T, N, H).

    Its weights are an input and a recurrent matrix and one intercept.
    """

    kind: str
    """Its name as a value of the parameter `cell`."""

    gates: tuple[str, ...]
    """What the blocks of the two matrices compute, in order."""

    fused_by_torch = False
    """Whether torch runs all the steps on a CPU in one call."""

    @classmethod
    def is_fused(cls) -> bool:
        """Return whether training runs all steps in one call, beside which a thread can run."""
        return cls.fused_by_torch or cls.kind in _compiled()

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
        # Torch's kernels take a second intercept, which is redundant: zeros, not a parameter.
        no_bias = torch.zeros_like(self.bias)
        return [self.input_weight, self.recurrent_weight, self.bias, no_bias]

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        """Run the steps on a CPU: projected inputs (T, N, gates * H) -> states (T, N, H)."""
        raise NotImplementedError

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        """Run the steps in torch, from the states `start` (1, N, H): (T, N, D) -> (T, N, H)."""
        raise NotImplementedError


class SimpleRNN(Cell):
    """The lecture's first layer: h[t] = tanh(W x[t] + U h[t-1] + b)."""

    kind = "rnn"
    gates = ("state",)

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        return torch_kernels.simple_rnn(projected, recurrent)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.rnn_tanh(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class GRU(Cell):
    """Gated recurrent unit (Cho et al., 2014).

    Gates in the order reset, update, candidate. Its formulas are in `torch_kernels.gru`.
    """

    kind = "gru"
    gates = ("reset", "update", "candidate")

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        return torch_kernels.gru(projected, recurrent)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.gru(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate.

    Gates in the order input, forget, cell, output. Forget gates start open (intercept 1).

    i, f, o = sigmoid(W x[t] + U h[t-1] + b) for the input, forget and output gates,
    g = tanh(W x[t] + U h[t-1] + b), c[t] = f * c[t-1] + i * g, and h[t] = o * tanh(c[t]).
    """

    kind = "lstm"
    gates = ("input", "forget", "cell", "output")
    fused_by_torch = True

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__(n_inputs, n_hidden, generator)
        with torch.no_grad():
            self.bias[n_hidden : 2 * n_hidden] = 1

    def _on_cpu(self, inputs: Tensor) -> Tensor:
        return self._with_torch(inputs)  # one call into oneDNN

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.lstm(
            inputs, (start, start), self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


CELLS: dict[str, type[Cell]] = {cell.kind: cell for cell in (SimpleRNN, LSTM, GRU)}
"""The cells by the values of the parameter `cell`."""

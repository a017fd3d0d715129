"""The recurrent cells: simple RNN, LSTM, GRU and minimal GRU, over all steps of one direction.

On a GPU, torch's kernel runs the steps of a cell that torch has (`_torch_kernel`), which is
cuDNN's; otherwise those of `torch_kernels.py` do (`_kernel`), but for an LSTM, whose steps torch
fuses on a CPU as well. A compiled
network (`compiled/network.py`) reads the weights of its cells, and runs their steps itself.

To add a cell, write a subclass of `Cell` and add it to `CELLS` at the end of this file, and its
compiled steps to `compiled/layer.py`; `_parameters.py` takes the allowed names from here, and has
the documentation for users.

Axes: `T` steps, `N` texts, `D` inputs, `H` hidden units; all time-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import torch_kernels
from .initializers import glorot, orthogonal

__all__ = ["CELLS", "GRU", "LSTM", "Cell", "CellWithMatrix", "MinimalGRU", "SimpleRNN"]


class Cell(nn.Module):
    """One direction of a layer: inputs (T, N, D) to states (T, N, H).

    It has an input matrix, one intercept, and whatever a subclass adds.
    """

    kind: str
    """Its name as a value of the parameter `cell`."""

    gates: tuple[str, ...]
    """What the blocks of its matrices compute, in order."""

    fused_by_torch = False
    """Whether torch runs all the steps on a CPU in one call, beside which a thread can run."""

    has_matrix = False
    """Whether the gates read the previous state through a recurrent matrix."""

    recurrent_weight: nn.Parameter | None

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        n_rows = len(self.gates) * n_hidden
        self.input_weight = nn.Parameter(glorot(n_rows, n_inputs, generator))
        matrix = orthogonal(n_rows, n_hidden, generator) if self.has_matrix else None
        self.register_parameter(
            "recurrent_weight", None if matrix is None else nn.Parameter(matrix)
        )
        self.bias = nn.Parameter(torch.zeros(n_rows))

    def forward(self, inputs: Tensor) -> Tensor:
        return self._kernel(nn.functional.linear(inputs, self.input_weight, self.bias))

    def _kernel(self, projected: Tensor) -> Tensor:
        """Run the steps: projected inputs (T, N, gates * H) -> states (T, N, H)."""
        raise NotImplementedError


class CellWithMatrix(Cell):
    """A cell whose gates read the previous state through a recurrent matrix."""

    has_matrix = True
    recurrent_weight: nn.Parameter

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.is_cuda or self.fused_by_torch:
            start = inputs.new_zeros(1, inputs.shape[1], self.recurrent_weight.shape[1])
            return self._torch_kernel(inputs, start)
        return super().forward(inputs)

    def _weights(self) -> list[Tensor]:
        # Torch's kernels take a second intercept, which is redundant: zeros, not a parameter.
        no_bias = torch.zeros_like(self.bias)
        return [self.input_weight, self.recurrent_weight, self.bias, no_bias]

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        """Run the steps in torch, from the states `start` (1, N, H): (T, N, D) -> (T, N, H)."""
        raise NotImplementedError


class SimpleRNN(CellWithMatrix):
    """The lecture's first layer: h[t] = tanh(W x[t] + U h[t-1] + b)."""

    kind = "rnn"
    gates = ("state",)

    def _kernel(self, projected: Tensor) -> Tensor:
        return torch_kernels.simple_rnn(projected, self.recurrent_weight)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.rnn_tanh(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class GRU(CellWithMatrix):
    """Gated recurrent unit (Cho et al., 2014).

    Gates in the order reset, update, candidate. Its formulas are in `torch_kernels.gru`.
    """

    kind = "gru"
    gates = ("reset", "update", "candidate")

    def _kernel(self, projected: Tensor) -> Tensor:
        return torch_kernels.gru(projected, self.recurrent_weight)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.gru(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class LSTM(CellWithMatrix):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate.

    Gates in the order input, forget, cell, output. Forget gates start open (intercept 1).

    i, f, o = sigmoid(W x[t] + U h[t-1] + b) for the input, forget and output gates,
    g = tanh(W x[t] + U h[t-1] + b), c[t] = f * c[t-1] + i * g, and h[t] = o * tanh(c[t]).
    """

    kind = "lstm"
    gates = ("input", "forget", "cell", "output")
    fused_by_torch = True  # by oneDNN

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__(n_inputs, n_hidden, generator)
        with torch.no_grad():
            self.bias[n_hidden : 2 * n_hidden] = 1

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.lstm(
            inputs, (start, start), self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class MinimalGRU(Cell):
    """Minimal gated recurrent unit: a GRU whose gates read the inputs alone.

    z = sigmoid(W x[t] + b) for the update gate, n = tanh(W x[t] + b) for the candidate, and
    h[t] = (1 - z) * h[t-1] + z * n. Gates in the order update, candidate. The paper's candidate
    has no tanh; with it, states stay between -1 and 1, like those of the other cells.

    References
    ----------
    Feng et al. (2024), "Were RNNs All We Needed?".
    """

    kind = "mingru"
    gates = ("update", "candidate")

    def _kernel(self, projected: Tensor) -> Tensor:
        return torch_kernels.minimal_gru(projected)


CELLS: dict[str, type[Cell]] = {cell.kind: cell for cell in (SimpleRNN, LSTM, GRU, MinimalGRU)}
"""The cells by the values of the parameter `cell`."""

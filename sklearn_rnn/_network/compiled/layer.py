"""One recurrent layer over packed texts, compiled by numba: dropout, projection, steps.

Axes: `R` rows of the layer's input, `D` its features, `S` places, `H` hidden units of a direction.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
from torch import Tensor

from ..cells import Cell
from ..dropout import LockedDropout
from ..recurrent import RecurrentLayer
from .buffers import Buffers
from .gru import GRUSteps
from .lstm import LSTMSteps
from .matrix_product import padded
from .minimal_gru import MinimalGRUSteps
from .packed import PackedTexts
from .projection import project, project_backward, put_columns, take_columns
from .simple_rnn import SimpleRNNSteps
from .steps import Array, Rows, Steps

__all__ = ["STEPS", "CompiledLayer"]

STEPS: dict[str, type[Steps]] = {
    "rnn": SimpleRNNSteps,
    "lstm": LSTMSteps,
    "gru": GRUSteps,
    "mingru": MinimalGRUSteps,
}
"""The steps by kind of cell."""

_NOTHING = np.zeros((0, 0), np.float32)


class CompiledLayer:
    """One recurrent layer, behind its dropout.

    Parameters
    ----------
    layer : RecurrentLayer
        The layer.
    dropout : LockedDropout
        What drops features of its inputs.
    buffers : Buffers
        Memory.
    name : str
        Prefix of the buffers' names.
    """

    def __init__(
        self, layer: RecurrentLayer, dropout: LockedDropout, buffers: Buffers, name: str
    ) -> None:
        self.cells = [cell for cell in layer.directions if isinstance(cell, Cell)]
        self.dropout, self.buffers, self.name = dropout, buffers, name
        self.directions = [
            STEPS[cell.kind](buffers, f"{name}, direction {i}")
            for i, cell in enumerate(self.cells)
        ]

    def forward(self, inputs: Array, rows: list[Rows], packed: PackedTexts) -> list[Array]:
        """Return the states of each direction, in the order in which it reads.

        Parameters
        ----------
        inputs : ndarray of float32 of shape (R, D)
            The distinct inputs.
        rows : list of ndarray of int32 of shape (S,)
            Row of the inputs that a place reads, in each direction.
        packed : PackedTexts
            The places.

        Returns
        -------
        list of ndarray of float32 of shape (S, H)
            The states.
        """
        self.n_inputs = inputs.shape[1]
        self.kept, self.scale = self.dropout.kept_features(self.n_inputs)
        # A feature that is dropped takes part in no product.
        self.inputs = self._empty("kept inputs", len(inputs), len(self.kept))
        take_columns(inputs, self.kept, np.float32(self.scale), self.inputs)
        states = []
        self.weights: list[tuple[Array, Array]] = []  # input matrix and intercept
        self.input_weights: list[Array] = []  # of the features that are kept
        for i, (cell, steps) in enumerate(zip(self.cells, self.directions, strict=True)):
            n_gates, n_hidden = steps.n_gates, len(cell.bias) // steps.n_gates
            n_units = n_gates * padded(n_hidden)
            projected = self._empty(f"projection {i}", len(inputs), n_units)
            self.input_weights.append(self._empty(f"weight {i}", n_units, len(self.kept)))
            self.weights.append((_numbers(cell.input_weight), _numbers(cell.bias)))
            project(
                *(self.inputs, self.kept, *self.weights[i]),
                *(n_gates, self.input_weights[i], self._empty("bias", n_units), projected),
            )
            matrix = cell.recurrent_weight
            recurrent = None if matrix is None else _numbers(matrix)
            states.append(steps.forward(projected, rows[i], packed, n_hidden, recurrent))
        return states

    def backward(
        self, grad_states: list[Array], with_inputs: bool = True
    ) -> tuple[Array | None, list[Array]]:
        """Return the gradients of the inputs and of the weights.

        Parameters
        ----------
        grad_states : list of ndarray of float32 of shape (S, H)
            Gradient of each direction's states.
        with_inputs : bool, default=True
            Whether the inputs' gradient is needed.

        Returns
        -------
        grad_inputs : ndarray of float32 of shape (R, D), or None
            Valid until the next batch.
        grad_weights : list of ndarray of float32
            In the order of the layer's parameters.
        """
        n_rows, n_kept = self.inputs.shape
        name, shape = f"{self.name}, grad of kept", (n_rows, padded(n_kept))
        grad_kept = self.buffers.zeros(name, *shape) if with_inputs else _NOTHING
        grad_weights: list[list[Array]] = []
        # What the last direction has kept is the newest in the processor's caches.
        for i in reversed(range(len(self.directions))):
            steps, kept = self.directions[i], self.input_weights[i]
            grad_projected = self._empty("grad of projection", n_rows, len(kept))
            recurrent = steps.backward(grad_states[i], grad_projected)
            of_kept = self._empty("grad of weight", len(kept), padded(n_kept))
            weight, bias = map(np.empty_like, self.weights[i])
            project_backward(
                *(grad_projected, self.inputs, self.kept, kept, steps.n_gates),
                *(of_kept, weight, bias, grad_kept),
            )
            grads = [weight, bias] if recurrent is None else [weight, recurrent, bias]
            grad_weights.insert(0, grads)
        in_order = list(chain.from_iterable(grad_weights))
        if not with_inputs:
            return None, in_order
        grad_inputs = self._empty("grad", n_rows, self.n_inputs)
        put_columns(grad_kept, self.kept, np.float32(self.scale), grad_inputs)
        return grad_inputs, in_order

    def _empty(self, what: str, *shape: int) -> Array:
        return self.buffers.empty(f"{self.name}, {what}", *shape)


def _numbers(tensor: Tensor) -> Array:
    """Return a tensor's numbers as an array in the same memory."""
    numbers: Array = tensor.detach().numpy()
    return numbers

"""One recurrent layer over packed texts, compiled by numba: dropout, projection, steps.

Axes: `R` rows of the layer's input, `D` its features, `S` places, `H` hidden units of a direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ..cells import Cell
from ..dropout import LockedDropout
from ..recurrent import RecurrentLayer
from .buffers import Buffers
from .compiler import compiled
from .matrix_product import padded, product
from .packed import PackedTexts
from .steps import STEPS, Array, Rows

__all__ = ["CompiledLayer"]


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
        _take_columns(inputs, self.kept, np.float32(self.scale), self.inputs)
        self.input_weights = [self._kept_weight(i, cell) for i, cell in enumerate(self.cells)]
        states = []
        for i, (cell, steps) in enumerate(zip(self.cells, self.directions, strict=True)):
            n_gates = len(cell.bias)
            projected = self._empty(f"projection {i}", len(inputs), padded(n_gates))
            product(self.inputs, self.input_weights[i].T, projected, _numbers(cell.bias))
            n_hidden, matrix = n_gates // steps.n_gates, cell.recurrent_weight
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
        grad_kept = self.buffers.zeros(f"{self.name}, grad of kept", n_rows, padded(n_kept))
        grad_weights = []
        for i, (steps, weight) in enumerate(zip(self.directions, self.input_weights, strict=True)):
            n_gates = len(weight)
            grad_projected = self._empty("grad of projection", n_rows, padded(n_gates))
            recurrent = steps.backward(grad_states[i], grad_projected)
            grad_projected = grad_projected[:, :n_gates]
            of_kept = self._empty("grad of weight", n_gates, padded(n_kept))
            product(grad_projected.T, self.inputs, of_kept)
            grad_weight = np.zeros((n_gates, self.n_inputs), np.float32)
            _put_columns(of_kept, self.kept, np.float32(1), grad_weight)
            grad_weights.append(grad_weight)
            grad_weights += [] if recurrent is None else [recurrent]
            grad_weights.append(_sum_rows(grad_projected))
            if with_inputs:
                of_inputs = self._empty("product", *grad_kept.shape)
                product(grad_projected, weight, of_inputs)
                grad_kept += of_inputs
        if not with_inputs:
            return None, grad_weights
        grad_inputs = self.buffers.zeros(f"{self.name}, grad", n_rows, self.n_inputs)
        _put_columns(grad_kept, self.kept, np.float32(self.scale), grad_inputs)
        return grad_inputs, grad_weights

    def _kept_weight(self, i: int, cell: Cell) -> Array:
        """Return the columns of an input matrix that are not dropped."""
        weight = self._empty(f"weight {i}", len(cell.bias), len(self.kept))
        _take_columns(_numbers(cell.input_weight), self.kept, np.float32(1), weight)
        return weight

    def _empty(self, what: str, *shape: int) -> Array:
        return self.buffers.empty(f"{self.name}, {what}", *shape)


def _numbers(tensor: Tensor) -> Array:
    """Return a tensor's numbers as an array in the same memory."""
    numbers: Array = tensor.detach().numpy()
    return numbers


@compiled
def _take_columns(rows: Array, columns: Any, scale: Any, kept: Array) -> None:
    """Fill (R, K) with some columns of (R, D), scaled."""
    for i in range(len(rows)):
        for j in range(len(columns)):
            kept[i, j] = rows[i, columns[j]] * scale


@compiled
def _put_columns(kept: Array, columns: Any, scale: Any, rows: Array) -> None:
    """Fill some columns of (R, D) with (R, K), scaled."""
    for i in range(len(rows)):
        for j in range(len(columns)):
            rows[i, columns[j]] = kept[i, j] * scale


@compiled
def _sum_rows(rows: Array) -> Array:
    total = np.zeros(rows.shape[1], np.float32)
    for i in range(len(rows)):
        for j in range(len(total)):
            total[j] += rows[i, j]
    return total

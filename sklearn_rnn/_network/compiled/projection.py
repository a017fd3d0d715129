"""The projection of a layer's inputs into the gates of one direction, compiled by numba.

Features that input dropout drops take part in no product: columns of the inputs, and of the
input matrix.

Axes: `R` rows of the inputs, `D` features, of which `K` are kept, `G` gates, `H` hidden units, `W`
these filled up to whole vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiler import compiled
from .matrix_product import accumulate_product, set_product

__all__ = ["project", "project_backward", "put_columns", "take_columns"]

Array = NDArray[np.float32]


@compiled
def take_columns(rows: Array, columns: Any, scale: Any, kept: Array) -> None:
    """Fill (R, K) with some columns of (R, D), scaled."""
    for i in range(len(rows)):
        for j in range(len(columns)):
            kept[i, j] = rows[i, columns[j]] * scale


@compiled
def put_columns(kept: Array, columns: Any, scale: Any, rows: Array) -> None:
    """Fill (R, D) with (R, K or more), scaled: some columns; the others with zeros."""
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            rows[i, j] = 0
        for j in range(len(columns)):
            rows[i, columns[j]] = kept[i, j] * scale


@compiled
def project(
    inputs: Array,
    columns: Any,
    weight: Array,
    bias: Array,
    n_gates: int,
    kept: Array,
    padded_bias: Array,
    projected: Array,
) -> None:
    """Fill (R, G * W) with the inputs' projections.

    Parameters
    ----------
    inputs : ndarray of shape (R, K)
        The features that are kept.
    columns : ndarray of int64 of shape (K,)
        Which these are.
    weight : ndarray of shape (G * H, D)
        The input matrix.
    bias : ndarray of shape (G * H,)
        The intercepts.
    n_gates : int
        Gates `G`.
    kept : ndarray of shape (G * W, K)
        Filled with the input matrix: the columns that are kept, and zeros between the gates.
    padded_bias : ndarray of shape (G * W,)
        Filled with the intercepts, and zeros between the gates.
    projected : ndarray of shape (R, G * W)
        Filled with inputs @ kept.T + padded_bias.
    """
    n_hidden, n_units = len(weight) // n_gates, len(kept) // n_gates
    kept[:] = 0
    padded_bias[:] = 0
    for gate in range(n_gates):
        for h in range(n_hidden):
            row, source = kept[gate * n_units + h], weight[gate * n_hidden + h]
            for j in range(len(columns)):
                row[j] = source[columns[j]]
            padded_bias[gate * n_units + h] = bias[gate * n_hidden + h]
    set_product(inputs, kept.T, padded_bias, projected)


@compiled
def project_backward(
    grad: Array,
    inputs: Array,
    columns: Any,
    kept: Array,
    n_gates: int,
    of_kept: Array,
    grad_weight: Array,
    grad_bias: Array,
    grad_inputs: Array,
) -> None:
    """Fill the gradients of the input matrix and the intercepts; add to that of the inputs.

    Parameters
    ----------
    grad : ndarray of shape (R, G * W)
        Gradient of the projections.
    inputs, columns, kept, n_gates : ndarray and int
        Those of `project`.
    of_kept : ndarray of shape (G * W, padded(K))
        Overwritten.
    grad_weight : ndarray of shape (G * H, D)
        Filled with the gradient of the input matrix.
    grad_bias : ndarray of shape (G * H,)
        Filled with the gradient of the intercepts.
    grad_inputs : ndarray of shape (R, padded(K)), or (0, 0)
        What the gradient of the inputs is added to; without rows, it is not computed.
    """
    n_hidden, n_units = len(grad_weight) // n_gates, len(kept) // n_gates
    of_kept[:] = 0
    accumulate_product(grad.T, inputs, of_kept)
    of_units = np.zeros(len(kept), np.float32)
    for i in range(len(grad)):
        row = grad[i]
        for j in range(len(row)):
            of_units[j] += row[j]
    grad_weight[:] = 0
    for gate in range(n_gates):
        for h in range(n_hidden):
            row, source = grad_weight[gate * n_hidden + h], of_kept[gate * n_units + h]
            for j in range(len(columns)):
                row[columns[j]] = source[j]
            grad_bias[gate * n_hidden + h] = of_units[gate * n_units + h]
    if len(grad_inputs):
        accumulate_product(grad, kept, grad_inputs)

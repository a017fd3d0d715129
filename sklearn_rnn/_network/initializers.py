"""Initial weights as in Keras, the lecture's framework, drawn from the caller's generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["dense", "glorot", "orthogonal"]


def dense(n_inputs: int, n_outputs: int, generator: torch.Generator) -> nn.Linear:
    """Return a dense layer with weights drawn by `glorot` and an intercept of zeros."""
    layer = nn.Linear(n_inputs, n_outputs, device="meta")  # draws no weights of torch's own
    layer.weight = nn.Parameter(glorot(n_outputs, n_inputs, generator))
    layer.bias = nn.Parameter(torch.zeros(n_outputs))
    return layer


def glorot(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Draw uniformly, with variance 2 / (rows + columns) (Glorot and Bengio, 2010)."""
    return nn.init.xavier_uniform_(torch.empty(n_rows, n_columns), generator=generator)


def orthogonal(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Draw a matrix with orthonormal columns, n_rows >= n_columns (Saxe et al., 2014).

    It preserves lengths. As in Keras, one matrix is drawn for all gates and cut into their
    blocks: together they preserve the length of a state, and each alone shortens it.
    """
    return nn.init.orthogonal_(torch.empty(n_rows, n_columns), generator=generator)

"""Initial weights, as in the lecture's framework, from a generator of the caller's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["dense", "embedding", "glorot", "orthogonal"]


def embedding(n_ids: int, n_dimensions: int, generator: torch.Generator) -> nn.Embedding:
    table = torch.empty(n_ids, n_dimensions).uniform_(-0.05, 0.05, generator=generator)
    table[0] = 0  # padding: never read, never learned
    return nn.Embedding(n_ids, n_dimensions, padding_idx=0, _weight=table)


def dense(n_inputs: int, n_outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(n_inputs, n_outputs, device="meta")  # torch's own weights are not drawn
    layer.weight = nn.Parameter(glorot(n_outputs, n_inputs, generator))
    layer.bias = nn.Parameter(torch.zeros(n_outputs))
    return layer


def glorot(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Draw uniformly with variance 2 / (rows + columns) (Glorot and Bengio, 2010)."""
    return nn.init.xavier_uniform_(torch.empty(n_rows, n_columns), generator=generator)


def orthogonal(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Draw a matrix whose columns are orthonormal: n_rows >= n_columns (Saxe et al., 2014).

    It keeps lengths. Of several gates it is cut into their blocks, so that all of them together
    keep lengths, and each alone makes a state shorter.
    """
    return nn.init.orthogonal_(torch.empty(n_rows, n_columns), generator=generator)

"""The embedding: ids to vectors, from a table with one row for each vocabulary entry."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Embedding"]


class Embedding(nn.Embedding):
    """torch's embedding, with an argument that says whether its gradient is sparse.

    Parameters
    ----------
    n_ids : int
        Rows `V` of the table.
    n_dimensions : int
        Size `D` of a vector.
    generator : torch.Generator
        Source of the initial vectors.
    """

    def __init__(self, n_ids: int, n_dimensions: int, generator: torch.Generator) -> None:
        table = torch.empty(n_ids, n_dimensions).uniform_(-0.05, 0.05, generator=generator)
        table[0] = 0  # padding: never read, never learned
        super().__init__(n_ids, n_dimensions, padding_idx=0, _weight=table)

    def forward(self, ids: Tensor, sparse_gradients: bool = False) -> Tensor:
        """Return the vectors of some ids: (...) -> (..., D).

        Parameters
        ----------
        ids : Tensor of int of shape (...)
            The ids.
        sparse_gradients : bool, default=False
            Whether the gradient of the table is a sparse tensor.

        Returns
        -------
        Tensor of shape (..., D)
            The vectors.
        """
        return F.embedding(ids, self.weight, self.padding_idx, sparse=sparse_gradients)

"""How weights follow their gradients: optimizers by name, and one of our own for tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

__all__ = ["OPTIMIZERS", "TableSGD"]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    # In one pass over the weights: most of them are the embedding's, and most of those idle.
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    # The constants of the lecture's framework; torch's own are 0.99 and 1e-8.
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.9, eps=1e-7),
    # Not fused: that one fails where a weight joins late, as a thawed embedding does.
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
"""Optimizers by the name that the parameter `optimizer` takes."""

_FULL_BATCH = 32
"""Texts from which on a table's step is a whole one; a single text must not turn the scale."""


class TableSGD:
    """Plain stochastic gradient descent on tables of which a batch reads a few rows.

    A step touches the rows that the batch holds, and no others. A row moves by as much as the
    texts that hold it ask for, so frequent rows move further than rare ones. Adam would move
    all of them alike.

    Parameters
    ----------
    tables : sequence of Tensor
        Weights whose gradients may be sparse. Those without gradient stay as they are.
    lr : float
        Learning rate.

    Attributes
    ----------
    param_groups : list of dict
        The learning rate, ``"lr"``, where torch's optimizers have it.
    """

    def __init__(self, tables: Sequence[Tensor], lr: float) -> None:
        self.tables = tables
        self.param_groups = [{"lr": lr}]

    @torch.no_grad()
    def follow(self, n_texts: int) -> None:
        """Take a step down the mean gradient of a batch, and forget that.

        Parameters
        ----------
        n_texts : int
            Texts in the batch.
        """
        rate = self.param_groups[0]["lr"] * min(1, n_texts / _FULL_BATCH)
        for table in self.tables:
            if table.grad is not None:
                table.add_(table.grad, alpha=-rate)
                table.grad = None

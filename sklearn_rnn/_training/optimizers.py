"""How weights follow their gradients: optimizers by name, and two of our own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

__all__ = ["FULL_BATCH", "OPTIMIZERS", "RMSprop", "TableOptimizer", "as_rate", "move_state_rows"]

_LARGEST = torch.finfo(torch.float32).max


def as_rate(rate: float) -> float:
    """Return a rate as float32 has it: torch refuses numbers beyond, with an error of its own.

    Parameters
    ----------
    rate : float
        Any number above 0, or an int of any size.

    Returns
    -------
    float
        The rate; infinite beyond float32, which training notices as soon as a weight is.
    """
    return float(rate) if rate <= _LARGEST else math.inf


class RMSprop(torch.optim.Optimizer):
    """RMSprop by the rule and with the constants of Keras, the lecture's framework.

    ``v = rho * v + (1 - rho) * gradient**2``, and a step of ``lr * gradient / sqrt(v + eps)``.
    torch's own divides by ``sqrt(v) + eps``. For small gradients that makes a large difference:
    a first one of 1e-5 moves a weight by `lr` / 30 here, and by 3 * `lr` there.

    Parameters
    ----------
    params : iterable of Tensor or dict
        Weights, or groups of weights, as everywhere in torch. Those without gradient stay as
        they are.
    lr : float, default=1e-3
        Learning rate.
    rho : float, default=0.9
        Share of the mean squared gradient that a step keeps; torch calls it ``alpha``.
    eps : float, default=1e-7
        Added to the mean squared gradient, under the root.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5, RMSprop: Divide the gradient by a running average
    of its recent magnitude".
    """

    def __init__(
        self, params: ParamsT, lr: float = 1e-3, rho: float = 0.9, eps: float = 1e-7
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move all weights down their gradients.

        Parameters
        ----------
        closure : callable, default=None
            Computes the gradients, and returns the loss.

        Returns
        -------
        object
            What `closure` returned.
        """
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad.to_dense(), group)
        return loss

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["square_avg"] = torch.zeros_like(weight)
        mean_square = state["square_avg"].mul_(group["rho"])
        mean_square.addcmul_(gradient, gradient, value=1 - group["rho"])
        weight.addcdiv_(
            gradient, (mean_square + group["eps"]).sqrt_(), value=-as_rate(group["lr"])
        )


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    # In one pass over the weights: most of them are the embedding's, and most of those idle.
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": RMSprop,
    # Not fused: that one fails where a weight joins late, as a thawed embedding does.
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
"""Optimizers by the name that the parameter `optimizer` takes."""

FULL_BATCH = 32
"""Texts from which on a table's step is a whole one; a single text must not turn the scale."""

_AT_REST = 0.01
"""Sum of squared gradients below which a row's steps are as long as its gradients."""

_NUMBERS_AT_ONCE = 2**22


class TableOptimizer:
    """Gradient descent on tables of which a batch reads a few rows, damped for busy rows.

    AdaGrad with one sum of squares for each row, which starts well above zero. So rare rows
    follow plain gradient descent: they move by as much as the few texts that hold them ask
    for, where Adam or AdaGrad would move them as far as any other. Rows that every batch
    holds, whose gradients add up over the batch, take ever smaller steps.

    A step touches the rows that the batch holds, and no others.

    Parameters
    ----------
    tables : sequence of Tensor
        Weights of shape (n_rows, n_columns), whose gradients may be sparse. Those without
        gradient stay as they are.
    rates : sequence of float
        Learning rate of each table.
    full_batch : int, default=32
        Texts from which on a step is a whole one. That of a batch of fewer texts is as much
        smaller, so that each text counts the same.

    Attributes
    ----------
    param_groups : list of dict
        The learning rate of each table, ``"lr"``, where torch's optimizers have it.
    sums : list of Tensor of shape (n_rows,)
        For each table, the sums of its rows' squared gradients.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization".
    """

    def __init__(
        self,
        sparse_parameters: Sequence[Tensor],
        rates: Sequence[float],
        full_batch: int = FULL_BATCH,
    ) -> None:
        self.sparse_parameters = sparse_parameters
        self.full_batch = full_batch
        self.param_groups = [{"lr": rate} for rate in rates]
        self.sums = [table.new_full((len(table),), _AT_REST) for table in sparse_parameters]

    def move_rows(self, table: Tensor, rows: Tensor) -> None:
        """Keep the sums of a table whose rows have moved, and which has got further ones.

        Parameters
        ----------
        table : Tensor of shape (n_rows, n_columns)
            One of the tables, as it is now.
        rows : Tensor of int64 of shape (previous n_rows,)
            The row in which each row is now.
        """
        place = next(i for i, each in enumerate(self.sparse_parameters) if each is table)
        self.sums[place] = _moved(self.sums[place], rows, len(table), fill=_AT_REST)

    @torch.no_grad()
    def step(self, n_texts: int) -> None:
        """Take a step down the mean gradient of a batch, and forget that.

        Parameters
        ----------
        n_texts : int
            Texts in the batch.
        """
        share = min(1, n_texts / self.full_batch)
        for table, sums, group in zip(
            self.sparse_parameters, self.sums, self.param_groups, strict=True
        ):
            if table.grad is not None:
                rows, gradients = _rows_of(table.grad)
                # Some rows at a time: of thousands of outputs, each copy is large.
                n_rows = max(1, _NUMBERS_AT_ONCE // max(1, gradients.shape[1]))
                for some, of_some in zip(rows.split(n_rows), gradients.split(n_rows), strict=True):
                    _step(table, sums, some, of_some, as_rate(share * group["lr"]))
                table.grad = None


def _step(table: Tensor, sums: Tensor, rows: Tensor, gradients: Tensor, rate: float) -> None:
    """Move some rows, each given once: (V, D), (V,), (n,), (n, D)."""
    sums.index_add_(0, rows, gradients.square().sum(dim=1))
    damping = (_AT_REST / sums[rows]).sqrt_()[:, None]
    table.index_add_(0, rows, gradients * damping, alpha=-rate)


def move_state_rows(optimizer: torch.optim.Optimizer, weight: Tensor, rows: Tensor) -> None:
    """Move what an optimizer keeps for each row of a weight that has got further rows.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer; what it keeps of further rows is 0.
    weight : Tensor of shape (n_rows, n_columns)
        The weight, as it is now.
    rows : Tensor of int64 of shape (previous n_rows,)
        The row in which each row of the weight is now.
    """
    state = optimizer.state.get(weight, {})
    for name, value in state.items():
        if isinstance(value, Tensor) and value.shape[:1] == rows.shape:
            state[name] = _moved(value, rows, len(weight), fill=0.0)


def _moved(table: Tensor, rows: Tensor, n_rows: int, fill: float) -> Tensor:
    """Return a table with more rows: (V, ...) -> (n_rows, ...)."""
    larger = table.new_full((n_rows, *table.shape[1:]), fill)
    larger[rows] = table
    return larger


def _rows_of(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return which rows have a gradient, each once, and theirs: (n,), (n, n_columns)."""
    if not gradient.is_sparse:
        return torch.arange(len(gradient), device=gradient.device), gradient
    # Not coalesce, which adds up in an order of its own: rows without weight change no bit.
    rows, places = gradient._indices()[0].unique(return_inverse=True)
    values = gradient._values()
    return rows, values.new_zeros(len(rows), values.shape[1]).index_add_(0, places, values)

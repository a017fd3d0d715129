"""Optimizers by name, and two that torch does not have: Keras's RMSprop, and one for tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from .._network.compilation import can_compile

if TYPE_CHECKING:
    from .compiled_steps import RowSteps

__all__ = ["FULL_BATCH", "OPTIMIZERS", "RMSprop", "TableOptimizer", "as_rate", "move_state_rows"]

_LARGEST = torch.finfo(torch.float32).max


def as_rate(rate: float) -> float:
    """Return a rate that torch accepts: it raises for numbers beyond float32.

    Parameters
    ----------
    rate : float
        Any number above 0, or an int of any size.

    Returns
    -------
    float
        The rate; beyond float32 infinity, which training notices once a weight is infinite.
    """
    return float(rate) if rate <= _LARGEST else math.inf


class RMSprop(torch.optim.Optimizer):
    """RMSprop with the rule and the constants of Keras, the lecture's framework.

    ``v = rho * v + (1 - rho) * gradient**2``, and a step of ``lr * gradient / sqrt(v + eps)``.
    torch's RMSprop divides by ``sqrt(v) + eps``. For small gradients the difference is large: a
    first one of 1e-5 moves a weight by `lr` / 30 here, and by 3 * `lr` there.

    Parameters
    ----------
    params : iterable of Tensor or dict
        Weights, or groups of weights, as everywhere in torch. Those without a gradient are
        not changed.
    lr : float, default=1e-3
        Learning rate.
    rho : float, default=0.9
        Decay of the mean squared gradient; torch calls it ``alpha``.
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
        """Take one step with all weights.

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
    # One pass over the weights: most of them are the embedding's, of which few have a gradient.
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": RMSprop,
    # Not fused: that fails for a weight that joins late, such as an unfrozen embedding.
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
"""The optimizers by the values of the parameter `optimizer`."""

FULL_BATCH = 32
"""Number of texts from which on a table's step is full: one text must not count as many."""

_INITIAL_SUM = 0.01
"""Initial sum of squares of each row: until gradients add up to it, steps are hardly damped."""

_NUMBERS_AT_ONCE = 2**22


class TableOptimizer:
    """Gradient descent on tables of which a batch reads a few rows, damped for frequent rows.

    AdaGrad with one sum of squares for each row, which starts well above zero. So rare rows
    get plain gradient descent: they move as far as the few texts that contain them move them,
    whereas Adam or AdaGrad would move them as far as any other. Rows that occur in every batch,
    whose gradients add up over its texts, take ever smaller steps.

    A step touches the rows that occur in the batch, and no others.

    Parameters
    ----------
    sparse_parameters : sequence of Tensor
        The tables: weights of shape (n_rows, n_columns), whose gradients may be sparse. Those
        without a gradient are not changed.
    rates : sequence of float
        Learning rate of each table.
    full_batch : int, default=32
        Number of texts from which on a step is a full one. With fewer it is proportionally
        smaller, so that each text counts the same.

    Attributes
    ----------
    param_groups : list of dict
        The learning rate of each table, as ``"lr"``, as in torch's optimizers.
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
        self.sums = [table.new_full((len(table),), _INITIAL_SUM) for table in sparse_parameters]
        self._row_steps: dict[int, RowSteps | None] = {}

    def move_rows(self, table: Tensor, rows: Tensor) -> None:
        """Move the sums of a table whose rows have moved, and which has new rows.

        Parameters
        ----------
        table : Tensor of shape (n_rows, n_columns)
            One of the tables, as it is now.
        rows : Tensor of int64 of shape (previous n_rows,)
            The new row of each previous row.
        """
        i = next(i for i, each in enumerate(self.sparse_parameters) if each is table)
        self.sums[i] = _move_rows(self.sums[i], rows, len(table), fill=_INITIAL_SUM)

    @torch.no_grad()
    def step(self, n_texts: int) -> None:
        """Take a step down the mean gradient of a batch, and discard the gradient.

        Parameters
        ----------
        n_texts : int
            Number of texts in the batch.
        """
        share = min(1, n_texts / self.full_batch)
        for i, (table, sums) in enumerate(zip(self.sparse_parameters, self.sums, strict=True)):
            if table.grad is None:
                continue
            rate = as_rate(share * self.param_groups[i]["lr"])
            compiled = self._compiled(i, table)
            if compiled is None:
                _step(table, sums, table.grad, rate)
            else:
                compiled.step(table, sums, table.grad, rate, _INITIAL_SUM)
            table.grad = None

    def _compiled(self, i: int, table: Tensor) -> RowSteps | None:
        """Return what takes steps with rows of a table in compiled code, where that can be."""
        gradient = table.grad
        if gradient is None or not gradient.is_sparse or not _can_be_compiled(table):
            return None
        steps = self._row_steps.get(i)
        if steps is None or steps.n_rows != len(table):
            steps = self._row_steps[i] = _row_steps(len(table))
        return steps


def _can_be_compiled(table: Tensor) -> bool:
    return table.dtype == torch.float32 and table.device.type == "cpu" and table.is_contiguous()


def _row_steps(n_rows: int) -> RowSteps | None:
    if not can_compile():
        return None
    from .compiled_steps import RowSteps

    return RowSteps(n_rows)


def _step(table: Tensor, sums: Tensor, gradient: Tensor, rate: float) -> None:
    """Take a step with the rows that have a gradient: (V, D), (V,), (V, D)."""
    rows, gradients = _rows_of(gradient)
    # Some rows at a time: with thousands of outputs, each copy is large.
    n_rows = max(1, _NUMBERS_AT_ONCE // max(1, gradients.shape[1]))
    for some, of_some in zip(rows.split(n_rows), gradients.split(n_rows), strict=True):
        _step_rows(table, sums, some, of_some, rate)


def _step_rows(table: Tensor, sums: Tensor, rows: Tensor, gradients: Tensor, rate: float) -> None:
    """Take a step with some rows, each given once: (V, D), (V,), (n,), (n, D)."""
    sums.index_add_(0, rows, gradients.square().sum(dim=1))
    damping = (_INITIAL_SUM / sums[rows]).sqrt_()[:, None]
    table.index_add_(0, rows, gradients * damping, alpha=-rate)


def move_state_rows(optimizer: torch.optim.Optimizer, weight: Tensor, rows: Tensor) -> None:
    """Move the state that an optimizer keeps for each row of a weight that has new rows.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer; its state of the new rows is 0.
    weight : Tensor of shape (n_rows, n_columns)
        The weight, as it is now.
    rows : Tensor of int64 of shape (previous n_rows,)
        The new row of each previous row.
    """
    state = optimizer.state.get(weight, {})
    for name, value in state.items():
        if isinstance(value, Tensor) and value.shape[:1] == rows.shape:
            state[name] = _move_rows(value, rows, len(weight), fill=0.0)


def _move_rows(table: Tensor, rows: Tensor, n_rows: int, fill: float) -> Tensor:
    """Return a larger table with the previous rows at their new places: (n_rows, ...)."""
    larger = table.new_full((n_rows, *table.shape[1:]), fill)
    larger[rows] = table
    return larger


def _rows_of(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows that have a gradient, each once, and their sums: (n,), (n, n_columns)."""
    if not gradient.is_sparse:
        return torch.arange(len(gradient), device=gradient.device), gradient
    # Not `coalesce`, which adds in an order of its own. In this one, rows of zeros change no bit.
    rows, inverse = gradient._indices()[0].unique(return_inverse=True)
    values = gradient._values()
    return rows, values.new_zeros(len(rows), values.shape[1]).index_add_(0, inverse, values)

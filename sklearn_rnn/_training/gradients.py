"""A training step in two halves of a batch, side by side in two threads where there are two.

Torch's own threads share out single operations, and those of a recurrent step are too small
for that. Half a batch is not. The halves are computed apart even where one thread has to do
both, so that the number of threads changes no bit of the result.

Where a layer's steps are not one call but many short ones (torch's GRU and SimpleRNN), threads
would wait for each other between them: such batches stay whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import reduce
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from .._data.batches import rounded
from .._network.network import BranchDropout, LockedDropout, RecurrentNetwork
from .._utils.threads import init_worker_thread

__all__ = [
    "Inputs",
    "Loss",
    "MicroBatch",
    "MicroBatchGradients",
    "draw_seed",
    "has_hooks",
    "trainable_parameters",
]

_DROPOUTS = (LockedDropout, BranchDropout)

Inputs = dict[str, Tensor]
Loss = Callable[[Tensor, Any, Inputs], Tensor]


class MicroBatch(NamedTuple):
    """What one half of a batch gives, or a smaller part."""

    logits: Tensor  # (N / 2, C)
    loss: Tensor  # its share of the batch's
    gradients: tuple[Tensor | None, ...]


class MicroBatchGradients:
    """Computes a network's gradients, batch by batch, half by half.

    Parameters
    ----------
    network : RecurrentNetwork
        The network; it is set to training.
    loss : callable
        Gives the mean loss of texts from logits, targets and inputs.
    n_threads : int
        With more than one, the second half is computed in a thread of its own.
    sparse : bool, default=False
        Leave the gradients of the tables sparse, for an optimizer that takes such.
    """

    def __init__(
        self, network: RecurrentNetwork, loss: Loss, n_threads: int, sparse: bool = False
    ) -> None:
        self.network = network.train()
        self.loss = loss
        self.sparse = sparse
        self.replica = _replica(network)
        self.dense = defaultdict[Tensor, DenseGradientBuffer](DenseGradientBuffer)
        self.helper = (
            ThreadPoolExecutor(1, initializer=init_worker_thread) if n_threads > 1 else None
        )

    def __enter__(self) -> Self:
        self._set_sparse(True)
        return self

    def __exit__(self, *_: object) -> None:
        self._set_sparse(False)
        if self.helper is not None:
            self.helper.shutdown()

    def _set_sparse(self, sparse: bool) -> None:
        for network in (self.network, self.replica):
            for part in (network.embedding, network.linear):
                if part is not None:
                    part.sparse = sparse

    def backward(self, inputs: Inputs, target: Any) -> tuple[Tensor, Tensor]:
        """Set the gradients of the network's parameters; return the logits and the loss."""
        weights = trainable_parameters(self.network)
        _sync_dropout_rates(self.replica, self.network)
        micro_batches = self._micro_batches(inputs, target)
        for weight, *gradients in zip(
            weights, *(micro_batch.gradients for micro_batch in micro_batches), strict=True
        ):
            weight.grad = self._sum(weight, [g for g in gradients if g is not None])
        logits = torch.cat([micro_batch.logits for micro_batch in micro_batches])
        return logits, torch.stack([micro_batch.loss for micro_batch in micro_batches]).sum()

    def _micro_batches(self, inputs: Inputs, target: Any) -> list[MicroBatch]:
        n_texts = len(target)
        self.replica.generator.manual_seed(draw_seed(self.network.generator))
        middle = (n_texts + 1) // 2 if self.network.is_fused else n_texts
        first = self.network, _part(inputs, slice(middle)), target[:middle], n_texts
        if middle == n_texts:
            return [self._micro_batch(*first)]
        second = self.replica, _part(inputs, slice(middle, None)), target[middle:], n_texts
        if self.helper is None:
            return [self._micro_batch(*first), self._micro_batch(*second)]
        later = self.helper.submit(self._micro_batch, *second)
        return [self._micro_batch(*first), later.result()]

    def _micro_batch(
        self, network: nn.Module, inputs: Inputs, target: Any, n_texts: int
    ) -> MicroBatch:
        """Compute some texts' logits, and their share of the loss of a batch of `n_texts`."""
        logits = network(**inputs)
        loss = self.loss(logits, target, inputs) * (len(logits) / n_texts)
        gradients = torch.autograd.grad(loss, trainable_parameters(network), allow_unused=True)
        return MicroBatch(logits.detach(), loss.detach(), gradients)

    def _sum(self, weight: Tensor, gradients: list[Tensor]) -> Tensor | None:
        if not gradients:
            return None
        if gradients[0].is_sparse:
            return (
                _concatenate_sparse(gradients)
                if self.sparse
                else self.dense[weight].sum(weight, gradients)
            )
        return reduce(torch.add, gradients)


def has_hooks(network: nn.Module) -> bool:
    """Return whether somebody listens to a network: they expect whole batches, in one thread."""
    return any(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        for module in network.modules()
    )


def trainable_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the weights that training changes."""
    return [weight for weight in network.parameters() if weight.requires_grad]


def _replica(network: RecurrentNetwork) -> RecurrentNetwork:
    """Return a network of the same weights that draws its dropout masks by itself."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return deepcopy(network, {**shared, id(network.generator): torch.Generator()})


def _sync_dropout_rates(twin: nn.Module, network: nn.Module) -> None:
    """Give the twin the rates of dropout that a callback may have changed."""
    for copied, module in zip(twin.modules(), network.modules(), strict=True):
        copied.training = module.training
        if isinstance(copied, _DROPOUTS) and isinstance(module, _DROPOUTS):
            copied.p = module.p


def draw_seed(generator: torch.Generator) -> int:
    """Draw the seed of another generator."""
    return int(torch.randint(2**62, (), generator=generator))


def _part(inputs: Inputs, texts: slice) -> Inputs:
    """Return some of the texts of a batch, cut at the longest of them."""
    part = {name: tensor[texts] for name, tensor in inputs.items()}
    n_steps = rounded(int(part["lengths"].max()))
    return {**part, "sequences": part["sequences"][:, :n_steps]}


def _concatenate_sparse(gradients: list[Tensor]) -> Tensor:
    """Return the sum of sparse gradients of a table: all their rows, one after the other."""
    rows = torch.cat([gradient._indices() for gradient in gradients], dim=1)
    values = torch.cat([gradient._values() for gradient in gradients])
    return torch.sparse_coo_tensor(rows, values, gradients[0].shape, check_invariants=False)


class DenseGradientBuffer:
    """The gradient of a table: one dense array, which stays.

    A new one for each half would take longer than the whole recurrence where words are many.
    """

    dense: Tensor | None = None

    def sum(self, table: Tensor, gradients: list[Tensor]) -> Tensor:
        """Add sparse gradients, of the tokens that the halves hold, into one: (V, D)."""
        dense = self.dense = torch.zeros_like(table) if self.dense is None else self.dense.zero_()
        for gradient in gradients:
            dense.index_add_(0, gradient._indices()[0], gradient._values())
        return dense

"""A training step shared out among processes: each computes the gradients of a part of a batch.

Then each has the gradients of all, adds them up in the same order, and takes the same step. Of two
processes each computes what would be one half of the batch in a single process, with the same
dropout masks: all three end with the same weights, to the last bit.

Gradients of tables travel as rows, one for each token of the batch, not as whole tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._data.batches import LengthSortedBatches
from .._network.network import RecurrentNetwork
from .gradients import (
    Inputs,
    Loss,
    MicroBatch,
    MicroBatchGradients,
    draw_seed,
    trainable_parameters,
)
from .processes import ProcessGroup

__all__ = ["DataParallelGradients", "gather_logits"]

_NOTHING = torch.empty(0)


class DataParallelGradients(MicroBatchGradients):
    """Computes a network's gradients, batch by batch, one part in each process.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, with the same weights and the same generator in each process.
    loss : callable
        Gives the mean loss of texts from logits, targets and inputs.
    processes : ProcessGroup
        Who computes.
    sparse : bool, default=False
        Leave the gradients of the tables sparse, for an optimizer that takes such.
    """

    def __init__(
        self, network: RecurrentNetwork, loss: Loss, processes: ProcessGroup, sparse: bool = False
    ) -> None:
        super().__init__(network, loss, n_threads=1, sparse=sparse)
        self.processes = processes

    def _micro_batches(self, inputs: Inputs, target: Any) -> list[MicroBatch]:
        """Compute the half of this process, whose inputs these are; return those of all."""
        n_texts, weights = len(target), trainable_parameters(self.network)
        micro_batch = self._own_micro_batch(inputs, target)
        state = self.network.generator.get_state() if self.processes.is_main else None
        messages = self.processes.all_gather([*_packed(micro_batch, weights), _as_numbers(state)])
        self.network.generator.set_state(_as_state(messages[0][-1]))
        parts = [self.processes.shard(n_texts, rank) for rank in range(self.processes.size)]
        return [
            _unpacked(message, part.stop - part.start, weights)
            for part, message in zip(parts, messages, strict=True)
            if part.stop > part.start
        ]

    def _own_micro_batch(self, inputs: Inputs, target: Any) -> MicroBatch | None:
        """Compute what is this process's; draw what all others draw, to stay in step."""
        rank, part = self.processes.rank, self.processes.shard(len(target))
        seeds = [draw_seed(self.network.generator) for _ in range(1, self.processes.size)]
        if part.stop == part.start:  # a small batch has no text for this one
            return None
        device = self.network.head.weight.device
        own = {name: tensor.to(device) for name, tensor in inputs.items()}
        if rank == 0:
            return self._micro_batch(self.network, own, target[part], len(target))
        self.replica.generator.manual_seed(seeds[rank - 1])
        return self._micro_batch(self.replica, own, target[part], len(target))


def gather_logits(
    infer: Callable[[Inputs], Tensor], batches: LengthSortedBatches, processes: ProcessGroup
) -> list[Tensor]:
    """Return the logits of each batch, of which each process computes every so many-th.

    Whole batches, not parts of each: as one process computes them, to the last bit.
    """
    own = [infer(batches[i][0]) for i in range(processes.rank, len(batches), processes.size)]
    n_rounds = -(-len(batches) // processes.size)
    messages = processes.all_gather(own + [_NOTHING] * (n_rounds - len(own)))
    in_order = [logits for of_round in zip(*messages, strict=True) for logits in of_round]
    sizes = np.diff(np.minimum(batches.starts, len(batches.order)))
    return [logits.view(n, -1) for logits, n in zip(in_order, sizes, strict=False)]


def _packed(micro_batch: MicroBatch | None, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return logits, loss, and for each weight its gradient's values and their rows, if any."""
    if micro_batch is None:
        return [_NOTHING] * (2 + 2 * len(weights))
    gradients = [part for gradient in micro_batch.gradients for part in _values_and_rows(gradient)]
    return [micro_batch.logits, micro_batch.loss, *gradients]


def _values_and_rows(gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    if gradient is None:
        return _NOTHING, _NOTHING
    if not gradient.is_sparse:
        return gradient, _NOTHING
    return gradient._values(), gradient._indices()[0].int().view(torch.float32)


def _unpacked(message: Sequence[Tensor], n_texts: int, weights: Sequence[Tensor]) -> MicroBatch:
    logits, loss, *parts = (part.to(weights[0].device) for part in message)
    gradients = [
        _gradient(weight, values, rows)
        for weight, values, rows in zip(weights, parts[0:-1:2], parts[1::2], strict=True)
    ]
    return MicroBatch(logits.view(n_texts, -1), loss[0], tuple(gradients))


def _gradient(weight: Tensor, values: Tensor, rows: Tensor) -> Tensor | None:
    if len(values) == 0:
        return None
    if len(rows) == 0:
        return values.view_as(weight)
    places = rows.view(torch.int32).long()[None]
    values = values.view(-1, *weight.shape[1:])
    return torch.sparse_coo_tensor(places, values, weight.shape, check_invariants=False)


def _as_numbers(state: Tensor | None) -> Tensor:
    """Return a generator's state as what travels: the same bits."""
    return _NOTHING if state is None else state.view(torch.float32)


def _as_state(numbers: Tensor) -> Tensor:
    return numbers.cpu().clone().view(torch.uint8)

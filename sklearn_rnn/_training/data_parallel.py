"""A training step shared by several processes: each computes the gradients of a shard of a batch.

Every process has the same network and takes the same batches in the same order. For each batch:

1. A process reads its own shard of the texts, and the targets of all.
2. It computes its micro-batch. The main process does so with the network, every other one with
   its replica (see `gradients.py`), whose masks come from a seed that all processes draw from the
   network's generator. So these generators stay in step, except for the masks of the main process.
3. It packs the results into a flat list of tensors, and receives the lists of all processes. With
   them the main process sends the state of its generator, from which all continue.
4. It unpacks all results, adds them up in the order of the processes, and takes the same step as
   every other process.

Two processes compute what are the two micro-batches in a single process, with the same dropout
masks: both end with the weights of that one, to the last bit. A batch that is too small to be cut
there is computed by the main process here.

The gradients of the embedding and the linear model are sent as rows, one for each token of the
batch, not as whole matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._data.batches import LengthSortedBatches
from .._network.network import RecurrentNetwork
from .gradients import (
    Loss,
    MicroBatch,
    MicroBatchGradients,
    NetworkInputs,
    draw_seed,
    is_small,
)
from .processes import ProcessGroup

__all__ = ["DataParallelGradients", "gather_logits", "shard_batch"]

_NOTHING = torch.empty(0)
"""Sent in place of what a process does not have."""


class DataParallelGradients(MicroBatchGradients):
    """Computes a network's gradients, each batch in one micro-batch for each process.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, with the same weights and the same generator in each process.
    loss : callable
        Returns the mean loss of texts from logits, targets and inputs.
    processes : ProcessGroup
        The processes.
    sparse : bool, default=False
        Leave the gradients of the network's `sparse_parameters` sparse, for an optimizer that
        takes such.
    """

    def __init__(
        self, network: RecurrentNetwork, loss: Loss, processes: ProcessGroup, sparse: bool = False
    ) -> None:
        super().__init__(network, loss, n_threads=1, sparse=sparse)
        self.processes = processes

    def _micro_batches(self, inputs: NetworkInputs, target: Any) -> list[MicroBatch]:
        """Compute the micro-batch of this process, whose inputs these are; return those of all."""
        # 1. happened in `ShuffledBuckets`, which reads only this process's shard.
        # 2. The micro-batch of this process.
        weights = self.trainable_parameters
        micro_batch = self._own_micro_batch(inputs, target)
        # 3. Exchange. The state of the main process's generator is the first tensor of its list.
        state = self.network.generator.get_state() if self.processes.is_main else None
        messages = self.processes.all_gather(
            [_state_as_floats(state), *_pack(micro_batch, weights)]
        )
        self.network.generator.set_state(_state_from_floats(messages[0][0]))
        # 4. The micro-batches of all processes that have one, in their order.
        n_outputs = self.network.head.out_features
        return [
            _unpack(packed, n_outputs, weights) for _, *packed in messages if len(packed[0]) > 0
        ]

    def _own_micro_batch(self, inputs: NetworkInputs, target: Any) -> MicroBatch | None:
        """Compute the shard of this process; draw the seeds of all, to stay in step."""
        rank, n_texts = self.processes.rank, len(target)
        seeds = [draw_seed(self.network.generator) for _ in range(1, self.processes.size)]
        n_own = len(inputs["lengths"])
        if n_own == 0:
            return None
        own_target = target if n_own == n_texts else target[self.processes.shard(n_texts)]
        device = self.network.head.weight.device
        own = {name: tensor.to(device) for name, tensor in inputs.items()}
        if rank == 0:
            return self._micro_batch(self.network, own, own_target, n_texts)
        self.replica.generator.manual_seed(seeds[rank - 1])
        return self._micro_batch(self.replica, own, own_target, n_texts)


def shard_batch(processes: ProcessGroup, lengths: NDArray[np.int64]) -> slice:
    """Return the texts of a batch that this process reads.

    Parameters
    ----------
    processes : ProcessGroup
        The processes.
    lengths : ndarray of int64 of shape (n_texts,)
        Number of tokens of each text.

    Returns
    -------
    slice
        Its shard; of a batch that is too small to be cut, the main process reads all.
    """
    n_texts = len(lengths)
    if is_small(lengths):
        return slice(n_texts if processes.is_main else 0)
    return processes.shard(n_texts)


def gather_logits(
    infer: Callable[[NetworkInputs], Tensor],
    batches: LengthSortedBatches,
    processes: ProcessGroup,
) -> list[Tensor]:
    """Return the logits of each batch, of which each of k processes computes every k-th.

    Batches are not sharded, so that the logits are those of a single process, to the last bit.
    """
    own = [infer(batches[i][0]) for i in range(processes.rank, len(batches), processes.size)]
    n_rounds = -(-len(batches) // processes.size)
    messages = processes.all_gather(own + [_NOTHING] * (n_rounds - len(own)))
    # Round by round, each process's batch of the round: the order of the batches, then fillers.
    in_order = [logits for of_round in zip(*messages, strict=True) for logits in of_round]
    sizes = np.diff(np.minimum(batches.starts, len(batches.order)))
    return [logits.view(n, -1) for logits, n in zip(in_order, sizes, strict=False)]


# ---- Messages: logits, loss, then two tensors for each weight -------------------------------


def _pack(micro_batch: MicroBatch | None, weights: Sequence[Tensor]) -> list[Tensor]:
    if micro_batch is None:
        return [_NOTHING] * (2 + 2 * len(weights))
    pairs = [_values_and_rows(gradient) for gradient in micro_batch.gradients]
    return [micro_batch.logits, micro_batch.loss, *chain.from_iterable(pairs)]


def _unpack(packed: Sequence[Tensor], n_outputs: int, weights: Sequence[Tensor]) -> MicroBatch:
    logits, loss, *rest = (tensor.to(weights[0].device) for tensor in packed)
    values, rows = rest[0::2], rest[1::2]  # as `_pack` alternates them
    gradients = (_gradient(*parts) for parts in zip(weights, values, rows, strict=True))
    return MicroBatch(logits.view(-1, n_outputs), loss[0], tuple(gradients))


def _values_and_rows(gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return a gradient's values, and the rows of a sparse one."""
    if gradient is None:
        return _NOTHING, _NOTHING
    if not gradient.is_sparse:
        return gradient, _NOTHING
    # Messages are float32. Row numbers travel as int32 reinterpreted, bit by bit; not converted,
    # which would round them. Nothing computes on them until `_gradient` turns them back.
    return gradient._values(), gradient._indices()[0].int().view(torch.float32)


def _gradient(weight: Tensor, values: Tensor, rows: Tensor) -> Tensor | None:
    """Return the gradient that `_values_and_rows` took apart."""
    if len(values) == 0:
        return None
    if len(rows) == 0:
        return values.view_as(weight)
    indices = rows.view(torch.int32).long()[None]
    values = values.view(-1, *weight.shape[1:])
    return torch.sparse_coo_tensor(indices, values, weight.shape, check_invariants=False)


def _state_as_floats(state: Tensor | None) -> Tensor:
    """Return a generator's state, which is bytes, reinterpreted as what messages contain."""
    return _NOTHING if state is None else state.view(torch.float32)


def _state_from_floats(floats: Tensor) -> Tensor:
    return floats.cpu().clone().view(torch.uint8)

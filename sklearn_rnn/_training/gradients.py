"""The gradients of a batch, computed in two micro-batches, in two threads if there are two.

Torch's own threads split single operations, and those of a recurrent step are too small for that.
Half a batch is large enough:

1. A batch is cut into two micro-batches, each as long as its own longest text. This is done even
   if a single thread has to compute both, so that the number of threads changes no bit.
2. The network computes the first, its replica the second. The replica is a second module with the
   same weight tensors, but with a generator of its own for dropout masks: with a shared one, the
   masks would depend on which thread is faster. It is seeded for each batch from the network's.
3. The mean loss of a micro-batch counts by its share of the batch's texts. So the gradients of
   both add up to those of the whole batch.
4. They are added in a fixed order. Those of the embedding and the linear model contain only the
   rows that the batch reads: they stay sparse, or are added to a dense tensor that is reused.

Some batches are a single micro-batch, as threads would wait for each other longer than they
compute: those of few tokens (`is_small`), and all if a layer's steps are many short calls instead
of a single one (any cell but an LSTM where nothing is compiled).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial, reduce
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._data.batches import rounded
from .._network.compilation import compiled_network, has_hooks
from .._network.dropout import BranchDropout, Dropout
from .._network.network import RecurrentNetwork
from .._utils.threads import init_worker_thread

__all__ = [
    "Loss",
    "MicroBatch",
    "MicroBatchGradients",
    "NetworkInputs",
    "draw_seed",
    "is_small",
]

_DROPOUTS = (Dropout, BranchDropout)

_FEW_TOKENS = 4_096
"""Tokens of a batch from which two threads are faster than one."""

NetworkInputs = dict[str, Tensor]
"""The inputs of a batch by name: sequences, lengths and, for the loss alone, sample_weight."""

Loss = Callable[[Tensor, Any, NetworkInputs], Tensor]


class MicroBatch(NamedTuple):
    """The results of one part of a batch."""

    logits: Tensor  # (n, C)
    loss: Tensor  # its share of the batch's loss
    gradients: tuple[Tensor | None, ...]  # of that share, one for each trainable parameter


class MicroBatchGradients:
    """Computes a network's gradients, each batch in two micro-batches.

    Parameters
    ----------
    network : RecurrentNetwork
        The network; it is set to training.
    loss : callable
        Returns the mean loss of texts from logits, targets and inputs.
    n_threads : int
        With more than one, the second micro-batch is computed in a thread of its own.
    sparse : bool, default=False
        Leave the gradients of the network's `sparse_parameters` sparse, for an optimizer that
        takes such.
    """

    def __init__(
        self, network: RecurrentNetwork, loss: Loss, n_threads: int, sparse: bool = False
    ) -> None:
        self.network = network.train()
        self.loss = loss
        self.sparse = sparse
        self.replica = _replica(network)
        self.parameters = list(network.parameters())
        self.modules = list(network.modules())
        self.replica_modules = list(self.replica.modules())
        # Compiled code would call no hook of the modules whose work it takes over.
        can_be_compiled = not has_hooks(network)
        by_numba = {
            each: compiled_network(each) if can_be_compiled else None
            for each in (network, self.replica)
        }
        self.is_cut = None not in by_numba.values() or network.is_fused_by_torch
        self.forward: dict[nn.Module, Callable[..., Tensor]] = {
            each: compiled or partial(each, sparse_gradients=True)
            for each, compiled in by_numba.items()
        }
        self.dense_gradients = defaultdict[Tensor, DenseGradient](DenseGradient)
        self.second_thread = (
            ThreadPoolExecutor(1, initializer=init_worker_thread) if n_threads > 1 else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.second_thread is not None:
            self.second_thread.shutdown()

    @property
    def trainable_parameters(self) -> list[nn.Parameter]:
        """The weights that training changes, those that are not frozen: of the replica, too."""
        return [weight for weight in self.parameters if weight.requires_grad]

    @property
    def is_training(self) -> bool:
        """Whether all of the network is in training mode."""
        return all(module.training for module in self.modules)

    def backward(self, inputs: NetworkInputs, target: Any) -> tuple[Tensor, Tensor]:
        """Set the gradients of the network's parameters; return the logits and the loss."""
        weights = self.trainable_parameters
        self._sync_dropout_rates()
        # 1.-3. in `_micro_batches`.
        micro_batches = self._micro_batches(inputs, target)
        # 4. In the order of the micro-batches, not in that in which threads are done.
        for weight, *gradients in zip(
            weights, *(micro_batch.gradients for micro_batch in micro_batches), strict=True
        ):
            weight.grad = self._sum(weight, [g for g in gradients if g is not None])
        logits = torch.cat([micro_batch.logits for micro_batch in micro_batches])
        return logits, torch.stack([micro_batch.loss for micro_batch in micro_batches]).sum()

    def _micro_batches(self, inputs: NetworkInputs, target: Any) -> list[MicroBatch]:
        # 1. Cut the batch in the middle.
        n_texts = len(target)
        is_whole = not self.is_cut or is_small(inputs["lengths"])
        middle = n_texts if is_whole else (n_texts + 1) // 2
        # 2. The network and its replica, each with masks from a generator of its own.
        self.replica.generator.manual_seed(draw_seed(self.network.generator))
        first = self.network, _select(inputs, slice(middle)), target[:middle], n_texts
        if middle == n_texts:
            return [self._micro_batch(*first)]
        second = self.replica, _select(inputs, slice(middle, None)), target[middle:], n_texts
        if self.second_thread is None:
            return [self._micro_batch(*first), self._micro_batch(*second)]
        later = self.second_thread.submit(self._micro_batch, *second)
        return [self._micro_batch(*first), later.result()]

    def _micro_batch(
        self, network: RecurrentNetwork, inputs: NetworkInputs, target: Any, n_texts: int
    ) -> MicroBatch:
        """Compute the results of some texts of a batch of `n_texts`."""
        logits = self.forward[network](sequences=inputs["sequences"], lengths=inputs["lengths"])
        # 3. The share of these texts in the mean over the batch.
        loss = self.loss(logits, target, inputs) * (len(logits) / n_texts)
        gradients = torch.autograd.grad(loss, self.trainable_parameters, allow_unused=True)
        return MicroBatch(logits.detach(), loss.detach(), gradients)

    def _sync_dropout_rates(self) -> None:
        """Copy modes and dropout rates to the replica: a callback may have changed them."""
        for copied, module in zip(self.replica_modules, self.modules, strict=True):
            if copied.training != module.training:
                copied.training = module.training
            if isinstance(copied, _DROPOUTS) and isinstance(module, _DROPOUTS):
                copied.p = module.p

    def _sum(self, weight: Tensor, gradients: list[Tensor]) -> Tensor | None:
        if not gradients:
            return None
        if not gradients[0].is_sparse:
            return reduce(torch.add, gradients)
        if self.sparse:
            return _concatenate_sparse(gradients)
        return self.dense_gradients[weight].sum(weight, gradients)


def is_small(lengths: Tensor | NDArray[np.int64]) -> bool:
    """Return whether a batch is too small to be cut, from the lengths of its texts (N,)."""
    return int(lengths.sum()) < _FEW_TOKENS


def _replica(network: RecurrentNetwork) -> RecurrentNetwork:
    """Return a network that shares all tensors, but draws from a generator of its own."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return deepcopy(network, {**shared, id(network.generator): torch.Generator()})


def draw_seed(generator: torch.Generator) -> int:
    """Draw the seed of another generator."""
    return int(torch.randint(2**62, (), generator=generator))


def _select(inputs: NetworkInputs, texts: slice) -> NetworkInputs:
    """Return some texts of a batch, trimmed to the longest of them."""
    selected = {name: tensor[texts] for name, tensor in inputs.items()}
    n_steps = rounded(int(selected["lengths"].max()))
    return {**selected, "sequences": selected["sequences"][:, :n_steps]}


def _concatenate_sparse(gradients: list[Tensor]) -> Tensor:
    """Return the sum of sparse gradients, not coalesced: the rows of each, one after the other."""
    rows = torch.cat([gradient._indices() for gradient in gradients], dim=1)
    values = torch.cat([gradient._values() for gradient in gradients])
    return torch.sparse_coo_tensor(rows, values, gradients[0].shape, check_invariants=False)


class DenseGradient:
    """A dense gradient of one sparse parameter, whose memory serves all batches.

    To allocate it for each micro-batch would take longer than the whole recurrence if the
    vocabulary is large.
    """

    buffer: Tensor | None = None

    def sum(self, weight: Tensor, gradients: list[Tensor]) -> Tensor:
        """Add sparse gradients, one row for each token, to zeros: (V, D)."""
        dense = torch.zeros_like(weight) if self.buffer is None else self.buffer.zero_()
        for gradient in gradients:
            dense.index_add_(0, gradient._indices()[0], gradient._values())
        self.buffer = dense
        return dense

"""Inference: a trained network on sequences, in batches of similar length, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._data.batches import LengthSortedBatches, SequenceDataset
from .._utils.threads import single_threaded_math, thread_map
from .compilation import compiled_network, has_hooks, idle_network, progress_line
from .network import RecurrentNetwork

__all__ = ["Answer", "read_in_batches"]

_COMPILED: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    RecurrentNetwork.forward: lambda compiled, **inputs: compiled.logits(**inputs),
    RecurrentNetwork.features: lambda compiled, **inputs: compiled.features(**inputs),
}
"""For methods of a network, those of a compiled one."""

Answer = Callable[[NDArray[np.float64]], NDArray[Any]]
"""From the network's outputs for some sequences, (n, ...), to what is kept of them, (n, ...)."""


def read_in_batches(
    network: RecurrentNetwork,
    read: Callable[..., Tensor],
    values: NDArray[Any],
    device: str,
    answer: Answer | None = None,
) -> NDArray[Any]:
    """Return the outputs of a method of the network for all sequences, in order: (N, ...).

    Nothing is written to the network: any number of threads may use it at a time.

    Parameters
    ----------
    network : RecurrentNetwork
        The network.
    read : callable
        The method, such as ``RecurrentNetwork.forward``: from sequences and lengths to outputs.
    values : ndarray of int of shape (N, T), or of float of shape (N, T, D)
        The sequences.
    device : str
        The device of the network.
    answer : callable, default=None
        From a batch's outputs, as float64, to what is kept of them, such as labels of logits:
        outputs may be thousands of numbers for each sequence. None keeps them.

    Returns
    -------
    ndarray of shape (N, ...)
        The answers; the outputs, in float32, if `answer` is None.

    Raises
    ------
    ValueError
        If outputs are not finite.
    """
    dataset = SequenceDataset(values)
    # Only torch computes in training mode, which draws masks, and only torch calls hooks.
    can_be_compiled = device == "cpu" and not network.training and not has_hooks(network)
    is_compiled = can_be_compiled and read in _COMPILED
    if is_compiled and len(values) == 1:
        with progress_line(), single_threaded_math(), idle_network(network) as compiled:
            if compiled is not None:
                return _finite(_COMPILED[read](compiled, **dataset[np.arange(1)][0]), answer)
    batches = LengthSortedBatches(dataset, n_outputs=network.logits_per_text)
    readers = _Readers(network, read, is_compiled)

    @torch.inference_mode()
    def answers_of(batch: Any) -> NDArray[Any]:
        tensors = {name: tensor.to(device) for name, tensor in batch[0].items()}
        return _finite(readers.of_this_thread(**tensors), answer)

    in_parallel = device == "cpu" and len(batches) > 1
    compiles = progress_line() if is_compiled else nullcontext()
    with compiles, single_threaded_math() as n_threads:
        by_batch = thread_map(answers_of, batches, n_threads if in_parallel else 1)
        return _in_order(by_batch, batches.order)


class _Readers:
    """What reads batches: the network itself, or a compiled one for each thread.

    A compiled network has memory that only one thread can use at a time.
    """

    def __init__(
        self, network: RecurrentNetwork, read: Callable[..., Tensor], is_compiled: bool
    ) -> None:
        self.network, self.read, self.is_compiled = network, read, is_compiled
        self.threads = threading.local()

    def of_this_thread(self, **inputs: Tensor) -> Tensor:
        """Return the outputs for a batch."""
        if self.is_compiled and not hasattr(self.threads, "compiled"):
            self.threads.compiled = compiled_network(self.network)
        compiled = getattr(self.threads, "compiled", None)
        if compiled is None:
            return self.read(self.network, **inputs)
        return _COMPILED[self.read](compiled, **inputs)


def _finite(outputs: Tensor, answer: Answer | None) -> NDArray[Any]:
    """Return what is kept of outputs, or raise if they are no numbers."""
    numbers = outputs.cpu().numpy()
    if not np.isfinite(numbers).all():
        raise ValueError(
            "The network's outputs are not finite: its weights, or the numbers in X, are too "
            "large. Scale X; a model from a file may have been altered."
        )
    return numbers if answer is None else answer(numbers.astype(np.float64))


def _in_order(by_batch: Iterator[NDArray[Any]], order: NDArray[np.intp]) -> NDArray[Any]:
    """Return the answers of all batches in one array, which is filled as they come in."""
    start, answers = 0, np.empty(0, np.float32)
    for rows in by_batch:
        if not start:
            answers = np.empty((len(order), *rows.shape[1:]), rows.dtype)
        answers[order[start : start + len(rows)]] = rows
        start += len(rows)
    return answers

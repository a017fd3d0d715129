"""A trained network on sequences: in batches without padding, in threads, back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._data.batches import LengthSortedBatches, SequenceDataset
from .._utils.threads import single_threaded_math, thread_map
from .network import RecurrentNetwork

__all__ = ["Answer", "read_in_batches"]

Answer = Callable[[NDArray[np.float64]], NDArray[Any]]
"""From the numbers of some sequences, (n, ...), to what is kept of them, (n, ...)."""


def read_in_batches(
    network: RecurrentNetwork,
    read: Callable[..., Tensor],
    values: NDArray[Any],
    device: str,
    answer: Answer | None = None,
) -> NDArray[Any]:
    """Return what a method of the network makes of each sequence, in their order: (N, ...).

    Nothing is written to the network: any number of threads may read at a time.

    Parameters
    ----------
    network : RecurrentNetwork
        The network.
    read : callable
        One of its methods, which gives numbers for sequences.
    values : ndarray of int of shape (N, T), or of float of shape (N, T, D)
        The sequences.
    device : str
        Where the network is.
    answer : callable, default=None
        What is kept of each batch, such as labels of logits: the numbers themselves go, which
        may be thousands for each sequence. None keeps them.

    Returns
    -------
    ndarray of shape (N, ...)
        The answers; float32 where the numbers are kept.

    Raises
    ------
    ValueError
        If the network gives numbers that are not finite.
    """
    batches = LengthSortedBatches(SequenceDataset(values), n_outputs=network.numbers_per_text)

    @torch.inference_mode()
    def answers_of(batch: Any) -> NDArray[Any]:
        tensors = {name: tensor.to(device) for name, tensor in batch[0].items()}
        numbers = read(network, **tensors).cpu().numpy()
        if not np.isfinite(numbers).all():
            raise ValueError(
                "The network's outputs are not finite: its weights, or the numbers in X, are too "
                "large. Scale X; a model from a file may have been altered."
            )
        return numbers if answer is None else answer(numbers.astype(np.float64))

    in_parallel = device == "cpu" and len(batches) > 1
    with single_threaded_math() as n_threads:
        parts = thread_map(answers_of, batches, n_threads if in_parallel else 1)
        return _in_order(parts, batches.order)


def _in_order(parts: Iterator[NDArray[Any]], order: NDArray[np.intp]) -> NDArray[Any]:
    """Return the parts as one array, each row in its place; no second array of all is made."""
    start, answers = 0, np.empty(0, np.float32)
    for part in parts:
        if not start:
            answers = np.empty((len(order), *part.shape[1:]), part.dtype)
        answers[order[start : start + len(part)]] = part
        start += len(part)
    return answers

"""Inference: a trained network on sequences, in batches of similar length, in threads."""

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
    batches = LengthSortedBatches(SequenceDataset(values), n_outputs=network.logits_per_text)

    @torch.inference_mode()
    def answers_of(batch: Any) -> NDArray[Any]:
        tensors = {name: tensor.to(device) for name, tensor in batch[0].items()}
        outputs = read(network, **tensors).cpu().numpy()
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The network's outputs are not finite: its weights, or the numbers in X, are too "
                "large. Scale X; a model from a file may have been altered."
            )
        return outputs if answer is None else answer(outputs.astype(np.float64))

    in_parallel = device == "cpu" and len(batches) > 1
    with single_threaded_math() as n_threads:
        by_batch = thread_map(answers_of, batches, n_threads if in_parallel else 1)
        return _in_order(by_batch, batches.order)


def _in_order(by_batch: Iterator[NDArray[Any]], order: NDArray[np.intp]) -> NDArray[Any]:
    """Return the answers of all batches in one array, which is filled as they come in."""
    start, answers = 0, np.empty(0, np.float32)
    for rows in by_batch:
        if not start:
            answers = np.empty((len(order), *rows.shape[1:]), rows.dtype)
        answers[order[start : start + len(rows)]] = rows
        start += len(rows)
    return answers

"""A trained network on sequences: in batches without padding, in threads, back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._runtime import in_threads, steady_arithmetic
from .batching import LengthSortedBatches, SequenceDataset
from .modules import RecurrentNetwork

__all__ = ["read_in_batches"]


def read_in_batches(
    network: RecurrentNetwork, read: Callable[..., Tensor], values: NDArray[Any], device: str
) -> NDArray[np.float32]:
    """Return what a method of the network makes of each sequence, in their order: (N, ...).

    Nothing is written to the network: any number of threads may read at a time.
    """
    batches = LengthSortedBatches(SequenceDataset(values))

    @torch.inference_mode()
    def outputs_of(batch: Any) -> Tensor:
        tensors = {name: tensor.to(device) for name, tensor in batch[0].items()}
        return read(network, **tensors).cpu()

    in_parallel = device == "cpu" and len(batches) > 1
    with steady_arithmetic() as n_threads:
        parts = in_threads(outputs_of, batches, n_threads if in_parallel else 1)
        return _in_order(parts, batches.order)


def _in_order(parts: Iterator[Tensor], order: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the parts as one array, each row in its place; no second array of all is made."""
    start, outputs = 0, np.empty(0, np.float32)
    for part in parts:
        if not start:
            outputs = np.empty((len(order), *part.shape[1:]), np.float32)
        outputs[order[start : start + len(part)]] = part.numpy()
        start += len(part)
    return outputs

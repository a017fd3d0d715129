"""How much a network's output depends on each step of a text, by gradients.

Axes: `N` texts, `T` steps, `D` vector dimensions, `H` hidden units, `K` outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from .._data.batches import LengthSortedBatches, SequenceDataset
from .._network.network import RecurrentNetwork
from .._utils.threads import single_threaded_math

__all__ = ["OUTPUTS", "jacobian_norms", "norms_by_distance"]

Output = Callable[[RecurrentNetwork, Tensor, Tensor], Tensor]
"""From a network, vectors (T, N, D) and lengths (N,) to what is differentiated (N, K)."""


def _final_state(network: RecurrentNetwork, vectors: Tensor, lengths: Tensor) -> Tensor:
    """Return the forward state after the last token, of the last layer: (N, H)."""
    states = network.states(vectors, lengths)  # (T, N, H), forward ones first
    layer = network.layers[-1]
    n_hidden = layer.n_states // len(layer.directions)  # type: ignore[arg-type, operator]
    texts = torch.arange(len(lengths), device=lengths.device)
    return states[lengths - 1, texts, :n_hidden]


OUTPUTS: dict[str, Output] = {
    "state": _final_state,
    "logit": RecurrentNetwork.recurrent_logits,
}
"""What is differentiated, by the values of the parameter `of`."""


def jacobian_norms(
    network: RecurrentNetwork, output: Output, sequences: Tensor, lengths: Tensor
) -> Tensor:
    """Return the norm of d output / d input of each step: (N, T) or (N, T, D) -> (N, T).

    The Frobenius norm of a K x D matrix, with one backward pass for each of the K outputs.
    """
    vectors = network.embed(sequences).detach().requires_grad_()  # (T, N, D)
    outputs = output(network, vectors, lengths)  # (N, K)
    squares = torch.zeros(vectors.shape[:2], device=vectors.device, dtype=vectors.dtype)
    for summed in outputs.sum(dim=0):  # over texts, which do not influence each other
        (gradient,) = torch.autograd.grad(summed, vectors, retain_graph=True)
        squares += gradient.square().sum(dim=2)
    return squares.sqrt().T


def norms_by_distance(
    network: RecurrentNetwork, output: Output, values: NDArray[Any], device: str, verbose: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean norm at each distance from the end, and the number of texts that long."""
    dataset = SequenceDataset(values)
    totals = np.zeros(int(dataset.lengths.max()))
    n_texts = np.zeros(len(totals), np.int64)
    with single_threaded_math():
        for inputs, _ in tqdm(LengthSortedBatches(dataset), unit="batch", disable=not verbose):
            tensors = (inputs["sequences"].to(device), inputs["lengths"].to(device))
            norms = jacobian_norms(network, output, *tensors).cpu().double().numpy()
            for row, length in zip(norms, inputs["lengths"].tolist(), strict=True):
                totals[:length] += row[:length][::-1]
                n_texts[:length] += 1
    return totals / n_texts, n_texts

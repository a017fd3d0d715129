"""What each token adds to a logit of a trained network.

Axes: `N` texts, `T` tokens, `D` vector dimensions, `C` outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor
from tqdm.auto import tqdm

from .._data.batches import LengthSortedBatches, SequenceDataset
from .._network.network import RecurrentNetwork
from .._utils.threads import single_threaded_math
from ..sequences import UNKNOWN

__all__ = ["METHODS", "Attribute", "attribute_in_batches"]

Attribute = Callable[[RecurrentNetwork, Tensor, Tensor, Tensor], Tensor]

_PIECES, _POINTS = 4, 8
"""Pieces of the way from unknown tokens to the text, and where gradients are taken in each."""

_MOST_HALVINGS, _MOST_PIECES = 16, 64
"""How often a piece is halved, and how many pieces of a text may wait for it."""

_AIM, _PROMISE = 0.002, 0.01
"""How far the sum may be from the difference of the logits, as a share of it."""

_SMALLEST = 0.1
"""Differences below this one count as this one."""

_ROWS_AT_ONCE = 128


def integrated_gradients(
    network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor
) -> Tensor:
    """Return the integral of the gradient, from unknown tokens to those of the text: (N, T).

    Along the vectors of the recurrent layers' tokens; what the linear model sums is shared out
    as it is.
    """
    gap = _gap(network, ids, lengths, columns)
    scale = gap.abs().clamp(min=_SMALLEST)
    way = _Way(network, ids, lengths, columns)
    token_contributions = _linear_shares(network, ids, columns) + _integral(way, scale)
    _check((token_contributions.sum(dim=1) - gap).abs() / scale)
    return token_contributions


def occlusion(network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor) -> Tensor:
    """Return how far the logit falls where a token is read as unknown: (N, T)."""
    method = _captum("FeatureAblation")(lambda ids, lengths: network(ids, lengths))
    token_contributions: Tensor = method.attribute(
        ids, baselines=UNKNOWN, target=columns, additional_forward_args=(lengths,)
    )
    return token_contributions


METHODS: dict[str, Attribute] = {
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}


def attribute_in_batches(
    network: RecurrentNetwork,
    method: Attribute,
    values: NDArray[Any],
    columns: NDArray[np.intp],
    device: str,
    batch_size: int,
    verbose: bool,
) -> list[NDArray[np.float64]]:
    """Return what each token adds to its text's logit, text by text, in their order."""
    dataset = SequenceDataset(values)
    order = LengthSortedBatches(dataset).order  # of similar length: little is computed in vain
    token_contributions: list[NDArray[np.float64]] = [np.empty(0)] * len(order)
    with single_threaded_math(), tqdm(total=len(order), unit="text", disable=not verbose) as bar:
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            inputs, _ = dataset[places]
            tensors = (inputs["sequences"], inputs["lengths"], torch.from_numpy(columns[places]))
            found = method(network, *(tensor.to(device) for tensor in tensors))
            for place, row in zip(places, found.detach().cpu().double().numpy(), strict=True):
                token_contributions[place] = row[: np.count_nonzero(values[place])].copy()
            bar.update(len(places))
    return token_contributions


class _Way:
    """The straight way from unknown tokens (0) to a text's (1), and the logit along it."""

    def __init__(
        self, network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor
    ) -> None:
        self.network, self.lengths, self.columns = network, lengths, columns
        unknown = torch.full_like(ids, UNKNOWN)
        start, end = (network.embed(tokens).transpose(0, 1) for tokens in (unknown, ids))
        self.start, self.path = start.detach(), (end - start).detach()  # (N, T, D)
        self.method = _captum("IntegratedGradients")(self._read)

    def __len__(self) -> int:
        return len(self.lengths)

    @torch.no_grad()
    def logits(self, texts: Tensor, places: Tensor) -> Tensor:
        """Return the logit of each text at its place: (S,), (S,) -> (S,)."""
        parts = [
            self._read(self._point(some, place), self.lengths[some])
            .gather(1, self.columns[some, None])
            .squeeze(1)
            for some, place in self._in_parts(texts, places)
        ]
        return torch.cat(parts)

    def integral(self, texts: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Return the gradient's integral over a piece of the way: (S,) three times -> (S, T)."""
        parts = [
            self.method.attribute(
                self._point(some, end),
                self._point(some, start),
                target=self.columns[some],
                additional_forward_args=(self.lengths[some],),
                n_steps=_POINTS,
                internal_batch_size=_ROWS_AT_ONCE,
            ).sum(dim=2)
            for some, start, end in self._in_parts(texts, low, high)
        ]
        return torch.cat(parts)

    def _point(self, texts: Tensor, places: Tensor) -> Tensor:
        return self.start[texts] + places[:, None, None] * self.path[texts]

    def _read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the recurrent layers' part of the logits: (N, T, D) -> (N, C)."""
        logits = self.network.recurrent_logits(vectors.transpose(0, 1), lengths)
        whole = self.network.linear is None
        return logits if whole else self.network.branch_dropout(logits)[0] * logits

    def _in_parts(self, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(tensor.split(_ROWS_AT_ONCE) for tensor in tensors), strict=True)


def _integral(way: _Way, scale: Tensor) -> Tensor:
    """Return the integrated gradients of the recurrent layers: (N, T).

    Where the logit jumps, points that are evenly spread miss it. But over each piece of the way
    the gradients must add up to the logit's change: where they do not, the piece is halved.
    """
    texts = torch.arange(len(way), device=scale.device).repeat_interleave(_PIECES)
    low = torch.arange(_PIECES, device=scale.device).repeat(len(way)) / _PIECES
    high = low + 1 / _PIECES
    before, after = way.logits(texts, low), way.logits(texts, high)
    total = torch.zeros(way.path.shape[:2], device=scale.device)
    for halvings in range(_MOST_HALVINGS + 1):
        found = way.integral(texts, low, high)
        allowed = _AIM * scale[texts] * (high - low).clamp(min=1 / _MOST_PIECES)
        missed = (found.sum(dim=1) - (after - before)).abs() > allowed
        if halvings == _MOST_HALVINGS or missed.sum() > _MOST_PIECES * len(way):
            missed[:] = False
        total.index_add_(0, texts[~missed], found[~missed])
        texts, low, high, before, after = (
            ends[missed] for ends in (texts, low, high, before, after)
        )
        if not len(texts):
            break
        middle = (low + high) / 2
        between = way.logits(texts, middle)
        texts = texts.repeat(2)
        low, high = torch.cat([low, middle]), torch.cat([middle, high])
        before, after = torch.cat([before, between]), torch.cat([between, after])
    return total


@torch.no_grad()
def _linear_shares(network: RecurrentNetwork, ids: Tensor, columns: Tensor) -> Tensor:
    """Return what each token adds to the linear model's logit: (N, T) -> (N, T)."""
    if network.linear is None:
        return torch.zeros(ids.shape, device=ids.device)
    token_contributions = network.linear.token_contributions(ids)  # (N, T, C)
    return token_contributions.gather(2, columns[:, None, None].expand(*ids.shape, 1))[..., 0]


@torch.no_grad()
def _gap(network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor) -> Tensor:
    """Return the logits of the texts, less those of as many unknown tokens: (N,)."""
    gap = network(ids, lengths) - network(torch.full_like(ids, UNKNOWN), lengths)
    logits: Tensor = gap.gather(1, columns[:, None])[:, 0]
    return logits


def _check(misses: Tensor) -> None:
    """Warn where pieces as small as they get do not add up."""
    n_missed = int((misses > _PROMISE).sum())
    if n_missed:
        warnings.warn(
            f"token_attributions: the values of {n_missed} texts add up to the difference of the "
            f"logits only to within {misses.max():.1%}: the logit jumps on the way to them.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _captum(name: str) -> Any:
    try:
        return getattr(import_module("captum.attr"), name)
    except ImportError as error:
        raise ImportError(
            'token_attributions needs captum: pip install "sklearn-rnn[inspection]".'
        ) from error

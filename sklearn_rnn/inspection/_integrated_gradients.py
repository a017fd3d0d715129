"""What each token adds to a logit of a trained network: integrated gradients, and occlusion.

Integrated gradients compare a text with a baseline of as many unknown tokens. On the straight path
from the baseline's vectors to the text's, the logit changes step by step, and each step's change
is the sum of what the single tokens contribute: gradient times step. Summed over the path, the
contributions add up to the difference of the two logits, exactly if the steps are small enough.

They often are not: along the path a recurrent network's logit may jump. So the path is integrated
piece by piece, and pieces are halved where needed:

1. Cut the path of each text into a few pieces of equal length.
2. Integrate the gradient over each piece, by captum, at a fixed number of points.
3. Over a piece, too, the contributions must add up to the change of the logit, which is known
   without gradients. Where they do, within a tolerance, they count.
4. Where they do not, halve the piece and go on with step 2: until all pieces are done, or none
   may be halved any further. Then what is left counts as it is, and the user is warned.

Only the recurrent layers are integrated. The linear model's logit is a sum over tokens already.

Axes: `N` texts, `T` tokens, `D` vector dimensions, `C` outputs, `P` pieces of paths.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

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

_N_PIECES = 4
"""Pieces that the path from the unknown tokens to the text is cut into at first."""

_N_POINTS = 8
"""Points of a piece at which the gradient is taken."""

_MAX_HALVINGS = 16
"""How often a piece may be halved."""

_MAX_PIECES = 64
"""Pieces per text that may have to be halved at a time."""

_TOLERANCE = 0.002
"""Error of the sum below which pieces are not halved, as a share of the logits' difference."""

_DOCUMENTED_ERROR = 0.01
"""Error of the sum that `token_attributions` promises, in the same unit: beyond it, it warns."""

_MIN_SCALE = 0.1
"""Differences of logits below this one count as this one, as scale of the errors."""

_ROWS_AT_ONCE = 128
"""Texts that the network reads at a time."""


def integrated_gradients(
    network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor
) -> Tensor:
    """Return the integral of the gradient, from unknown tokens to those of the text: (N, T)."""
    difference = _logit_difference(network, ids, lengths, columns)
    scale = difference.abs().clamp(min=_MIN_SCALE)
    path = _StraightPath(network, ids, lengths, columns)
    contributions = _linear_contributions(network, ids, columns) + _integrate(path, scale)
    _warn_if_inexact((contributions.sum(dim=1) - difference).abs() / scale)
    return contributions


def occlusion(network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor) -> Tensor:
    """Return how far the logit falls if a token is read as unknown: (N, T)."""
    method = _captum("FeatureAblation")(lambda ids, lengths: network(ids, lengths))
    contributions: Tensor = method.attribute(
        ids, baselines=UNKNOWN, target=columns, additional_forward_args=(lengths,)
    )
    return contributions


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
    order = LengthSortedBatches(dataset).order  # similar lengths together: little padding
    contributions: list[NDArray[np.float64]] = [np.empty(0)] * len(order)
    with single_threaded_math(), tqdm(total=len(order), unit="text", disable=not verbose) as bar:
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            inputs, _ = dataset[indices]
            tensors = (inputs["sequences"], inputs["lengths"], torch.from_numpy(columns[indices]))
            of_batch = method(network, *(tensor.to(device) for tensor in tensors))
            for i, row in zip(indices, of_batch.detach().cpu().double().numpy(), strict=True):
                contributions[i] = row[: np.count_nonzero(values[i])].copy()
            bar.update(len(indices))
    return contributions


class _StraightPath:
    """The path of each text, from unknown tokens (position 0) to its own (1), and its logits."""

    def __init__(
        self, network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor
    ) -> None:
        self.network, self.lengths, self.columns = network, lengths, columns
        unknown = torch.full_like(ids, UNKNOWN)
        start, end = (network.embed(tokens).transpose(0, 1) for tokens in (unknown, ids))
        self.start, self.direction = start.detach(), (end - start).detach()  # (N, T, D)
        self.method = _captum("IntegratedGradients")(self._recurrent_logits)

    def __len__(self) -> int:
        return len(self.lengths)

    @torch.no_grad()
    def logits(self, texts: Tensor, positions: Tensor) -> Tensor:
        """Return the logit of each text at its position: (P,), (P,) -> (P,)."""
        parts = [
            self._recurrent_logits(self._vectors(some, position), self.lengths[some])
            .gather(1, self.columns[some, None])
            .squeeze(1)
            for some, position in _row_chunks(texts, positions)
        ]
        return torch.cat(parts)

    def integrals(self, texts: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """Return the gradient's integral over pieces: (P,) three times -> (P, T)."""
        parts = [
            self.method.attribute(
                self._vectors(some, end),
                self._vectors(some, start),
                target=self.columns[some],
                additional_forward_args=(self.lengths[some],),
                n_steps=_N_POINTS,
                internal_batch_size=_ROWS_AT_ONCE,
            ).sum(dim=2)
            for some, start, end in _row_chunks(texts, starts, ends)
        ]
        return torch.cat(parts)

    def _vectors(self, texts: Tensor, positions: Tensor) -> Tensor:
        return self.start[texts] + positions[:, None, None] * self.direction[texts]

    def _recurrent_logits(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the recurrent layers' part of the logits: (N, T, D) -> (N, C)."""
        logits = self.network.recurrent_logits(vectors.transpose(0, 1), lengths)
        if self.network.linear is None:
            return logits
        return self.network.branch_dropout(logits)[0] * logits


def _row_chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(tensor.split(_ROWS_AT_ONCE) for tensor in tensors), strict=True)


class _Pieces(NamedTuple):
    """Pieces of the paths of some texts, each tensor of shape (P,)."""

    texts: Tensor  # whose path it is a piece of
    starts: Tensor  # position on the path
    ends: Tensor
    logits_at_start: Tensor
    logits_at_end: Tensor

    def select(self, mask: Tensor) -> _Pieces:
        return _Pieces(*(tensor[mask] for tensor in self))

    def halve(self, path: _StraightPath) -> _Pieces:
        """Return the first halves of all pieces, then the second ones."""
        middle = (self.starts + self.ends) / 2
        logits = path.logits(self.texts, middle)
        first = self._replace(ends=middle, logits_at_end=logits)
        second = self._replace(starts=middle, logits_at_start=logits)
        return _Pieces(*map(torch.cat, zip(first, second, strict=True)))


def _first_pieces(path: _StraightPath, device: torch.device) -> _Pieces:
    texts = torch.arange(len(path), device=device).repeat_interleave(_N_PIECES)
    starts = torch.arange(_N_PIECES, device=device).repeat(len(path)) / _N_PIECES
    ends = starts + 1 / _N_PIECES
    return _Pieces(texts, starts, ends, path.logits(texts, starts), path.logits(texts, ends))


def _integrate(path: _StraightPath, scale: Tensor) -> Tensor:
    """Return the integrated gradients of the recurrent layers: (N, T)."""
    total = torch.zeros(path.direction.shape[:2], device=scale.device)
    pieces = _first_pieces(path, scale.device)  # 1.
    for n_halvings in range(_MAX_HALVINGS + 1):
        # 2. Integrate over all pieces that are left.
        texts, starts, ends = pieces[:3]
        integrals = path.integrals(texts, starts, ends)  # (P, T)
        # 3. The shorter a piece, the smaller its part of the tolerance.
        changes = pieces.logits_at_end - pieces.logits_at_start
        allowed = _TOLERANCE * scale[texts] * (ends - starts).clamp(min=1 / _MAX_PIECES)
        missed = (integrals.sum(dim=1) - changes).abs() > allowed
        if n_halvings == _MAX_HALVINGS or missed.sum() > _MAX_PIECES * len(path):
            missed[:] = False
        total.index_add_(0, texts[~missed], integrals[~missed])
        # 4. Halve those that missed it.
        if not missed.any():
            break
        pieces = pieces.select(missed).halve(path)
    return total


@torch.no_grad()
def _linear_contributions(network: RecurrentNetwork, ids: Tensor, columns: Tensor) -> Tensor:
    """Return what each token adds to the linear model's logit: (N, T) -> (N, T)."""
    if network.linear is None:
        return torch.zeros(ids.shape, device=ids.device)
    contributions = network.linear.token_contributions(ids)  # (N, T, C)
    return contributions.gather(2, columns[:, None, None].expand(*ids.shape, 1))[..., 0]


@torch.no_grad()
def _logit_difference(
    network: RecurrentNetwork, ids: Tensor, lengths: Tensor, columns: Tensor
) -> Tensor:
    """Return the logits of the texts, minus those of as many unknown tokens: (N,)."""
    differences = network(ids, lengths) - network(torch.full_like(ids, UNKNOWN), lengths)
    of_columns: Tensor = differences.gather(1, columns[:, None])[:, 0]
    return of_columns


def _warn_if_inexact(errors: Tensor) -> None:
    """Warn if even the smallest pieces do not add up, given the relative errors of the sums."""
    n_inexact = int((errors > _DOCUMENTED_ERROR).sum())
    if n_inexact:
        warnings.warn(
            f"token_attributions: the values of {n_inexact} texts add up to the difference of the "
            f"logits only to within {errors.max():.1%}: the logit jumps on the path to them.",
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

"""From the states of all steps to one vector for each text.

To add a pooling, write a subclass of `Pooling` and add it to `POOLINGS` at the end of this file;
`_parameters.py` takes the allowed names from there, and has the documentation for users.

Axes: `T` steps, `N` texts, `H` states, `F` features. States are time-major; those past a
text's end are never read.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = [
    "POOLINGS",
    "AttentionPooling",
    "Flatten",
    "LastState",
    "MaxPooling",
    "MeanPooling",
    "Pooling",
    "StateSizes",
]


class StateSizes(NamedTuple):
    """Sizes of the states of the last recurrent layer, from which a pooling takes its own."""

    n_states: int  # H, of all directions
    n_hidden: int  # of the forward direction, whose states come first
    n_steps: int  # of a training sequence, padding included


class Pooling(nn.Module):
    """States of all steps to one vector: (T, N, H), (N,) -> (N, F)."""

    def __init__(self, sizes: StateSizes) -> None:
        super().__init__()
        self.n_features = sizes.n_states  # F


class LastState(Pooling):
    """The state after a text's last token; of a backward direction, after its first token."""

    def __init__(self, sizes: StateSizes) -> None:
        super().__init__(sizes)
        self.n_hidden = sizes.n_hidden

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        texts = torch.arange(len(lengths), device=lengths.device)
        forward = states[lengths - 1, texts, : self.n_hidden]
        backward = states[0, :, self.n_hidden :]  # no columns if the layer is not bidirectional
        return torch.cat([forward, backward], dim=1)


class MaxPooling(Pooling):
    """The largest value of each unit over a text's steps."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states.masked_fill(_past_the_end(states, lengths), -math.inf).amax(dim=0)


class MeanPooling(Pooling):
    """The mean of each unit over a text's steps."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        kept = states.masked_fill(_past_the_end(states, lengths), 0)
        return kept.sum(dim=0) / lengths[:, None]


class AttentionPooling(Pooling):
    """A weighted mean over steps; the weights are the softmax of v . tanh(state).

    References
    ----------
    Zhou et al. (2016), "Attention-Based Bidirectional Long Short-Term Memory Networks for
    Relation Classification".
    """

    def __init__(self, sizes: StateSizes) -> None:
        super().__init__(sizes)
        self.query = nn.Parameter(torch.zeros(sizes.n_states))  # zeros: starts as the mean

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        scores = (states.tanh() @ self.query)[..., None]  # (T, N, 1)
        weights = scores.masked_fill(_past_the_end(states, lengths), -math.inf).softmax(dim=0)
        return (weights * states).sum(dim=0)


class Flatten(Pooling):
    """All states concatenated: right-aligned, with zeros before a text's first state.

    The only pooling that depends on the width of the training data.
    """

    def __init__(self, sizes: StateSizes) -> None:
        super().__init__(sizes)
        self.n_steps = sizes.n_steps
        self.n_features = sizes.n_states * sizes.n_steps

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        n_steps, n_texts, n_states = states.shape
        columns = torch.arange(self.n_steps, device=states.device)
        steps = columns + lengths[:, None] - self.n_steps  # (N, self.n_steps), negative: no step
        texts = torch.arange(n_texts, device=states.device)[:, None]
        # A row of zeros is appended to the states: it is read wherever a text has no such step.
        index = torch.where(steps >= 0, steps * n_texts + texts, n_steps * n_texts)
        rows = torch.cat([states.flatten(0, 1), states.new_zeros(1, n_states)])
        return rows.index_select(0, index.flatten()).view(n_texts, self.n_features)


POOLINGS: dict[str, type[Pooling]] = {
    "last": LastState,
    "max": MaxPooling,
    "mean": MeanPooling,
    "attention": AttentionPooling,
    "flatten": Flatten,
}
"""The poolings by the values of the parameter `pooling`."""


def _past_the_end(states: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps come after a text's last: (T, N, H), (N,) -> (T, N, 1)."""
    steps = torch.arange(len(states), device=states.device)[:, None]
    return (steps >= lengths)[..., None]

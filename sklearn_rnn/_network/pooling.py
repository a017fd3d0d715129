"""From the states of all steps to one vector for each text.

Axes: `T` steps, `N` texts, `H` states, `F` features. States are time-major; those past a
text's end are never read.
"""

from __future__ import annotations

import math

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
]


class Pooling(nn.Module):
    """States of all steps to one vector: (T, N, H), (N,) -> (N, n_features)."""

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__()
        self.n_features = n_states


class LastState(Pooling):
    """The state after a text's last step; of a backward layer, after the first token."""

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__(n_states, n_places, n_hidden)
        self.n_hidden = n_hidden

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        texts = torch.arange(len(lengths), device=lengths.device)
        forward = states[lengths - 1, texts, : self.n_hidden]
        backward = states[0, :, self.n_hidden :]  # no columns where nothing reads backward
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

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__(n_states, n_places, n_hidden)
        self.query = nn.Parameter(torch.zeros(n_states))  # starts as the mean

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        scores = (states.tanh() @ self.query)[..., None]  # (T, N, 1)
        weights = scores.masked_fill(_past_the_end(states, lengths), -math.inf).softmax(dim=0)
        return (weights * states).sum(dim=0)


class Flatten(Pooling):
    """All states side by side, the last one always in the last place, zeros before the first.

    The one place where the width of the input has a meaning.
    """

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__(n_states, n_places, n_hidden)
        self.n_places = n_places
        self.n_features = n_states * n_places

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        n_steps, n_texts, n_states = states.shape
        places = torch.arange(self.n_places, device=states.device)
        steps = places + lengths[:, None] - self.n_places  # (N, n_places)
        texts = torch.arange(n_texts, device=states.device)[:, None]
        # Index of a row of zeros, put behind the states, where a text has no such step.
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
"""Kinds of pooling by the name that the parameter `pooling` takes."""


def _past_the_end(states: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps lie behind a text's last: (T, N, H), (N,) -> (T, N, 1)."""
    steps = torch.arange(len(states), device=states.device)[:, None]
    return (steps >= lengths)[..., None]

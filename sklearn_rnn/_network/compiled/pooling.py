"""From the states of packed texts to one vector for each, and back: compiled by numba.

Each direction of the last layer is pooled by itself, in the order in which it reads: its last
state is that of its own last step, and a maximum or a mean depends on no order. Texts are sorted
by length, as in `packed.py`.

A pooling that mixes directions, or depends on the order of the text (`attention`, `flatten`), has
no class here: it reads the states of `network.py` step by step, through torch.

Axes: `S` places, `N` texts, `H` hidden units of one direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pooling import LastState, MaxPooling, MeanPooling, Pooling
from .compiler import compiled, copy_row
from .packed import PackedTexts

__all__ = ["PACKED_POOLINGS", "PackedPooling"]

Array = NDArray[np.float32]


class PackedPooling:
    """One direction's states to one vector for each text: (S, H) -> (N, H)."""

    def forward(self, states: Array, packed: PackedTexts) -> Array:
        """Return the pooled states, by falling length of the texts."""
        raise NotImplementedError

    def backward(self, grad: Array, packed: PackedTexts, grad_states: Array) -> None:
        """Add the gradient of the pooled states (N, H) to that of the states (S, H)."""
        raise NotImplementedError


class PackedLastState(PackedPooling):
    """The state after a direction's last step."""

    def forward(self, states: Array, packed: PackedTexts) -> Array:
        return states[_last_places(packed)]

    def backward(self, grad: Array, packed: PackedTexts, grad_states: Array) -> None:
        grad_states[_last_places(packed)] += grad  # each text has a place of its own


class PackedMaxPooling(PackedPooling):
    """The largest value of each unit; its gradient goes to the first step that has it.

    torch shares it among all steps that have it: both are subgradients.
    """

    def forward(self, states: Array, packed: PackedTexts) -> Array:
        shape = len(packed.lengths), states.shape[1]
        largest, self.places = np.empty(shape, np.float32), np.zeros(shape, np.int32)
        _max_forward(states, packed.batch_sizes, packed.starts, largest, self.places)
        return largest

    def backward(self, grad: Array, packed: PackedTexts, grad_states: Array) -> None:
        _max_backward(grad, self.places, grad_states)


class PackedMeanPooling(PackedPooling):
    """The mean of each unit."""

    def forward(self, states: Array, packed: PackedTexts) -> Array:
        sums = np.zeros((len(packed.lengths), states.shape[1]), np.float32)
        _sum_forward(states, packed.batch_sizes, packed.starts, sums)
        return sums / _column(packed.lengths)

    def backward(self, grad: Array, packed: PackedTexts, grad_states: Array) -> None:
        of_step = grad / _column(packed.lengths)
        _sum_backward(of_step, packed.batch_sizes, packed.starts, grad_states)


PACKED_POOLINGS: dict[type[Pooling], type[PackedPooling]] = {
    LastState: PackedLastState,
    MaxPooling: PackedMaxPooling,
    MeanPooling: PackedMeanPooling,
}
"""For poolings of torch, those of packed texts."""


def _last_places(packed: PackedTexts) -> NDArray[np.int64]:
    places: NDArray[np.int64] = packed.starts[packed.lengths - 1] + np.arange(len(packed.lengths))
    return places


def _column(lengths: NDArray[np.int64]) -> Array:
    return lengths.astype(np.float32)[:, None]


@compiled
def _max_forward(
    states: Array, batch_sizes: Any, starts: Any, largest: Array, places: NDArray[np.int32]
) -> None:
    n_hidden = states.shape[1]
    for n in range(len(largest)):
        copy_row(states[n], largest[n])
        places[n] = n
    for t in range(1, len(batch_sizes)):
        for n in range(batch_sizes[t]):
            place = np.int32(starts[t] + n)
            s, m, p = states[place], largest[n], places[n]
            for j in range(n_hidden):
                # A number that is none is kept: no other is larger, and it is unequal to itself.
                is_larger = s[j] > m[j] or s[j] != s[j]
                p[j] = place if is_larger else p[j]
                m[j] = s[j] if is_larger else m[j]


@compiled
def _max_backward(grad: Array, places: NDArray[np.int32], grad_states: Array) -> None:
    for n in range(grad.shape[0]):
        for j in range(grad.shape[1]):
            grad_states[places[n, j], j] += grad[n, j]


@compiled
def _sum_forward(states: Array, batch_sizes: Any, starts: Any, sums: Array) -> None:
    for t in range(len(batch_sizes)):
        for n in range(batch_sizes[t]):
            s, total = states[starts[t] + n], sums[n]
            for j in range(len(total)):
                total[j] += s[j]


@compiled
def _sum_backward(of_step: Array, batch_sizes: Any, starts: Any, grad_states: Array) -> None:
    for t in range(len(batch_sizes)):
        for n in range(batch_sizes[t]):
            g, total = of_step[n], grad_states[starts[t] + n]
            for j in range(len(total)):
                total[j] += g[j]

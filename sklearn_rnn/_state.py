"""What a fitted estimator keeps: NumPy arrays to pickle, and all or nothing if fit fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ._targets import BinaryTarget, MulticlassTarget, MultilabelTarget, NumericTarget, Target
from .modules import RecurrentNetwork

__all__ = [
    "all_or_nothing",
    "network_state",
    "restore_network",
    "restore_target",
    "target_state",
]

_TARGETS: dict[str, type[Target]] = {
    "binary": BinaryTarget,
    "multiclass": MulticlassTarget,
    "multilabel": MultilabelTarget,
    "numbers": NumericTarget,
}


def network_state(network: RecurrentNetwork) -> dict[str, Any]:
    """Return a network's weights as NumPy arrays, and which of them are frozen."""
    return {
        "arrays": {name: t.cpu().numpy() for name, t in network.state_dict().items()},
        "frozen": [name for name, p in network.named_parameters() if not p.requires_grad],
    }


def restore_network(network: RecurrentNetwork, state: dict[str, Any]) -> None:
    """Give a network the weights that `network_state` returned."""
    # Copies: the arrays may be a read-only memory map.
    tensors = {name: torch.from_numpy(np.array(a)) for name, a in state["arrays"].items()}
    network.load_state_dict(tensors)
    for name in state["frozen"]:
        network.get_parameter(name).requires_grad_(False)


def target_state(target: Target) -> dict[str, Any]:
    """Return a target as its kind's name and its arrays: no private class in a file."""
    (kind,) = (name for name, cls in _TARGETS.items() if type(target) is cls)
    return {"kind": kind, **vars(target)}


def restore_target(state: dict[str, Any]) -> Target:
    """Return the target that `target_state` described."""
    cls = _TARGETS[state["kind"]]
    target = cls.__new__(cls)
    vars(target).update({name: value for name, value in state.items() if name != "kind"})
    return target


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put an estimator's attributes back if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise

"""What a fitted estimator keeps: NumPy arrays to pickle, and all or nothing if fit fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from .modules import RecurrentNetwork

__all__ = ["all_or_nothing", "network_state", "restore_network"]


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

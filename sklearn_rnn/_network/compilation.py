"""Whether a network is computed by compiled code: only where that computes what torch would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from .cells import CELLS
from .dropout import LockedDropout
from .embedding import Embedding
from .linear import TfidfLinear
from .network import RecurrentNetwork
from .pooling import POOLINGS
from .recurrent import RecurrentLayer

if TYPE_CHECKING:
    from .compiled.network import CompiledNetwork

__all__ = [
    "IdleNetworks",
    "can_compile",
    "compiled_network",
    "has_hooks",
    "idle_network",
    "progress_line",
]

_MOST_IDLE, _MOST_BYTES = 8, 2**23
"""Compiled networks that are kept for later texts, and the memory that each may keep."""

_PARTS = (RecurrentNetwork, RecurrentLayer, LockedDropout, Embedding, TfidfLinear)


@cache
def can_compile() -> bool:
    """Return whether numba is installed and not switched off, and can keep what it compiles."""
    try:
        from .compiled.network import CompiledNetwork  # noqa: F401
    except (ImportError, RuntimeError):
        return False
    return True


def compiled_network(network: RecurrentNetwork) -> CompiledNetwork | None:
    """Return what computes a network in compiled code.

    Parameters
    ----------
    network : RecurrentNetwork
        The network.

    Returns
    -------
    CompiledNetwork or None
        The compiled network, with the same weights. None: without numba, on a GPU, in double
        precision, or with modules other than this library's, only torch can.
    """
    if not can_compile() or not _can_be_compiled(network):
        return None
    from .compiled.network import CompiledNetwork

    return CompiledNetwork(network)


def progress_line() -> AbstractContextManager[None]:
    """Say on standard error if something has to be compiled in a block, as that takes seconds.

    Returns
    -------
    context manager
        The block; without numba nothing is compiled.
    """
    if not can_compile():
        return nullcontext()
    from .compiled.compiler import progress_line

    return progress_line()


class IdleNetworks(list["CompiledNetwork"]):
    """Compiled networks that no thread uses at the moment. Copies and files contain none."""

    def __reduce__(self) -> tuple[type[IdleNetworks], tuple[()]]:
        return IdleNetworks, ()


@contextmanager
def idle_network(network: RecurrentNetwork) -> Iterator[CompiledNetwork | None]:
    """Lend a compiled network for a few texts, which the next caller gets again.

    To make one takes longer than to read a short text: it has memory of its own.

    Parameters
    ----------
    network : RecurrentNetwork
        The network.

    Yields
    ------
    CompiledNetwork or None
        The compiled network, which no other thread uses; None: only torch can.
    """
    idle = network.__dict__.setdefault("idle", IdleNetworks())
    try:
        compiled = idle.pop()  # one call, so that no two threads get the same
    except IndexError:
        compiled = None
    if compiled is None or not (_can_be_compiled(network) and compiled.is_of(network)):
        compiled = compiled_network(network)
    else:
        compiled.network = network
    yield compiled
    if compiled is not None and len(idle) < _MOST_IDLE and compiled.buffers.n_bytes < _MOST_BYTES:
        del compiled.network  # no circle, so that a model that is not needed is freed at once
        idle.append(compiled)


def has_hooks(network: nn.Module) -> bool:
    """Return whether a network has hooks: they expect torch's modules to compute it.

    Parameters
    ----------
    network : Module
        The network.

    Returns
    -------
    bool
        Whether any of its modules has some, or there are some for all modules.
    """
    return bool(_has_any_global_hook()) or any(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        for module in network.modules()
    )


def _can_be_compiled(network: RecurrentNetwork) -> bool:
    """Return whether all modules whose work is taken over are exactly this library's."""
    layers = [layer for layer in network.layers if isinstance(layer, RecurrentLayer)]
    recurrent = [module for layer in layers for module in (layer, *layer.directions)]
    tables = [part for part in (network.embedding, network.linear) if part is not None]
    modules = [network, network.input_dropout, *tables, *recurrent]
    known = {*_PARTS, *CELLS.values()}
    weights = [weight for module in modules[1:] for weight in module.parameters()]
    return (
        len(layers) == len(network.layers)
        and all(type(module) in known and "forward" not in vars(module) for module in modules)
        and type(network.pooling) in POOLINGS.values()
        and all(w.dtype == torch.float32 and w.device.type == "cpu" for w in weights)
    )

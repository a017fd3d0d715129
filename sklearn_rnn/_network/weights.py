"""The network's weights: drawn from a seed, and saved as and restored from NumPy arrays."""

from __future__ import annotations

import warnings
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._tables import SharedTable, shared_table
from .._utils.arrays import update_digest
from .._utils.threads import all_finite, one_blas_thread, single_threaded_math
from ..exceptions import ModelFileError
from ..sequences import PADDING
from .cells import CELLS
from .config import NetworkConfig
from .network import RecurrentNetwork

__all__ = [
    "build_network",
    "load_pretrained_embedding",
    "pretrained_embedding",
    "restore_network",
    "weights_to_arrays",
]

_EMBEDDING = "embedding.weight"


def build_network(config: NetworkConfig, seed: int) -> RecurrentNetwork:
    """Return a network with random weights.

    On one thread: the last bits of an orthogonal matrix depend on how the work was shared.

    Parameters
    ----------
    config : NetworkConfig
        What to build it from.
    seed : int
        Seed of the weights.

    Returns
    -------
    RecurrentNetwork
        The network.
    """
    with one_blas_thread(), single_threaded_math():
        return RecurrentNetwork(config, torch.Generator("cpu").manual_seed(seed))


def load_pretrained_embedding(embedding: nn.Embedding, vectors: NDArray[np.float32]) -> None:
    """Copy the vectors that came with the sequences into a new embedding.

    Parameters
    ----------
    embedding : Embedding
        The embedding.
    vectors : ndarray of float32 of shape (V, D)
        The vectors.
    """
    with torch.no_grad():
        embedding.weight.copy_(torch.from_numpy(np.array(vectors)))
        embedding.weight[PADDING] = 0


def weights_to_arrays(
    network: RecurrentNetwork, vectors: NDArray[np.float32] | None
) -> dict[str, Any]:
    """Return a network's weights as NumPy arrays, and which of them are frozen.

    Parameters
    ----------
    network : RecurrentNetwork
        The network.
    vectors : ndarray of float32 of shape (V, D), or None
        The vectors that came with the sequences. A frozen embedding is saved as this very
        array, so that a file that contains the embedding step too contains the table once.

    Returns
    -------
    dict
        ``"arrays"`` by name, the names of ``"frozen"`` ones, and a ``"digest"`` of all.
    """
    arrays: dict[str, Any] = {n: t.cpu().numpy() for n, t in network.state_dict().items()}
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    is_unchanged = vectors is not None and np.array_equal(arrays.get(_EMBEDDING, 0), vectors)
    if vectors is not None and is_unchanged and _EMBEDDING in frozen:
        arrays[_EMBEDDING] = shared_table(vectors)
    return {"arrays": arrays, "frozen": frozen, "digest": _digest(arrays)}


def pretrained_embedding(state: dict[str, Any]) -> NDArray[np.float32] | None:
    """Return the vectors that came with the sequences, if the embedding was frozen.

    Parameters
    ----------
    state : dict
        What `weights_to_arrays` returned.

    Returns
    -------
    ndarray of float32 of shape (V, D), or None
        The vectors.
    """
    table = state["arrays"].get(_EMBEDDING)
    return table.array if isinstance(table, SharedTable) else None


def restore_network(config: NetworkConfig, seed: int, state: dict[str, Any]) -> RecurrentNetwork:
    """Return a network with saved weights.

    It is built without memory of its own (on torch's "meta" device), and takes over the arrays:
    a file that asks for more than it contains is refused before anything is allocated.

    Parameters
    ----------
    config : NetworkConfig
        What to build it from.
    seed : int
        Seed of its generator.
    state : dict
        What `weights_to_arrays` returned.

    Returns
    -------
    RecurrentNetwork
        The network, set to prediction.

    Raises
    ------
    ModelFileError
        If the weights do not fit the configuration, or are not those that were saved.
    """
    arrays = _unshared(state["arrays"])
    _check_config(config, arrays)
    with torch.device("meta"):
        network = build_network(config, seed)
    tensors = {name: _tensor(array) for name, array in arrays.items()}
    if not any(isinstance(array, np.memmap) for array in arrays.values()):
        _check_weights(network, tensors)  # of a memory map, nobody reads more than is needed
        if state["digest"] != _digest(state["arrays"]):
            raise ModelFileError("The weights are not those that were saved: the file is damaged.")
    network.load_state_dict(tensors, assign=True)
    for name in state["frozen"]:
        network.get_parameter(name).requires_grad_(False)
    return network.eval()


def _check_config(config: NetworkConfig, arrays: dict[str, NDArray[Any]]) -> None:
    """Raise if there are weights of fewer layers, or if no parameters allow a configuration."""
    of_layers = [
        name
        for name, array in arrays.items()
        if name.startswith("layers.") and isinstance(array, np.ndarray)
    ]
    has_matrix = config.cell not in CELLS or CELLS[config.cell].has_matrix
    # Of each direction, an input matrix, an intercept and, of most cells, a recurrent matrix.
    if config.num_layers > len(of_layers) / (3 if has_matrix else 2):
        raise ModelFileError(
            f"The model has weights of fewer layers than its {config.num_layers}: the file was "
            "altered."
        )
    for name, highest in (("input_dropout", 1), ("dropout", 1), ("branch_dropout", 0.5)):
        if not 0 <= getattr(config, name) < highest:
            raise ModelFileError(
                f"{name}: expected a number from 0 to less than {highest}, got "
                f"{getattr(config, name)!r}: the file was altered."
            )


def _unshared(arrays: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(arrays, dict):
        return {}
    return {n: a.array if isinstance(a, SharedTable) else a for n, a in arrays.items()}


def _digest(arrays: dict[str, Any]) -> str:
    """Return a hash of all arrays."""
    digest = blake2b(digest_size=16)
    for name, array in sorted(_unshared(arrays).items()):
        digest.update(f"{name} ".encode())
        update_digest(digest, array)
    return digest.hexdigest()


def _check_weights(network: RecurrentNetwork, tensors: dict[str, torch.Tensor]) -> None:
    """Raise if weights have another dtype than the network's, or are not finite."""
    for name, expected in network.state_dict().items():
        found = tensors.get(name, expected)
        if found.dtype != expected.dtype or not all_finite(found):
            raise ModelFileError(
                f"{name}: expected finite {expected.dtype}, got {found.dtype}: the file was "
                "altered."
            )


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    """Return an array as a tensor in the same memory, even if that is a memory map.

    Nobody writes to it: training continues on a copy of the network.
    """
    if array.flags.writeable:
        return torch.from_numpy(array)
    if not isinstance(array, np.memmap):
        return torch.from_numpy(np.array(array))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(np.asarray(array))

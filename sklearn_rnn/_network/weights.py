"""What a fitted estimator keeps: NumPy arrays to pickle."""

from __future__ import annotations

import warnings
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._data.targets import BinaryTarget, MulticlassTarget, MultilabelTarget, NumericTarget, Target
from .._tables import SharedTable, shared_table
from .._utils.threads import all_finite, one_blas_thread, single_threaded_math
from ..exceptions import ModelFileError
from ..sequences import PADDING, UNKNOWN
from .network import RecurrentNetwork

__all__ = [
    "build_network",
    "load_pretrained_embedding",
    "pretrained_embedding",
    "restore_network",
    "restore_target",
    "target_state",
    "tie_rare_to_unknown",
    "weights_to_arrays",
]

_EMBEDDING = "embedding.weight"

_TARGETS: dict[str, type[Target]] = {
    "binary": BinaryTarget,
    "multiclass": MulticlassTarget,
    "multilabel": MultilabelTarget,
    "numbers": NumericTarget,
}


def weights_to_arrays(
    network: RecurrentNetwork, vectors: NDArray[np.float32] | None
) -> dict[str, Any]:
    """Return a network's weights as NumPy arrays, and which of them are frozen.

    A frozen embedding is the table that came: the very array, so that a file which holds the
    step that it came from holds it once.
    """
    arrays: dict[str, Any] = {n: t.cpu().numpy() for n, t in network.state_dict().items()}
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    as_it_came = vectors is not None and np.array_equal(arrays.get(_EMBEDDING, 0), vectors)
    if vectors is not None and as_it_came and _EMBEDDING in frozen:
        arrays[_EMBEDDING] = shared_table(vectors)
    return {"arrays": arrays, "frozen": frozen, "digest": _digest(arrays)}


def build_network(plan: dict[str, Any], seed: int) -> RecurrentNetwork:
    """Return the network of a plan, with weights drawn from a seed.

    On one thread: the last bits of an orthogonal matrix hang on how the work was shared.
    """
    with one_blas_thread(), single_threaded_math():
        return RecurrentNetwork(**plan, generator=torch.Generator("cpu").manual_seed(seed))


def load_pretrained_embedding(embedding: nn.Embedding, vectors: NDArray[np.float32]) -> None:
    """Let a new embedding start from the table that came with the sequences."""
    with torch.no_grad():
        embedding.weight.copy_(torch.from_numpy(np.array(vectors)))
        embedding.weight[PADDING] = 0


def tie_rare_to_unknown(network: RecurrentNetwork) -> None:
    """Give words that were read as the unknown token in training, if any, its vector."""
    if network.embedding is not None and network.rare_word_mask is not None:
        with torch.no_grad():
            table = network.embedding.weight
            table[network.rare_word_mask] = table[UNKNOWN].clone()
    network.rare_word_mask = None


def pretrained_embedding(state: dict[str, Any]) -> NDArray[np.float32] | None:
    """Return the table that came with the sequences, where it is still as it came."""
    table = state["arrays"].get(_EMBEDDING)
    return table.array if isinstance(table, SharedTable) else None


def _check_plan(plan: dict[str, Any], arrays: Any) -> None:
    """Raise if a plan asks for what no parameters can, or for more layers than have weights."""
    of_layers = [
        name
        for name, array in (_plain(arrays) if isinstance(arrays, dict) else {}).items()
        if name.startswith("layers.") and isinstance(array, np.ndarray)
    ]
    if plan["num_layers"] > len(of_layers) / 3:  # weights of inputs, of states, intercepts
        raise ModelFileError(
            f"The model has weights of fewer layers than its {plan['num_layers']}: the file was "
            "altered."
        )
    for name, highest in (("input_dropout", 1), ("dropout", 1), ("branch_dropout", 0.5)):
        if not 0 <= plan.get(name, 0) < highest:
            raise ModelFileError(
                f"{name}: expected a number from 0 to less than {highest}, got {plan[name]!r}: "
                "the file was altered."
            )


def restore_network(plan: dict[str, Any], seed: int, state: dict[str, Any]) -> RecurrentNetwork:
    """Return the network of a plan, with the weights that `weights_to_arrays` returned.

    Its parts get no memory of their own: a file that asks for more than it holds is refused
    before anything is made.
    """
    _check_plan(plan, state["arrays"])
    with torch.device("meta"):
        network = build_network(plan, seed)
    tensors = {name: _tensor(array) for name, array in _plain(state["arrays"]).items()}
    if not any(isinstance(array, np.memmap) for array in _plain(state["arrays"]).values()):
        _check_weights(network, tensors)  # of memory maps nobody reads more than is asked for
        if state["digest"] != _digest(state["arrays"]):
            raise ModelFileError("The weights are not those that were saved: the file is damaged.")
    network.load_state_dict(tensors, assign=True)
    for name in state["frozen"]:
        network.get_parameter(name).requires_grad_(False)
    return network.eval()


def _plain(arrays: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {n: a.array if isinstance(a, SharedTable) else a for n, a in arrays.items()}


def _digest(arrays: dict[str, Any]) -> str:
    """Return a sum over the bytes of all arrays."""
    digest = blake2b(digest_size=16)
    for name, array in sorted(_plain(arrays).items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_weights(network: RecurrentNetwork, tensors: dict[str, torch.Tensor]) -> None:
    """Raise if weights are of another kind than the network's, or are no numbers."""
    for name, expected in network.state_dict().items():
        found = tensors.get(name, expected)
        if found.dtype != expected.dtype or not all_finite(found):
            raise ModelFileError(
                f"{name}: expected finite {expected.dtype}, got {found.dtype}: the file was "
                "altered."
            )


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    """Return an array as a tensor in the same memory, also where that is a map of a file.

    Nobody writes to it: whoever goes on training does so with a copy of the network.
    """
    if array.flags.writeable:
        return torch.from_numpy(array)
    if not isinstance(array, np.memmap):
        return torch.from_numpy(np.array(array))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(np.asarray(array))


def target_state(target: Target) -> dict[str, Any]:
    """Return a target as its kind's name and its arrays: no private class in a file."""
    (kind,) = (name for name, cls in _TARGETS.items() if type(target) is cls)
    return {"kind": kind, **vars(target)}


def restore_target(state: dict[str, Any], n_outputs: int) -> Target:
    """Return the target that `target_state` described, of a network with so many outputs."""
    cls = _TARGETS[state["kind"]]
    target = cls.__new__(cls)
    vars(target).update({name: value for name, value in state.items() if name != "kind"})
    for name in ("mean", "scale", "spread"):
        number = state.get(name, 0.0)
        if not np.isfinite(number).all() or np.shape(number) not in ((), (n_outputs,)):
            raise ModelFileError(
                f"{name}: expected {n_outputs} finite numbers, got {number!r}: the file was "
                "altered."
            )
    n_labels = 2 if state["kind"] == "binary" else n_outputs
    if target.n_outputs != n_outputs or len(state.get("classes", range(n_labels))) != n_labels:
        raise ModelFileError(
            f"The model has other labels than its {n_outputs} outputs: the file was altered."
        )
    return target

"""The state of training as arrays and JSON: taken from one net, restored in another.

What is restored comes from a file, and is checked: against the net's own tensors, and against the
state that a first step of its optimizer makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from numbers import Real
from typing import Any

import numpy as np
import skorch.callbacks
import torch
from numpy.typing import NDArray
from skorch.history import History
from torch import Tensor

from .._utils.threads import all_finite
from .callbacks import LinearWarmupDecay
from .early_stopping import early_stopping_callbacks

__all__ = ["Arrays", "arrays_of", "record_of", "restore"]

Arrays = dict[str, NDArray[Any]]

_COUNTERS: dict[type, tuple[str, ...]] = {
    skorch.callbacks.EarlyStopping: ("misses_", "dynamic_threshold_", "best_epoch_"),
    skorch.callbacks.PassthroughScoring: ("best_score_",),
    LinearWarmupDecay: ("n_steps_", "step_"),
}
"""Numbers by which callbacks decide, or compare epochs, and which therefore are saved."""


def record_of(net: Any, order: np.random.Generator) -> dict[str, Any]:
    """Return what training has changed, but for arrays.

    Parameters
    ----------
    net : SequenceNet
        A net whose epoch has ended.
    order : numpy.random.Generator
        Source of the order of its texts.

    Returns
    -------
    dict
        What JSON can contain, but for NumPy's numbers.
    """
    return {
        # Without its batches: the next epoch does not read them, and drops them anyway.
        "history": [{**epoch, "batches": []} for epoch in net.history],
        "order": order.bit_generator.state,
        "callbacks": _counters(net),
        "optimizer": _optimizer_record(net.optimizer_),
    }


def restore(net: Any, order: np.random.Generator, record: dict[str, Any], arrays: Arrays) -> None:
    """Restore in a net that is about to be trained what was taken from another one.

    Parameters
    ----------
    net : SequenceNet
        The net.
    order : numpy.random.Generator
        Source of the order of its texts.
    record : dict
        What `record_of` returned.
    arrays : dict of str to ndarray
        What `arrays_of` returned.

    Raises
    ------
    Exception
        Of any kind, if this is not what was taken from such a net.
    """
    _check_history(record["history"], net.max_epochs)
    net.history_ = History(record["history"])
    order.bit_generator.state = record["order"]
    _restore_counters(net, record["callbacks"])
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    _restore_tensors(net, tensors)
    _restore_optimizer(net, record["optimizer"], tensors)


def _check_history(history: Any, max_epochs: int) -> None:
    if not 0 < len(history) <= max_epochs:
        raise ValueError(f"{len(history)} epochs, of {max_epochs}")
    for epoch in history:
        epoch["batches"] = []
        figures = [value for name, value in epoch.items() if name != "batches"]
        is_whole = epoch.keys() >= {"dur", "train_loss"}
        if not (is_whole and all(isinstance(figure, Real) for figure in figures)):
            raise ValueError("an epoch lacks figures, or has some that are no numbers")


# ---- Callbacks -------------------------------------------------------------------------------


def _counters(net: Any) -> dict[str, dict[str, Real]]:
    """Return what callbacks have counted and found best so far, by their names."""
    return {
        name: {key: getattr(callback, key) for key in _counters_of(callback)}
        for name, callback in net.callbacks_
        if _counters_of(callback)
    }


def _restore_counters(net: Any, counters: dict[str, dict[str, Any]]) -> None:
    for name, callback in net.callbacks_:
        for key in _counters_of(callback):
            value = counters[name][key]
            if not isinstance(value, Real):
                raise ValueError(f"{key} of the callback {name} is {value!r}")
            setattr(callback, key, value)


def _counters_of(callback: Any) -> tuple[str, ...]:
    return next((keys for kind, keys in _COUNTERS.items() if isinstance(callback, kind)), ())


# ---- Tensors ---------------------------------------------------------------------------------


def _tensors(net: Any) -> dict[str, Tensor]:
    """Return the tensors that training changes in place, by their names in a file."""
    tensors = {f"weights/{name}": tensor for name, tensor in net.module_.state_dict().items()}
    for i, sums in enumerate([] if net.sparse_optimizer_ is None else net.sparse_optimizer_.sums):
        tensors[f"tables/{i}"] = sums
    return tensors


def arrays_of(net: Any) -> Arrays:
    """Return the arrays that training has changed.

    Parameters
    ----------
    net : SequenceNet
        A net whose epoch has ended.

    Returns
    -------
    dict of str to ndarray
        By names that `restore` knows.
    """
    tensors = _tensors(net)
    for weight, entries in net.optimizer_.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{weight}/{name}"] = value
    for keeper in early_stopping_callbacks(net):
        for name, tensor in (keeper.best_model_weights_ or {}).items():
            tensors[f"best/{name}"] = tensor
    tensors["masks"] = net.module_.generator.get_state()
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _restore_tensors(net: Any, tensors: Mapping[str, Tensor]) -> None:
    ours = _tensors(net)
    _check_like({n: t for n, t in tensors.items() if n.startswith(("weights/", "tables/"))}, ours)
    with torch.no_grad():
        for name, tensor in ours.items():
            tensor.copy_(tensors[name])
    net.module_.generator.set_state(tensors["masks"])
    best = _below("best/", tensors)
    if best:
        _check_like(best, net.module_.state_dict())
    for keeper in early_stopping_callbacks(net):
        keeper.best_model_weights_ = best or None


def _check_like(tensors: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> None:
    """Raise if tensors have other names, shapes or dtypes than ours, or are not finite."""
    if different := tensors.keys() ^ ours.keys():
        raise ValueError(f"{min(different)} is missing or unexpected")
    for name, tensor in tensors.items():
        if tensor.shape != ours[name].shape or tensor.dtype != ours[name].dtype:
            raise ValueError(f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}")
        if not all_finite(tensor):
            raise ValueError(f"{name} is not finite")


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


# ---- The optimizer ---------------------------------------------------------------------------


def _optimizer_record(optimizer: Any) -> dict[str, Any]:
    """Return what an optimizer keeps beside tensors."""
    state = optimizer.state_dict()
    entries = {
        str(weight): {k: v for k, v in values.items() if not isinstance(v, Tensor)}
        for weight, values in state["state"].items()
    }
    return {"state": entries, "param_groups": state["param_groups"]}


def _restore_optimizer(net: Any, plain: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer its state: torch checks none of it, and its fused steps read any shape."""
    optimizer = net.optimizer_
    for group in plain["param_groups"]:
        missing = set(optimizer.defaults) - set(group)
        if missing:  # torch would take a group of another optimizer without a word
            raise ValueError(f"its optimizer has no {', '.join(sorted(missing))}")
    weights = dict(enumerate(w for group in optimizer.param_groups for w in group["params"]))
    usual = _state_after_a_step(optimizer)
    state: dict[int, dict[str, Any]] = {}
    for key, entries in plain["state"].items():
        i = int(key)
        state[i] = {**entries, **_below(f"optimizer/{key}/", tensors)}
        if state[i] and usual is not None:
            _check_state(f"optimizer/{key}", state[i], weights[i].shape, usual.get(i, {}))
    names = {f"optimizer/{i}/{name}" for i, entries in state.items() for name in entries}
    if foreign := {name for name in tensors if name.startswith("optimizer/")} - names:
        raise ValueError(f"{min(foreign)} belongs to no weight")
    optimizer.load_state_dict({"state": state, "param_groups": plain["param_groups"]})
    if usual is not None and _state_after_a_step(optimizer) is None:
        raise ValueError("its optimizer makes no step")


def _check_state(
    name: str, entries: dict[str, Any], shape: torch.Size, usual: dict[str, Any]
) -> None:
    """Raise if an optimizer's state of one weight is not like the one that it makes itself."""
    tensors = {f"{name}/{n}": value for n, value in entries.items() if isinstance(value, Tensor)}
    ours = {f"{name}/{n}": value for n, value in usual.items() if isinstance(value, Tensor)}
    further = tensors.keys() - ours.keys()  # of later steps
    _check_like({n: tensor for n, tensor in tensors.items() if n not in further}, ours)
    for n in further:
        if tensors[n].shape not in (shape, ()) or not all_finite(tensors[n]):
            raise ValueError(f"{n} has another shape than the weight, or is not finite")


def _state_after_a_step(optimizer: Any) -> dict[int, dict[str, Any]] | None:
    """Return what an optimizer keeps of each weight once it has made a step, by trying one.

    None if it fails, as one of somebody's own may where all gradients are zero.
    """
    try:
        trial = deepcopy(optimizer)
        for group in trial.param_groups:
            for weight in group["params"]:
                weight.grad = torch.zeros_like(weight)
        with torch.random.fork_rng(devices=[]):
            trial.step()
    except Exception:
        return None
    state: dict[int, dict[str, Any]] = trial.state_dict()["state"]
    return state

"""What decides about a fit, in a form that can be compared with another's.

With what a checkpoint was made of, or what another process was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import find_spec
from typing import Any

import joblib
import numpy as np
import skorch
import torch

from .._data.batches import SequenceDataset
from .._network.weights import weights_to_arrays
from .._utils.versioned_state import FORMAT
from .net import training_device
from .processes import current_process_group

__all__ = ["Fingerprint", "check_same_fit", "differences", "fit_fingerprint"]

Fingerprint = dict[str, Any]

_FREE = {"checkpoint_dir", "verbose"}
"""Parameters that change nothing about the fit."""

_ROWS_AT_ONCE, _PLACES_AT_ONCE = 1_024, 2**20


def fit_fingerprint(
    needs: str, estimator: Any, inputs: Any, data: SequenceDataset, going_on: bool
) -> Fingerprint:
    """Return what decides about a fit, in a form that can be compared with another's.

    Parameters
    ----------
    needs : str
        What needs it, for an error about a parameter that has no such form.
    estimator : estimator
        What is fitted.
    inputs : Inputs
        The sequences, with their vocabulary and vectors.
    data : SequenceDataset
        The sequences, with targets and weights.
    going_on : bool
        Whether the fit begins with what the estimator has learned before.

    Raises
    ------
    ValueError
        If a parameter is something that only this process knows.
    """
    who = type(estimator).__name__
    parameters = {
        name: [_hash(who, needs, name, value), repr(value)]
        for name, value in estimator.get_params(deep=False).items()
        if name not in _FREE
    }
    versions = {package.__name__: package.__version__ for package in (np, skorch, torch)}
    return {
        "parameters": parameters,
        "versions": {
            **versions,
            "numba": "there" if find_spec("numba") else "missing",
            "the device": torch.device(training_device(who, estimator.device)).type,
            "the format": FORMAT,
        },
        "data": _digest(inputs, data),
        "start": joblib.hash(_start(estimator)) if going_on else None,
    }


def check_same_fit(
    estimator: Any, inputs: Any, data: SequenceDataset, going_on: bool, one_epoch: bool
) -> None:
    """Raise, in each process, if the processes that train together were not given the same."""
    if current_process_group().size == 1:
        return
    ours = fit_fingerprint("data_parallel", estimator, inputs, data, going_on)
    keeps = estimator.checkpoint_dir is not None
    ours["versions"] |= {"checkpoint_dir": "a folder" if keeps else None}
    ours["versions"] |= {"the method": "partial_fit" if one_epoch else "fit"}
    first, *others = current_process_group().all_gather_object(ours)
    for rank, other in enumerate(others, start=1):
        differing = list(differences(other, first, ("in process 0", f"in process {rank}")))
        if differing:
            raise ValueError(
                f"{type(estimator).__name__}: the processes were not given the same fit: "
                f"{', '.join(differing)}. Give all of them the same parameters and all data, in "
                "the same order, and a random_state to the steps before this one."
            )


def _hash(who: str, needs: str, name: str, value: Any) -> str:
    try:
        return str(joblib.hash(value))
    except Exception as error:
        raise ValueError(
            f"{who}: {needs} needs parameters that another process can be given, and "
            f"{name}={value!r} is none ({error}). Define a function at the top of a module."
        ) from error


def _start(estimator: Any) -> list[Any]:
    """Return what a warm start goes on with."""
    weights = weights_to_arrays(estimator.net_.module_, None)
    return [weights, estimator.n_iter_, estimator._seed]


def _digest(inputs: Any, data: SequenceDataset) -> str:
    digest = blake2b(digest_size=16)
    n_rows = min(_ROWS_AT_ONCE, _PLACES_AT_ONCE // inputs.n_places + 1)  # of a memory map, too
    for array in (data.values, data.target, data.sample_weight, inputs.vectors):
        if array is not None:
            # In full, as checkpoints have it that were written by former versions.
            margin = inputs.margin if array is data.values else None
            shape = array.shape if margin is None else (len(array), margin.n_tokens)
            digest.update(f"{array.dtype} {shape}".encode())
            for start in range(0, len(array), n_rows):
                rows = array[start : start + n_rows]
                rows = rows if margin is None else margin.pad(rows)
                digest.update(np.ascontiguousarray(rows).data)
    digest.update(repr(inputs.vocabulary).encode())
    return digest.hexdigest()


def differences(
    ours: Fingerprint, theirs: Fingerprint, when: tuple[str, str] = ("was", "now")
) -> Iterator[str]:
    """Say in what a fit differs from another one.

    Parameters
    ----------
    ours, theirs : dict
        What decides about each of the two.
    when : tuple of str
        What introduces theirs, and what introduces ours.

    Yields
    ------
    str
        One difference.
    """
    then, now = when
    for name, (digest, shown) in ours["parameters"].items():
        digest_then, shown_then = theirs["parameters"].get(name, (None, "unknown"))
        if digest != digest_then:
            yield f"{name} {then} {shown_then}, {now} {shown}"
    for name, version in ours["versions"].items():
        if version != theirs["versions"].get(name):
            yield f"{name} {then} {theirs['versions'].get(name)}, {now} {version}"
    if ours["data"] != theirs["data"]:
        yield "the data differ"
    if ours["start"] != theirs["start"]:
        yield "the model that it went on with was another one"

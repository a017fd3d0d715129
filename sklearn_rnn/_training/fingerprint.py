"""A fit's fingerprint: what its result depends on, in a form that can be compared.

A checkpoint contains that of its fit, so that no other fit resumes from it. Processes that train
one network compare theirs, so that all train with the same data and parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import joblib
import numpy as np
import skorch
import torch

from .._data.batches import SequenceDataset
from .._data.inputs import Inputs
from .._network.compilation import can_compile
from .._network.weights import weights_to_arrays
from .._utils.arrays import update_digest
from .._utils.saved_state import FORMAT
from .device import training_device
from .processes import current_process_group
from .settings import TrainingRun, TrainingSettings
from .starting_model import ModelState

__all__ = ["Fingerprint", "check_same_fit", "differences", "fit_fingerprint"]

Fingerprint = dict[str, Any]

_FREE = {"checkpoint_dir", "verbose"}
"""Parameters on which the result does not depend."""


def fit_fingerprint(
    needed_by: str,
    settings: TrainingSettings,
    inputs: Inputs,
    data: SequenceDataset,
    start: ModelState | None,
) -> Fingerprint:
    """Return what the result of a fit depends on.

    Parameters
    ----------
    needed_by : str
        What needs it, for an error about a parameter that cannot be compared.
    settings : TrainingSettings
        The estimator's parameters.
    inputs : Inputs
        The sequences, with their vocabulary and vectors.
    data : SequenceDataset
        Targets and weights.
    start : ModelState or None
        The model that is trained further; None: a new one.

    Returns
    -------
    dict
        Hashes and texts.

    Raises
    ------
    ValueError
        If a parameter is an object that exists in this process alone.
    """
    parameters = {
        name: [_hash(settings.who, needed_by, name, value), repr(value)]
        for name, value in settings.parameters.items()
        if name not in _FREE
    }
    versions = {package.__name__: package.__version__ for package in (np, skorch, torch)}
    device = training_device(settings.who, settings.device)
    return {
        "parameters": parameters,
        "versions": {
            **versions,
            "numba": "there" if can_compile() else "missing",
            "the device": torch.device(device).type,
            "the format": FORMAT,
        },
        "data": _data_digest(inputs, data),
        "start": None if start is None else joblib.hash(_start(start)),
    }


def check_same_fit(
    settings: TrainingSettings,
    inputs: Inputs,
    data: SequenceDataset,
    start: ModelState | None,
    run: TrainingRun,
) -> None:
    """Raise, in each process, if the processes that train together were not given the same.

    Parameters
    ----------
    settings, inputs, data, start
        As of `fit_fingerprint`.
    run : TrainingRun
        Which kind of fit this is.

    Raises
    ------
    ValueError
        If they differ.
    """
    processes = current_process_group()
    if processes.size == 1:
        return
    ours = fit_fingerprint("data_parallel", settings, inputs, data, start)
    keeps_checkpoints = settings.checkpoint_dir is not None
    ours["call"] = {
        "checkpoint_dir": "a folder" if keeps_checkpoints else None,
        "the method": "partial_fit" if run.incremental else "fit",
    }
    first, *others = processes.all_gather_object(ours)
    for rank, other in enumerate(others, start=1):
        differing = list(differences(other, first, ("in process 0", f"in process {rank}")))
        if differing:
            raise ValueError(
                f"{settings.who}: the processes were not given the same fit: "
                f"{', '.join(differing)}. Give all of them the same parameters and all data, in "
                "the same order, and a random_state to the steps before this one."
            )


def _hash(who: str, needed_by: str, name: str, value: Any) -> str:
    try:
        return str(joblib.hash(value))
    except Exception as error:
        raise ValueError(
            f"{who}: {needed_by} needs parameters that can be pickled, and {name}={value!r} "
            f"cannot ({error}). Define a function at the top of a module."
        ) from error


def _start(start: ModelState) -> list[Any]:
    return [weights_to_arrays(start.network, None), start.n_epochs, start.seed]


def _data_digest(inputs: Inputs, data: SequenceDataset) -> str:
    digest = blake2b(digest_size=16)
    # With the margin, as in the checkpoints of former versions.
    update_digest(digest, inputs.values, inputs.margin)
    for array in (data.target, data.sample_weight, inputs.vectors):
        if array is not None:
            update_digest(digest, array)
    digest.update(repr(inputs.vocabulary).encode())
    return digest.hexdigest()


def differences(
    ours: Fingerprint, theirs: Fingerprint, when: tuple[str, str] = ("was", "now")
) -> Iterator[str]:
    """Say in what a fit differs from another one.

    Parameters
    ----------
    ours, theirs : dict
        The fingerprints of the two.
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
    for part in ("versions", "call"):
        for name, value in ours.get(part, {}).items():
            if value != theirs.get(part, {}).get(name):
                yield f"{name} {then} {theirs.get(part, {}).get(name)}, {now} {value}"
    if ours["data"] != theirs["data"]:
        yield "the data differ"
    if ours["start"] != theirs["start"]:
        yield "it resumed from another model"

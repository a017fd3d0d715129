"""The saved form of a target: the name of its kind and its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from .targets import BinaryTarget, MulticlassTarget, MultilabelTarget, NumericTarget, Target

__all__ = ["target_from_state", "target_to_state"]

_KINDS: dict[str, type[Target]] = {
    "binary": BinaryTarget,
    "multiclass": MulticlassTarget,
    "multilabel": MultilabelTarget,
    "numbers": NumericTarget,
}


def target_to_state(target: Target) -> dict[str, Any]:
    """Return the saved form of a target: plain numbers and arrays.

    Parameters
    ----------
    target : Target
        The target.

    Returns
    -------
    dict
        The name of its kind, and its attributes.
    """
    (kind,) = (name for name, cls in _KINDS.items() if type(target) is cls)
    return {"kind": kind, **vars(target)}


def target_from_state(state: dict[str, Any], n_outputs: int) -> Target:
    """Return the target that `target_to_state` described.

    Parameters
    ----------
    state : dict
        What was saved.
    n_outputs : int
        Logits of the network.

    Returns
    -------
    Target
        The target.

    Raises
    ------
    ModelFileError
        If it does not fit the network.
    """
    cls = _KINDS.get(state["kind"])
    if cls is None:
        raise ModelFileError(
            f"Expected one of the targets {sorted(_KINDS)}, got {state['kind']!r}: the file was "
            "altered."
        )
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

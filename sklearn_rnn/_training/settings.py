"""What training needs to know of an estimator, and which kind of fit it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch

from .._network.config import NetworkParameters

__all__ = ["SETTINGS", "TrainingRun", "TrainingSettings", "training_settings"]


@dataclass(frozen=True)
class TrainingRun:
    """Which kind of fit this is.

    Parameters
    ----------
    resume : bool, default=False
        Whether training continues from the weights of the last fit.
    incremental : bool, default=False
        Whether to train for one epoch on a chunk of a stream, as `partial_fit` does.
    """

    resume: bool = False
    incremental: bool = False


@dataclass(frozen=True)
class TrainingSettings:
    """An estimator's parameters, as far as training depends on them.

    A field of the name of a parameter has its value; the parameters' meaning is documented
    with the estimator. Regressors lack those with a default.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    network : NetworkParameters
        The parameters that a network is built from.
    parameters : mapping of str to object
        The constructor's arguments by name, by which fits are compared.
    """

    who: str
    network: NetworkParameters
    parameters: Mapping[str, Any]
    embedding_dim: int
    freeze_embedding: bool | int
    optimizer: str | Callable[..., torch.optim.Optimizer]
    lr: float | Literal["auto"]
    table_lr: float | Literal["auto"] | None
    lr_schedule: str
    max_epochs: int | Literal["auto"]
    batch_size: int | Literal["auto"]
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    max_grad_norm: float | None
    callbacks: Sequence[Any] | None
    checkpoint_dir: str | os.PathLike[str] | None
    device: str | torch.device
    random_state: int | np.random.RandomState | None
    verbose: int
    term_weights: str = "idf"
    label_smoothing: float = 0.0

    @property
    def unfreezes(self) -> bool:
        """Whether vectors that came with the sequences are frozen for some epochs only."""
        return not isinstance(self.freeze_embedding, bool | np.bool_)

    def is_frozen(self, n_epochs: int) -> bool:
        """Return whether vectors that came with the sequences are frozen.

        Parameters
        ----------
        n_epochs : int
            Epochs that were trained so far.

        Returns
        -------
        bool
            Whether they are.
        """
        if self.unfreezes:
            return n_epochs < self.freeze_embedding
        return bool(self.freeze_embedding)


_NETWORK = {field.name for field in fields(NetworkParameters)}
_TRAINING = {field.name for field in fields(TrainingSettings)} - {"who", "network", "parameters"}

SETTINGS = _NETWORK | _TRAINING
"""The parameters that training depends on."""


def training_settings(
    who: str, values: Mapping[str, Any], parameters: Mapping[str, Any]
) -> TrainingSettings:
    """Return an estimator's parameters as a typed record.

    Parameters
    ----------
    who : str
        Name of the estimator.
    values : mapping of str to object
        The values of `SETTINGS`, as far as the estimator has them.
    parameters : mapping of str to object
        The arguments of its constructor, of which a subclass may have fewer.

    Returns
    -------
    TrainingSettings
        The settings.
    """
    network = {name: values[name] for name in _NETWORK}
    network["bidirectional"] = bool(network["bidirectional"])
    training = {name: values[name] for name in _TRAINING & values.keys()}
    return TrainingSettings(who, NetworkParameters(**network), parameters, **training)

"""What training needs to know of an estimator, and which kind of fit it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

__all__ = ["TrainingRun", "TrainingSettings", "training_settings"]


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
    with the estimator. Regressors lack the parameters with a default.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    parameters : mapping of str to object
        All parameters by name, from which networks are configured and fits are compared.
    """

    who: str
    parameters: Mapping[str, Any]
    freeze_embedding: bool | int
    input_dropout: float
    dropout: float
    linear: str
    branch_dropout: float
    optimizer: str | Callable[..., torch.optim.Optimizer]
    lr: float
    table_lr: float | None
    lr_schedule: str
    max_epochs: int
    batch_size: int
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


def training_settings(who: str, parameters: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings that an estimator's parameters stand for.

    Parameters
    ----------
    who : str
        Name of the estimator.
    parameters : mapping of str to object
        All its parameters.

    Returns
    -------
    TrainingSettings
        The settings.
    """
    names = {field.name for field in fields(TrainingSettings)} & parameters.keys()
    return TrainingSettings(who, parameters, **{name: parameters[name] for name in names})

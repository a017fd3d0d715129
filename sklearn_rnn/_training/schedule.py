"""How long and how fast to train where the parameters say "auto": by the size of the texts.

Chosen on validation texts of several data sets (docs/choosing.md), by what each text does to the
weights in a whole fit:

- Passes: each further one teaches less, and the less the more there is to read in one. Four are
  enough for long and many texts, where ten are better for short ones, and twenty for a few.
- Batches: with thousands of texts, 64 instead of 32 at twice the learning rate cost no accuracy,
  and half of the time that does not depend on the number of tokens.
- Tables: a text is a share 1 / `batch_size` of a gradient, and is read `max_epochs` times. With a
  rate in proportion to both, it moves the rows of its words by the same in a whole fit; within
  the limits that were tried, as with early stopping `max_epochs` may be far more than are made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

from .._data.batches import SequenceDataset
from .settings import TrainingRun, TrainingSettings

__all__ = ["Schedule", "training_schedule"]

Number = TypeVar("Number", int, float, float | None)

_PASSES = ((10_000, 20), (500_000, 10), (math.inf, 4))
"""Passes, if one has fewer tokens than the number before."""

_MANY_TEXTS = 2_000
"""Texts from which on batches are larger."""


@dataclass(frozen=True)
class Schedule:
    """The numbers that a fit trains with.

    Parameters
    ----------
    max_epochs : int
        Passes over the training texts.
    batch_size : int
        Texts in a batch.
    lr : float
        Learning rate.
    table_lr : float or None
        Learning rate of the tables; None: the optimizer takes care of them, too.
    """

    max_epochs: int
    batch_size: int
    lr: float
    table_lr: float | None


def training_schedule(
    settings: TrainingSettings, texts: SequenceDataset, run: TrainingRun
) -> Schedule:
    """Return the numbers that a fit trains with.

    Parameters
    ----------
    settings : TrainingSettings
        The estimator's parameters; what is not "auto" is taken as it is.
    texts : SequenceDataset
        The training texts.
    run : TrainingRun
        Which kind of fit this is. A chunk of a stream is trained on in batches and at rates that
        do not depend on its size: those of ten passes over short texts.

    Returns
    -------
    Schedule
        The numbers.
    """
    n_tokens = 10_000 if run.incremental else texts.lengths.sum()
    are_many = not run.incremental and len(texts) >= _MANY_TEXTS
    passes = next(n_passes for limit, n_passes in _PASSES if n_tokens < limit)
    max_epochs = passes if run.incremental else _or(passes, settings.max_epochs)
    batch_size = _or(64 if are_many else 32, settings.batch_size)
    # The size by which rates are chosen: that of the batches there are. In smaller ones than 32
    # `TableOptimizer` takes smaller steps by itself.
    size = 32 if run.incremental else max(min(batch_size, len(texts)), 32)
    return Schedule(
        max_epochs=1 if run.incremental else max_epochs,
        batch_size=batch_size,
        lr=_or(3e-3 * min(size, 64) / 32, settings.lr),
        table_lr=_or(50.0 * min(size, 128) / min(max(max_epochs, 4), 20), settings.table_lr),
    )


def _or(automatic: Number, given: Number | Literal["auto"]) -> Number:
    """Return what was given, or the automatic value."""
    return automatic if isinstance(given, str) else given

"""The steps of a fit, from checked data to a trained network.

1. Do all processes that train together have the same data and parameters?
2. Is there a checkpoint to resume from?
3. Which texts are set aside for validation?
4. A new network, or a copy of the last fit's; its linear model counts n-grams.
5. skorch's loop, with this library's callbacks, batches, gradients and optimizers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .._data.batches import SequenceDataset
from .._data.inputs import Inputs
from .._data.targets import Target
from .._data.validation_split import hold_out
from .._utils.validation import seed_from
from ..exceptions import DivergenceError
from .callbacks import RestoreLastFinite, training_callbacks
from .checkpoint import Checkpoint, SaveCheckpoint, open_checkpoint
from .device import training_device
from .early_stopping import kept_epoch
from .fingerprint import check_same_fit
from .history import Figures, check_training, history_arrays
from .optimizers import FULL_BATCH
from .processes import current_process_group
from .schedule import training_schedule
from .settings import TrainingRun, TrainingSettings
from .skorch_net import OptimizerState, SequenceNet, make_net
from .starting_model import ModelState, new_model, resumed_model

__all__ = ["TrainingResult", "train"]


class TrainingResult(NamedTuple):
    """What a fit ends with."""

    model: ModelState
    """The trained model."""

    net: SequenceNet
    """The skorch net around its network."""

    n_epochs: int
    """Epochs of this fit that were finished."""

    figures: Figures
    """Losses and scores of these epochs."""

    kept_epoch: int
    """The epoch of this fit whose weights the network has."""

    error: DivergenceError | None
    """What ended training early, after epochs that went well."""


def train(
    start: ModelState | None,
    inputs: Inputs,
    data: SequenceDataset,
    target: Target,
    settings: TrainingSettings,
    run: TrainingRun,
) -> TrainingResult:
    """Train a new network, or a copy of one that was trained before.

    Parameters
    ----------
    start : ModelState or None
        The model to resume from, which stays as it is; None: a new one.
    inputs : Inputs
        The sequences, with their vocabulary and vectors.
    data : SequenceDataset
        The sequences with their targets and weights.
    target : Target
        What the network learns to predict.
    settings : TrainingSettings
        The estimator's parameters.
    run : TrainingRun
        Which kind of fit this is.

    Returns
    -------
    TrainingResult
        The trained model.

    Raises
    ------
    CheckpointError
        If the checkpoint is another fit's, or cannot be read.
    DivergenceError
        If the first epoch diverges.
    """
    check_same_fit(settings, inputs, data, start, run)
    with open_checkpoint(settings, inputs, data, start, run) as checkpoint:
        seed = _seed(start, settings, checkpoint)
        training, validation = _split(data, target, settings, run, seed)
        if start is None:
            model = new_model(inputs, training, target, settings, run, seed)
        else:
            model = resumed_model(start, inputs, training, target, settings, run, seed)
        model = replace(model, unknown=model.unknown.after_reading(training))
        with model.unknown.read_as_unknown(model.network):
            net, error = _fit_net(model, training, validation, settings, run, checkpoint)
    return _result(model, net, error)


def _seed(
    start: ModelState | None, settings: TrainingSettings, checkpoint: Checkpoint | None
) -> int:
    """Return the random seed, which is the same in all processes and in all fits of a model."""
    if start is not None:
        seed = start.seed
    else:
        drawn = seed_from(settings.random_state)
        seed = current_process_group().broadcast_object(lambda: drawn)
    return seed if checkpoint is None or checkpoint.seed is None else checkpoint.seed


def _split(
    data: SequenceDataset, target: Target, settings: TrainingSettings, run: TrainingRun, seed: int
) -> tuple[SequenceDataset, SequenceDataset | None]:
    if run.incremental or not settings.early_stopping:
        return data, None
    # The same in each fit of a warm start: what is validated on is never trained on.
    generator = np.random.default_rng(seed)
    return hold_out(settings.who, data, target.strata, settings.validation_fraction, generator)


def _seed_generators(model: ModelState) -> np.random.Generator:
    """Seed the network's dropout masks; return the source of the order of its training texts.

    Both seeds are derived from the number of epochs so far: to resume takes no generator's state.
    """
    order, masks = np.random.SeedSequence((model.seed, model.n_epochs)).spawn(2)
    model.network.generator.manual_seed(int(masks.generate_state(1)[0]))
    return np.random.default_rng(order)


def _fit_net(
    model: ModelState,
    training: SequenceDataset,
    validation: SequenceDataset | None,
    settings: TrainingSettings,
    run: TrainingRun,
    checkpoint: Checkpoint | None,
) -> tuple[SequenceNet, DivergenceError | None]:
    """Run skorch's loop; return the net, and what ended training after epochs that went well."""
    network, schedule = model.network, training_schedule(settings, training, run)
    n_epochs = schedule.max_epochs
    generator = _seed_generators(model)
    model.freeze_embedding(settings)
    last_finite = RestoreLastFinite(settings.who, keeps_weights=n_epochs > 1)
    net = make_net(
        network,
        model.target,
        device=training_device(settings.who, settings.device),
        optimizer=settings.optimizer,
        lr=schedule.lr,
        table_lr=schedule.table_lr,
        # If all texts are few, a batch of all of them is a full one; a chunk is not.
        full_batch=FULL_BATCH if run.incremental else min(FULL_BATCH, len(training)),
        label_smoothing=settings.label_smoothing,
        max_epochs=n_epochs,
        batch_size=schedule.batch_size,
        generator=generator,
        validation=validation,
        callbacks=training_callbacks(
            settings,
            model.target,
            is_pretrained=model.is_pretrained,
            n_epochs_before=model.n_epochs,
            n_epochs=n_epochs,
            validates=validation is not None,
            last_finite=last_finite,
            checkpoint=checkpoint and SaveCheckpoint(checkpoint, generator, model.seed),
        ),
        processes=current_process_group(),
    )
    if model.optimizers is not None:
        net.load_optimizers(model.optimizers)
    error = None
    try:
        net.partial_fit(training, epochs=n_epochs - (checkpoint.n_epochs if checkpoint else 0))
    except DivergenceError as divergence:
        if not last_finite.restore(net):
            raise
        error = divergence
    last_finite.forget()
    network.eval().zero_grad()
    net.release_data()
    if error is None:
        check_training(settings.who, net)
    return net, error


def _result(model: ModelState, net: SequenceNet, error: DivergenceError | None) -> TrainingResult:
    n_epochs, figures = history_arrays(net.history)
    # A callback may have changed the rate, and further texts have brought further pairs.
    config = replace(model.config, branch_dropout=model.network.branch_dropout.p)
    if model.network.linear is not None:
        config = replace(config, n_pairs=len(model.network.linear.pairs))
    trained = replace(
        model,
        config=config,
        n_epochs=model.n_epochs + n_epochs,
        optimizers=OptimizerState(net.optimizer_, net.sparse_optimizer_),
    )
    return TrainingResult(trained, net, n_epochs, figures, kept_epoch(net, n_epochs), error)

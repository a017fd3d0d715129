"""From a network and its data to a trained net: seeds, callbacks, skorch's loop, its end."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from skorch.callbacks import LRScheduler

from .._data.batches import SequenceDataset
from .._network.network import RecurrentNetwork
from .._utils.threads import one_blas_thread, single_threaded_math
from ..exceptions import DivergenceError
from .callbacks import (
    EarlyStopping,
    LinearWarmupDecay,
    Progress,
    SoundGradients,
    SyncEpochMetrics,
    UnfreezeEmbedding,
    check_callbacks,
)
from .checkpoint import Checkpoint
from .history import check_training
from .net import OptimizerState, SequenceNet, make_net, training_device
from .optimizers import FULL_BATCH, as_rate
from .processes import current_process_group

__all__ = ["freeze_vectors", "train"]


def train(
    estimator: Any,
    network: RecurrentNetwork,
    training: SequenceDataset,
    validation: SequenceDataset | None,
    n_epochs: int,
    memory: OptimizerState | None = None,
    checkpoint: Checkpoint | None = None,
    is_chunk: bool = False,
) -> tuple[SequenceNet, DivergenceError | None]:
    """Train a network by an estimator's parameters.

    Returns
    -------
    net : SequenceNet
        The net around the network.
    error : DivergenceError or None
        What ended training early, after epochs that were sound: the network has the weights
        of the last of them.
    """
    who = type(estimator).__name__
    # Seeds follow from the epochs behind us: going on needs no generator's state.
    order, masks = np.random.SeedSequence((estimator._seed, estimator.n_iter_)).spawn(2)
    generator = np.random.default_rng(order)
    for name in ("input_dropout", "dropout", "branch_dropout"):
        getattr(network, name).p = getattr(estimator, name)
    network.generator.manual_seed(int(masks.generate_state(1)[0]))
    freeze_vectors(estimator, network)
    longest = None if estimator.max_grad_norm is None else as_rate(estimator.max_grad_norm)
    sound = SoundGradients(who, longest, keeps_weights=n_epochs > 1)
    net = make_net(
        network,
        estimator._target,
        optimizer=estimator.optimizer,
        memory=memory,
        lr=estimator.lr,
        table_lr=estimator.table_lr,
        # Where all texts are few, a batch of all of them is a full one; a chunk is not.
        full_batch=FULL_BATCH if is_chunk else min(FULL_BATCH, len(training)),
        label_smoothing=estimator.label_smoothing,
        max_epochs=n_epochs,
        batch_size=estimator.batch_size,
        generator=generator,
        validation=validation,
        callbacks=[
            SyncEpochMetrics(),
            sound,
            *_callbacks(estimator, validation is not None, n_epochs),
        ],
        processes=current_process_group(),
        device=training_device(who, estimator.device),
    )
    if checkpoint is not None:
        n_epochs -= checkpoint.attach(net, generator, estimator._seed)
    error = _run(net, training, n_epochs, sound)
    sound.sound_weights = None  # a copy of the weights; gradients are as large too
    network.eval().zero_grad()
    net.train_split = None  # lets go of the data
    if error is None:
        check_training(who, net)
    return net, error


def freeze_vectors(estimator: Any, network: RecurrentNetwork) -> None:
    """Freeze vectors that came with the sequences, or free them, by an estimator's parameters."""
    if estimator._has_vectors and network.embedding is not None:
        network.embedding.weight.requires_grad_(_learns_vectors(estimator))


def _run(
    net: SequenceNet, training: SequenceDataset, n_epochs: int, sound: SoundGradients
) -> DivergenceError | None:
    try:
        with one_blas_thread(), single_threaded_math() as net.n_threads_:
            net.partial_fit(training, epochs=n_epochs)
    except DivergenceError as error:
        if not sound.put_back(net):
            raise
        return error
    return None


def _learns_vectors(estimator: Any) -> bool:
    freeze = estimator.freeze_embedding
    is_flag = isinstance(freeze, bool | np.bool_)
    return not freeze if is_flag else bool(estimator.n_iter_ >= freeze)


def _callbacks(estimator: Any, watched: bool, n_epochs: int) -> list[Any]:
    check_callbacks(type(estimator).__name__, estimator.callbacks)
    callbacks = [*estimator._scores(), *deepcopy(list(estimator.callbacks or ()))]
    freeze = estimator.freeze_embedding
    if estimator._has_vectors and not _learns_vectors(estimator) and freeze is not True:
        callbacks.append(UnfreezeEmbedding(freeze - estimator.n_iter_))
    _check_monitors(type(estimator).__name__, callbacks, watched)
    has_schedule = any(isinstance(_plain(entry), LRScheduler) for entry in callbacks)
    if estimator.lr_schedule == "linear" and n_epochs > 1 and not has_schedule:
        callbacks.append(LinearWarmupDecay())
    if estimator.verbose and current_process_group().is_main:
        callbacks.append(Progress())
    if watched:  # last, since it ends the epoch for all that come after it
        callbacks.append(
            EarlyStopping(patience=estimator.n_iter_no_change, threshold=0, load_best=True)
        )
    return callbacks


def _plain(entry: Any) -> Any:
    """Return the callback of a callback, or of a pair of a name and one."""
    return entry[1] if isinstance(entry, tuple) else entry


def _check_monitors(who: str, callbacks: list[Any], watched: bool) -> None:
    for callback in map(_plain, callbacks):
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.startswith("valid_") and not watched:
            raise ValueError(
                f"{who}: the callback {type(callback).__name__} watches {monitor!r}, but no texts "
                'are set aside. Set early_stopping=True, or monitor="train_loss".'
            )

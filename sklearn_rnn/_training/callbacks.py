"""Callbacks of our own for skorch's training loop, and which ones a fit gets, in which order.

When skorch calls them, those of an earlier row first:

    SyncEpochMetrics       on_epoch_end       before anyone decides by an epoch's figures
    ClipGradients          on_grad_computed
    RestoreLastFinite      on_epoch_begin, on_epoch_end
    score_callbacks        on_batch_end, on_epoch_end
    the user's
    UnfreezeEmbedding      on_epoch_begin
    LinearWarmupDecay      on_train_begin, on_batch_end
    Progress               on_epoch_begin, on_batch_end, on_epoch_end
    EarlyStopping          on_epoch_end       it ends training for all behind it
    SaveCheckpoint         on_train_begin, on_epoch_end
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from skorch.callbacks import Callback, LRScheduler, PassthroughScoring
from skorch.utils import to_tensor
from torch import Tensor, nn
from tqdm.auto import tqdm

from .._data.targets import Score, Target
from .._utils.threads import all_finite
from .early_stopping import EarlyStopping
from .history import diverged, figures_of
from .optimizers import as_rate
from .processes import current_process_group
from .settings import TrainingSettings

__all__ = [
    "LinearWarmupDecay",
    "RestoreLastFinite",
    "training_callbacks",
]

_WARM_UP = 0.05
"""Share of the steps over which the learning rate rises."""


# ---- Which callbacks a fit gets --------------------------------------------------------------


def training_callbacks(
    settings: TrainingSettings,
    target: Target,
    *,
    is_pretrained: bool,
    n_epochs_before: int,
    n_epochs: int,
    validates: bool,
    last_finite: RestoreLastFinite,
    checkpoint: Callback | None,
) -> list[Any]:
    """Return the callbacks of a fit, in the order in which skorch calls them.

    Parameters
    ----------
    settings : TrainingSettings
        The estimator's parameters.
    target : Target
        What the network learns, which says what is scored.
    is_pretrained : bool
        Whether the embedding's vectors came with the sequences.
    n_epochs_before : int
        Epochs of earlier fits.
    n_epochs : int
        Epochs of this one, at most.
    validates : bool
        Whether texts are set aside for validation.
    last_finite : RestoreLastFinite
        Keeps weights to return to.
    checkpoint : skorch callback or None
        Saves the state of all others.

    Returns
    -------
    list of skorch callbacks
        The callbacks.
    """
    _check_callbacks(settings.who, settings.callbacks)
    longest = None if settings.max_grad_norm is None else as_rate(settings.max_grad_norm)
    own = [SyncEpochMetrics(), ClipGradients(settings.who, longest), last_finite]
    later = [callback for item in target.scores.items() for callback in score_callbacks(*item)]
    later += deepcopy(list(settings.callbacks or ()))
    if is_pretrained and settings.unfreezes and settings.is_frozen(n_epochs_before):
        later.append(UnfreezeEmbedding(settings.freeze_embedding - n_epochs_before))
    _check_monitors(settings.who, later, validates)
    has_schedule = any(isinstance(_unnamed(entry), LRScheduler) for entry in later)
    if settings.lr_schedule == "linear" and n_epochs > 1 and not has_schedule:
        later.append(("LinearDecay", LinearWarmupDecay()))  # its name in checkpoints
    if settings.verbose and current_process_group().is_main:
        later.append(Progress())
    if validates:
        later.append(
            EarlyStopping(patience=settings.n_iter_no_change, threshold=0, load_best=True)
        )
    if checkpoint is not None:
        later.append(("checkpoint", checkpoint))
    return [*own, *later]


def _check_callbacks(who: str, callbacks: Sequence[Any] | None) -> None:
    """Raise if one is neither a skorch callback nor a pair of a name and one."""
    for entry in callbacks or ():
        callback = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"{who}: callbacks must be skorch callbacks, such as "
                f"skorch.callbacks.LRScheduler(), got {entry!r}."
            )


def _unnamed(entry: Any) -> Any:
    """Return the callback of an entry, which may be a pair of a name and a callback."""
    return entry[1] if isinstance(entry, tuple) else entry


def _check_monitors(who: str, callbacks: list[Any], validates: bool) -> None:
    for callback in map(_unnamed, callbacks):
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.startswith("valid_") and not validates:
            raise ValueError(
                f"{who}: the callback {type(callback).__name__} watches {monitor!r}, but no texts "
                'are set aside. Set early_stopping=True, or monitor="train_loss".'
            )


# ---- The callbacks ---------------------------------------------------------------------------


class BatchScore(Callback):
    """Record a score of each batch, from the logits that training computed anyway."""

    def __init__(self, name: str, score: Score) -> None:
        self.name = name
        self.score = score

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Write this batch's score into the history."""
        side = "train" if training else "valid"
        value = self.score(kwargs["y_pred"].detach(), to_tensor(batch[1], net.device))
        net.history.record_batch(f"{side}_{self.name}", value.item())


class UnfreezeEmbedding(Callback):
    """Train the embedding from a certain epoch on."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Unfreeze the embedding if the epochs before are over."""
        if len(net.history) > self.epoch:
            net.module_.embedding.weight.requires_grad_(True)


class ClipGradients(Callback):
    """Scale long gradients down, and stop where one is not finite.

    Gradients of all weights but the sparse parameters, whose optimizer bounds its own steps.
    """

    def __init__(self, who: str, max_norm: float | None) -> None:
        self.who = who
        self.max_norm = math.inf if max_norm is None else max_norm

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        """Clip this step's gradients, or raise."""
        weights = [w for group in net.optimizer_.param_groups for w in group["params"]]
        norm = nn.utils.clip_grad_norm_(weights, self.max_norm)
        if not norm.isfinite():
            raise diverged(self.who, net, f"a gradient is {norm.item()}", net.history[-1, "epoch"])


class RestoreLastFinite(Callback):
    """Keep a copy of the weights after each epoch, to return to when a later one diverges."""

    def __init__(self, who: str, keeps_weights: bool) -> None:
        self.who = who
        self.keeps_weights = keeps_weights
        self.weights: dict[str, Tensor] | None = None
        self.n_epochs = 0

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Copy the weights that were restored from a checkpoint."""
        if self.weights is None and len(net.history) > 1:
            self._copy(net, len(net.history) - 1)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Copy the weights, or raise if one is not finite."""
        if not all(map(all_finite, net.module_.parameters())):
            raise diverged(self.who, net, "a weight is not finite", net.history[-1, "epoch"])
        self._copy(net, len(net.history))

    def forget(self) -> None:
        """Drop the copy of the weights, which takes as much memory as the gradients."""
        self.weights = None

    def restore(self, net: Any) -> bool:
        """Undo the epoch that diverged; return False if it was the first."""
        if self.weights is None:
            return False
        net.module_.load_state_dict(self.weights, strict=False)
        del net.history[self.n_epochs :]
        return True

    def _copy(self, net: Any, n_epochs: int) -> None:
        if not self.keeps_weights:
            return
        weights = {n: w.detach() for n, w in net.module_.named_parameters()}  # not the buffers
        if self.weights is None:
            self.weights = {name: weight.clone() for name, weight in weights.items()}
        for name, weight in weights.items():  # in place: there is never a third copy
            self.weights[name].copy_(weight)
        self.n_epochs = n_epochs


class SyncEpochMetrics(Callback):
    """Give all processes the main one's figures of the epoch, so that all decide the same."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Replace the figures of the epoch that has ended."""
        epoch = net.history[-1]
        epoch.update(
            net.processes.broadcast_object(
                lambda: {n: v for n, v in epoch.items() if n != "batches"}
            )
        )


class LinearWarmupDecay(Callback):
    """Let the learning rates rise over the first steps and fall to zero over the rest.

    The small steps at the end average out the noise of the batches, so that no epoch needs to
    be chosen. Both optimizers of the net are scheduled, each from its own rate.
    """

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Note the rates and the number of steps."""
        self.n_steps_ = net.max_epochs * len(net.get_iterator(X, training=True))
        self.step_ = 0
        self.optimizers_ = [o for o in (net.optimizer_, net.sparse_optimizer_) if o is not None]
        self.rates_ = [group["lr"] for group in self._groups()]

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Set the rates: a fit that resumes from a checkpoint is halfway through."""
        self._set()

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Move on by one step."""
        if training:
            self.step_ += 1
            self._set()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Restore the rates, for a further fit."""
        for group, rate in zip(self._groups(), self.rates_, strict=True):
            group["lr"] = rate

    def _groups(self) -> list[dict[str, Any]]:
        # Looked up each time: an optimizer makes new groups when its state is restored.
        return [group for optimizer in self.optimizers_ for group in optimizer.param_groups]

    def _set(self) -> None:
        rising = (self.step_ + 1) / (_WARM_UP * self.n_steps_)
        falling = 1 - self.step_ / self.n_steps_
        for group, rate in zip(self._groups(), self.rates_, strict=True):
            group["lr"] = rate * min(1, rising) * max(0, falling)


class Progress(Callback):
    """A bar for each epoch, which ends with the epoch's figures."""

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """Open this epoch's bar."""
        total = len(net.get_iterator(dataset_train, training=True))
        self.bar_ = tqdm(total=total, desc=f"epoch {len(net.history)}/{net.max_epochs}")

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Move on by one training batch."""
        if training:
            self.bar_.update()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Show the epoch's losses and scores."""
        figures = {name: net.history[-1, name] for name in figures_of(net.history[-1])}
        del figures["dur"]  # the bar shows the time already
        self.bar_.set_postfix({name: f"{value:.3f}" for name, value in figures.items()})
        self.bar_.close()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar of an epoch that was interrupted."""
        if hasattr(self, "bar_"):
            self.bar_.close()


def score_callbacks(name: str, score: Score) -> list[Any]:
    """Return callbacks that record a score of each epoch, in training and in validation."""
    return [
        BatchScore(name, score),
        PassthroughScoring(f"train_{name}", lower_is_better=False, on_train=True),
        PassthroughScoring(f"valid_{name}", lower_is_better=False),
    ]

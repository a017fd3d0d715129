"""Callbacks of our own for skorch's training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import skorch.callbacks
from skorch.callbacks import Callback, PassthroughScoring
from skorch.utils import to_tensor
from torch import Tensor, nn
from tqdm.auto import tqdm

from .._utils.threads import all_finite
from .history import diverged, figures_of

__all__ = [
    "EarlyStopping",
    "LinearWarmupDecay",
    "Progress",
    "SoundGradients",
    "SyncEpochMetrics",
    "UnfreezeEmbedding",
    "check_callbacks",
    "score_callbacks",
]

Measure = Callable[[Tensor, Tensor], Tensor]

_WARM_UP = 0.05
"""Share of the steps over which the learning rate rises."""


class BatchScore(Callback):
    """Record a score of each batch, from the logits that training computed anyway."""

    def __init__(self, name: str, measure: Measure) -> None:
        self.name = name
        self.measure = measure

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Write this batch's score into the history."""
        side = "train" if training else "valid"
        value = self.measure(kwargs["y_pred"].detach(), to_tensor(batch[1], net.device))
        net.history.record_batch(f"{side}_{self.name}", value.item())


class UnfreezeEmbedding(Callback):
    """Let the embedding learn once `epoch` epochs have gone by."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Thaw when the time has come."""
        if len(net.history) > self.epoch:
            net.module_.embedding.weight.requires_grad_(True)


class SoundGradients(Callback):
    """Keep gradients short, and stop where one, or a weight after an epoch, is not finite.

    Gradients of all weights but the tables, whose optimizer bounds its steps by itself.
    """

    def __init__(self, who: str, max_norm: float | None, keeps_weights: bool) -> None:
        self.who = who
        self.max_norm = math.inf if max_norm is None else max_norm
        self.keeps_weights = keeps_weights
        self.sound_weights: dict[str, Tensor] | None = None
        self.n_sound = 0

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        """Scale this step's gradients down, or raise."""
        weights = [w for group in net.optimizer_.param_groups for w in group["params"]]
        norm = nn.utils.clip_grad_norm_(weights, self.max_norm)
        if not norm.isfinite():
            raise diverged(self.who, net, f"a gradient is {norm.item()}", net.history[-1, "epoch"])

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights that a checkpoint gave."""
        if self.sound_weights is None and len(net.history) > 1:
            self._keep(net, len(net.history) - 1)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights, to have them if the next epoch fails, or raise if this one has."""
        if not all(map(all_finite, net.module_.parameters())):
            raise diverged(self.who, net, "a weight is not finite", net.history[-1, "epoch"])
        self._keep(net, len(net.history))

    def put_back(self, net: Any) -> bool:
        """Let go of the epoch that failed; False if there is none before it."""
        if self.sound_weights is None:
            return False
        net.module_.load_state_dict(self.sound_weights, strict=False)
        del net.history[self.n_sound :]
        return True

    def _keep(self, net: Any, n_epochs: int) -> None:
        if not self.keeps_weights:
            return
        weights = {n: w.detach() for n, w in net.module_.named_parameters()}  # buffers stay
        if self.sound_weights is None:
            self.sound_weights = {name: weight.clone() for name, weight in weights.items()}
        for name, weight in weights.items():  # in its place: never a third copy
            self.sound_weights[name].copy_(weight)
        self.n_sound = n_epochs


class EarlyStopping(skorch.callbacks.EarlyStopping):
    """skorch's, which lets go of the best weights so far before it copies better ones."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights of the best epoch, and stop training after too many others."""
        if self._is_score_improved(net.history[-1, self.monitor]):
            self.best_model_weights_ = None
        super().on_epoch_end(net, **kwargs)


class SyncEpochMetrics(Callback):
    """Give all processes the main one's figures of the epoch: what they decide by is the same."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Take the figures of the epoch that has ended."""
        epoch = net.history[-1]
        epoch.update(
            net.processes_.broadcast_object(
                lambda: {n: v for n, v in epoch.items() if n != "batches"}
            )
        )


class LinearWarmupDecay(Callback):
    """Let the learning rates rise over the first steps and fall to zero over the rest.

    The last steps, small ones, average out the noise of the batches: no epoch needs to be
    chosen. Of all optimizers of the net, each from its own rate.
    """

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Remember the rates."""
        self.n_steps_ = net.max_epochs * len(net.get_iterator(X, training=True))
        self.step_ = 0
        self.optimizers_ = [o for o in (net.optimizer_, net.sparse_optimizer_) if o is not None]
        self.rates_ = [group["lr"] for group in self._groups()]

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Set the rates: a fit that goes on from a checkpoint is in the midst of them."""
        self._set()

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Go on by one step."""
        if training:
            self.step_ += 1
            self._set()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Put the rates back, for a fit that goes on."""
        for group, rate in zip(self._groups(), self.rates_, strict=True):
            group["lr"] = rate

    def _groups(self) -> list[dict[str, Any]]:
        # As they are now: an optimizer that gets its state back makes new ones.
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


def score_callbacks(name: str, measure: Measure) -> list[Any]:
    """Return callbacks that keep a score per epoch, on both sides of the split."""
    return [
        BatchScore(name, measure),
        PassthroughScoring(f"train_{name}", lower_is_better=False, on_train=True),
        PassthroughScoring(f"valid_{name}", lower_is_better=False),
    ]


def check_callbacks(who: str, callbacks: Sequence[Any] | None) -> None:
    """Raise if something is no skorch callback, nor a pair of a name and one."""
    for entry in callbacks or ():
        callback = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"{who}: callbacks must be skorch callbacks, such as "
                f"skorch.callbacks.LRScheduler(), got {entry!r}."
            )

"""skorch's training loop, told about this library's batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback, PassthroughScoring
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor, nn
from tqdm.auto import tqdm

from .batching import LengthSortedBatches, SequenceDataset, ShuffledBuckets

__all__ = [
    "OPTIMIZERS",
    "Progress",
    "Thaw",
    "history_arrays",
    "make_net",
    "usable_device",
    "watch",
]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    # The constants of the lecture's framework; torch's own are 0.99 and 1e-8.
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.9, eps=1e-7),
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
"""Optimizers by the name that the parameter `optimizer` takes."""

Measure = Callable[[Tensor, Tensor], Tensor]


class SequenceNet(NeuralNet):
    """A skorch net whose batches may carry weights of their texts."""

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the mean loss of a batch, each text's times its weight.

        The weights' mean is 1 over the data, not over each batch: heavy batches count more.
        """
        losses: Tensor = self.criterion_(y_pred, to_tensor(y_true, self.device))  # (N,)
        if "sample_weight" in X:
            losses = losses * to_tensor(X["sample_weight"], self.device)
        return losses.mean()


class TextwiseLoss(nn.Module):
    """A loss for each text: the mean over its outputs where it has several."""

    def __init__(self, elementwise: Callable[..., Tensor]) -> None:
        super().__init__()
        self.elementwise = elementwise

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        losses = self.elementwise(logits, target, reduction="none")  # (N,) or (N, C)
        return losses if losses.ndim == 1 else losses.mean(dim=1)


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


class Thaw(Callback):
    """Let the embedding learn once `epoch` epochs have gone by."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Thaw when the time has come."""
        if len(net.history) > self.epoch:
            net.module_.embedding.weight.requires_grad_(True)


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
        figures = {name: net.history[-1, name] for name in _figures(net.history[-1])}
        del figures["dur"]  # the bar shows the time already
        self.bar_.set_postfix({name: f"{value:.3f}" for name, value in figures.items()})
        self.bar_.close()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar of an epoch that was interrupted."""
        if hasattr(self, "bar_"):
            self.bar_.close()


def watch(name: str, measure: Measure) -> list[Any]:
    """Return callbacks that keep a score per epoch, on both sides of the split."""
    return [
        BatchScore(name, measure),
        PassthroughScoring(f"train_{name}", lower_is_better=False, on_train=True),
        PassthroughScoring(f"valid_{name}", lower_is_better=False),
    ]


def make_net(
    module: nn.Module,
    loss: Callable[..., Tensor],
    *,
    device: str,
    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
    lr: float = 1e-3,
    max_epochs: int = 1,
    batch_size: int = 32,
    generator: np.random.Generator | None = None,
    validation: SequenceDataset | None = None,
    callbacks: Sequence[Any] = (),
) -> SequenceNet:
    """Return an initialized skorch net around a module whose weights are set already."""
    net = SequenceNet(
        module,
        criterion=TextwiseLoss(loss),
        optimizer=OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=ShuffledBuckets,
        iterator_train__generator=generator,
        iterator_valid=LengthSortedBatches,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=list(callbacks),
        verbose=0,
        device=device,
    )
    initialized: SequenceNet = net.initialize()
    return initialized


def history_arrays(history: Any) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """Return the number of finished epochs, and their losses, scores and seconds."""
    epochs = [epoch for epoch in history if "dur" in epoch]  # written when an epoch ends
    names = dict.fromkeys(name for epoch in epochs for name in _figures(epoch))
    arrays = {
        name: np.array([epoch.get(name, np.nan) for epoch in epochs], np.float64) for name in names
    }
    return len(epochs), arrays


def usable_device(device: str) -> str:
    """Return the device to compute on: a model made on a GPU opens without one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        return "cpu"
    return device


def _figures(epoch: Any) -> list[str]:
    """Return the names of an epoch's figures: not skorch's bookkeeping."""
    return [name for name, value in epoch.items() if isinstance(value, float)]

"""skorch's training loop, told about this library's batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor, nn

from ._targets import Target
from .batching import LengthSortedBatches, SequenceDataset, ShuffledBuckets

__all__ = ["OPTIMIZERS", "make_net", "training_device", "usable_device"]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    # The constants of the lecture's framework; torch's own are 0.99 and 1e-8.
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.9, eps=1e-7),
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
"""Optimizers by the name that the parameter `optimizer` takes."""


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

    # For skorch's scoring callbacks, which know targets as the loss reads them. Rows are in
    # the order of the batches, as these callbacks collect the targets too.

    def predict(self, X: Any) -> NDArray[Any]:
        """Return predictions in the encoding of the targets."""
        return self.target_.encode(self.target_.decide(self._logits(X)))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class."""
        return self.target_.probabilities(self._logits(X))

    def _logits(self, X: Any) -> NDArray[np.float64]:
        return self.forward(X).numpy().astype(np.float64)


class TextwiseLoss(nn.Module):
    """A loss for each text: the mean over its outputs where it has several."""

    def __init__(self, elementwise: Callable[..., Tensor]) -> None:
        super().__init__()
        self.elementwise = elementwise

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        losses = self.elementwise(logits, target, reduction="none")  # (N,) or (N, C)
        return losses if losses.ndim == 1 else losses.mean(dim=1)


def make_net(
    module: nn.Module,
    target: Target,
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
        criterion=TextwiseLoss(target.loss),
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
    net.target_ = target
    initialized: SequenceNet = net.initialize()
    return initialized


def training_device(who: str, device: str) -> str:
    """Return the device to train on, or raise if this machine has none such."""
    usable = usable_device(device)
    if device not in ("auto", usable):
        raise ValueError(
            f'{who}: expected a device of this machine ("auto", "cpu", or one of its '
            f"{torch.cuda.device_count()} CUDA devices), got {device!r}."
        )
    return usable


def usable_device(device: str) -> str:
    """Return a device to predict on: a model made on a GPU opens without one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except Exception:  # each back end raises its own kind
        return "cpu"
    return device

"""The loss: of each text, and its weighted mean over a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skorch.utils import to_tensor
from torch import Tensor, nn

__all__ = ["PerTextLoss", "mean_loss"]


class PerTextLoss(nn.Module):
    """A loss for each text: the mean over its outputs, if it has several.

    Parameters
    ----------
    elementwise : callable
        The loss of each output, such as one of ``torch.nn.functional``.
    label_smoothing : float
        Share of a label's probability that is spread over all labels, in training.
    """

    def __init__(self, elementwise: Callable[..., Tensor], label_smoothing: float) -> None:
        super().__init__()
        self.elementwise = elementwise
        self.smoothing = {"label_smoothing": label_smoothing} if label_smoothing else {}

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the losses: (N, C) and (N,) or (N, C) -> (N,)."""
        smoothing = self.smoothing if self.training else {}
        losses = self.elementwise(logits, target, reduction="none", **smoothing)  # (N,) or (N, C)
        return losses if losses.ndim == 1 else losses.mean(dim=1)


def mean_loss(
    criterion: Callable[..., Tensor], logits: Tensor, target: Any, inputs: Mapping[str, Any]
) -> Tensor:
    """Return the mean loss of a batch, each text's times its weight.

    The weights' mean is 1 over the data, not over each batch: heavy batches count more.

    Parameters
    ----------
    criterion : callable
        Returns the loss of each text, (N,).
    logits : Tensor of shape (N, C)
        The logits.
    target : Tensor or ndarray of shape (N,) or (N, C)
        The targets.
    inputs : mapping of str to Tensor
        The inputs of the batch, among which may be ``"sample_weight"``.

    Returns
    -------
    Tensor
        The mean.
    """
    losses = criterion(logits, to_tensor(target, logits.device))
    if "sample_weight" in inputs:
        losses = losses * to_tensor(inputs["sample_weight"], logits.device)
    return losses.mean()

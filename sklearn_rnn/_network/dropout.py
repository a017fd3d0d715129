"""What is dropped in training: features of the states, or one of the network's two branches.

Masks are drawn from a generator of the network's own, never from torch's global one.

Axes: `T` steps, `N` texts, `D` features, `C` outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BranchDropout", "LockedDropout"]


class LockedDropout(nn.Module):
    """Dropout with one mask for all steps of a text ("variational" dropout).

    Parameters
    ----------
    p : float
        Share that is dropped; the rest is scaled up by 1 / (1 - p).
    generator : torch.Generator
        Source of the masks.

    References
    ----------
    Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent
    Neural Networks".
    """

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop features of each text: (T, N, D) -> (T, N, D), or (N, D) -> (N, D).

        Parameters
        ----------
        inputs : Tensor of shape (T, N, D) or (N, D)
            The features.

        Returns
        -------
        Tensor
            The same shape; in evaluation, the inputs themselves.
        """
        if not self.training or self.p == 0:
            return inputs
        mask = torch.empty(inputs.shape[-2:], device=self.generator.device)
        mask.bernoulli_(1 - self.p, generator=self.generator)
        return inputs * mask.div_(1 - self.p).to(inputs)


class BranchDropout(nn.Module):
    """Train two branches together on some texts, and each of them alone on others.

    A branch that always has the other's help only learns what the other leaves to it, which is
    little once the other has memorised its training texts.

    Parameters
    ----------
    p : float
        Share of texts without the first branch, and share of those without the second:
        below 0.5.
    generator : torch.Generator
        Source of the draws.
    """

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, logits: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Return the factor of each branch: (N, C) -> (N, 1) and (N, 1).

        Parameters
        ----------
        logits : Tensor of shape (N, C)
            Those of the first branch, for their number and device.

        Returns
        -------
        first : Tensor of shape (N, 1), or float
            1 or 0 in training. In evaluation the share of texts on which the branches were
            trained together: what each has learned alone would otherwise count twice.
        second : Tensor of shape (N, 1), or float
            1 or 0 in training, 1 in evaluation.
        """
        if not self.training or self.p == 0:
            return 1 - 2 * self.p, 1.0
        drawn = torch.empty(len(logits), 1, device=self.generator.device)
        drawn = drawn.uniform_(generator=self.generator).to(logits)
        without_first, without_second = drawn < self.p, drawn >= 1 - self.p
        return (~without_first).to(logits), (~without_second).to(logits)

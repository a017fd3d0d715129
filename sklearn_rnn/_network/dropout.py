"""What is dropped in training: features of the states, or one of the network's two branches.

Masks are drawn from a generator of the network's own, never from torch's global one.

Axes: `T` steps, `N` texts, `D` features, `C` outputs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["BranchDropout", "Dropout", "LockedDropout"]


class Dropout(nn.Module):
    """torch's dropout, with a generator of its own.

    Parameters
    ----------
    p : float
        Share that is dropped; the rest is scaled up by 1 / (1 - p).
    generator : torch.Generator
        Source of the masks.
    """

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop features: (N, F) -> (N, F).

        Parameters
        ----------
        inputs : Tensor of shape (N, F)
            The features.

        Returns
        -------
        Tensor of shape (N, F)
            The same; in evaluation, the inputs themselves.
        """
        if not self.training or self.p == 0:
            return inputs
        return inputs * self._mask(inputs.shape).to(inputs)

    def _mask(self, shape: tuple[int, ...]) -> Tensor:
        """Draw what each feature is multiplied by: 0 or the scale."""
        mask = torch.empty(shape, device=self.generator.device)
        mask.bernoulli_(1 - self.p, generator=self.generator)
        return mask.div_(1 - self.p)


class LockedDropout(Dropout):
    """Dropout with one mask for all steps of all texts ("variational" dropout).

    Gal and Ghahramani draw a mask for each text. With one for all texts that are computed
    together, a word has one vector in all of them, so that its projection is computed once.

    References
    ----------
    Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent
    Neural Networks".
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop features: (T, N, D) -> (T, N, D).

        Parameters
        ----------
        inputs : Tensor of shape (T, N, D)
            The features.

        Returns
        -------
        Tensor of shape (T, N, D)
            The same; in evaluation, the inputs themselves.
        """
        if not self.training or self.p == 0:
            return inputs
        return inputs * self._mask(inputs.shape[-1:]).to(inputs)

    def kept_features(self, n_features: int) -> tuple[NDArray[np.int64], float]:
        """Draw the mask of the next texts, as `forward` does.

        Parameters
        ----------
        n_features : int
            Number of features `D`.

        Returns
        -------
        kept : ndarray of int64 of shape (n_kept,)
            Indices of the features that are not dropped; in evaluation, all.
        scale : float
            What these are multiplied by.
        """
        if not self.training or self.p == 0:
            return np.arange(n_features), 1.0
        mask = self._mask((n_features,)).numpy()
        return np.flatnonzero(mask), 1 / (1 - self.p)


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

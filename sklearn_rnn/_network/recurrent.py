"""Recurrent layers, reading forward or in both directions.

No step of a text's recurrence ever reads padding. Batches are left-aligned, so a forward
direction meets padding only after a text's last token, and nothing reads those states. For the
backward direction each text is reversed within its own length, read forward, and reversed again.

Axes: `T` steps, `N` texts, `D` inputs, `H` states; all time-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .cells import CELLS

__all__ = ["RecurrentLayer"]


class RecurrentLayer(nn.Module):
    """One recurrent layer, reading forward or in both directions.

    Parameters
    ----------
    cell : str
        Kind of the recurrent steps, a key of `CELLS`.
    n_inputs : int
        Size `D` of a step's input.
    n_hidden : int
        Hidden units of one direction.
    bidirectional : bool
        Read backward too, and concatenate the two states of each token.
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(
        self,
        cell: str,
        n_inputs: int,
        n_hidden: int,
        bidirectional: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        n_directions = 2 if bidirectional else 1
        self.n_states = n_directions * n_hidden
        self.directions = nn.ModuleList(
            CELLS[cell](n_inputs, n_hidden, generator) for _ in range(n_directions)
        )

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the states after each step: (T, N, D) -> (T, N, H).

        Parameters
        ----------
        inputs : Tensor of shape (T, N, D)
            Left-aligned sequences.
        lengths : Tensor of shape (N,)
            Number of steps of each text.

        Returns
        -------
        Tensor of shape (T, N, H)
            The states; of a bidirectional layer, the forward ones first.
        """
        forward: Tensor = self.directions[0](inputs)
        if len(self.directions) == 1:
            return forward
        mirrored = _mirror_index(lengths, len(inputs))
        backward = _Mirror.apply(self.directions[1](_Mirror.apply(inputs, mirrored)), mirrored)
        return torch.cat([forward, backward], dim=2)


def _mirror_index(lengths: Tensor, n_steps: int) -> Tensor:
    """Return the index of each step's mirror image, (T * N,): steps past the end stay in place."""
    steps = torch.arange(n_steps, device=lengths.device)[:, None]
    mirrored = torch.where(steps < lengths, lengths - 1 - steps, steps)  # (T, N)
    texts = torch.arange(len(lengths), device=lengths.device)
    return (mirrored * len(lengths) + texts).flatten()


class _Mirror(torch.autograd.Function):
    """Reverse each text within its own length. Its own inverse, and so its own gradient."""

    @staticmethod
    def forward(ctx: object, inputs: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)  # type: ignore[attr-defined]
        return inputs.flatten(0, 1).index_select(0, index).view_as(inputs)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return _Mirror.apply(grad, index), None

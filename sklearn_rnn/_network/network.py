"""The network: embedding, locked dropout, recurrent layers, pooling, dense head.

No step of a text's recurrence ever reads padding. Batches come left-aligned, so a forward
layer meets padding only after a text's last token, where nobody looks. For a backward layer
each text is reversed within its own length, run forward, and reversed again.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `D` vector dimensions, `H` hidden units
(twice as many where a layer reads both ways), `C` outputs. Recurrent layers are time-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..sequences import UNKNOWN
from .cells import CELLS
from .initializers import dense, embedding
from .linear import TfidfLinear
from .pooling import POOLINGS

__all__ = ["BranchDropout", "LockedDropout", "RecurrentLayer", "RecurrentNetwork"]

_LINEAR_RATE = 0.25
"""What the linear model reads has length 1 for each text: its gradients are larger."""


class RecurrentNetwork(nn.Module):
    """Sequences to logits.

    Parameters
    ----------
    n_ids : int or None
        Rows `V` of the embedding table; None for sequences that are embedded already.
    n_dimensions : int
        Size `D` of a token's vector.
    n_outputs : int
        Number of logits `C`.
    n_places : int
        Width of the flattened states: the longest text that ``pooling="flatten"`` takes.
    cell : {"rnn", "lstm", "gru"}
        Kind of the recurrent layers.
    hidden_size : int
        Hidden units of a layer, in one direction.
    num_layers : int
        Recurrent layers, one upon the other.
    bidirectional : bool
        Read in both directions, in each layer.
    pooling : {"last", "max", "mean", "attention", "flatten"}
        How the states of all steps become one vector.
    input_dropout : float
        Share of each recurrent layer's inputs dropped, one mask for all steps of a text.
    dropout : float
        Share of the pooled vector dropped.
    linear : {"none", "words", "pairs"}
        Which linear model stands beside the recurrent layers; of ids only.
    n_pairs : int
        Pairs that it knows.
    branch_dropout : float
        Share of texts that train the linear model alone, and share of texts that train the
        recurrent layers alone.
    generator : torch.Generator
        Source of the initial weights and of the dropout masks.
    """

    def __init__(
        self,
        *,
        n_ids: int | None,
        n_dimensions: int,
        n_outputs: int,
        n_places: int,
        cell: str,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        pooling: str,
        input_dropout: float,
        dropout: float,
        linear: str,
        n_pairs: int,
        branch_dropout: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.cell = cell
        n_states = hidden_size * (2 if bidirectional else 1)
        sizes = [n_dimensions, *[n_states] * (num_layers - 1)]
        self.embedding = None if n_ids is None else embedding(n_ids, n_dimensions, generator)
        # (V,), words that are read as the unknown token in training: their vectors are not learned
        self.rare_word_mask: Tensor | None
        self.register_buffer("rare_word_mask", None, persistent=False)
        self.input_dropout = LockedDropout(input_dropout, generator)
        self.layers = nn.ModuleList(
            RecurrentLayer(cell, size, hidden_size, bidirectional, generator) for size in sizes
        )
        self.pooling = POOLINGS[pooling](n_states, n_places, hidden_size)
        self.dropout = LockedDropout(dropout, generator)
        self.head = dense(self.pooling.n_features, n_outputs, generator)
        self.branch_dropout = BranchDropout(branch_dropout, generator)
        self.linear = (
            None if n_ids is None or linear == "none" else TfidfLinear(n_ids, n_pairs, n_outputs)
        )

    @property
    def sparse_parameters(self) -> list[Tensor]:
        """The weights of which a batch reads a few rows: by word, or by pair of words."""
        return [part.weight for part in (self.embedding, self.linear) if part is not None]

    @property
    def sparse_rates(self) -> list[float]:
        """The learning rate of each of the tables, as a share of the rate of all."""
        parts = ((self.embedding, 1.0), (self.linear, _LINEAR_RATE))
        return [rate for part, rate in parts if part is not None]

    @property
    def numbers_per_text(self) -> int:
        """How many logits a text takes the memory of, at the end: thousands of states count, too.

        Those that ``pooling="flatten"`` puts side by side are short-lived, and float32.
        """
        return max(self.head.out_features, self.pooling.n_features // 8)

    @property
    def is_fused(self) -> bool:
        """Whether each layer's steps are one call into torch."""
        return CELLS[self.cell].is_fused()

    def forward(
        self, sequences: Tensor, lengths: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the logits: (N, T) ids or (N, T, D) vectors -> (N, C).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.
        lengths : Tensor of shape (N,)
            Tokens of each text.
        sample_weight : Tensor of shape (N,), default=None
            For the loss; not read here.

        Returns
        -------
        Tensor of shape (N, C)
            The logits.
        """
        logits = self.recurrent_logits(self.embed(sequences), lengths)
        if self.linear is None:
            return logits
        recurrent, linear = self.branch_dropout(logits)
        return recurrent * logits + linear * self.linear(sequences)

    def recurrent_logits(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits of the recurrent layers alone: (T, N, D) -> (N, C).

        Parameters
        ----------
        vectors : Tensor of shape (T, N, D)
            The tokens' vectors.
        lengths : Tensor of shape (N,)
            Tokens of each text.

        Returns
        -------
        Tensor of shape (N, C)
            The logits, not yet weighed against those of the linear model.
        """
        pooled = self.pooling(self.states(vectors, lengths), lengths)
        logits: Tensor = self.head(self.dropout(pooled))
        return logits

    def features(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Return the pooled states: (N, T) ids or (N, T, D) vectors -> (N, F).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.
        lengths : Tensor of shape (N,)
            Tokens of each text.

        Returns
        -------
        Tensor of shape (N, F)
            One vector for each text.
        """
        pooled: Tensor = self.pooling(self.states(self.embed(sequences), lengths), lengths)
        return pooled

    def embed(self, sequences: Tensor) -> Tensor:
        """Return the tokens' vectors: (N, T) ids or (N, T, D) vectors -> (T, N, D).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.

        Returns
        -------
        Tensor of shape (T, N, D)
            The vectors, time-major.
        """
        steps = sequences.transpose(0, 1)
        if self.embedding is None:
            return steps
        if self.rare_word_mask is not None:
            steps = torch.where(self.rare_word_mask[steps], UNKNOWN, steps)
        vectors: Tensor = self.embedding(steps)
        return vectors

    def states(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the last recurrent layer's states: (T, N, D) -> (T, N, H).

        Parameters
        ----------
        vectors : Tensor of shape (T, N, D)
            The tokens' vectors.
        lengths : Tensor of shape (N,)
            Tokens of each text.

        Returns
        -------
        Tensor of shape (T, N, H)
            The states; those past a text's end have no meaning.
        """
        for layer in self.layers:
            vectors = layer(self.input_dropout(vectors), lengths)
        return vectors


class LockedDropout(nn.Module):
    """Dropout with one mask for all steps, from a generator of its own.

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
            What is dropped from, in training.

        Returns
        -------
        Tensor
            The same shape.
        """
        if not self.training or self.p == 0:
            return inputs
        kept = torch.empty(inputs.shape[-2:], device=self.generator.device)
        kept.bernoulli_(1 - self.p, generator=self.generator)
        return inputs * kept.div_(1 - self.p).to(inputs)


class BranchDropout(nn.Module):
    """Train two branches as one for some texts, and each of them by itself for others.

    A branch that always has the other's help learns what that one leaves to it, which is
    little where the other has learned its training texts by heart.

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
        """Return what each branch counts: (N, C) -> (N, 1) and (N, 1).

        Parameters
        ----------
        logits : Tensor of shape (N, C)
            Those of the first branch, for their number and device.

        Returns
        -------
        first : Tensor of shape (N, 1), or float
            1 or 0 in training, else the share of texts for which the branches were trained
            as one: what each has learned by itself would otherwise count twice.
        second : Tensor of shape (N, 1), or float
            1 or 0 in training, else 1.
        """
        if not self.training or self.p == 0:
            return 1 - 2 * self.p, 1.0
        drawn = torch.empty(len(logits), 1, device=self.generator.device)
        drawn = drawn.uniform_(generator=self.generator).to(logits)
        without_first, without_second = drawn < self.p, drawn >= 1 - self.p
        return (~without_first).to(logits), (~without_second).to(logits)


class RecurrentLayer(nn.Module):
    """One recurrent layer, reading forward or in both directions.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru"}
        Kind of the steps.
    n_inputs : int
        Size `D` of a step's input.
    n_hidden : int
        Hidden units `H` of one direction.
    bidirectional : bool
        Read backward too, and put the two states of each token side by side.
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
            Steps of each text.

        Returns
        -------
        Tensor of shape (T, N, H)
            States; where both directions are read, forward ones first, then backward ones.
        """
        forward: Tensor = self.directions[0](inputs)
        if len(self.directions) == 1:
            return forward
        mirrored = _mirror_index(lengths, len(inputs))
        backward = _Mirror.apply(self.directions[1](_Mirror.apply(inputs, mirrored)), mirrored)
        return torch.cat([forward, backward], dim=2)


def _mirror_index(lengths: Tensor, n_steps: int) -> Tensor:
    """Return where each step's mirror image lies in (T * N): steps past the end stay."""
    steps = torch.arange(n_steps, device=lengths.device)[:, None]
    mirrored = torch.where(steps < lengths, lengths - 1 - steps, steps)  # (T, N)
    texts = torch.arange(len(lengths), device=lengths.device)
    return (mirrored * len(lengths) + texts).flatten()


class _Mirror(torch.autograd.Function):
    """Reverse each text within its own length. Its own inverse, so its own gradient too."""

    @staticmethod
    def forward(ctx: object, inputs: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)  # type: ignore[attr-defined]
        return inputs.flatten(0, 1).index_select(0, index).view_as(inputs)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return _Mirror.apply(grad, index), None

"""The network: embedding, locked dropout, recurrent layers, pooling, dense head.

Beside the recurrent layers there may be a linear model of the same ids, whose logits are added
to theirs.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `D` vector dimensions, `H` states of a layer
(twice its hidden units if it is bidirectional), `F` pooled features, `C` outputs. Recurrent
layers are time-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..sequences import UNKNOWN
from .cells import CELLS
from .config import NetworkConfig, NetworkParameters
from .dropout import BranchDropout, Dropout, LockedDropout
from .embedding import Embedding
from .initializers import dense
from .linear import TfidfLinear
from .pooling import POOLINGS, StateSizes
from .recurrent import RecurrentLayer

__all__ = ["RecurrentNetwork"]

_LINEAR_RATE = 0.25
"""Learning rate of the linear model, as a share of the embedding's.

Its inputs have length 1 for each text, which makes its gradients larger.
"""


class RecurrentNetwork(nn.Module):
    """Sequences to logits.

    Parameters
    ----------
    config : NetworkConfig
        What it is built from.
    generator : torch.Generator
        Source of the initial weights and of the dropout masks.
    """

    def __init__(self, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator
        self.cell = config.cell
        n_states = config.hidden_size * (2 if config.bidirectional else 1)
        self.embedding = None
        if config.n_ids is not None:
            self.embedding = Embedding(config.n_ids, config.n_dimensions, generator)
        # (V,), words that are read as the unknown token in training: their vectors are not learned
        self.unknown_word_mask: Tensor | None
        self.register_buffer("unknown_word_mask", None, persistent=False)
        self.input_dropout = LockedDropout(config.input_dropout, generator)
        self.layers = nn.ModuleList(
            RecurrentLayer(
                config.cell, n_inputs, config.hidden_size, config.bidirectional, generator
            )
            for n_inputs in (config.n_dimensions, *[n_states] * (config.num_layers - 1))
        )
        self.pooling = POOLINGS[config.pooling](
            StateSizes(n_states, config.hidden_size, n_steps=config.sequence_length)
        )
        self.dropout = Dropout(config.dropout, generator)
        self.head = dense(self.pooling.n_features, config.n_outputs, generator)
        self.branch_dropout = BranchDropout(config.branch_dropout, generator)
        self.linear = None
        if config.n_ids is not None and config.linear != "none":
            self.linear = TfidfLinear(config.n_ids, config.n_pairs, config.n_outputs)

    def set_dropout(self, rates: NetworkParameters) -> None:
        """Change the rates of dropout.

        Parameters
        ----------
        rates : NetworkParameters
            The parameters, of which the rates are taken.
        """
        self.input_dropout.p = rates.input_dropout
        self.dropout.p = rates.dropout
        self.branch_dropout.p = rates.branch_dropout

    @property
    def sparse_parameters(self) -> list[Tensor]:
        """The weights of which a batch reads a few rows: those of its words and pairs."""
        return [part.weight for part in (self.embedding, self.linear) if part is not None]

    @property
    def sparse_rates(self) -> list[float]:
        """The learning rate of each of `sparse_parameters`, as a share of their common rate."""
        parts = ((self.embedding, 1.0), (self.linear, _LINEAR_RATE))
        return [rate for part, rate in parts if part is not None]

    @property
    def logits_per_text(self) -> int:
        """The memory that a text's last layers take, in logits; it limits the size of batches.

        The many states that ``pooling="flatten"`` concatenates count less: they are short-lived
        and float32.
        """
        return max(self.head.out_features, self.pooling.n_features // 8)

    @property
    def is_fused_by_torch(self) -> bool:
        """Whether each layer's steps are one call of torch, beside which a thread can run."""
        return CELLS[self.cell].fused_by_torch

    def forward(
        self, sequences: Tensor, lengths: Tensor, *, sparse_gradients: bool = False
    ) -> Tensor:
        """Return the logits: (N, T) ids or (N, T, D) vectors -> (N, C).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.
        lengths : Tensor of shape (N,)
            Number of tokens of each text.
        sparse_gradients : bool, default=False
            Whether the gradients of `sparse_parameters` are sparse tensors.

        Returns
        -------
        Tensor of shape (N, C)
            The logits.
        """
        logits = self.recurrent_logits(self.embed(sequences, sparse_gradients), lengths)
        if self.linear is None:
            return logits
        # Without the argument where it says nothing: as in `embed`.
        options = {"sparse_gradients": True} if sparse_gradients else {}
        return self.combine(logits, self.linear(sequences, **options))

    def combine(self, logits: Tensor, linear_logits: Tensor) -> Tensor:
        """Return the sum of both models' logits, each scaled by `branch_dropout`.

        Parameters
        ----------
        logits : Tensor of shape (N, C)
            Those of the recurrent layers.
        linear_logits : Tensor of shape (N, C)
            Those of the linear model.

        Returns
        -------
        Tensor of shape (N, C)
            The sum.
        """
        recurrent, linear = self.branch_dropout(logits)
        return recurrent * logits + linear * linear_logits

    def recurrent_logits(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits of the recurrent layers alone: (T, N, D) -> (N, C).

        Parameters
        ----------
        vectors : Tensor of shape (T, N, D)
            The tokens' vectors.
        lengths : Tensor of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        Tensor of shape (N, C)
            The logits, not yet scaled by `branch_dropout`.
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
            Number of tokens of each text.

        Returns
        -------
        Tensor of shape (N, F)
            One vector for each text.
        """
        pooled: Tensor = self.pooling(self.states(self.embed(sequences), lengths), lengths)
        return pooled

    def embed(self, sequences: Tensor, sparse_gradients: bool = False) -> Tensor:
        """Return the tokens' vectors: (N, T) ids or (N, T, D) vectors -> (T, N, D).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.
        sparse_gradients : bool, default=False
            Whether the gradient of the embedding is a sparse tensor.

        Returns
        -------
        Tensor of shape (T, N, D)
            The vectors, time-major.
        """
        steps = sequences.transpose(0, 1)
        if self.embedding is None:
            return steps
        if self.unknown_word_mask is not None:
            steps = torch.where(self.unknown_word_mask[steps], UNKNOWN, steps)
        # Without the argument where it says nothing: hooks, and an `nn.Embedding` of a user's in
        # place of ours, expect the ids alone.
        is_sparse = sparse_gradients and isinstance(self.embedding, Embedding)
        vectors: Tensor = (
            self.embedding(steps, sparse_gradients=True) if is_sparse else self.embedding(steps)
        )
        return vectors

    def states(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the last recurrent layer's states: (T, N, D) -> (T, N, H).

        Parameters
        ----------
        vectors : Tensor of shape (T, N, D)
            The tokens' vectors.
        lengths : Tensor of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        Tensor of shape (T, N, H)
            The states; those past a text's end have no meaning.
        """
        for layer in self.layers:
            vectors = layer(self.input_dropout(vectors), lengths)
        return vectors

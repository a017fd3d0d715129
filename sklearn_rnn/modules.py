"""The network: embedding, locked dropout, recurrent layers, pooling, dense head.

No step of a text's recurrence ever reads padding. Batches come left-aligned, so a forward
layer meets padding only after a text's last token, where nobody looks. For a backward layer
each text is reversed within its own length, run forward, and reversed again.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `D` vector dimensions, `H` hidden units
(twice as many where a layer reads both ways), `C` outputs. Recurrent layers are time-major.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from . import kernels

__all__ = ["CELLS", "POOLINGS", "RecurrentLayer", "RecurrentNetwork"]


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
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.generator = generator
        n_states = hidden_size * (2 if bidirectional else 1)
        sizes = [n_dimensions, *[n_states] * (num_layers - 1)]
        self.embedding = None if n_ids is None else _embedding(n_ids, n_dimensions, generator)
        self.input_dropout = MaskDropout(input_dropout, generator)
        self.layers = nn.ModuleList(
            RecurrentLayer(cell, size, hidden_size, bidirectional, generator) for size in sizes
        )
        self.pooling = POOLINGS[pooling](n_states, n_places, hidden_size)
        self.dropout = MaskDropout(dropout, generator)
        self.head = _dense(self.pooling.n_features, n_outputs, generator)

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
        logits: Tensor = self.head(self.dropout(self.features(sequences, lengths)))
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
        states = sequences.transpose(0, 1)
        if self.embedding is not None:
            states = self.embedding(states)  # (T, N, D)
        for layer in self.layers:
            states = layer(self.input_dropout(states), lengths)  # (T, N, H)
        pooled: Tensor = self.pooling(states, lengths)
        return pooled


class MaskDropout(nn.Module):
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


class _Cell(nn.Module):
    """The weights of one direction: an input and a recurrent matrix and one intercept."""

    n_gates: int

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.input_weight = nn.Parameter(_glorot(self.n_gates * n_hidden, n_inputs, generator))
        self.recurrent_weight = nn.Parameter(
            torch.cat([_orthogonal(n_hidden, generator) for _ in range(self.n_gates)])
        )
        self.bias = nn.Parameter(torch.zeros(self.n_gates * n_hidden))
        # Torch's kernels carry a second intercept. It adds nothing: no parameter, all zeros.
        self.no_bias: Tensor
        self.register_buffer("no_bias", torch.zeros_like(self.bias), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self._with_torch(inputs) if inputs.is_cuda else self._on_cpu(inputs)

    def _on_cpu(self, inputs: Tensor) -> Tensor:
        projected = nn.functional.linear(inputs, self.input_weight, self.bias)
        return self._kernel(projected, self.recurrent_weight)

    def _with_torch(self, inputs: Tensor) -> Tensor:
        start = inputs.new_zeros(1, inputs.shape[1], self.recurrent_weight.shape[1])
        return self._torch_kernel(inputs, start)

    def _weights(self) -> list[Tensor]:
        return [self.input_weight, self.recurrent_weight, self.bias, self.no_bias]

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        raise NotImplementedError

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        raise NotImplementedError


class SimpleRNNCell(_Cell):
    """h' = tanh(W x + U h + b)."""

    n_gates = 1

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        return kernels.simple_rnn(projected, recurrent)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.rnn_tanh(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class GRUCell(_Cell):
    """Gated recurrent unit (Cho et al., 2014), gates in the order reset, update, candidate."""

    n_gates = 3

    def _kernel(self, projected: Tensor, recurrent: Tensor) -> Tensor:
        return kernels.gru(projected, recurrent)

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.gru(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


class LSTMCell(_Cell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate.

    Gates in the order input, forget, cell, output. Forget gates start open (intercept 1).
    """

    n_gates = 4

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__(n_inputs, n_hidden, generator)
        with torch.no_grad():
            self.bias[n_hidden : 2 * n_hidden] = 1

    def _on_cpu(self, inputs: Tensor) -> Tensor:
        return self._with_torch(inputs)  # oneDNN's fused kernel

    def _torch_kernel(self, inputs: Tensor, start: Tensor) -> Tensor:
        return torch.lstm(
            inputs, (start, start), self._weights(), True, 1, 0.0, self.training, False, False
        )[0]


CELLS: dict[str, type[_Cell]] = {"rnn": SimpleRNNCell, "lstm": LSTMCell, "gru": GRUCell}
"""Kinds of recurrent layers by the name that the parameter `cell` takes."""


class _Pooling(nn.Module):
    """States of all steps to one vector: (T, N, H), (N,) -> (N, n_features)."""

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__()
        self.n_features = n_states


class LastState(_Pooling):
    """The state after a text's last step; of a backward layer, after the first token."""

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__(n_states, n_places, n_hidden)
        self.n_hidden = n_hidden

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        texts = torch.arange(len(lengths), device=lengths.device)
        forward = states[lengths - 1, texts, : self.n_hidden]
        backward = states[0, :, self.n_hidden :]  # no columns where nothing reads backward
        return torch.cat([forward, backward], dim=1)


class MaxState(_Pooling):
    """The largest value of each unit over a text's steps."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states.masked_fill(_past_the_end(states, lengths), -math.inf).amax(dim=0)


class MeanState(_Pooling):
    """The mean of each unit over a text's steps."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        kept = states.masked_fill(_past_the_end(states, lengths), 0)
        return kept.sum(dim=0) / lengths[:, None]


class AttentionState(_Pooling):
    """A weighted mean over steps; the weights are the softmax of v . tanh(state).

    References
    ----------
    Zhou et al. (2016), "Attention-Based Bidirectional Long Short-Term Memory Networks for
    Relation Classification".
    """

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__(n_states, n_places, n_hidden)
        self.query = nn.Parameter(torch.zeros(n_states))  # starts as the mean

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        scores = (states.tanh() @ self.query)[..., None]  # (T, N, 1)
        weights = scores.masked_fill(_past_the_end(states, lengths), -math.inf).softmax(dim=0)
        return (weights * states).sum(dim=0)


class FlatStates(_Pooling):
    """All states side by side, the last one always in the last place, zeros before the first.

    The one place where the width of the input has a meaning.
    """

    def __init__(self, n_states: int, n_places: int, n_hidden: int) -> None:
        super().__init__(n_states, n_places, n_hidden)
        self.n_places = n_places
        self.n_features = n_states * n_places

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        n_steps, n_texts, n_states = states.shape
        places = torch.arange(self.n_places, device=states.device)
        steps = places + lengths[:, None] - self.n_places  # (N, n_places)
        texts = torch.arange(n_texts, device=states.device)[:, None]
        # Index of a row of zeros, put behind the states, where a text has no such step.
        index = torch.where(steps >= 0, steps * n_texts + texts, n_steps * n_texts)
        rows = torch.cat([states.flatten(0, 1), states.new_zeros(1, n_states)])
        return rows.index_select(0, index.flatten()).view(n_texts, self.n_features)


POOLINGS: dict[str, type[_Pooling]] = {
    "last": LastState,
    "max": MaxState,
    "mean": MeanState,
    "attention": AttentionState,
    "flatten": FlatStates,
}
"""Kinds of pooling by the name that the parameter `pooling` takes."""


def _past_the_end(states: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps lie behind a text's last: (T, N, H), (N,) -> (T, N, 1)."""
    steps = torch.arange(len(states), device=states.device)[:, None]
    return (steps >= lengths)[..., None]


def _embedding(n_ids: int, n_dimensions: int, generator: torch.Generator) -> nn.Embedding:
    table = torch.empty(n_ids, n_dimensions).uniform_(-0.05, 0.05, generator=generator)
    table[0] = 0  # padding: never read, never learned
    return nn.Embedding(n_ids, n_dimensions, padding_idx=0, _weight=table)


def _dense(n_inputs: int, n_outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs)
    with torch.no_grad():
        layer.weight.copy_(_glorot(n_outputs, n_inputs, generator))
        layer.bias.zero_()
    return layer


def _glorot(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Draw uniformly with variance 2 / (rows + columns) (Glorot and Bengio, 2010)."""
    return nn.init.xavier_uniform_(torch.empty(n_rows, n_columns), generator=generator)


def _orthogonal(size: int, generator: torch.Generator) -> Tensor:
    """Draw a random orthogonal matrix (Saxe et al., 2014): lengths survive the first steps."""
    return nn.init.orthogonal_(torch.empty(size, size), generator=generator)

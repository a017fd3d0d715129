"""The network's recurrent part as one differentiable operation, compiled by numba.

Forward, for a batch of ids:

1. Pack the texts (`packed.py`): distinct words, and the places of all tokens.
2. Take the words' vectors, without the features that input dropout drops: (U, D) -> (U, kept D).
3. In each direction of the first layer, project them into the gates, and run the steps
   (`steps.py`): (S, H).
4. A further layer reads the states of the one before it, both directions side by side. Its inputs
   are no longer those of a word, but each place's own; the rest is the same.
5. Pool the states of the last layer (`pooling.py`): (N, F). Poolings that need the states
   of all steps in the order of the text get these.

Backward, the same steps in reverse. torch sees one function of the weights, whose gradients are
those that it would compute itself, up to rounding; pooling, head and loss around it are torch's.

All large arrays are kept from batch to batch. So a `CompiledNetwork` computes one batch at a time,
and the gradients of the last one before the next.

Axes: `N` texts, `T` tokens, `V` vocabulary entries, `U` distinct words, `S` places (tokens of all
texts), `R` rows of a layer's input (`U` or `S`), `D` inputs of a layer, `H` hidden units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..network import RecurrentNetwork
from ..recurrent import RecurrentLayer
from .buffers import Buffers
from .compiler import compiled
from .layer import CompiledLayer
from .linear import CompiledLinear
from .packed import PackedTexts, RowIndex, pack_ids, pack_vectors
from .pooling import PACKED_POOLINGS
from .steps import Array, Rows

__all__ = ["CompiledNetwork"]


class CompiledNetwork:
    """Computes a network's logits, and their gradients, over packed texts.

    Parameters
    ----------
    network : RecurrentNetwork
        The network, one of `compilation.py`. Its weights and rates are read for each batch anew.
    """

    def __init__(self, network: RecurrentNetwork) -> None:
        self.network = network
        self.parts = _parts(network)
        self.buffers = Buffers()
        self.index = None if network.embedding is None else RowIndex(len(network.embedding.weight))
        self.layers = [
            CompiledLayer(layer, network.input_dropout, self.buffers, f"layer {i}")
            for i, layer in enumerate(network.layers)
            if isinstance(layer, RecurrentLayer)  # all are; for the type checker
        ]
        self.linear = None if network.linear is None else CompiledLinear(network.linear)
        pooling = PACKED_POOLINGS.get(type(network.pooling))
        # One for each direction of the last layer. None: torch pools the states of all steps.
        self.poolings = None
        if pooling is not None:
            self.poolings = [pooling() for _ in self.layers[-1].directions]

    def is_of(self, network: RecurrentNetwork) -> bool:
        """Return whether a network still has the parts that this object was made for."""
        parts, linear, table = _parts(network), network.linear, network.embedding
        n_ids = None if self.index is None else len(self.index.number_of)
        n_rows = None if self.linear is None else len(self.linear.is_seen)
        return (
            len(parts) == len(self.parts)
            and all(part is before for part, before in zip(parts, self.parts, strict=True))
            and (table is None or len(table.weight) == n_ids)
            and (linear is None or len(linear.idf) == n_rows)
        )

    def __call__(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits: (N, T) ids or (N, T, D) vectors -> (N, C).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.
        lengths : Tensor of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        Tensor of shape (N, C)
            The logits, which torch can differentiate once. The gradients of the network's
            `sparse_parameters` are sparse.
        """
        network = self.network
        packed, table = self._pack(sequences, lengths)
        weights = [weight for layer in network.layers for weight in layer.parameters()]
        states = _PooledStates.apply(self, packed, table, *weights)
        pooled = self._pooled(states, packed, lengths, sequences.shape[1])
        logits: Tensor = network.head(network.dropout(pooled))
        if self.linear is None:
            return logits
        return network.combine(logits, self.linear(sequences, lengths))

    def logits(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits in evaluation, without a graph: (N, T) or (N, T, D) -> (N, C).

        Parameters
        ----------
        sequences : Tensor of shape (N, T) or (N, T, D)
            Left-aligned ids, or vectors.
        lengths : Tensor of shape (N,)
            Number of tokens of each text.

        Returns
        -------
        Tensor of shape (N, C)
            The logits.
        """
        network = self.network
        with torch.no_grad():
            logits: Tensor = network.head(network.dropout(self.features(sequences, lengths)))
            if self.linear is None:
                return logits
            linear_logits = self.linear.logits(sequences.numpy(), lengths.numpy())
            # In place: of thousands of classes, each copy is large.
            recurrent, _ = network.branch_dropout(logits)
            return logits.mul_(recurrent).add_(torch.from_numpy(linear_logits))

    def features(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Return the pooled states in evaluation, without a graph: (N, T) or (N, T, D) -> (N, F).

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
        packed, table = self._pack(sequences, lengths)
        states = torch.from_numpy(self.forward(packed, table.detach().numpy()))
        with torch.no_grad():  # attention has a weight
            return self._pooled(states, packed, lengths, sequences.shape[1])

    def _pooled(
        self, states: Tensor, packed: PackedTexts, lengths: Tensor, n_steps: int
    ) -> Tensor:
        """Return what the network's pooling makes of the result of `forward`: (N, F)."""
        if self.poolings is not None:
            return states
        places = torch.from_numpy(_places_of_tokens(packed, n_steps))  # (T, N)
        padded = states.index_select(0, places.flatten()).view(*places.shape, -1)  # (T, N, H)
        pooled: Tensor = self.network.pooling(padded, lengths)
        return pooled

    def _pack(self, sequences: Tensor, lengths: Tensor) -> tuple[PackedTexts, Tensor]:
        """Step 1: return the places, and the table that has the vector of each word."""
        embedding = self.network.embedding
        if embedding is None or self.index is None:
            places = pack_vectors(lengths.numpy(), sequences.shape[1])
            return places, sequences.flatten(0, 1)
        mask = self.network.unknown_word_mask
        unknown = None if mask is None else mask.numpy()
        ids = np.ascontiguousarray(sequences.numpy())
        return pack_ids(ids, lengths.numpy(), self.index, unknown), embedding.weight

    def forward(self, packed: PackedTexts, table: Array) -> Array:
        """Return what `poolings` make of the last layer's states: (V, D) -> (N, F) or (S + 1, H).

        Parameters
        ----------
        packed : PackedTexts
            The places.
        table : ndarray of float32 of shape (V, D)
            The vector of each word.

        Returns
        -------
        ndarray of float32
            One row for each text; without `poolings`, one for each place, and one of zeros.
        """
        # 2. The words' vectors.
        inputs = self.buffers.empty("vectors", len(packed.words), table.shape[1])
        np.take(table, packed.words, axis=0, out=inputs, mode="clip")
        # 3. The first layer; its backward direction reads the words from the other end.
        rows = [packed.rows, packed.rows[packed.mirror]]
        states = self.layers[0].forward(inputs, rows, packed)
        # 4. Further layers.
        each = [np.arange(len(packed.mirror), dtype=np.int32), packed.mirror]
        for i, layer in enumerate(self.layers[1:]):
            states = layer.forward(self._side_by_side(f"states {i}", states, packed), each, packed)
        # 5. Pooling.
        if self.poolings is None:
            return self._side_by_side("all states", states, packed, n_more=1)
        features = zip(self.poolings, states, strict=True)
        pooled = np.concatenate([pool.forward(some, packed) for pool, some in features], axis=1)
        in_order = np.empty_like(pooled)
        in_order[packed.sorted_indices] = pooled
        return in_order

    def backward(
        self, grad: Array, packed: PackedTexts, with_vectors: bool
    ) -> tuple[Array | None, list[Array]]:
        """Return the gradients of the words' vectors, and of the layers' weights.

        Parameters
        ----------
        grad : ndarray of float32
            Gradient of what `forward` returned.
        packed : PackedTexts
            The places.
        with_vectors : bool
            Whether the vectors' gradient is needed.

        Returns
        -------
        grad_vectors : ndarray of float32 of shape (U, D), or None
            Valid until the next batch.
        grad_weights : list of ndarray of float32
            In the order of the layers' parameters.
        """
        grad_states = self._unpooled(grad, packed)
        grad_weights: list[Array] = []
        for layer in self.layers[:0:-1]:
            grad_inputs, grads = layer.backward(grad_states)
            assert grad_inputs is not None
            grad_weights = grads + grad_weights
            grad_states = self._apart(grad_inputs, packed)
        grad_vectors, grads = self.layers[0].backward(grad_states, with_vectors)
        return grad_vectors, grads + grad_weights

    def _unpooled(self, grad: Array, packed: PackedTexts) -> list[Array]:
        """Return the gradient of each direction's states: (S, H)."""
        if self.poolings is None:
            return self._apart(grad[:-1], packed)
        by_length = grad[packed.sorted_indices]
        grad_states = []
        features = np.split(by_length, len(self.poolings), axis=1)
        for i, (pooling, some) in enumerate(zip(self.poolings, features, strict=True)):
            of_direction = self.buffers.zeros(f"grad {i}", len(packed.mirror), some.shape[1])
            pooling.backward(some, packed, of_direction)
            grad_states.append(of_direction)
        return grad_states

    def _side_by_side(
        self, name: str, states: list[Array], packed: PackedTexts, n_more: int = 0
    ) -> Array:
        """Return the states of each token: of (S, H) in each direction, (S + n_more, 2 H)."""
        n_places, n_hidden = states[0].shape
        joined = self.buffers.empty(name, n_places + n_more, len(states) * n_hidden)
        joined[n_places:] = 0
        joined[:n_places, :n_hidden] = states[0]
        if len(states) == 2:
            _copy_rows(states[1], packed.mirror, joined[:n_places, n_hidden:])
        return joined

    def _apart(self, grad: Array, packed: PackedTexts) -> list[Array]:
        """Return the gradient of each direction's states from that of both, side by side."""
        halves = np.split(grad, len(self.layers[-1].directions), axis=1)
        apart = [self.buffers.empty(f"grad {i}", *half.shape) for i, half in enumerate(halves)]
        apart[0][:] = halves[0]
        if len(apart) == 2:
            _copy_rows(halves[1], packed.mirror, apart[1])
        return apart


class _PooledStates(torch.autograd.Function):
    """Table and weights to pooled states: a compiled network's forward and backward pass."""

    @staticmethod
    def forward(
        ctx: Any, network: CompiledNetwork, packed: PackedTexts, table: Tensor, *weights: Tensor
    ) -> Tensor:
        ctx.network, ctx.packed, ctx.shape = network, packed, table.shape
        return torch.from_numpy(network.forward(packed, table.detach().numpy()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        needs_table = ctx.needs_input_grad[2]
        vectors, weights = ctx.network.backward(
            grad.contiguous().numpy(), ctx.packed, with_vectors=needs_table
        )
        of_table = None
        if vectors is not None:
            rows, values = torch.from_numpy(ctx.packed.words)[None], torch.from_numpy(vectors)
            of_table = torch.sparse_coo_tensor(rows, values, ctx.shape, check_invariants=False)
        return None, None, of_table, *map(torch.from_numpy, weights)


def _parts(network: RecurrentNetwork) -> list[nn.Module | None]:
    """Return the modules whose work is taken over: a user may put others in their place."""
    cells = [module for layer in network.layers for module in layer.modules()]
    tables = [network.embedding, network.linear]
    return [*tables, network.input_dropout, network.pooling, *cells]


def _places_of_tokens(packed: PackedTexts, n_steps: int) -> NDArray[np.int64]:
    """Return the place of each token, in the order of the batch: (T, N); S where there is none."""
    places = np.full((n_steps, len(packed.lengths)), packed.starts[-1])
    for t, n_texts in enumerate(packed.batch_sizes):
        places[t, packed.sorted_indices[:n_texts]] = packed.starts[t] + np.arange(n_texts)
    return places


@compiled
def _copy_rows(rows: Array, index: Rows, copied: Array) -> None:
    """Fill (S, K) with the rows (R, K) of an index (S,)."""
    for i in range(len(index)):
        for j in range(rows.shape[1]):
            copied[i, j] = rows[index[i], j]

"""The table of a network's layers, as the lecture prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from .network import RecurrentNetwork
from .pooling import LastState
from .recurrent import RecurrentLayer

__all__ = ["Layer", "Summary", "summarize"]


class Layer(NamedTuple):
    """One row of the table."""

    name: str
    output_shape: tuple[int | None, ...]
    n_parameters: int


@dataclass(frozen=True, repr=False)
class Summary:
    """Layers, output shapes and numbers of parameters of a network; prints as a table.

    Parameters
    ----------
    layers : tuple of Layer
        The layers: `name`, `output_shape` (None for the number of texts) and `n_parameters`.
    total : int
        Number of parameters in all layers.
    trainable : int
        Number of parameters that training changes.
    """

    layers: tuple[Layer, ...]
    total: int
    trainable: int

    @property
    def non_trainable(self) -> int:
        """Number of parameters that training does not change: those of a frozen embedding."""
        return self.total - self.trainable

    def __repr__(self) -> str:
        rows = [("Layer", "Output shape", "Parameters")]
        rows += [(name, str(shape), f"{n:,}") for name, shape, n in self.layers]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {n:>{widths[2]}}"
            for name, shape, n in rows
        ]
        rule = "-" * len(lines[0])
        totals = [
            f"Total parameters: {self.total:,}",
            f"Trainable parameters: {self.trainable:,}",
            f"Non-trainable parameters: {self.non_trainable:,}",
        ]
        return "\n".join([lines[0], rule, *lines[1:], rule, *totals])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{shape}</td><td>{n:,}</td></tr>"
            for name, shape, n in self.layers
        )
        return (
            "<table><thead><tr><th>Layer</th><th>Output shape</th><th>Parameters</th></tr>"
            f"</thead><tbody>{rows}</tbody><tfoot><tr><th>Total</th><td></td>"
            f"<td>{self.total:,}</td></tr><tr><th>Trainable</th><td></td>"
            f"<td>{self.trainable:,}</td></tr></tfoot></table>"
        )


def summarize(network: RecurrentNetwork, n_steps: int) -> Summary:
    """Return the summary of a network.

    Parameters
    ----------
    network : RecurrentNetwork
        The network.
    n_steps : int
        Length of a sequence, padding included.

    Returns
    -------
    Summary
        Its table.
    """
    parameters = list(network.parameters())
    return Summary(
        layers=(*_embedding(network, n_steps), *_recurrent(network, n_steps), *_top(network)),
        total=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
    )


def _embedding(network: RecurrentNetwork, n_steps: int) -> list[Layer]:
    table = network.embedding
    if table is None:
        return []
    return [Layer("Embedding", (None, n_steps, table.embedding_dim), _size(table))]


def _recurrent(network: RecurrentNetwork, n_steps: int) -> list[Layer]:
    rows = []
    for layer in network.layers:
        assert isinstance(layer, RecurrentLayer)
        rows.append(Layer(_title(layer), (None, n_steps, layer.n_states), _size(layer)))
    if isinstance(network.pooling, LastState):  # only its last state leaves the layer
        rows[-1] = rows[-1]._replace(output_shape=(None, rows[-1].output_shape[-1]))
    return rows


def _title(layer: RecurrentLayer) -> str:
    cell = type(layer.directions[0]).__name__
    return cell if len(layer.directions) == 1 else f"Bidirectional({cell})"


def _top(network: RecurrentNetwork) -> list[Layer]:
    pooling, head = network.pooling, network.head
    rows = [Layer("Dense", (None, head.out_features), _size(head))]
    if not isinstance(pooling, LastState):
        row = Layer(type(pooling).__name__, (None, pooling.n_features), _size(pooling))
        rows.insert(0, row)
    if network.linear is not None:
        rows.append(Layer("Linear model", (None, head.out_features), _size(network.linear)))
    return rows


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

"""The network's configuration: what it is built from, in plain numbers and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .._data.inputs import Inputs, InputSpec
from .._data.targets import Target
from ..exceptions import ModelFileError

__all__ = [
    "NetworkConfig",
    "NetworkParameters",
    "check_same_config",
    "config_from_state",
    "config_to_state",
    "input_spec",
    "network_config",
]


@dataclass(frozen=True)
class NetworkParameters:
    """The estimator's parameters that a network is built from.

    Parameters
    ----------
    bidirectional : bool
        Whether each layer reads in both directions.
    cell : {"rnn", "lstm", "gru", "mingru"}
        Kind of the recurrent layers.
    hidden_size : int
        Hidden units of a layer, in one direction.
    num_layers : int
        Number of stacked recurrent layers.
    pooling : {"last", "max", "mean", "attention", "flatten"}
        How the states of all steps become one vector.
    linear : {"none", "words", "pairs"}
        The linear model beside the recurrent layers; of ids only.
    input_dropout : float
        Share of each recurrent layer's inputs dropped, with one mask for all steps and texts.
    dropout : float
        Share of the pooled vector dropped.
    branch_dropout : float
        Share of texts that train the linear model alone, and share of texts that train the
        recurrent layers alone.
    """

    bidirectional: bool
    cell: str
    hidden_size: int
    num_layers: int
    pooling: str
    linear: str
    input_dropout: float
    dropout: float
    branch_dropout: float


@dataclass(frozen=True)
class NetworkConfig(NetworkParameters):
    """All that a network is built from: parameters, and what follows from the data.

    Parameters
    ----------
    n_ids : int or None
        Rows `V` of the embedding table; None for sequences that are embedded already.
    n_dimensions : int
        Size `D` of a token's vector.
    n_outputs : int
        Number of logits `C`.
    sequence_length : int
        Length of the training sequences: that of all others, with ``pooling="flatten"``.
    n_pairs : int
        Pairs that the linear model knows.
    """

    n_ids: int | None
    n_dimensions: int
    n_outputs: int
    sequence_length: int
    n_pairs: int


_SHAPING = ("cell", "hidden_size", "num_layers", "bidirectional", "pooling", "linear")
"""Parameters that decide which weights there are."""

_SAVED_AS = {"sequence_length": "n_places"}
"""Names of fields in saved files, where they differ."""


def network_config(
    parameters: NetworkParameters,
    embedding_dim: int,
    inputs: Inputs,
    target: Target,
    n_pairs: int,
) -> NetworkConfig:
    """Return the configuration of a new network.

    Parameters
    ----------
    parameters : NetworkParameters
        The estimator's parameters.
    embedding_dim : int
        Size of a token's vector, unless the sequences have vectors.
    inputs : Inputs
        The training sequences.
    target : Target
        What the network learns to predict.
    n_pairs : int
        Pairs that the linear model knows.

    Returns
    -------
    NetworkConfig
        The configuration.
    """
    source = inputs.vectors if inputs.n_ids is not None else inputs.values
    return NetworkConfig(
        **vars(parameters),
        n_ids=inputs.n_ids,
        n_dimensions=embedding_dim if source is None else source.shape[-1],
        n_outputs=target.n_outputs,
        sequence_length=inputs.sequence_length,
        n_pairs=n_pairs,
    )


def check_same_config(who: str, parameters: NetworkParameters, config: NetworkConfig) -> None:
    """Raise if parameters ask for another network than the one to be trained further.

    Parameters
    ----------
    who : str
        Name of the estimator, for the message.
    parameters : NetworkParameters
        The estimator's parameters.
    config : NetworkConfig
        What the network was built from.
    """
    changed = [n for n in _SHAPING if getattr(parameters, n) != getattr(config, n)]
    if changed:
        raise ValueError(
            f"{who}: {', '.join(changed)} changed since the last fit, whose network this fit "
            "would train further. Clone the estimator, or set warm_start=False."
        )


def input_spec(
    config: NetworkConfig, vocabulary: tuple[str, ...] | None, n_features_in: int
) -> InputSpec:
    """Return what a network can read.

    Parameters
    ----------
    config : NetworkConfig
        What it was built from.
    vocabulary : tuple of str or None
        Tokens by id, if the training data had them.
    n_features_in : int
        Columns of the training data.

    Returns
    -------
    InputSpec
        The specification.
    """
    fixed_length = config.sequence_length if config.pooling == "flatten" else None
    return InputSpec(config.n_ids, config.n_dimensions, fixed_length, vocabulary, n_features_in)


def config_to_state(config: NetworkConfig) -> dict[str, Any]:
    """Return what a file contains of a configuration.

    Parameters
    ----------
    config : NetworkConfig
        The configuration.

    Returns
    -------
    dict of str to object
        Its fields.
    """
    return {_SAVED_AS.get(name, name): value for name, value in vars(config).items()}


def config_from_state(state: Mapping[str, Any]) -> NetworkConfig:
    """Return the configuration that a file contains.

    Parameters
    ----------
    state : mapping of str to object
        What `config_to_state` returned.

    Returns
    -------
    NetworkConfig
        The configuration.

    Raises
    ------
    ModelFileError
        If a field is missing, or there is another one.
    """
    expected = {
        _SAVED_AS.get(field.name, field.name): field.name for field in fields(NetworkConfig)
    }
    if wrong := state.keys() ^ expected.keys():
        raise ModelFileError(
            f"{min(map(str, wrong))} is missing in the network's configuration, or should not be "
            "there: the file was altered."
        )
    return NetworkConfig(**{name: state[saved] for saved, name in expected.items()})

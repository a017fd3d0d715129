"""A network's configuration: what follows from the data, and what a saved file contains of it."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network_configs import CONFIG
from sklearn_rnn import RNNTextRegressor
from sklearn_rnn._data.inputs import Inputs
from sklearn_rnn._data.targets import MulticlassTarget
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.config import (
    NetworkConfig,
    NetworkParameters,
    check_same_config,
    config_from_state,
    config_to_state,
    input_spec,
    network_config,
)
from sklearn_rnn._network.pooling import POOLINGS
from sklearn_rnn.exceptions import ModelFileError

sizes = st.integers(1, 10**6)
shares = st.floats(0, 0.5, exclude_max=True)
configs = st.builds(
    NetworkConfig,
    n_ids=st.none() | sizes,
    n_dimensions=sizes,
    n_outputs=sizes,
    sequence_length=sizes,
    n_pairs=st.integers(0, 10**6),
    bidirectional=st.booleans(),
    cell=st.sampled_from(sorted(CELLS)),
    hidden_size=sizes,
    num_layers=sizes,
    pooling=st.sampled_from(sorted(POOLINGS)),
    linear=st.sampled_from(["none", "words", "pairs"]),
    input_dropout=shares,
    dropout=shares,
    branch_dropout=shares,
)
TARGET = MulticlassTarget(np.arange(3))
NAMES = [field.name for field in fields(NetworkParameters)]
PARAMETERS = NetworkParameters(**{name: getattr(CONFIG, name) for name in NAMES})


# ---- Saved files -----------------------------------------------------------------------------


@given(configs)
def test_a_configuration_comes_back_from_its_state(config):
    assert config_from_state(config_to_state(config)) == config


def test_the_names_in_saved_files_are_those_of_their_format():
    assert set(config_to_state(CONFIG)) == {
        *("n_ids", "n_dimensions", "n_outputs", "n_places", "n_pairs", "bidirectional", "cell"),
        *("hidden_size", "num_layers", "pooling", "linear"),
        *("input_dropout", "dropout", "branch_dropout"),
    }


@pytest.mark.parametrize("name", config_to_state(CONFIG))
def test_a_state_without_one_of_its_names_is_refused(name):
    state = config_to_state(CONFIG)
    del state[name]
    with pytest.raises(ModelFileError, match=f"{name} is missing"):
        config_from_state(state)


@pytest.mark.parametrize("name", ["sequence_length", "more", 3])
def test_a_state_with_a_further_name_is_refused(name):
    with pytest.raises(ModelFileError, match=rf"{name} is missing .* or should not be there"):
        config_from_state(config_to_state(CONFIG) | {name: 1})


# ---- From data and parameters ----------------------------------------------------------------


def test_ids_are_embedded_in_the_dimensions_of_the_parameter():
    inputs = Inputs(np.zeros((2, 5), int), 9)
    config = network_config(PARAMETERS, embedding_dim=7, inputs=inputs, target=TARGET, n_pairs=4)
    assert (config.n_ids, config.n_dimensions, config.n_outputs) == (9, 7, 3)
    assert (config.sequence_length, config.n_pairs) == (5, 4)
    for field in fields(NetworkParameters):
        assert getattr(config, field.name) == getattr(PARAMETERS, field.name)


def test_each_parameter_of_a_network_is_one_of_the_estimators():
    names = {field.name for field in fields(NetworkParameters)}
    assert names <= RNNTextRegressor().get_params().keys()


@pytest.mark.parametrize(
    ("inputs", "n_ids"),
    [
        (Inputs(np.zeros((2, 5), int), 9, vectors=np.zeros((9, 4), np.float32)), 9),
        (Inputs(np.zeros((2, 5, 4))), None),
    ],
    ids=["vectors by id", "embedded sequences"],
)
def test_vectors_that_come_with_the_sequences_keep_their_dimensions(inputs, n_ids):
    config = network_config(PARAMETERS, embedding_dim=7, inputs=inputs, target=TARGET, n_pairs=0)
    assert (config.n_ids, config.n_dimensions) == (n_ids, 4)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_length_is_fixed_by_flattened_states_only(pooling):
    spec = input_spec(replace(CONFIG, pooling=pooling), ("a", "b"), 8)
    assert spec == (9, 4, 5 if pooling == "flatten" else None, ("a", "b"), 8)


@pytest.mark.parametrize(
    "changed",
    [
        {"cell": "gru"},
        {"hidden_size": 7, "num_layers": 2},
        {"bidirectional": False, "linear": "none", "pooling": "mean"},
    ],
    ids=", ".join,
)
def test_parameters_that_ask_for_other_weights_are_named(changed):
    check_same_config("Model", replace(PARAMETERS, dropout=0.5, input_dropout=0.0), CONFIG)
    with pytest.raises(ValueError, match=r"^Model: .* changed since the last fit") as caught:
        check_same_config("Model", replace(PARAMETERS, **changed), CONFIG)
    named = str(caught.value).removeprefix("Model: ").partition(" changed")[0]
    assert sorted(named.split(", ")) == sorted(changed)

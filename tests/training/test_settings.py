"""Training's settings are parameters of the estimators, by the same names."""

from dataclasses import MISSING, fields

import numpy as np
import pytest

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from sklearn_rnn._network.config import NetworkParameters
from sklearn_rnn._training.settings import TrainingSettings, training_settings

<<<<<<< HEAD
NOT_PARAMETERS = ("who", "network", "parameters")
OF_PARAMETERS = [f for f in fields(TrainingSettings) if f.name not in NOT_PARAMETERS]
=======
OF_PARAMETERS = [
    field
    for field in fields(TrainingSettings)
    if field.name not in ("who", "network", "parameters")
]
ESTIMATORS = pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])


def settings_of(**parameters):
    values = RNNTextClassifier(**parameters).get_params()
    return training_settings("Model", values, values)
>>>>>>> d9e1c12494f92e6220e6e5f9c481563013327995


def test_each_setting_is_a_parameter_of_the_classifier():
    names = {field.name for field in (*OF_PARAMETERS, *fields(NetworkParameters))}
    assert len(names) == len(OF_PARAMETERS) + len(fields(NetworkParameters))
    assert names <= RNNTextClassifier().get_params().keys()


@ESTIMATORS
def test_each_setting_has_the_value_of_the_parameter_or_its_default(estimator):
<<<<<<< HEAD
    parameters = {name: object() for name in estimator().get_params()}
    settings = training_settings("Model", parameters, parameters | {"net_": object()})
=======
    parameters = {name: object() for name in estimator().get_params()} | {"bidirectional": True}
    settings = training_settings("Model", parameters, parameters)
>>>>>>> d9e1c12494f92e6220e6e5f9c481563013327995
    assert settings.who == "Model"
    assert settings.parameters is parameters
    for field in OF_PARAMETERS:
        assert getattr(settings, field.name) is parameters.get(field.name, field.default)
    for field in fields(NetworkParameters):
        assert getattr(settings.network, field.name) is parameters[field.name]


@ESTIMATORS
def test_parameters_that_a_subclass_sets_by_itself_count(estimator):
    attributes = estimator(max_epochs=7).get_params()
    settings = training_settings("Model", {"lr": 0.1}, attributes)
    assert (settings.max_epochs, settings.parameters) == (7, {"lr": 0.1})


def test_settings_that_regressors_lack_have_a_default():
    lacking = {field.name for field in OF_PARAMETERS} - RNNTextRegressor().get_params().keys()
    assert {f.name for f in OF_PARAMETERS if f.default is not MISSING} == lacking


<<<<<<< HEAD
@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
def test_each_parameter_reaches_the_network_the_training_or_the_labels(estimator):
    """A parameter that nobody reads would be a silent lie."""
    records = (*fields(TrainingSettings), *fields(NetworkParameters))
    read = {field.name for field in records}
    elsewhere = {"class_weight", "warm_start"}
    assert set(estimator().get_params()) - read <= elsewhere


def test_vectors_are_frozen_always_never_or_for_a_number_of_epochs():
    parameters = RNNTextClassifier().get_params()

    def frozen(freeze_embedding):
        settings = training_settings(
            "Model", {}, parameters | {"freeze_embedding": freeze_embedding}
        )
        return [settings.is_frozen(n_epochs) for n_epochs in range(4)]

    assert frozen(True) == frozen(np.True_) == [True] * 4
    assert frozen(False) == frozen(np.False_) == [False] * 4
    assert frozen(2) == [True, True, False, False]
=======
@pytest.mark.parametrize("flag", [True, False, np.True_, np.False_])
def test_a_flag_freezes_the_vectors_for_all_epochs_or_none(flag):
    settings = settings_of(freeze_embedding=flag)
    assert not settings.unfreezes
    assert [settings.is_frozen(n_epochs) for n_epochs in (0, 1, 10**6)] == [bool(flag)] * 3


@pytest.mark.parametrize("n_frozen", [1, 2, np.int64(2)])
def test_a_number_freezes_the_vectors_for_so_many_epochs(n_frozen):
    settings = settings_of(freeze_embedding=n_frozen)
    assert settings.unfreezes
    assert sum(settings.is_frozen(n_epochs) for n_epochs in range(5)) == n_frozen
>>>>>>> d9e1c12494f92e6220e6e5f9c481563013327995

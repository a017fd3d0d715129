"""Training's settings are parameters of the estimators, by the same names."""

from dataclasses import MISSING, fields

import numpy as np
import pytest

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from sklearn_rnn._network.config import NetworkParameters
from sklearn_rnn._training.settings import TrainingSettings, training_settings

NOT_PARAMETERS = ("who", "network", "parameters")
OF_PARAMETERS = [f for f in fields(TrainingSettings) if f.name not in NOT_PARAMETERS]


def test_each_setting_is_a_parameter_of_the_classifier():
    assert {field.name for field in OF_PARAMETERS} <= RNNTextClassifier().get_params().keys()


@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
def test_each_setting_has_the_value_of_the_parameter_or_its_default(estimator):
    parameters = {name: object() for name in estimator().get_params()}
    settings = training_settings("Model", parameters, parameters)
    assert settings.who == "Model"
    assert settings.parameters is parameters
    for field in OF_PARAMETERS:
        assert getattr(settings, field.name) is parameters.get(field.name, field.default)


def test_settings_that_regressors_lack_have_a_default():
    names = RNNTextRegressor().get_params().keys()
    lacking = {field.name for field in OF_PARAMETERS} - names
    assert {f.name for f in OF_PARAMETERS if f.default is not MISSING} == lacking


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
        values = parameters | {"freeze_embedding": freeze_embedding}
        settings = training_settings("Model", values, {})
        return [settings.is_frozen(n_epochs) for n_epochs in range(4)]

    assert frozen(True) == frozen(np.True_) == [True] * 4
    assert frozen(False) == frozen(np.False_) == [False] * 4
    assert frozen(2) == [True, True, False, False]


class Subclass(RNNTextClassifier):
    """Has few arguments, a parameter by class, one by property, and attributes of its own."""

    max_epochs = 7
    who, network, parameters = "somebody", "a net", {}

    def __init__(self, lr=0.1):
        super().__init__(lr=lr)
        del self.max_epochs

    @property
    def hidden_size(self):
        return 3

    @hidden_size.setter
    def hidden_size(self, value):
        pass


def test_parameters_that_a_subclass_sets_by_itself_count():
    settings = Subclass()._settings()
    assert (settings.max_epochs, settings.network.hidden_size) == (7, 3)
    assert (settings.who, settings.parameters) == ("Subclass", {"lr": 0.1})

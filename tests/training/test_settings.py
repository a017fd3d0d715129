"""Training's settings are parameters of the estimators, by the same names."""

from dataclasses import MISSING, fields

import pytest

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from sklearn_rnn._training.settings import TrainingSettings, training_settings

OF_PARAMETERS = [f for f in fields(TrainingSettings) if f.name not in ("who", "parameters")]


def test_each_setting_is_a_parameter_of_the_classifier():
    assert {field.name for field in OF_PARAMETERS} <= RNNTextClassifier().get_params().keys()


@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
def test_each_setting_has_the_value_of_the_parameter_or_its_default(estimator):
    parameters = {name: object() for name in estimator().get_params()}
    settings = training_settings("Model", parameters)
    assert settings.who == "Model"
    for field in OF_PARAMETERS:
        assert getattr(settings, field.name) is parameters.get(field.name, field.default)


def test_settings_that_regressors_lack_have_a_default():
    names = RNNTextRegressor().get_params().keys()
    lacking = {field.name for field in OF_PARAMETERS} - names
    assert {f.name for f in OF_PARAMETERS if f.default is not MISSING} == lacking

"""Each parameter of the estimators is validated, and documented with its default."""

import inspect
import re

import pytest
from numpydoc.docscrape import NumpyDocString

import sklearn_rnn
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.pooling import POOLINGS
from sklearn_rnn._parameters import _PARAMETERS
from sklearn_rnn._training.optimizers import OPTIMIZERS

ESTIMATORS = pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])


@ESTIMATORS
def test_each_parameter_is_documented_in_the_order_of_the_signature_with_its_default(estimator):
    documented = NumpyDocString(inspect.getdoc(estimator))["Parameters"]
    signature = inspect.signature(estimator).parameters
    assert [entry.name for entry in documented] == list(signature)
    for entry in documented:
        default = signature[entry.name].default
        shown = f'"{default}"' if isinstance(default, str) else repr(default)
        assert entry.type.endswith(f", default={shown}"), entry.name
        assert "".join(entry.desc), entry.name


@ESTIMATORS
def test_each_parameter_has_a_constraint_that_its_default_meets(estimator):
    model = estimator()
    assert estimator._parameter_constraints.keys() == model.get_params().keys()
    model._validate_params()


@ESTIMATORS
def test_no_placeholder_is_left_in_a_docstring(estimator):
    assert not re.search(r"\{(parameters|attributes|notes|accuracies)\}", estimator.__doc__)


def test_only_classifiers_have_an_accuracy_by_epoch():
    assert "train_accuracy" in RNNTextClassifier.__doc__
    assert "train_accuracy" not in RNNTextRegressor.__doc__


def test_each_description_is_of_a_parameter_that_an_estimator_has():
    signatures = (inspect.signature(kind) for kind in (RNNTextClassifier, RNNTextRegressor))
    assert _PARAMETERS.keys() == {name for names in signatures for name in names.parameters}


def test_a_cell_a_pooling_and_an_optimizer_are_allowed_and_documented_by_their_tables():
    documented = NumpyDocString(inspect.getdoc(sklearn_rnn.RNNTextClassifier))["Parameters"]
    types = {entry.name: entry.type for entry in documented}
    for parameter, table in (("cell", CELLS), ("pooling", POOLINGS), ("optimizer", OPTIMIZERS)):
        allowed = sklearn_rnn.RNNTextClassifier._parameter_constraints[parameter][0]
        assert allowed.options == set(table)
        assert re.findall(r'"(\w+)"', types[parameter].partition("default")[0]) == list(table)

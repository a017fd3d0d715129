"""Targets come back from what a file contains of them, or are refused."""

import numpy as np
import pytest

from sklearn_rnn._data.saved_targets import target_from_state, target_to_state
from sklearn_rnn._data.targets import (
    BinaryTarget,
    MulticlassTarget,
    MultilabelTarget,
    NumericTarget,
)
from sklearn_rnn.exceptions import ModelFileError

TARGETS = {
    "binary": BinaryTarget(np.array(["no", "yes"])),
    "multiclass": MulticlassTarget(np.array([3, 5, 9])),
    "multilabel": MultilabelTarget(4),
    "numbers": NumericTarget(np.array([1.0, 2.0, 6.0])),
    "pairs of numbers": NumericTarget(np.array([[1.0, 2.0], [6.0, 3.0]])),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_comes_back_from_its_state(name):
    target = TARGETS[name]
    restored = target_from_state(target_to_state(target), target.n_outputs)
    assert type(restored) is type(target)
    assert vars(restored).keys() == vars(target).keys()
    for attribute, value in vars(target).items():
        np.testing.assert_array_equal(getattr(restored, attribute), value)
    logits = np.random.default_rng(0).normal(size=(5, target.n_outputs))
    np.testing.assert_array_equal(restored.predict(logits), target.predict(logits))


@pytest.mark.parametrize("name", TARGETS)
def test_a_state_names_its_kind_and_contains_no_object_of_this_library(name):
    state = target_to_state(TARGETS[name])
    assert state["kind"] in ("binary", "multiclass", "multilabel", "numbers")
    assert not any(type(value).__module__.startswith("sklearn_rnn") for value in state.values())


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_of_another_number_of_outputs_is_refused(name):
    target = TARGETS[name]
    with pytest.raises(ModelFileError, match="the file was altered"):
        target_from_state(target_to_state(target), target.n_outputs + 1)


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel"])
def test_labels_that_do_not_fit_the_outputs_are_refused(name):
    state = target_to_state(TARGETS[name])
    state["classes"] = state["classes"][:-1]
    with pytest.raises(ModelFileError, match="other labels than its"):
        target_from_state(state, TARGETS[name].n_outputs)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, np.zeros(3), np.zeros((1, 1))], ids=str)
@pytest.mark.parametrize("name", ["mean", "spread"])
def test_units_that_are_not_finite_numbers_of_the_outputs_are_refused(name, wrong):
    state = target_to_state(TARGETS["numbers"]) | {name: wrong}
    with pytest.raises(ModelFileError, match=f"{name}: expected 1 finite numbers"):
        target_from_state(state, 1)


@pytest.mark.parametrize("kind", ["ternary", "", None])
def test_a_kind_that_there_is_not_is_refused(kind):
    with pytest.raises(ModelFileError, match="Expected one of the targets"):
        target_from_state(target_to_state(TARGETS["binary"]) | {"kind": kind}, 1)

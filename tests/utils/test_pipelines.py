"""The steps of pipelines, nested ones, and searches over them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn._utils.pipelines import pipeline_steps, transform_until_last

X = np.arange(24.0).reshape(12, 2)
y = np.arange(12) % 2


def add_one(X):
    return X + 1


def plus_one():
    return FunctionTransformer(add_one)


def test_an_estimator_is_its_own_only_step():
    model = LogisticRegression()
    assert pipeline_steps(model) == [model]
    assert transform_until_last(model, X) is X


def test_steps_of_nested_pipelines_come_in_their_order():
    first, second, third, last = (StandardScaler() for _ in range(4))
    model = make_pipeline(first, make_pipeline(second, make_pipeline(third)), last)
    assert [*map(id, pipeline_steps(model))] == [*map(id, (first, second, third, last))]


def test_a_search_has_the_steps_of_its_best_pipeline():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1]}, cv=2).fit(X, y)
    assert pipeline_steps(search) == list(search.best_estimator_.named_steps.values())
    outer = make_pipeline(plus_one(), search)
    assert pipeline_steps(outer)[1:] == pipeline_steps(search)


@pytest.mark.parametrize("skipped", [None, "passthrough"])
def test_all_steps_but_the_last_transform_and_steps_that_are_passed_through_do_nothing(skipped):
    model = make_pipeline(plus_one(), skipped, make_pipeline(plus_one(), LogisticRegression()))
    np.testing.assert_array_equal(transform_until_last(model, X), X + 2)

"""What is done to estimators that is wrong, and what they say of it."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from small_models import TINY

TEXTS = ["good film", "bad film", "so good", "so bad"] * 5
LABELS = ["+", "-"] * 10
X = np.random.default_rng(0).integers(0, 9, (20, 4))
X[0, 0] = 8
WORDS = SequenceVectorizer(max_len=4).fit_transform(TEXTS)


def vectorizer():
    return SequenceVectorizer(max_len=4)


def classifier(**parameters):
    return RNNTextClassifier(**TINY, **parameters)


def regressor():
    return RNNTextRegressor(**TINY)


class Row(NamedTuple):
    """What is done to an estimator, which error that raises, and what its message says."""

    name: str
    make: object
    act: object
    error: type | tuple[type, ...]
    message: str


def fit(estimator):
    if isinstance(estimator, SequenceVectorizer):
        return estimator.fit(TEXTS)
    y = np.arange(20.0) if isinstance(estimator, RNNTextRegressor) else LABELS
    return estimator.fit(X, y)


def answers(estimator):
    is_vectorizer = isinstance(estimator, SequenceVectorizer)
    return estimator.transform(TEXTS).ids if is_vectorizer else estimator.transform(X)


def check_error(row):
    """Check that a fitted estimator says what is wrong, and stays as it was."""
    estimator = fit(row.make())
    before, parameters = answers(estimator), estimator.get_params()
    attributes = {name: value for name, value in vars(estimator).items() if name not in parameters}
    with pytest.raises(row.error, match=row.message):
        row.act(estimator)
    after = {name: value for name, value in vars(estimator).items() if name not in parameters}
    assert after.keys() == attributes.keys()
    assert all(after[name] is attributes[name] for name in after)
    estimator.set_params(**parameters)
    np.testing.assert_array_equal(answers(estimator), before)


def check_no_trace(row):
    """Check that nothing is left on an estimator that could not be fitted."""
    estimator = row.make()
    with pytest.raises((TypeError, ValueError, NotFittedError)):
        row.act(estimator)
    assert set(vars(estimator)) == set(estimator.get_params())

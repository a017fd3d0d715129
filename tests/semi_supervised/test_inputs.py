"""Texts as each part reads them, and weights that reach the last step of a pipeline."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.semi_supervised._inputs import Inputs, check_takes_weights, fit_weighted

TEXTS = ["so good", "so bad", "good good", "bad bad"]
LABELS = np.array([1, 0, 1, 0])


class Spy(LogisticRegression):
    """Remembers the weights of its texts."""

    def fit(self, X, y, sample_weight=None):
        self.weights_ = sample_weight
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("texts", [TEXTS, tuple(TEXTS), np.array(TEXTS), pd.Series(TEXTS)])
def test_some_texts_are_the_same_in_both_forms(texts):
    some = Inputs(texts, SequenceVectorizer().fit_transform(TEXTS)).at(np.array([2, 0]))
    assert list(some.texts) == ["good good", "so good"]
    assert (some.sequences.ids != 0).sum() == 4
    assert some.read_by(RNNTextClassifier()) is some.sequences
    assert some.read_by(make_pipeline(SequenceVectorizer(), RNNTextClassifier())) is some.texts


@pytest.mark.parametrize("n_pipelines", [1, 2])
def test_weights_reach_the_last_step(n_pipelines):
    model = make_pipeline(TfidfVectorizer(), Spy())
    for _ in range(n_pipelines - 1):
        model = make_pipeline(model)
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    last = fit_weighted(model, TEXTS, LABELS, weights)
    while hasattr(last, "steps"):
        last = last[-1]
    np.testing.assert_array_equal(last.weights_, weights)


def test_equal_weights_need_no_classifier_that_knows_weights():
    model = make_pipeline(TfidfVectorizer(), KNeighborsClassifier(1))
    assert fit_weighted(model, TEXTS, LABELS, np.ones(4)).predict(TEXTS).tolist() == [1, 0, 1, 0]
    check_takes_weights(model, np.ones(4))
    with pytest.raises(ValueError, match="KNeighborsClassifier, takes no sample_weight"):
        check_takes_weights(model, np.arange(4.0))

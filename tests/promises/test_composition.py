"""The estimators in scikit-learn's own machines, on raw texts from end to end."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import make_reviews


@pytest.fixture(scope="module")
def reviews():
    texts, labels = make_reviews(600, n_filler=(0, 1), random_state=0)
    return train_test_split(texts, labels, test_size=100, random_state=0)


def pipeline(**parameters):
    quick = {
        "hidden_size": 8,
        "embedding_dim": 16,
        "lr": 2e-2,
        "max_epochs": 12,
        "early_stopping": False,
        "random_state": 0,
    }
    return make_pipeline(
        SequenceVectorizer(max_len=60), RNNTextClassifier(**{**quick, **parameters})
    )


@pytest.fixture(scope="module")
def fitted(reviews):
    train, _, labels, _ = reviews
    return pipeline().fit(train, labels)


def test_a_pipeline_goes_from_raw_texts_to_labels_that_hang_on_word_order(reviews, fitted):
    train, test, train_labels, test_labels = reviews
    bag_of_words = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    bag_of_words.fit(train, train_labels)
    assert fitted.score(test, test_labels) > bag_of_words.score(test, test_labels)
    assert set(fitted.predict(test)) == {"negative", "positive"}


def test_what_flows_between_the_steps_is_token_sequences(reviews, fitted):
    sequences = fitted[:-1].transform(reviews[1])
    assert isinstance(sequences, TokenSequences)
    np.testing.assert_array_equal(fitted[-1].predict(sequences), fitted.predict(reviews[1]))


def test_a_grid_search_over_networks_runs_in_two_processes(reviews):
    train, test, train_labels, _ = reviews
    grid = {
        "rnntextclassifier__cell": ["rnn", "lstm"],
        "rnntextclassifier__bidirectional": [False, True],
        "rnntextclassifier__num_layers": [1, 2],
        "rnntextclassifier__hidden_size": [2, 4],
    }
    search = GridSearchCV(pipeline(max_epochs=1), grid, cv=2, n_jobs=2, error_score="raise")
    search.fit(train[:60], train_labels[:60])
    assert len(search.cv_results_["params"]) == 16
    assert search.best_estimator_[-1].get_params()["cell"] in {"rnn", "lstm"}
    assert len(search.predict(test)) == len(test)


def test_cross_validated_predictions_have_one_row_for_each_text(reviews):
    train, _, labels, _ = reviews
    shares = cross_val_predict(pipeline(max_epochs=2), train, labels, cv=2, method="predict_proba")
    assert shares.shape == (len(train), 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_stacking_joins_the_network_and_a_linear_model(reviews):
    train, test, train_labels, test_labels = reviews
    linear = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    stack = StackingClassifier([("linear", linear), ("rnn", pipeline())], cv=2)
    stack.fit(train, train_labels)
    assert stack.score(test, test_labels) > linear.fit(train, train_labels).score(
        test, test_labels
    )


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_can_be_calibrated(reviews, method):
    train, test, labels, _ = reviews
    calibrated = CalibratedClassifierCV(pipeline(max_epochs=3), method=method, cv=2)
    shares = calibrated.fit(train, labels).predict_proba(test)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_learning_curve_grows_with_the_number_of_texts(reviews):
    train, _, labels, _ = reviews
    sizes, _, scores = learning_curve(pipeline(), train, labels, train_sizes=[40, 250], cv=2)
    assert sizes.tolist() == [40, 250]
    assert scores[1].mean() >= scores[0].mean()


def test_chunks_of_texts_train_one_model_by_partial_fit(reviews):
    train, test, train_labels, test_labels = reviews
    vectorizer = SequenceVectorizer(max_len=60).fit(train)
    model = pipeline()[-1]
    for _ in range(8):
        for start in range(0, len(train), 100):
            chunk = slice(start, start + 100)
            model.partial_fit(
                vectorizer.transform(train[chunk]),
                train_labels[chunk],
                classes=["negative", "positive"],
            )
    assert model.n_iter_ == 8 * 5
    assert model.score(vectorizer.transform(test), test_labels) > 0.75

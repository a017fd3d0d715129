"""Labels of any kind come in, and the same labels go out."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import accuracy_score, get_scorer, roc_auc_score

from sklearn_rnn import RNNTextClassifier

LABELS = {
    "strings": np.array(["ham", "spam"]),
    "objects": np.array(["ham", "spam"], dtype=object),
    "minus one and one": np.array([-1, 1]),
    "one and two": np.array([1, 2]),
    "booleans": np.array([False, True]),
    "whole floats": np.array([0.0, 1.0]),
    "three strings": np.array(["bad", "good", "so-so"]),
    "four numbers with gaps": np.array([-3, 0, 10, 11]),
}
BY_KIND = pytest.mark.parametrize("kind", LABELS)


def classifier(**parameters):
    settings = {
        "hidden_size": 8,
        "embedding_dim": 8,
        "lr": 0.05,
        "max_epochs": 12,
        "batch_size": 16,
        "early_stopping": False,
        "random_state": 0,
    }
    return RNNTextClassifier(**settings | parameters)


def tell_tale_ids(n_texts, n_classes, seed=0):
    """Return ids in which one word, at any place, tells the class; and the classes."""
    generator = np.random.default_rng(seed)
    codes = np.arange(n_texts) % n_classes
    ids = generator.integers(10, 16, (n_texts, 6))
    ids[np.arange(n_texts), generator.integers(0, 6, n_texts)] = 2 + codes
    ids[0, 0] = 15  # the greatest id, so that it is always known
    return ids, codes


@pytest.fixture(scope="module")
def fitted():
    models = {}
    for kind, labels in LABELS.items():
        ids, codes = tell_tale_ids(80, len(labels))
        models[kind] = classifier().fit(ids, labels[codes])
    return models


@BY_KIND
def test_the_same_labels_come_out_and_the_task_is_learned(fitted, kind):
    ids, codes = tell_tale_ids(60, len(LABELS[kind]), seed=1)
    y = LABELS[kind][codes]
    predicted = fitted[kind].predict(ids)
    assert predicted.dtype == y.dtype
    assert predicted.shape == y.shape
    assert set(predicted.tolist()) <= set(LABELS[kind].tolist())
    assert accuracy_score(y, predicted) > 0.9


@BY_KIND
def test_classes_are_the_sorted_labels(fitted, kind):
    np.testing.assert_array_equal(fitted[kind].classes_, np.unique(LABELS[kind]))


@BY_KIND
def test_probabilities_are_a_distribution_and_agree_with_predict(fitted, kind):
    ids, _ = tell_tale_ids(60, len(LABELS[kind]), seed=2)
    probabilities = fitted[kind].predict_proba(ids)
    assert probabilities.shape == (60, len(LABELS[kind]))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    most_probable = fitted[kind].classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(fitted[kind].predict(ids), most_probable)


@BY_KIND
def test_the_decision_function_is_what_predict_goes_by(fitted, kind):
    ids, _ = tell_tale_ids(60, len(LABELS[kind]), seed=2)
    model = fitted[kind]
    scores = model.decision_function(ids)
    assert scores.dtype == np.float64
    if len(LABELS[kind]) == 2:
        assert scores.shape == (60,)
        chosen = (scores > 0).astype(int)
    else:
        assert scores.shape == (60, len(LABELS[kind]))
        chosen = scores.argmax(axis=1)
    np.testing.assert_array_equal(model.predict(ids), model.classes_[chosen])


@BY_KIND
def test_logarithms_of_probabilities_are_those_of_predict_proba(fitted, kind):
    ids, _ = tell_tale_ids(60, len(LABELS[kind]), seed=2)
    logarithms = fitted[kind].predict_log_proba(ids)
    np.testing.assert_allclose(np.exp(logarithms), fitted[kind].predict_proba(ids), rtol=1e-12)


@BY_KIND
def test_score_is_the_accuracy(fitted, kind):
    ids, codes = tell_tale_ids(60, len(LABELS[kind]), seed=3)
    y = LABELS[kind][codes]
    assert fitted[kind].score(ids, y) == accuracy_score(y, fitted[kind].predict(ids))


def test_renaming_the_labels_changes_no_probability():
    ids, codes = tell_tale_ids(40, 2)
    probabilities = [
        classifier(max_epochs=2).fit(ids, labels[codes]).predict_proba(ids)
        for labels in LABELS.values()
        if len(labels) == 2
    ]
    for other in probabilities[1:]:
        np.testing.assert_array_equal(other, probabilities[0])


def test_early_stopping_takes_labels_of_any_kind():
    ids, codes = tell_tale_ids(40, 3)
    model = classifier(max_epochs=2, early_stopping=True).fit(ids, LABELS["three strings"][codes])
    assert model.history_["valid_accuracy"].shape == (2,)


def several_labels(n_texts, seed=0):
    """Return ids in which words 2, 3 and 4 stand for one label each; and the indicators."""
    generator = np.random.default_rng(seed)
    indicators = generator.integers(0, 2, (n_texts, 3))
    ids = generator.integers(10, 16, (n_texts, 6))
    places = generator.permuted(np.tile(np.arange(6), (n_texts, 1)), axis=1)[:, :3]
    rows, labels = np.nonzero(indicators)
    ids[rows, places[rows, labels]] = 2 + labels
    ids[0, 0] = 15
    return ids, indicators


SPARSE = [sparse.csr_matrix, sparse.csc_array]


@pytest.mark.parametrize("made", [np.array, np.ndarray.tolist, *SPARSE], ids=lambda f: f.__name__)
def test_an_indicator_matrix_is_learned_whatever_holds_it(made):
    ids, indicators = several_labels(160)
    model = classifier(max_epochs=15).fit(ids, made(indicators))
    new_ids, expected = several_labels(60, seed=1)
    predicted = model.predict(new_ids)
    assert predicted.shape == expected.shape
    assert set(np.unique(predicted)) <= {0, 1}
    assert (predicted == expected).mean() > 0.9
    assert model.score(new_ids, made(expected)) == accuracy_score(expected, predicted)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


def test_several_labels_have_a_probability_each():
    ids, indicators = several_labels(60)
    model = classifier(max_epochs=3).fit(ids, indicators)
    probabilities = model.predict_proba(ids)
    assert probabilities.shape == (60, 3)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_array_equal(model.predict(ids), probabilities > 0.5)
    assert not np.allclose(probabilities.sum(axis=1), 1)


def test_several_labels_work_with_early_stopping():
    ids, indicators = several_labels(60)
    model = classifier(max_epochs=2, early_stopping=True).fit(ids, indicators)
    assert model.history_["valid_accuracy"].shape == (2,)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_scorers_rank_each_of_several_labels(n_labels):
    """Of two columns, scikit-learn's scorers would take the probabilities for those of classes."""
    ids, indicators = several_labels(80)
    indicators = indicators[:, :n_labels]
    model = classifier(max_epochs=3).fit(ids, indicators)
    columns = model.decision_function(ids).T
    expected = np.mean([roc_auc_score(*pair) for pair in zip(indicators.T, columns, strict=True)])
    assert get_scorer("roc_auc")(model, ids, indicators) == pytest.approx(expected)

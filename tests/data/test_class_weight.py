"""Weights of classes: their laws, and what is no weight."""

import numpy as np
import pytest

from sklearn_rnn import RNNTextClassifier
from weighted_texts import ONE_BATCH, outputs_after_training


def test_class_weights_equal_the_weights_of_their_texts(ids):
    y = np.where(ids[:, 0] > 5, "high", "low")
    class_weight = {"high": 3.0, "low": 0.5}
    np.testing.assert_array_equal(
        outputs_after_training("two classes", ids, y, ids, class_weight=class_weight),
        outputs_after_training("two classes", ids, y, ids, np.where(y == "high", 3.0, 0.5)),
    )


def test_weights_of_classes_and_of_texts_multiply(ids, weights):
    y = (ids[:, 0] > 5).astype(int)
    np.testing.assert_array_equal(
        outputs_after_training("two classes", ids, y, ids, weights, class_weight={0: 2, 1: 5}),
        outputs_after_training("two classes", ids, y, ids, weights * np.where(y, 5, 2)),
    )


def test_balanced_classes_weigh_the_same_in_all(ids):
    y = (np.arange(len(ids)) % 6 == 0).astype(int)
    weights = len(y) / (2 * np.bincount(y))
    np.testing.assert_array_equal(
        outputs_after_training("two classes", ids, y, ids, class_weight="balanced"),
        outputs_after_training("two classes", ids, y, ids, class_weight=dict(enumerate(weights))),
    )


def test_balanced_classes_lift_a_rare_one(ids):
    # Nothing in a text tells its class: a model can only say how frequent the classes are.
    same = np.full((40, 3), 2)
    y = (np.arange(40) % 8 == 0).astype(int)
    settings = {"label_smoothing": 0, "max_epochs": 60}
    plain, balanced = (
        outputs_after_training("two classes", same, y, same, class_weight=weight, **settings)[0, 1]
        for weight in (None, "balanced")
    )
    assert plain == pytest.approx(1 / 8, abs=0.03)
    assert balanced == pytest.approx(1 / 2, abs=0.03)


def test_a_heavy_class_is_predicted_more_often(ids):
    y = (ids[:, 1] > 5).astype(int)
    low, high = (
        outputs_after_training("two classes", ids, y, ids, class_weight={0: 1, 1: weight})
        for weight in (0.1, 10)
    )
    assert (high[:, 1] > low[:, 1]).all()


@pytest.mark.parametrize("weights", [{0: 1, 1: 100}, {0: 100, 1: 1}])
def test_class_weights_count_in_chunks_of_one_class_each(weights):
    model = RNNTextClassifier(
        hidden_size=4, embedding_dim=4, class_weight=weights, optimizer="sgd", random_state=0
    )
    X = np.random.default_rng(0).integers(2, 9, (20, 5))
    for label in [0, 1] * 10:
        model.partial_fit(X, np.full(20, label), classes=[0, 1])
    heavy = max(weights, key=weights.get)
    assert model.predict_proba(X)[:, heavy].mean() > 0.6


# ---- What is no weight -----------------------------------------------------------------------


NO_WEIGHTS = [np.nan, np.inf, -np.inf, -1, "2", None, [1], 1j, 10**400]
NAMES = np.array(["ham", "spam"])


@pytest.mark.parametrize("weight", NO_WEIGHTS, ids=lambda weight: str(weight)[:9])
@pytest.mark.parametrize("label", ["ham", "eggs"])
def test_what_is_no_weight_of_a_class_is_refused_by_name(ids, weight, label):
    weights = {"ham": 1, "spam": 2} | {label: weight}
    model = RNNTextClassifier(**ONE_BATCH, class_weight=weights)
    y = NAMES[np.arange(54) % 2]
    for fit in (lambda: model.fit(ids, y), lambda: model.partial_fit(ids, y, classes=NAMES)):
        with pytest.raises(ValueError, match=rf"finite weights of 0 or more, got .* '{label}'"):
            fit()
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("weight", NO_WEIGHTS, ids=lambda weight: str(weight)[:9])
def test_what_is_no_weight_of_one_of_several_labels_is_refused(ids, weight):
    model = RNNTextClassifier(**ONE_BATCH, class_weight=[{1: 2.0}, {0: 1, 1: weight}])
    with pytest.raises(ValueError, match=r"finite weights of 0 or more, got .* label 1"):
        model.fit(ids, (ids[:, :2] > 5).astype(int))


@pytest.mark.parametrize("weights", [[{1: 2}], [{1: 2}] * 3, {1: 2}, [2, 2], [{7: 2}, {1: 2}]])
def test_weights_of_several_labels_fit_their_columns(ids, weights):
    model = RNNTextClassifier(**ONE_BATCH, class_weight=weights)
    with pytest.raises(ValueError, match="RNNTextClassifier: class_weight"):
        model.fit(ids, (ids[:, :2] > 5).astype(int))


@pytest.mark.parametrize("weights", [{"hum": 2, "spam": 1}, {"hum": 2}, {0: 1, 1: 2}])
def test_a_weight_of_a_label_that_nobody_has_is_a_mistake(ids, weights):
    y = NAMES[np.arange(54) % 2]
    trained = RNNTextClassifier(**ONE_BATCH).fit(ids, y)
    trained.set_params(class_weight=weights)
    new = RNNTextClassifier(**ONE_BATCH, class_weight=weights)
    for fit in (
        lambda: new.fit(ids, y),
        lambda: new.partial_fit(ids, y, classes=NAMES),
        lambda: trained.partial_fit(ids, y),
        lambda: trained.set_params(warm_start=True).fit(ids, y),
    ):
        with pytest.raises(ValueError, match=r"which are not among the labels, .*'ham', 'spam'"):
            fit()


def test_numbers_of_any_type_are_weights(ids):
    y = (ids[:, 0] > 5).astype(int)
    expected = outputs_after_training("two classes", ids, y, ids, class_weight={0: 2.0, 1: 1.0})
    for weights in (
        {0: np.float32(2), 1: np.int8(1)},
        {0: 2, 1: True},
        {False: 2},
        {0: 2, 1: 1, 7: 3},
    ):
        found = outputs_after_training("two classes", ids, y, ids, class_weight=weights)
        np.testing.assert_array_equal(found, expected)


def test_a_chunk_need_not_have_the_labels_that_have_weights(ids):
    for label in (0, 1):
        model = RNNTextClassifier(**ONE_BATCH, class_weight={1: 5})
        model.partial_fit(ids, np.full(54, label), classes=[0, 1])
        assert model.n_iter_ == 1

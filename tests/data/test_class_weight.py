"""Weights of classes and of texts: their laws, and the ways by which they arrive."""

import numpy as np
import pytest
import sklearn
import torch
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklearn_rnn import (
    RNNTextClassifier,
    RNNTextRegressor,
    SequenceVectorizer,
    TokenSequences,
)

# One batch of all texts and plain gradient descent: what the weights do is then exact.
ONE_BATCH = {
    "hidden_size": 4,
    "embedding_dim": 4,
    "input_dropout": 0.0,
    "dropout": 0.0,
    "branch_dropout": 0.0,
    "optimizer": torch.optim.SGD,
    "lr": 0.5,
    "max_epochs": 5,
    "batch_size": 10_000,
    "early_stopping": False,
    "random_state": 0,
}
TASKS = {
    "two classes": (RNNTextClassifier, lambda ids: ids[:, 0] > 5),
    "three classes": (RNNTextClassifier, lambda ids: ids[:, 0] % 3),
    "several labels": (RNNTextClassifier, lambda ids: (ids[:, :2] > 5).astype(int)),
    "numbers": (RNNTextRegressor, lambda ids: ids[:, 0] / 3),
}
BY_TASK = pytest.mark.parametrize("task", TASKS)
WORDS = ("<pad>", "<unk>", *"abcdefgh")


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(2, len(WORDS), (54, 5))


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(1).integers(1, 4, 54)


def outputs_after_training(task, ids, y, probe, sample_weight=None, **parameters):
    estimator = TASKS[task][0](**ONE_BATCH | parameters)
    model = estimator.fit(TokenSequences(ids, WORDS), y, sample_weight=sample_weight)
    X = TokenSequences(probe, WORDS)
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@BY_TASK
def test_a_whole_weight_equals_repetition(task, ids, weights):
    y = TASKS[task][1](ids)
    if task == "numbers":  # mean and spread of y set the scale: leave them as they are
        weights = np.full(len(ids), 2)
    repeated = np.repeat(np.arange(len(ids)), weights)
    np.testing.assert_allclose(
        outputs_after_training(task, ids, y, ids, weights),
        outputs_after_training(task, ids[repeated], y[repeated], ids),
        atol=1e-5,
    )


@BY_TASK
def test_scaling_all_weights_changes_nothing(task, ids, weights):
    y = TASKS[task][1](ids)
    expected = outputs_after_training(task, ids, y, ids, weights)
    for factor in (1e-6, 0.1, 1e6):
        scaled = outputs_after_training(task, ids, y, ids, weights * factor)
        np.testing.assert_allclose(scaled, expected, atol=1e-5)


@BY_TASK
def test_equal_weights_are_no_weights(task, ids):
    y = TASKS[task][1](ids)
    np.testing.assert_array_equal(
        outputs_after_training(task, ids, y, ids, np.full(len(ids), 3.0)),
        outputs_after_training(task, ids, y, ids),
    )


@pytest.mark.parametrize("task", ["two classes", "three classes", "several labels"])
def test_a_text_without_weight_might_as_well_be_missing(task, ids):
    y = TASKS[task][1](ids)
    counted = np.arange(len(ids)) % 3 > 0
    np.testing.assert_allclose(
        outputs_after_training(task, ids, y, ids, counted.astype(float)),
        outputs_after_training(task, ids[counted], y[counted], ids),
        atol=1e-5,
    )


@BY_TASK
def test_a_text_without_weight_has_no_influence_on_training(task, ids):
    y = TASKS[task][1](ids)
    counted = np.arange(len(ids)) % 3 > 0
    other_texts = np.where(counted[:, None], ids, ids[::-1])
    np.testing.assert_array_equal(
        outputs_after_training(task, ids, y, ids, counted.astype(float)),
        outputs_after_training(task, other_texts, y, ids, counted.astype(float)),
    )


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


@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
def test_scores_are_weighted(estimator, ids, weights):
    y = (ids[:, 0] > 5).astype(int)
    model = estimator(**ONE_BATCH).fit(ids, y)
    only = np.arange(len(ids)) < 10
    assert model.score(ids, y, sample_weight=only) == pytest.approx(
        model.score(ids[only], y[only])
    )
    repeated = np.repeat(np.arange(len(ids)), weights)
    expected = model.score(ids[repeated], y[repeated])
    assert model.score(ids, y, sample_weight=weights) == pytest.approx(expected)


def test_validation_loss_is_weighted(ids):
    y = (ids[:, 0] > 5).astype(int)
    settings = ONE_BATCH | {"early_stopping": True, "validation_fraction": 0.5, "max_epochs": 1}
    losses = [
        RNNTextClassifier(**settings).fit(ids, y, sample_weight=weight).history_["valid_loss"]
        for weight in (np.where(y, 1.0, 9.0), np.where(y, 9.0, 1.0))
    ]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(7), r"sample_weight.shape == \(7,\), expected \(24,\)"),
        (np.ones((24, 2)), "Sample weights must be 1D"),
        (np.where(np.arange(24), 1.0, -1.0), "Negative values in data"),
        (np.where(np.arange(24), 1.0, np.nan), "sample_weight contains NaN"),
        (np.zeros(24), "at least (one non-zero|2 classes)"),
    ],
    ids=["wrong length", "matrix", "negative", "missing", "all zero"],
)
def test_weights_that_make_no_sense_are_refused(estimator, weight, message, ids):
    model = estimator(**ONE_BATCH)
    with pytest.raises(ValueError, match=message):
        model.fit(ids, np.arange(24) % 2, sample_weight=weight)
    assert not hasattr(model, "net_")


def test_partial_fit_takes_weights(ids):
    y = (ids[:, 0] > 5).astype(int)
    weighted = RNNTextClassifier(**ONE_BATCH)
    weighted.partial_fit(ids, y, classes=[0, 1], sample_weight=np.where(y, 5.0, 1.0))
    by_class = RNNTextClassifier(**ONE_BATCH, class_weight={0: 1, 1: 5})
    by_class.partial_fit(ids, y, classes=[0, 1])
    np.testing.assert_array_equal(weighted.predict_proba(ids), by_class.predict_proba(ids))


def test_a_weighted_chunk_may_hold_one_class_only(ids):
    model = RNNTextClassifier(**ONE_BATCH)
    model.partial_fit(ids, np.zeros(54), classes=[0, 1], sample_weight=np.ones(54))
    assert model.n_iter_ == 1


# ---- By scikit-learn's metadata routing ------------------------------------------------------

# Every text stands twice, once for each label: only the weights tell which one to believe.
TEXTS = ["good film", "bad film", "so good", "so bad"] * 8
RIGHT = np.array([1, 0, 1, 0] * 8)
TWICE = [text for text in TEXTS for _ in range(2)]
CONTRADICTING = np.stack([RIGHT, 1 - RIGHT], axis=1).ravel()
ONLY_RIGHT = np.tile([1.0, 0.0], 32)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def quick_pipeline():
    model = RNNTextClassifier(
        hidden_size=4, embedding_dim=4, lr=0.1, max_epochs=8, early_stopping=False, random_state=0
    )
    return make_pipeline(SequenceVectorizer(max_len=3), model)


def routed_pipeline():
    pipeline = quick_pipeline()
    pipeline[-1].set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    return pipeline


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_pipeline():
    model = routed_pipeline()
    for weights, expected in ((ONLY_RIGHT, RIGHT), (1 - ONLY_RIGHT, 1 - RIGHT)):
        model.fit(TWICE, CONTRADICTING, sample_weight=weights)
        assert accuracy_score(expected, model.predict(TEXTS)) == 1
        assert model.score(TWICE, CONTRADICTING, sample_weight=weights) == 1
        assert model.score(TWICE, CONTRADICTING) == 0.5


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_grid_search():
    grid = {"rnntextclassifier__cell": ["lstm", "gru"]}
    # Fit with the weights, and scored with them: without either, half the texts are wrong.
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(routed_pipeline(), grid, cv=folds, error_score="raise")
    search.fit(TWICE, CONTRADICTING, sample_weight=ONLY_RIGHT)
    assert search.best_score_ == 1
    assert accuracy_score(RIGHT, search.predict(TEXTS)) == 1
    assert search.score(TWICE, CONTRADICTING, sample_weight=ONLY_RIGHT) == 1


def test_weights_reach_a_step_by_its_name():
    model = quick_pipeline()
    model.fit(TWICE, CONTRADICTING, rnntextclassifier__sample_weight=ONLY_RIGHT)
    assert accuracy_score(RIGHT, model.predict(TEXTS)) == 1


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


# ---- Weights of classes that make no sense ---------------------------------------------------

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


@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
def test_weights_whose_sum_is_no_number_are_refused(estimator, ids):
    with pytest.raises(ValueError, match="whose sum is finite, got up to 1e"):
        estimator(**ONE_BATCH).fit(ids, np.arange(54) % 2, sample_weight=np.full(54, 1e308))


def test_weights_of_a_chunk_fit_into_float32():
    X, y = np.arange(2, 26).reshape(12, 2), [0, 1] * 6
    model = RNNTextClassifier(hidden_size=4, embedding_dim=4, random_state=0)
    with pytest.raises(ValueError, match="sum is finite in float32, got up to 1e"):
        model.partial_fit(X, y, classes=[0, 1], sample_weight=np.full(12, 1e300))
    model.fit(X, y, sample_weight=np.full(12, 1e300))  # whose ratios count

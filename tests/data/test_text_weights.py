"""Weights of texts: their laws, and the ways by which they arrive."""

import numpy as np
import pytest
import sklearn
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from weighted_texts import BY_TASK, ONE_BATCH, TASKS, outputs_after_training


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
    # Up to rounding: the order in which a batch's words are added up depends on all its texts.
    np.testing.assert_allclose(
        outputs_after_training(task, ids, y, ids, counted.astype(float)),
        outputs_after_training(task, other_texts, y, ids, counted.astype(float)),
        rtol=1e-5,
        atol=1e-6,
    )


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

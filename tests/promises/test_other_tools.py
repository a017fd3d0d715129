"""What scikit-learn and skorch offer around an estimator works on ours, in two processes."""

import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from skorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import make_reviews
from small_models import TWO_EPOCHS

TEXTS, LABELS = make_reviews(160, random_state=0)
FOLDS = StratifiedKFold(2)


@pytest.fixture
def model():
    return make_pipeline(SequenceVectorizer(max_len=30), RNNTextClassifier(**TWO_EPOCHS))


SEARCHES = {
    "grid": lambda model: GridSearchCV(
        model,
        {"rnntextclassifier__cell": ["rnn", "lstm"]},
        cv=FOLDS,
        n_jobs=2,
        error_score="raise",
    ),
    "random": lambda model: RandomizedSearchCV(
        model,
        {"rnntextclassifier__lr": loguniform(1e-3, 1e-1), "sequencevectorizer__max_len": [10, 20]},
        n_iter=3,
        cv=FOLDS,
        n_jobs=2,
        random_state=0,
        error_score="raise",
    ),
    "halving": lambda model: HalvingGridSearchCV(
        model,
        {"rnntextclassifier__hidden_size": [2, 4, 8]},
        cv=FOLDS,
        n_jobs=2,
        min_resources=40,
        random_state=0,
        error_score="raise",
    ),
    "epochs": lambda model: HalvingRandomSearchCV(
        model,
        {"rnntextclassifier__hidden_size": randint(2, 9)},
        cv=FOLDS,
        n_jobs=2,
        resource="rnntextclassifier__max_epochs",
        max_resources=4,
        random_state=0,
        error_score="raise",
    ),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_finds_a_model_that_predicts(model, kind):
    search = SEARCHES[kind](model).fit(TEXTS, LABELS)
    assert search.predict(TEXTS).shape == LABELS.shape
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_search_within_a_cross_validation(model):
    inner = SEARCHES["grid"](model).set_params(n_jobs=1)
    scores = cross_val_score(inner, TEXTS, LABELS, cv=FOLDS, n_jobs=2, error_score="raise")
    assert scores.shape == (2,)


def test_several_scores_curves_and_permutations(model):
    several = cross_validate(
        model,
        TEXTS,
        LABELS,
        cv=FOLDS,
        n_jobs=2,
        scoring=["roc_auc", "neg_log_loss"],
        error_score="raise",
    )
    assert np.isfinite(several["test_roc_auc"]).all()
    curve, _ = validation_curve(
        model,
        TEXTS,
        LABELS,
        param_name="rnntextclassifier__dropout",
        param_range=[0.0, 0.5],
        cv=FOLDS,
        n_jobs=2,
        error_score="raise",
    )
    assert curve.shape == (2, 2)
    _, shuffled, _ = permutation_test_score(
        model, TEXTS, LABELS, cv=FOLDS, n_permutations=2, n_jobs=2, random_state=0
    )
    assert shuffled.shape == (2,)


# ---- Wrappers, some of which hand a network the array of ids ---------------------------------

RNG = np.random.default_rng(0)
IDS = RNG.integers(4, 20, (90, 5))
IDS[:, 0] = RNG.integers(2, 4, 90)
IDS[[0, 40, 80], 4] = 60, 70, 80  # each in one fold alone
SIGNS = np.where(IDS[:, 0] == 2, "-", "+")
KINDS = np.where(IDS[:, 1] > 14, "?", SIGNS)
FEW = np.concatenate([np.flatnonzero(SIGNS == "-"), np.flatnonzero(SIGNS == "+")[:15]])
READERS = {
    "ids": IDS,
    "sequences": TokenSequences(IDS, [f"w{i}" for i in range(81)]),
    "texts": np.array([" ".join(f"w{i}" for i in row) for row in IDS], dtype=object),
}
LEARNER = RNNTextClassifier(
    hidden_size=4, embedding_dim=8, max_epochs=6, lr=2e-2, branch_dropout=0.1, random_state=0
)
WRAPPERS = {
    "OneVsOneClassifier": OneVsOneClassifier(LEARNER),
    "OneVsRestClassifier": OneVsRestClassifier(LEARNER),
    "BaggingClassifier": BaggingClassifier(LEARNER, 2, random_state=0),
    "CalibratedClassifierCV": CalibratedClassifierCV(LEARNER, cv=KFold(3)),
    "StackingClassifier": StackingClassifier([("rnn", LEARNER)], cv=KFold(3)),
    "VotingClassifier": VotingClassifier([("rnn", LEARNER)], voting="soft"),
    "GridSearchCV": GridSearchCV(LEARNER, {"cell": ["gru"]}, cv=KFold(3), error_score="raise"),
}


def pipeline_for(kind, *steps):
    return make_pipeline(*([SequenceVectorizer()] if kind == "texts" else []), *steps)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_work_on_ids_sequences_and_within_a_pipeline(name, kind):
    y = KINDS if name.startswith("OneVs") else SIGNS
    model = pipeline_for(kind, clone(WRAPPERS[name])).fit(READERS[kind], y)
    assert model.score(READERS[kind], y) > 0.8


@pytest.mark.parametrize("kind", ["ids", "sequences"])
def test_folds_that_lack_the_largest_id_are_scored(kind):
    scores = cross_val_score(LEARNER, READERS[kind], SIGNS, cv=KFold(3), error_score="raise")
    assert scores.min() > 0.8


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", ["RandomUnderSampler", "RandomOverSampler"])
def test_a_network_learns_from_what_imbalanced_learn_samples(name, kind):
    imblearn = pytest.importorskip("imblearn.pipeline")
    samplers = pytest.importorskip(f"imblearn.{name[6:-7].lower()}_sampling")
    steps = pipeline_for(kind, getattr(samplers, name)(random_state=0), clone(LEARNER)).steps
    model = imblearn.Pipeline(steps).fit(READERS[kind][FEW], SIGNS[FEW])
    assert model.score(READERS[kind], SIGNS) > 0.8


@pytest.mark.parametrize("kind", READERS)
def test_networks_learn_in_balanced_bagging(kind):
    ensemble = pytest.importorskip("imblearn.ensemble")
    bagging = ensemble.BalancedBaggingClassifier(LEARNER, n_estimators=2, random_state=0)
    model = pipeline_for(kind, bagging).fit(READERS[kind][FEW], SIGNS[FEW])
    assert model.score(READERS[kind], SIGNS) > 0.8


def test_a_wrapper_that_drops_word_vectors_is_warned_of():
    table = np.random.default_rng(0).normal(size=(81, 4))
    X = TokenSequences(IDS, READERS["sequences"].vocabulary, table)
    with pytest.warns(UserWarning, match="the ids alone, without their vectors"):
        OneVsOneClassifier(LEARNER).fit(X, SIGNS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "kind", ["early stopping", "rates", "checkpoint", "scores", "bar", "at the end"]
)
def test_skorchs_callbacks_work(model, kind, tmp_path):
    folder = str(tmp_path)
    callback = {
        "early stopping": EarlyStopping(monitor="train_loss", patience=1, threshold=10.0),
        "rates": ("mine", LRScheduler("StepLR", step_size=1, gamma=0.5)),
        "checkpoint": Checkpoint(dirname=folder, monitor=None),
        "scores": EpochScoring("roc_auc", name="auc", on_train=True),
        "bar": ProgressBar(),
        "at the end": TrainEndCheckpoint(dirname=folder),
    }[kind]
    classifier = model[-1].set_params(callbacks=[callback], max_epochs=4, lr=0.003)
    model.fit(TEXTS, LABELS)
    history = classifier.history_
    assert classifier.n_iter_ == (2 if kind == "early stopping" else 4)
    assert ("auc" in history) == (kind == "scores")
    assert any(tmp_path.iterdir()) == (kind in ("checkpoint", "at the end"))
    if kind == "rates":
        rates = classifier.net_.optimizer_.param_groups[0]["lr"]
        assert rates == pytest.approx(0.003 / 16)


def test_a_callback_that_watches_what_is_not_there_says_what_to_do(model):
    model[-1].set_params(callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match="EarlyStopping watches 'valid_loss', but no texts are"):
        model.fit(TEXTS, LABELS)


TARGETS = {
    "two classes": LABELS,
    "three classes": np.array(["a", "b", "c"])[np.arange(160) % 3],
    "two labels": np.stack([np.arange(160) % 2, np.arange(160) % 3 == 0], axis=1).astype(int),
}
METHODS = ["predict_proba", "predict_log_proba", "decision_function"]


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("method", METHODS)
def test_each_method_that_says_how_sure_a_model_is_works_in_a_cross_validation(
    model, kind, method
):
    y = TARGETS[kind]
    answers = cross_val_predict(model, TEXTS, y, cv=2, method=method)
    n_columns = {"two classes": 2, "three classes": 3, "two labels": 2}[kind]
    one_dimensional = kind == "two classes" and method == "decision_function"
    assert answers.shape == ((160,) if one_dimensional else (160, n_columns))
    assert np.isfinite(answers).all()


@pytest.mark.parametrize("kind", TARGETS)
def test_areas_under_the_curve_are_scored_in_a_search(model, kind):
    grid = {"rnntextclassifier__cell": ["lstm"]}
    scoring = "roc_auc_ovr" if kind == "three classes" else "roc_auc"
    search = GridSearchCV(model, grid, scoring=scoring, cv=KFold(2), error_score="raise")
    assert 0 <= search.fit(TEXTS, TARGETS[kind]).best_score_ <= 1


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_probabilities_are_calibrated_by_the_logits(model, kind, method):
    y = TARGETS[kind]
    calibrated = CalibratedClassifierCV(FrozenEstimator(model.fit(TEXTS, y)), method=method)
    probabilities = calibrated.fit(TEXTS, y).predict_proba(TEXTS)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    if method == "temperature":  # it scales logits: what is predicted stays
        np.testing.assert_array_equal(calibrated.predict(TEXTS), model.predict(TEXTS))


def test_a_threshold_is_one_of_the_logit_or_of_the_probability(model):
    model.fit(TEXTS, LABELS)
    frozen = FrozenEstimator(model)
    for method, middle in (("decision_function", 0.0), ("predict_proba", 0.5)):
        same = FixedThresholdClassifier(frozen, threshold=middle, response_method=method)
        same.fit(TEXTS, LABELS)
        np.testing.assert_array_equal(same.predict(TEXTS), model.predict(TEXTS))
        all_positive = FixedThresholdClassifier(frozen, threshold=-99, response_method=method)
        assert set(all_positive.fit(TEXTS, LABELS).predict(TEXTS)) == {"positive"}

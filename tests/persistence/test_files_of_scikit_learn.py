"""scikit-learn's searches, ensembles and others around our models open again, or are not saved."""

import io

import numpy as np
import pytest
import torch
from scipy.stats import loguniform, randint
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, get_scorer, get_scorer_names, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    LabelEncoder,
    MinMaxScaler,
    MultiLabelBinarizer,
    StandardScaler,
)
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.exceptions import ModelFileError

pytest.importorskip("skops.io")
from sklearn_rnn import persistence
from small_models import TINY

# Few words, which come again and again: each fold has them all.
TEXTS = ["good film", "bad film", "so good", "so bad", "film good", "film bad"] * 5
LABELS = np.array(["+", "-"] * 15)
THREE = np.array(["a", "b", "c"] * 10)
SEVERAL = np.eye(3, dtype=int)[np.arange(30) % 3]
STARS = np.where(LABELS == "+", 5.0, 1.0)
SOME_UNKNOWN = np.where(np.arange(30) < 20, np.arange(30) % 2, -1)
GRID = {"rnntextclassifier__cell": ["lstm", "gru"]}
CLASSIFIER = RNNTextClassifier(**TINY)
MODEL = make_pipeline(SequenceVectorizer(max_len=3), CLASSIFIER)
REGRESSOR = make_pipeline(SequenceVectorizer(max_len=3), RNNTextRegressor(**TINY))
TWO = [("first", MODEL), ("second", make_pipeline(TfidfVectorizer(), LogisticRegression()))]


def on_states(*steps):
    return make_pipeline(SequenceVectorizer(max_len=3), CLASSIFIER, *steps)


def on_ids(step):
    return make_pipeline(SequenceVectorizer(max_len=3), step)


def searched(grid=GRID, **parameters):
    return GridSearchCV(MODEL, grid, cv=2, **parameters)


OPEN_AGAIN = {
    "grid search": (searched(), LABELS),
    "search by a named score": (searched(scoring="f1_macro"), LABELS),
    "search by several scores": (
        searched(scoring=["roc_auc", "neg_log_loss"], refit="roc_auc"),
        LABELS == "+",
    ),
    "search by a made score": (
        searched(scoring=make_scorer(fbeta_score, beta=2, pos_label="+")),
        LABELS,
    ),
    "search of steps and dicts": (
        searched(
            [
                {"rnntextclassifier": [CLASSIFIER, LogisticRegression()]},
                {"rnntextclassifier__class_weight": [None, "balanced", {"+": 1, "-": 2}]},
                {"rnntextclassifier__device": [torch.device("cpu"), "cpu"]},
            ]
        ),
        LABELS,
    ),
    "search by given folds": (
        GridSearchCV(MODEL, GRID, cv=[(np.arange(20), np.arange(20, 30))]),
        LABELS,
    ),
    "search by repeated folds": (
        GridSearchCV(MODEL, GRID, cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=1)),
        LABELS,
    ),
    "randomized search of lists": (
        RandomizedSearchCV(
            MODEL,
            {"rnntextclassifier__lr": [0.1, 0.2, 0.3]},
            n_iter=2,
            cv=StratifiedShuffleSplit(1),
            random_state=np.random.RandomState(0),
        ),
        LABELS,
    ),
    "halving search": (HalvingGridSearchCV(MODEL, GRID, cv=2, min_resources=20), LABELS),
    "calibrated by sigmoids": (CalibratedClassifierCV(MODEL, cv=2), THREE),
    "calibrated by steps": (CalibratedClassifierCV(MODEL, cv=2, method="isotonic"), LABELS),
    "calibrated by temperature": (
        CalibratedClassifierCV(MODEL, cv=2, method="temperature"),
        THREE,
    ),
    "search in a calibration": (CalibratedClassifierCV(searched(), cv=2), LABELS),
    "votes": (VotingClassifier(TWO, voting="soft"), LABELS),
    "votes for numbers": (VotingRegressor([("only", REGRESSOR)]), STARS),
    "stack": (StackingClassifier(TWO, cv=2), LABELS),
    "stack of logits": (
        StackingClassifier(
            TWO, LogisticRegression(max_iter=1_000), cv=2, stack_method="decision_function"
        ),
        THREE,
    ),
    "stack of numbers": (StackingRegressor([("only", REGRESSOR)], cv=2), STARS),
    "bag": (on_ids(BaggingClassifier(CLASSIFIER, n_estimators=2, random_state=0)), LABELS),
    "one against the rest": (OneVsRestClassifier(MODEL), THREE),
    "one against one": (on_ids(OneVsOneClassifier(CLASSIFIER)), THREE),
    "codes": (OutputCodeClassifier(MODEL, random_state=0), THREE),
    "several outputs": (MultiOutputClassifier(MODEL), SEVERAL),
    "several numbers": (MultiOutputRegressor(REGRESSOR), np.stack([STARS, -STARS], axis=1)),
    "own labels": (on_ids(SelfTrainingClassifier(CLASSIFIER, threshold=0.5)), SOME_UNKNOWN),
    "tuned threshold": (
        TunedThresholdClassifierCV(MODEL, cv=2, store_cv_results=True),
        LABELS,
    ),
    "fixed threshold": (
        FixedThresholdClassifier(MODEL, threshold=0.1, response_method="decision_function"),
        LABELS,
    ),
    "transformed target": (
        TransformedTargetRegressor(REGRESSOR, func=np.log1p, inverse_func=np.expm1),
        STARS,
    ),
    "union": (
        make_pipeline(FeatureUnion([("ours", MODEL), *TWO[1][1].steps[:1]]), LogisticRegression()),
        LABELS,
    ),
    "functions that do nothing": (make_pipeline(FunctionTransformer(), MODEL), LABELS),
    "steps behind": (
        on_states(
            MinMaxScaler(),
            SelectKBest(chi2, k=2),
            KBinsDiscretizer(2, encode="ordinal"),
            StandardScaler(),
        ),
        LABELS,
    ),
    "layers behind": (on_states(MLPClassifier(tol=1, n_iter_no_change=1)), LABELS),
}

ARE_NOT_SAVED = {
    "search of a distribution": (
        RandomizedSearchCV(MODEL, {"rnntextclassifier__lr": loguniform(0.1, 1)}, n_iter=1, cv=2),
        r"'scipy.stats._continuous_distns.*of a search, its best_estimator_",
    ),
    "search of a discrete distribution": (
        RandomizedSearchCV(
            MODEL, {"rnntextclassifier__hidden_size": randint(2, 4)}, n_iter=1, cv=2
        ),
        r"'param_distributions' of RandomizedSearchCV.*of a search, its best_estimator_",
    ),
    "search of a range": (searched({"rnntextclassifier__hidden_size": range(2, 3)}), "range"),
    "trees": (on_states(RandomForestClassifier(2)), r"'sklearn.tree._tree.Tree'.* trusted="),
    "neighbours in a tree": (on_states(KNeighborsClassifier(algorithm="kd_tree")), "KDTree"),
    "functions of NumPy": (make_pipeline(FunctionTransformer(np.ravel), MODEL), "'numpy.*ravel'"),
    "score without a name": (searched(scoring=lambda *_: 1.0), "'<lambda>'"),
    "truth as a key": (
        make_pipeline(
            SequenceVectorizer(), RNNTextClassifier(**TINY, class_weight={False: 1, True: 5})
        ),
        "0 and 1 for False and True",
    ),
}


def answers(model):
    methods = ("predict", "predict_proba", "decision_function", "transform")
    found = [getattr(model, method)(TEXTS) for method in methods if hasattr(model, method)]
    assert found
    return found


@pytest.mark.parametrize("kind", OPEN_AGAIN)
def test_it_opens_with_nothing_to_trust_and_answers_the_same_to_the_last_bit(kind):
    model, y = OPEN_AGAIN[kind]
    model.fit(TEXTS, y)
    file = io.BytesIO()
    persistence.save(model, file)
    file.seek(0)
    loaded = persistence.load(file)
    for theirs, its in zip(answers(model), answers(loaded), strict=True):
        np.testing.assert_array_equal(its, theirs)
    assert str(loaded) == str(model) or "RandomState" in str(model)
    for name, values in getattr(model, "cv_results_", {}).items():
        assert repr(loaded.cv_results_[name]) == repr(values)
    if hasattr(model, "scorer_"):
        assert loaded.score(TEXTS, y) == model.score(TEXTS, y)


@pytest.mark.parametrize("kind", ARE_NOT_SAVED)
def test_what_would_not_open_is_not_saved_and_the_old_file_stays(kind, tmp_path):
    model, message = ARE_NOT_SAVED[kind]
    path = tmp_path / "model.skops"
    path.write_bytes(b"an older file")
    with pytest.raises(ModelFileError, match=message):
        persistence.save(model.fit(TEXTS, LABELS == "+"), path)
    assert path.read_bytes() == b"an older file"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_named_at_both_ends_is_saved_and_opens(tmp_path):
    model = on_states(RandomForestClassifier(2, random_state=0)).fit(TEXTS, LABELS)
    path = tmp_path / "model.skops"
    trees = ["sklearn.tree._tree.Tree"]
    persistence.save(model, path, trusted=trees)
    with pytest.raises(ModelFileError, match="Tree"):
        persistence.load(path)
    loaded = persistence.load(path, trusted=trees)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    with pytest.raises(TypeError, match=r"save: expected a list of names in trusted="):
        persistence.save(model, path, trusted=trees[0])


@pytest.mark.parametrize(
    "thing",
    [
        LabelEncoder().fit(LABELS),
        MultiLabelBinarizer().fit([["a", "b"], ["c"]]),
        FrozenEstimator(SequenceVectorizer()),
        {"binarizer": LabelEncoder().fit(LABELS), "model": MODEL},
        [MODEL, TEXTS],
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_goes_with_a_model_is_saved_with_it(thing):
    file = io.BytesIO()
    persistence.save(thing, file)
    file.seek(0)
    assert str(persistence.load(file)) == str(thing)


def test_each_score_that_scikit_learn_names_can_be_saved():
    scorers = {name: get_scorer(name) for name in get_scorer_names()}
    file = io.BytesIO()
    persistence.save(searched(scoring=scorers), file)
    file.seek(0)
    assert repr(persistence.load(file).scoring) == repr(scorers)


def test_a_file_of_many_words_is_not_compressed_beyond_what_load_takes(tmp_path):
    texts = [f"word{i} word{i + 1}" for i in range(12_000)]
    model = TfidfVectorizer().fit(texts)
    persistence.save(model, tmp_path / "model.skops")
    found = persistence.load(tmp_path / "model.skops").transform(texts[:9])
    assert (found != model.transform(texts[:9])).nnz == 0

"""What scikit-learn and skorch offer around an estimator works on ours, in two processes."""

import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
    permutation_test_score,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from skorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews

TEXTS, LABELS = make_reviews(160, random_state=0)
QUICK = {"hidden_size": 4, "embedding_dim": 8, "max_epochs": 2, "random_state": 0}
FOLDS = StratifiedKFold(2)


@pytest.fixture
def model():
    return make_pipeline(SequenceVectorizer(max_len=30), RNNTextClassifier(**QUICK))


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
    classifier = model[-1].set_params(callbacks=[callback], max_epochs=4)
    model.fit(TEXTS, LABELS)
    history = classifier.history_
    assert classifier.n_iter_ == (2 if kind == "early stopping" else 4)
    assert ("auc" in history) == (kind == "scores")
    assert any(tmp_path.iterdir()) == (kind in ("checkpoint", "at the end"))
    if kind == "rates":
        rates = classifier.net_.optimizer_.param_groups[0]["lr"]
        assert rates == pytest.approx(classifier.lr / 16)


def test_a_callback_that_watches_what_is_not_there_says_what_to_do(model):
    model[-1].set_params(callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match="EarlyStopping watches 'valid_loss', but no texts are"):
        model.fit(TEXTS, LABELS)

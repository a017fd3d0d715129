"""scikit-learn's contract: its own checks, and the conveniences that users expect of all."""

import inspect
import warnings

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import (
    MeanEmbedding,
    NBSVMClassifier,
    RNNTextClassifier,
    RNNTextRegressor,
    SequenceVectorizer,
    TeacherStudentClassifier,
)

CLASSIFIER = RNNTextClassifier(
    hidden_size=8, embedding_dim=8, max_epochs=15, lr=0.02, batch_size=8
)
REGRESSOR = RNNTextRegressor(
    pooling="max",
    hidden_size=16,
    embedding_dim=8,
    max_epochs=20,
    lr=0.04,
    batch_size=16,
    input_dropout=0,
    dropout=0,
    branch_dropout=0,
)
FINAL_ESTIMATORS = [CLASSIFIER, REGRESSOR]
READERS_OF_TEXT = [SequenceVectorizer(), TeacherStudentClassifier()]
ALL = [*FINAL_ESTIMATORS, *READERS_OF_TEXT, MeanEmbedding(), NBSVMClassifier()]

FRACTIONS = "Feeds fractional numbers as X, although the tags say that X holds categorical ids."
EXPECTED_FAILURES = {
    "RNNTextClassifier": {
        "check_class_weight_classifiers": FRACTIONS,
        "check_decision_proba_consistency": FRACTIONS,
        "check_sample_weight_equivalence_on_dense_data": FRACTIONS,
    },
    "RNNTextRegressor": {"check_sample_weight_equivalence_on_dense_data": FRACTIONS},
}

# scikit-learn keeps these for its own estimators.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_n_features_in",
    "check_param_validation",
    "check_set_output_transform",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]

# Those that make no X of their own, since it would hold numbers.
CHECKS_WITHOUT_DATA = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_param_validation",
    "check_set_params",
    "check_transformers_unfitted",
    "check_valid_tag_types",
]


def name_of(estimator):
    return type(estimator).__name__


def expected_failures(estimator):
    return EXPECTED_FAILURES.get(name_of(estimator), {})


def common_checks(estimator):
    with warnings.catch_warnings():
        # Said of an estimator of raw texts: most checks cannot make its X.
        warnings.simplefilter("ignore", SkipTestWarning)
        generated = estimator_checks_generator(estimator, legacy=True)
        return [getattr(check, "func", check) for _, check in generated]


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(2, 9, (24, 5))


@pytest.fixture(scope="module")
def labels(ids):
    return (ids[:, 0] > 5).astype(int)


@parametrize_with_checks(
    FINAL_ESTIMATORS, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", FURTHER_CHECKS)
@pytest.mark.parametrize("estimator", FINAL_ESTIMATORS, ids=name_of)
def test_further_scikit_learn_check(estimator, check):
    quick = clone(estimator).set_params(max_epochs=2)  # none of these looks at what is learned
    getattr(estimator_checks, check)(name_of(quick), quick)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [(estimator, check) for estimator in READERS_OF_TEXT for check in common_checks(estimator)],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_scikit_learn_check_of_readers_of_text(estimator, check):
    check(name_of(estimator), clone(estimator))


@pytest.mark.parametrize("check", CHECKS_WITHOUT_DATA)
@pytest.mark.parametrize("estimator", [*READERS_OF_TEXT, MeanEmbedding()], ids=name_of)
def test_scikit_learn_check_without_data(estimator, check):
    getattr(estimator_checks, check)(name_of(estimator), clone(estimator))


@pytest.mark.parametrize("estimator", [SequenceVectorizer(), MeanEmbedding()], ids=name_of)
def test_unfitted_transformers_have_no_names_of_features(estimator):
    estimator_checks.check_get_feature_names_out_error(name_of(estimator), estimator)


# A wrong tag switches nearly all checks off, and what is left is green.
@pytest.mark.parametrize(
    ("estimator", "at_least"), [(CLASSIFIER, 70), (REGRESSOR, 64)], ids=["classifier", "regressor"]
)
def test_so_many_checks_run(estimator, at_least):
    names = [check.__name__ for check in common_checks(estimator)]
    assert len(names) - len(expected_failures(estimator)) >= at_least


def test_so_many_checks_run_on_the_vectorizer():
    names = {check.__name__ for check in common_checks(SequenceVectorizer())}
    assert len({*names, *CHECKS_WITHOUT_DATA, "check_get_feature_names_out_error"}) >= 14


def test_at_most_three_checks_are_expected_to_fail_each_for_a_reason():
    reasons = {
        check: why for failures in EXPECTED_FAILURES.values() for check, why in failures.items()
    }
    assert len(reasons) <= 3
    assert all(reasons.values())


def test_expected_failures_fail_for_the_reason_given():
    for estimator in FINAL_ESTIMATORS:
        for check in expected_failures(estimator):
            with pytest.raises(ValueError, match="must contain token ids"):
                getattr(estimator_checks, check)(name_of(estimator), clone(estimator))


@pytest.mark.parametrize("estimator", ALL, ids=name_of)
def test_parameters_come_back_as_they_were_given(estimator):
    signature = inspect.signature(type(estimator)).parameters
    given = {name: object() for name in signature}
    made = type(estimator)(**given)
    assert all(made.get_params(deep=False)[name] is value for name, value in given.items())
    again = type(estimator)().set_params(**given)
    assert again.get_params(deep=False) == given


@pytest.mark.parametrize("estimator", FINAL_ESTIMATORS, ids=name_of)
def test_a_clone_has_the_parameters_and_nothing_learned(estimator, ids, labels):
    fitted = clone(estimator).set_params(max_epochs=1).fit(ids, labels)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert vars(copy).keys() == fitted.get_params(deep=False).keys()


def test_kinds_are_told_by_the_tags():
    assert is_classifier(CLASSIFIER)
    assert not is_regressor(CLASSIFIER)
    assert is_regressor(REGRESSOR)
    assert not is_classifier(REGRESSOR)


@pytest.mark.parametrize("estimator", ALL, ids=name_of)
def test_html_repr_names_the_estimator_fitted_or_not(estimator, ids, labels):
    assert name_of(estimator) in estimator._repr_html_()
    model = make_pipeline(SequenceVectorizer(), clone(CLASSIFIER).set_params(max_epochs=1))
    model.fit(["good", "bad"] * 10, [0, 1] * 10)
    assert "RNNTextClassifier" in model._repr_html_()
    assert "SequenceVectorizer" in model._repr_html_()


@pytest.mark.parametrize("estimator", FINAL_ESTIMATORS, ids=name_of)
def test_transform_gives_named_features(estimator, ids, labels):
    fitted = clone(estimator).set_params(max_epochs=1).fit(ids, labels)
    features = fitted.transform(ids)
    names = fitted.get_feature_names_out()
    assert features.shape == (len(ids), len(names)) == (len(ids), 2 * estimator.hidden_size)
    assert names[0] == f"{name_of(estimator).lower()}0"
    frame = fitted.set_output(transform="pandas").transform(ids)
    assert frame.columns.tolist() == names.tolist()
    np.testing.assert_array_equal(frame.to_numpy(), features)


def test_number_of_features_is_the_length_of_a_training_sequence(ids, labels):
    assert clone(CLASSIFIER).set_params(max_epochs=1).fit(ids, labels).n_features_in_ == 5


def test_vectorizer_names_the_places_of_its_tokens():
    vectorizer = SequenceVectorizer(max_len=3).fit(["so good"])
    names = ["sequencevectorizer0", "sequencevectorizer1", "sequencevectorizer2"]
    assert vectorizer.get_feature_names_out().tolist() == names
    with pytest.raises(NotFittedError):
        SequenceVectorizer().get_feature_names_out()


def small_pipeline():
    # max_len cuts a word of the vocabulary out of the training sequences, and so the greatest id.
    texts = ["zest so good", "so bad", "good good", "bad bad"] * 5
    model = make_pipeline(
        SequenceVectorizer(max_len=2), clone(CLASSIFIER).set_params(max_epochs=2, random_state=0)
    )
    return model, texts, [1, 0, 1, 0] * 5


def pandas_by_method(model, texts, labels):
    return model.set_output(transform="pandas").fit(texts, labels)


def pandas_by_configuration(model, texts, labels):
    with sklearn.config_context(transform_output="pandas"):
        return model.fit(texts, labels)


@pytest.mark.parametrize("fit", [pandas_by_method, pandas_by_configuration])
def test_asking_a_pipeline_for_pandas_leaves_its_predictions_as_they_are(fit):
    model, texts, labels = small_pipeline()
    expected = clone(model).fit(texts, labels).predict_proba([*texts, "zest"])
    np.testing.assert_array_equal(
        fit(model, texts, labels).predict_proba([*texts, "zest"]), expected
    )


def test_a_pipeline_gives_named_features_as_pandas():
    model, texts, labels = small_pipeline()
    frame = pandas_by_method(model, texts, labels).transform(texts)
    assert frame.columns.tolist() == model.get_feature_names_out().tolist()
    assert frame.columns[0] == "rnntextclassifier0"
    assert len(frame) == len(texts)


DEVICES = ["cpu", np.str_("cpu"), torch.device("cpu")]


@pytest.mark.parametrize("estimator", FINAL_ESTIMATORS, ids=name_of)
def test_a_device_is_named_by_a_str_or_given_as_torchs_own(estimator, ids, labels, tmp_path):
    quick = clone(estimator).set_params(max_epochs=1, random_state=0)
    first, *others = (
        clone(quick).set_params(device=device, checkpoint_dir=tmp_path / str(place))
        for place, device in enumerate(DEVICES)
    )
    expected = first.fit(ids, labels).transform(ids)
    for other in others:
        np.testing.assert_array_equal(clone(other).fit(ids, labels).transform(ids), expected)
        assert other.get_params()["device"] is other.device


@pytest.mark.parametrize("estimator", FINAL_ESTIMATORS, ids=name_of)
@pytest.mark.parametrize(
    ("device", "message"),
    [
        *[(name, "expected a device of this machine") for name in ("gpu", "meta", "cuda:99", "")],
        (torch.device("meta"), "expected a device of this machine"),
        *[
            (other, "must be an instance of 'str' or an instance of")
            for other in (0, None, b"cpu")
        ],
    ],
)
def test_a_device_that_is_not_there_is_refused(estimator, ids, labels, device, message):
    with pytest.raises(ValueError, match=message):
        clone(estimator).set_params(device=device).fit(ids, labels)

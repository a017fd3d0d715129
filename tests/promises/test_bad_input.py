"""Bad input gets a clear error from a network, and leaves it as it was."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from bad_input import (
    LABELS,
    TEXTS,
    WORDS,
    Row,
    X,
    check_error,
    check_no_trace,
    classifier,
    regressor,
    vectorizer,
)
from sklearn_rnn import SequenceVectorizer, TokenSequences

NEGATIVE = X.copy()
NEGATIVE[3, 2] = -1
WITH_NAN = np.full((20, 3, 2), np.nan)
OTHER_WORDS = SequenceVectorizer(max_len=4).fit_transform(["other", "words"])
NAN_TABLE = np.where(np.arange(9) == 4, np.nan, 1.0)[:, None].repeat(2, axis=1)
RAW_TEXT = r"RNNTextClassifier: got raw text\. Put a SequenceVectorizer before it: make_pipeline"
ONE_CLASS = r"RNNTextClassifier: expected at least 2 classes, got 1 class: \['\+'\]"
TOO_FEW = r"RNNTextClassifier: too few samples .*validation_fraction.*early_stopping=False"


def flat_classifier():
    return classifier(pooling="flatten")


TABLE = [
    Row(
        "vectors that are not finite",
        classifier,
        lambda e: e.fit(TokenSequences(X, [f"w{i}" for i in range(9)], NAN_TABLE), LABELS),
        ValueError,
        "RNNTextClassifier: vectors must be finite, those of 'w4' are not",
    ),
    Row(
        "negative class weights",
        classifier,
        lambda e: e.set_params(class_weight={"+": 1, "-": -1}).fit(X, LABELS),
        ValueError,
        "class_weight must contain finite weights of 0 or more, got -1 for the label '-'",
    ),
    Row(
        "a class without weight",
        classifier,
        lambda e: e.set_params(class_weight={"+": 1, "-": 0}).fit(X, LABELS),
        ValueError,
        "at least 2 classes whose weights",
    ),
    Row(
        "a callback that is none",
        classifier,
        lambda e: e.set_params(callbacks=[1]).fit(X, LABELS),
        TypeError,
        "must be skorch callbacks.*got 1",
    ),
    Row(
        "a device that is not here",
        classifier,
        lambda e: e.set_params(device="cuda:99").fit(X, LABELS),
        ValueError,
        "expected a device of this machine.*'cuda:99'",
    ),
    Row("raw texts", classifier, lambda e: e.fit(TEXTS, LABELS), ValueError, RAW_TEXT),
    Row("raw texts to predict", classifier, lambda e: e.predict(TEXTS), ValueError, RAW_TEXT),
    Row(
        "raw texts in an array",
        classifier,
        lambda e: e.predict(np.array(TEXTS)),
        ValueError,
        RAW_TEXT,
    ),
    Row(
        "raw texts in an object array",
        classifier,
        lambda e: e.predict(np.array(TEXTS, object)),
        ValueError,
        RAW_TEXT,
    ),
    Row(
        "raw texts in a series",
        classifier,
        lambda e: e.predict(pd.Series(TEXTS)),
        ValueError,
        RAW_TEXT,
    ),
    Row(
        "raw texts in a frame",
        classifier,
        lambda e: e.predict(pd.DataFrame({"text": TEXTS})),
        ValueError,
        RAW_TEXT,
    ),
    Row("tokens", classifier, lambda e: e.predict([["so", "good"]]), ValueError, RAW_TEXT),
    Row("one raw text", classifier, lambda e: e.predict("so good"), ValueError, RAW_TEXT),
    Row(
        "ids beyond their vocabulary",
        classifier,
        lambda e: e.fit(TokenSequences(X, ["a"] * 5), LABELS),
        ValueError,
        r"ids must be in \[0, 5\)",
    ),
    Row(
        "negative ids",
        classifier,
        lambda e: e.fit(NEGATIVE, LABELS),
        ValueError,
        "got -1 in row 3. Negative values in data are not ids",
    ),
    Row(
        "negative ids to predict",
        classifier,
        lambda e: e.predict(NEGATIVE),
        ValueError,
        "got -1 in row 3",
    ),
    Row(
        "fractional ids",
        classifier,
        lambda e: e.fit(X / 2, LABELS),
        ValueError,
        r"must contain token ids, whole numbers below .*, got \d\.5 in row",
    ),
    Row(
        "a sparse matrix",
        classifier,
        lambda e: e.fit(sparse.csr_array(X), LABELS),
        TypeError,
        "dense",
    ),
    Row("no rows", classifier, lambda e: e.predict(X[:0]), ValueError, "0 sample"),
    Row("no columns", classifier, lambda e: e.fit(X[:, :0], LABELS), ValueError, "0 feature"),
    Row(
        "no sequences",
        classifier,
        lambda e: e.predict(TokenSequences(X[:0], ["a"] * 9)),
        ValueError,
        "at least one text",
    ),
    Row("NaN in floats", classifier, lambda e: e.fit(WITH_NAN, LABELS), ValueError, "NaN"),
    Row(
        "no steps",
        classifier,
        lambda e: e.fit(WITH_NAN[:, :0], LABELS),
        ValueError,
        "at least one text of at least one token",
    ),
    Row(
        "four dimensions",
        classifier,
        lambda e: e.fit(np.ones((20, 2, 2, 2)), LABELS),
        ValueError,
        "an array of 4 dimensions",
    ),
    Row(
        "floats to a model of ids",
        classifier,
        lambda e: e.predict(np.ones((20, 3, 2))),
        ValueError,
        "was fitted on ids",
    ),
    Row(
        "another number of columns",
        classifier,
        lambda e: e.predict(X[:, :3]),
        ValueError,
        "3 features.*expecting 4 features",
    ),
    Row(
        "another width for flatten",
        flat_classifier,
        lambda e: e.predict(TokenSequences(X[:, :3], ["a"] * 9)),
        ValueError,
        'pooling="flatten" was fitted on sequences of 4 tokens, got 3',
    ),
    Row("no labels", classifier, lambda e: e.fit(X, None), ValueError, "requires y to be passed"),
    Row(
        "labels of another length",
        classifier,
        lambda e: e.fit(X, LABELS[:-1]),
        ValueError,
        r"inconsistent numbers of samples: \[20, 19\]",
    ),
    Row("one class only", classifier, lambda e: e.fit(X, ["+"] * 20), ValueError, ONE_CLASS),
    Row(
        "numbers for labels",
        classifier,
        lambda e: e.fit(X, np.linspace(0, 1, 20)),
        ValueError,
        "continuous",
    ),
    Row(
        "an unknown label in a chunk",
        classifier,
        lambda e: e.partial_fit(X, ["?"] * 20),
        ValueError,
        r"\['\?'\].*expected some of \['\+', '-'\]",
    ),
    Row(
        "other classes in a later chunk",
        classifier,
        lambda e: e.partial_fit(X, LABELS, classes=["+", "?"]),
        ValueError,
        "differs from the first call's",
    ),
    Row(
        "balanced chunks",
        classifier,
        lambda e: e.set_params(class_weight="balanced").partial_fit(X, LABELS),
        ValueError,
        "cannot be computed from a chunk",
    ),
    Row(
        "several labels in a later chunk",
        classifier,
        lambda e: e.partial_fit(X, np.ones((20, 3), int)),
        ValueError,
        r"was fitted on one label per text, got .*\(20, 3\)",
    ),
    Row(
        "a dict of weights for several labels",
        classifier,
        lambda e: e.set_params(class_weight={0: 1, 1: 2}).fit(X, X[:, :3] % 2),
        ValueError,
        "RNNTextClassifier: class_weight.*balanced.*list of dicts",
    ),
    Row(
        "weights for other classes",
        classifier,
        lambda e: e.set_params(class_weight={"?": 1}).fit(X, LABELS),
        ValueError,
        r"class_weight has weights of \['\?'\], which are not among the labels, \['\+', '-'\]",
    ),
    Row(
        "too few samples",
        lambda: classifier(early_stopping=True),
        lambda e: e.fit(X[:2], LABELS[:2]),
        ValueError,
        TOO_FEW,
    ),
    Row(
        "weights of another length",
        classifier,
        lambda e: e.fit(X, LABELS, sample_weight=[1.0]),
        ValueError,
        "sample_weight",
    ),
    Row(
        "negative weights",
        classifier,
        lambda e: e.fit(X, LABELS, sample_weight=-np.ones(20)),
        ValueError,
        "[Nn]egative",
    ),
    Row(
        "an unknown cell",
        classifier,
        lambda e: e.set_params(cell="transformer").fit(X, LABELS),
        ValueError,
        "'cell'.*'lstm'.*'transformer'",
    ),
    Row(
        "an unknown pooling",
        classifier,
        lambda e: e.set_params(pooling="sum").fit(X, LABELS),
        ValueError,
        "'pooling'.*'attention'.*'sum'",
    ),
    Row(
        "an unknown optimizer",
        classifier,
        lambda e: e.set_params(optimizer="lion").fit(X, LABELS),
        ValueError,
        "'optimizer'.*'adam'.*'lion'",
    ),
    Row(
        "a dropout of one",
        classifier,
        lambda e: e.set_params(dropout=1.0).fit(X, LABELS),
        ValueError,
        "'dropout'",
    ),
    Row(
        "words for numbers",
        regressor,
        lambda e: e.fit(X, LABELS),
        ValueError,
        "could not convert|numeric",
    ),
    Row(
        "infinite numbers",
        regressor,
        lambda e: e.fit(X, np.full(20, np.inf)),
        ValueError,
        "y contains infinity",
    ),
    Row(
        "another number of outputs",
        regressor,
        lambda e: e.partial_fit(X, np.ones((20, 2))),
        ValueError,
        r"was fitted on y of 1 columns, got shape \(20, 2\)",
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_bad_input_gets_a_clear_error_and_changes_nothing(row):
    check_error(row)


# The first chunk tells a regressor the number of outputs: only a later one can be wrong.
AT_ONCE = [row for row in TABLE if row.name != "another number of outputs"]


@pytest.mark.parametrize("row", AT_ONCE, ids=lambda row: row.name)
def test_a_fit_that_is_refused_leaves_no_trace_on_a_new_estimator(row):
    check_no_trace(row)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "summary", "score"])
def test_nothing_can_be_asked_before_fit(method):
    arguments = {"summary": (), "score": (X, LABELS)}.get(method, (X,))
    with pytest.raises(NotFittedError, match="RNNTextClassifier instance is not fitted yet"):
        getattr(classifier(), method)(*arguments)


def test_ids_of_another_vocabulary_are_refused():
    model = classifier().fit(WORDS, LABELS)
    with pytest.raises(ValueError, match=r"X has another vocabulary .* mean other words"):
        model.predict(OTHER_WORDS)
    with pytest.raises(ValueError, match="without warm_start"):
        model.set_params(warm_start=True).fit(OTHER_WORDS, ["+", "-"])


def test_padding_alone_is_valid_too():
    model = classifier().fit(np.zeros((20, 4), int), LABELS)
    assert np.isfinite(model.predict_proba(np.zeros((1, 4), int))).all()


def test_an_empty_text_is_valid():
    sequences = vectorizer().fit(TEXTS).transform(["", "?!", "so good"])
    model = classifier().fit(vectorizer().fit_transform(TEXTS), LABELS)
    shares = model.predict_proba(sequences)
    np.testing.assert_array_equal(shares[0], shares[1])
    assert np.isfinite(shares).all()

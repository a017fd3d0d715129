"""Bad input gets a clear error, and leaves the estimator as it was.

Each row: what is done to a fitted estimator, which error, and what its message says.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, TokenSequences

TEXTS = ["good film", "bad film", "so good", "so bad"] * 5
LABELS = ["+", "-"] * 10
X = np.random.default_rng(0).integers(0, 9, (20, 4))
X[0, 0] = 8
NEGATIVE = X.copy()
NEGATIVE[3, 2] = -1
WITH_NAN = np.full((20, 3, 2), np.nan)
WORDS = SequenceVectorizer(max_len=4).fit_transform(TEXTS)
OTHER_WORDS = SequenceVectorizer(max_len=4).fit_transform(["other", "words"])
NAN_TABLE = np.where(np.arange(9) == 4, np.nan, 1.0)[:, None].repeat(2, axis=1)
QUICK = {"hidden_size": 2, "embedding_dim": 2, "max_epochs": 1, "random_state": 0}


def vectorizer():
    return SequenceVectorizer(max_len=4)


def classifier(**parameters):
    return RNNTextClassifier(**QUICK, **parameters)


def flat_classifier():
    return classifier(pooling="flatten")


def regressor():
    return RNNTextRegressor(**QUICK)


class Row(NamedTuple):
    name: str
    make: object
    act: object
    error: type | tuple[type, ...]
    message: str


RAW_TEXT = r"RNNTextClassifier: got raw text\. Put a SequenceVectorizer before it: make_pipeline"
ONE_CLASS = r"RNNTextClassifier: expected at least 2 classes, got 1 class: \['\+'\]"
TOO_FEW = r"RNNTextClassifier: too few samples .*validation_fraction.*early_stopping=False"

TABLE = [
    Row(
        "vectors that are not finite",
        classifier,
        lambda e: e.fit(TokenSequences(X, [f"w{i}" for i in range(9)], NAN_TABLE), LABELS),
        ValueError,
        "RNNTextClassifier: vectors must be finite, those of 'w4' are not",
    ),
    Row("ids for texts", vectorizer, lambda e: e.fit(X), TypeError, "got ndarray of shape"),
    Row("sequences for texts", vectorizer, lambda e: e.fit(WORDS), TypeError, "TokenSequences"),
    Row(
        "numbers for a vocabulary",
        vectorizer,
        lambda e: e.set_params(vocabulary=[1]).fit(TEXTS),
        TypeError,
        "an iterable of str, got",
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
    Row(
        "a bare string",
        vectorizer,
        lambda e: e.fit("so good"),
        ValueError,
        r"SequenceVectorizer: expected a sequence of texts, got one str\. Wrap it: \[text\]\.",
    ),
    Row(
        "a bare string to transform",
        vectorizer,
        lambda e: e.transform("so good"),
        ValueError,
        "got one str",
    ),
    Row(
        "a number for texts",
        vectorizer,
        lambda e: e.fit(3),
        TypeError,
        "expected a one-dimensional sequence of texts, got int",
    ),
    Row(
        "no texts",
        vectorizer,
        lambda e: e.fit([]),
        ValueError,
        "expected at least one text, got none",
    ),
    Row(
        "no texts to transform",
        vectorizer,
        lambda e: e.transform([]),
        ValueError,
        "expected at least one text",
    ),
    Row(
        "one text in bytes",
        vectorizer,
        lambda e: e.fit(b"so good"),
        ValueError,
        "got one bytes.*[Dd]ecode",
    ),
    Row(
        "a frame of texts",  # iterating over one gives the names of its columns
        vectorizer,
        lambda e: e.fit(pd.DataFrame({"text": TEXTS})),
        (TypeError, ValueError),
        r"SequenceVectorizer: expected .*got .*DataFrame.*column",
    ),
    Row(
        "a dict of texts",
        vectorizer,
        lambda e: e.transform({"good film": "so bad"}),
        (TypeError, ValueError),
        "SequenceVectorizer: expected a one-dimensional sequence of texts, got dict",
    ),
    Row(
        "one text in an array",
        vectorizer,
        lambda e: e.fit(np.array("so good")),
        (TypeError, ValueError),
        r"SequenceVectorizer: expected a one-dimensional .*got ndarray of shape \(\)",
    ),
    Row(
        "None among texts",
        vectorizer,
        lambda e: e.fit(["so", None]),
        TypeError,
        r"got NoneType in row 1\. Drop missing",
    ),
    Row(
        "NaN among texts",
        vectorizer,
        lambda e: e.fit(["so", float("nan")]),
        TypeError,
        r"got float in row 1\. Drop missing",
    ),
    Row(
        "a missing value of pandas",
        vectorizer,
        lambda e: e.transform(pd.Series(["so", pd.NA], dtype=object)),
        TypeError,
        r"row 1\. Drop missing",
    ),
    Row(
        "bytes among texts",
        vectorizer,
        lambda e: e.fit(["so", b"good"]),
        TypeError,
        r"got bytes in row 1\. Decode",
    ),
    Row(
        "numbers among texts",
        vectorizer,
        lambda e: e.fit(["so", 5]),
        TypeError,
        "got int in row 1",
    ),
    Row(
        "texts in a matrix",
        vectorizer,
        lambda e: e.fit(np.array([["a"], ["b"]])),
        TypeError,
        "one-dimensional",
    ),
    Row(
        "texts without a word",
        vectorizer,
        lambda e: e.fit(["", "?!"]),
        ValueError,
        "no word is left",
    ),
    Row(
        "an unknown padding",
        vectorizer,
        lambda e: e.set_params(padding="left").fit(TEXTS),
        ValueError,
        "padding.*'pre'",
    ),
    Row(
        "an impossible max_features",
        vectorizer,
        lambda e: e.set_params(max_features=2).fit(TEXTS),
        ValueError,
        "max_features",
    ),
    Row(
        "an empty vocabulary",
        vectorizer,
        lambda e: e.set_params(vocabulary=[]).fit(TEXTS),
        ValueError,
        "at least one word",
    ),
    Row(
        "a repeated word in the vocabulary",
        vectorizer,
        lambda e: e.set_params(vocabulary=["a", "a"]).fit(TEXTS),
        ValueError,
        "each word once",
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
        r"ids must lie in \[0, 5\)",
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
        'pooling="flatten" was fitted on sequences of 4 places, got 3',
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
        "cannot be told from a chunk",
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


def fit(estimator):
    if isinstance(estimator, SequenceVectorizer):
        return estimator.fit(TEXTS)
    y = np.arange(20.0) if isinstance(estimator, RNNTextRegressor) else LABELS
    return estimator.fit(X, y)


def answers(estimator):
    is_vectorizer = isinstance(estimator, SequenceVectorizer)
    return estimator.transform(TEXTS).ids if is_vectorizer else estimator.transform(X)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_bad_input_gets_a_clear_error_and_changes_nothing(row):
    estimator = fit(row.make())
    before, parameters = answers(estimator), estimator.get_params()
    attributes = {name: value for name, value in vars(estimator).items() if name not in parameters}
    with pytest.raises(row.error, match=row.message):
        row.act(estimator)
    after = {name: value for name, value in vars(estimator).items() if name not in parameters}
    assert after.keys() == attributes.keys()
    assert all(after[name] is attributes[name] for name in after)
    estimator.set_params(**parameters)
    np.testing.assert_array_equal(answers(estimator), before)


# The first chunk tells a regressor the number of outputs: only a later one can be wrong.
AT_ONCE = [row for row in TABLE if row.name != "another number of outputs"]


@pytest.mark.parametrize("row", AT_ONCE, ids=lambda row: row.name)
def test_a_fit_that_is_refused_leaves_no_trace_on_a_new_estimator(row):
    estimator = row.make()
    with pytest.raises((TypeError, ValueError, NotFittedError)):
        row.act(estimator)
    assert set(vars(estimator)) == set(estimator.get_params())


DATES = np.datetime64("2026-01-01") + np.arange(80).reshape(20, 4)
FRAME = pd.DataFrame(X, columns=list("abcd"))

NO_NUMBERS = {
    "dates": (DATES, r"dtype datetime64\[D\]"),
    "durations": (DATES - DATES[0, 0], r"dtype timedelta64\[D\]"),
    "dates in three dimensions": (DATES.reshape(20, 2, 2), "dtype datetime64"),
    "flags": (X > 4, "dtype bool"),
    "flags as objects": ((X > 4).astype(object), "got bool in row 0"),
    "flags that may be missing": ((FRAME > 4).astype("boolean"), "got bool in row 0"),
    "periods": (pd.DataFrame(DATES).apply(lambda day: day.dt.to_period("D")), "got Period"),
    "moments that are none": (np.full((20, 4), np.datetime64("NaT")), "dtype datetime64"),
    "records": (np.zeros((20, 4), [("id", int)]), "dtype"),
    "a dict": ({"a": [2, 3]}, "got dict"),
    "a generator": ((row for row in X), "got generator"),
    "None": (None, "got NoneType"),
    "None among ids": (np.where(X == 8, None, X), "got NoneType in row 0"),
    "numbers written as words": (np.where(X == 7, "7", X.astype(object)), r"got str in row \d"),
    "lists of numbers and words": ([[2, "so"]] * 20, "dtype <U"),
    "dates among ids": (FRAME.assign(d=pd.Timestamp("2026")), "got Timestamp in row 0"),
    "a frame of dates": (pd.DataFrame(DATES), "dtype datetime64"),
    "a frame with a time zone": (
        pd.DataFrame({"d": pd.date_range("2026", periods=20, tz="UTC")}),
        "got Timestamp in row 0",
    ),
    "a frame of flags": (FRAME > 4, "dtype bool"),
    "missing values of pandas": (
        FRAME.astype("Int64").mask(FRAME == 8),
        "got NAType in row 0",
    ),
    "words beside ids": (FRAME.assign(word="so"), "got str in row 0"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_number_gets_one_clear_error(name):
    other, got = NO_NUMBERS[name]
    with pytest.raises(TypeError, match=f"RNNTextClassifier: the X argument must be .*{got}"):
        classifier().fit(other, LABELS)


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_ids_to_be_read_back_are_numbers_too(name):
    other, got = NO_NUMBERS[name]
    fitted = vectorizer().fit(TEXTS)
    with pytest.raises(TypeError, match=f"SequenceVectorizer: the X argument must be .*{got}"):
        fitted.inverse_transform(other)


NO_ARRAYS = {
    "a tensor of bfloat16": (lambda: torch.from_numpy(X).bfloat16(), "Tensor of torch.bfloat16"),
    "a tensor with a gradient": (
        lambda: torch.from_numpy(X).float().requires_grad_(),
        "Tensor of torch.float32",
    ),
    "a masked array": (lambda: np.ma.masked_equal(X, 8), "without gaps, got a masked one"),
    "vectors, masked": (lambda: np.ma.masked_less(np.ones((20, 4, 2)), 2), "without gaps"),
    "large ids as float16": (
        lambda: np.where(X == 8, 2_050, X).astype(np.float16),
        "ids above 2048 are not exact in float16, got 2050",
    ),
    "fractions as float16": (
        lambda: (X + 0.5).astype(np.float16),
        "must contain token ids, whole",
    ),
    "fractions as long doubles": (
        lambda: X + np.longdouble(0.25),
        "must contain token ids, whole",
    ),
}


@pytest.mark.parametrize("name", NO_ARRAYS)
def test_what_would_be_read_as_something_else_is_refused(name):
    other, problem = NO_ARRAYS[name]
    with pytest.raises((TypeError, ValueError), match=f"RNNTextClassifier: .*{problem}"):
        classifier().fit(other(), LABELS)
    with pytest.raises((TypeError, ValueError), match="RNNTextClassifier: "):
        classifier().fit(X, LABELS).predict(other())
    with pytest.raises((TypeError, ValueError), match="SequenceVectorizer"):
        vectorizer().fit(TEXTS).inverse_transform(other())
    with pytest.raises((TypeError, ValueError), match="TokenSequences: "):
        TokenSequences(other(), ["<pad>", "<unk>", *"abcdefghij"])


def test_a_fitted_model_says_so_too():
    model = classifier().fit(X, LABELS)
    with pytest.raises(TypeError, match=r"RNNTextClassifier: the X argument must be .*datetime64"):
        model.predict(DATES)


def test_rows_of_several_lengths_get_a_clear_error():
    with pytest.raises(ValueError, match=r"expected rows of one length.* Pad shorter rows with 0"):
        classifier().fit([[2, 3], [2]] * 10, LABELS)


NUMBERS = {
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "long doubles": X.astype(np.longdouble),
    "a tensor": torch.from_numpy(X),
    "a tensor of halves": torch.from_numpy(X).half(),
    "a masked array without gaps": np.ma.array(X),
    "uint64": X.astype(np.uint64),
    "objects": X.astype(object),
    "lists": X.tolist(),
    "a frame": FRAME,
    "a frame that could hold missing values": FRAME.astype("Int64"),
    "a frame of categories": FRAME.astype("category"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_ids_are_read_whatever_type_holds_them(name):
    expected = classifier().fit(X, LABELS).predict_proba(X)
    got = classifier().fit(NUMBERS[name], LABELS).predict_proba(NUMBERS[name])
    np.testing.assert_array_equal(got, expected)


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

"""Arrays, frames and tensors: ids of any type are read, and what is no id is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from bad_input import LABELS, TEXTS, X, classifier, vectorizer
from sklearn_rnn import TokenSequences

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

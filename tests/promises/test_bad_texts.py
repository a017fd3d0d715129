"""Bad input gets a clear error from a vectorizer, and leaves it as it was."""

import numpy as np
import pandas as pd
import pytest

from bad_input import TEXTS, WORDS, Row, X, check_error, check_no_trace, vectorizer

TABLE = [
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
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_bad_input_gets_a_clear_error_and_changes_nothing(row):
    check_error(row)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_fit_that_is_refused_leaves_no_trace_on_a_new_estimator(row):
    check_no_trace(row)

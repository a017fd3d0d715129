"""Documents are taken in any sequence, and what is none is named with its place."""

import numpy as np
import pandas as pd
import pytest

from analysed import TOKENS, itself, spoken, tokens_of
from sklearn_rnn import SequenceVectorizer


def rows(*documents):
    array = np.empty(len(documents), object)
    array[:] = documents
    return array


@pytest.mark.parametrize(
    "documents",
    [
        (("good", "film"), ("bad", "film")),
        np.array([["good", "film"], ["bad", "film"]]),
        np.array([["good", "film"], ["bad", "film"]], object),
        rows(["good", "film"], ("bad", "film")),
        pd.Series([["good", "film"], ["bad", "film"]], index=[7, 9]),
        [np.array(["good", "film"]), pd.Series(["bad", "film"])],
        (list(tokens) for tokens in TOKENS[:2]),
        [iter(tokens) for tokens in TOKENS[:2]],
    ],
    ids=["tuples", "2-D", "2-D objects", "objects", "Series", "arrays", "generator", "iterators"],
)
def test_tokens_come_in_any_sequence(documents):
    vectorizer = SequenceVectorizer(analyzer="tokens", max_len=None)
    assert tokens_of(vectorizer, documents) == TOKENS[:2]
    assert {type(word) for word in vectorizer.vocabulary_} == {str}


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (["good film"], r'got str in row 0.*analyzer="word"'),
        ([["good"], "film"], "got str in row 1"),
        ([["good"], b"film"], "got bytes in row 1"),
        ([["good"], {"a": 1}], "got dict in row 1"),
        ([{"good", "film"}], "got set in row 0"),
        ([["good"], 3], "got int in row 1"),
        ([["good"], np.array([["film"]])], "got ndarray in row 1"),
        ([["good"], None], "got NoneType in row 1. Drop missing"),
        ([["good"], np.nan], "got float in row 1. Drop missing"),
        (pd.Series([["good"], pd.NA]), "got NAType in row 1. Drop missing"),
        ([[["good"]]], "tokens of type str from the document, got list in"),
        ([["good", None]], "got NoneType in"),
        ([["good", 3]], "got int in .*not their ids"),
        ([["good", b"film"]], "got bytes in .*Decode"),
        (np.array([["good", np.nan]], object), "got float in"),
        (pd.DataFrame({"text": ["good"]}), "got DataFrame"),
        ("good", "expected a sequence of texts"),
    ],
)
def test_what_is_no_sequence_of_tokens_is_refused(documents, message):
    with pytest.raises((TypeError, ValueError), match=f"SequenceVectorizer: .*{message}"):
        SequenceVectorizer(analyzer="tokens").fit(documents)


def test_lists_of_tokens_given_as_texts_are_told_the_way():
    with pytest.raises(TypeError, match=r'got list in row 0.*analyzer="tokens"'):
        SequenceVectorizer().fit(TOKENS)


@pytest.mark.parametrize("missing", [None, np.nan, np.float32("nan"), pd.NA])
@pytest.mark.parametrize(
    "parameters", [{"analyzer": spoken}, {"preprocessor": spoken, "tokenizer": itself}]
)
def test_missing_documents_are_named_before_functions_see_them(missing, parameters):
    with pytest.raises(TypeError, match=r"in row 1\. Drop missing texts"):
        SequenceVectorizer(**parameters).fit([{"said": "good"}, missing])

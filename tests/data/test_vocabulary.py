"""Vocabularies that are given: what they may be, and what they do without a fit."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_rnn import SequenceVectorizer, persistence


def test_a_given_vocabulary_needs_no_fit():
    fitted = SequenceVectorizer(vocabulary=["good", "film"], max_len=3).fit(["anything"])
    for call in ("transform", "inverse_transform"):
        vectorizer = SequenceVectorizer(vocabulary=["good", "film"], max_len=3)
        given = ["good old film"] if call == "transform" else [[0, 2, 3]]
        assert np.array_equal(getattr(vectorizer, call)(given), getattr(fitted, call)(given))
        assert vectorizer.vocabulary_ == fitted.vocabulary_
        assert vectorizer.vocabulary_size_ == 4
    names = SequenceVectorizer(vocabulary=["good"], max_len=1).get_feature_names_out()
    assert names.tolist() == ["sequencevectorizer0"]


def test_what_was_not_fitted_travels_and_is_saved(tmp_path):
    vectorizer = SequenceVectorizer(vocabulary=["good"], max_len=2)
    persistence.save(vectorizer, tmp_path / "vectorizer.skops")
    loaded = persistence.load(tmp_path / "vectorizer.skops")
    for copied in (loaded, pickle.loads(pickle.dumps(vectorizer))):
        assert copied.transform(["good film"]).ids.tolist() == [[2, 1]]


def test_a_length_that_texts_decide_needs_a_fit():
    vectorizer = SequenceVectorizer(vocabulary=["good"], max_len=None)
    with pytest.raises(NotFittedError, match="max_len=None the training texts decide"):
        vectorizer.transform(["good"])
    assert vectorizer.fit(["good good"]).transform(["good"]).shape == (1, 2)


def test_parameters_are_checked_without_a_fit_too():
    with pytest.raises(ValueError, match="The 'padding' parameter"):
        SequenceVectorizer(vocabulary=["good"], padding="left").transform(["good"])


@pytest.mark.parametrize("first", [0, 1, 2])
def test_indices_may_start_where_others_count_from(first):
    given = {"good": first + 1, "film": np.int64(first)}
    assert SequenceVectorizer(vocabulary=given).fit(["a"]).vocabulary_ == {"film": 2, "good": 3}


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"a": 0, "b": 0}, "1 repeated indices"),
        ({"a": 0, "b": 2}, r"gaps \(of 0 to 2\)"),
        ({"a": 7, "b": 8}, r"gaps \(of 7 to 8\)"),
        ({"a": -1, "b": 0}, "gaps"),
    ],
)
def test_indices_that_repeat_or_leave_gaps_are_refused(vocabulary, message):
    with pytest.raises(ValueError, match=r"indices|contain index"):
        CountVectorizer(vocabulary=vocabulary).fit(["a"])
    for method in ("fit", "fit_transform", "transform"):
        with pytest.raises(ValueError, match=f"SequenceVectorizer: .*consecutive.*{message}"):
            getattr(SequenceVectorizer(vocabulary=vocabulary), method)(["a"])


@pytest.mark.parametrize("vocabulary", [{"a": "x"}, {"a": 0.5}, {"a": None}, [1, 2], {1: 0}])
def test_what_is_no_vocabulary_is_refused(vocabulary):
    with pytest.raises(TypeError, match=r"SequenceVectorizer: .*vocabulary"):
        SequenceVectorizer(vocabulary=vocabulary).fit(["a"])


def test_one_word_in_two_spellings_is_twice_the_same():
    words = ["café", "cafe\u0301"]
    with pytest.raises(ValueError, match=r"1 of them distinct.*normalize='NFC'"):
        SequenceVectorizer(vocabulary=words).fit(["a"])
    assert len(SequenceVectorizer(vocabulary=words, normalize=None).fit(["a"]).vocabulary_) == 2


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_words_with_capitals_are_warned_of_where_texts_are_lowered(method):
    vectorizer = SequenceVectorizer(vocabulary=["good", "Vienna", "İzmir"])
    with pytest.warns(UserWarning, match="2 words of the vocabulary .*such as 'Vienna'"):
        getattr(vectorizer, method)(["good"])


@pytest.mark.parametrize(
    "parameters",
    [{"lowercase": False}, {"preprocessor": str.title}, {"analyzer": str.split}],
)
def test_words_with_capitals_are_fine_where_texts_keep_theirs(parameters):
    vectorizer = SequenceVectorizer(vocabulary=["Good"], max_len=1, **parameters)
    assert vectorizer.fit_transform(["Good"]).ids.tolist() == [[2]]


@pytest.mark.parametrize("markers", [("<pad>", "<unk>"), ("", "[UNK]")])
def test_the_markers_of_a_vocabulary_that_was_made_elsewhere_are_no_words(markers):
    """Of sequences, or of Keras' TextVectorization: its words keep their ids."""
    vectorizer = SequenceVectorizer(vocabulary=[*markers, "the", "film"], max_len=2)
    assert vectorizer.transform(["the film"]).ids.tolist() == [[2, 3]]
    by_index = {word: i for i, word in enumerate([*markers, "the", "film"])}
    assert SequenceVectorizer(vocabulary=by_index, max_len=2).transform(["film"]).ids[0, 1] == 3

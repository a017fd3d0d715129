"""The most similar words are those of the largest cosines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_rnn._vectors.similarity import nearest_words

VOCABULARY = ("<pad>", "<unk>", *"abcdefg")
ROWS = range(2, len(VOCABULARY))
few_numbers = st.integers(-3, 3).map(float)
tables = arrays(np.float32, (len(VOCABULARY), 3), elements=few_numbers)
masks = arrays(bool, len(VOCABULARY))


@given(tables, st.none() | masks, st.sampled_from(ROWS), st.integers(1, 9))
def test_neighbours_are_those_of_a_plain_loop_over_all_words(vectors, found, row, topn):
    def has_vector(i):
        return vectors[i].any() and (found is None or found[i])

    word = VOCABULARY[row]
    if not has_vector(row):
        with pytest.raises(ValueError, match=f"Step: '{word}' has no vector"):
            nearest_words("Step", VOCABULARY, vectors, word, topn, found)
        return
    cosines = {
        VOCABULARY[i]: vectors[i] @ vectors[row] / np.sqrt((vectors[[i, row]] ** 2).sum(1)).prod()
        for i in ROWS
        if i != row and has_vector(i)
    }
    nearest = nearest_words("Step", VOCABULARY, vectors, word, topn, found)
    assert len(nearest) == min(topn, len(cosines))
    for other, cosine in nearest:
        assert cosine == pytest.approx(cosines.pop(other), abs=1e-6)
    smallest = min((cosine for _, cosine in nearest), default=1)
    assert all(cosine <= smallest + 1e-6 for cosine in cosines.values())
    assert [cosine for _, cosine in nearest] == sorted((c for _, c in nearest), reverse=True)


def test_a_word_is_found_composed_or_decomposed():
    vectors = np.eye(4, dtype=np.float32)
    for ours, asked in (("caf\u00e9", "cafe\u0301"), ("cafe\u0301", "caf\u00e9")):
        ((word, _),) = nearest_words("Step", ("<pad>", "<unk>", ours, "tea"), vectors, asked, 5)
        assert word == "tea"


@pytest.mark.parametrize("word", ["<pad>", "<unk>", "h"])
def test_markers_and_other_words_are_in_no_vocabulary(word):
    vectors = np.ones((len(VOCABULARY), 3), np.float32)
    with pytest.raises(KeyError, match=f"Step: '{word}' is not in the vocabulary"):
        nearest_words("Step", VOCABULARY, vectors, word, 5)


def test_the_number_of_words_is_at_least_one():
    with pytest.raises(ValueError, match="Step: topn must be at least 1, got 0"):
        nearest_words("Step", VOCABULARY, np.ones((9, 3), np.float32), "a", 0)

"""Keys of words and pairs are what plain Python makes of them."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn._data.ngram_keys import PAIR, find_keys, ngrams_in, pair_keys, unique_by_row

N_IDS = 6
WIDTH = 7
texts_of_ids = st.lists(
    st.lists(st.integers(1, N_IDS - 1), max_size=WIDTH), min_size=1, max_size=6
)
sets_of_keys = st.lists(st.integers(0, 2**62), unique=True).map(sorted)


def left_aligned(texts):
    return np.array([text + [0] * (WIDTH - len(text)) for text in texts], np.int32)


def pairs_of(text):
    return [first * PAIR + second for first, second in pairwise(text) if first > 1 and second > 1]


@given(texts_of_ids)
def test_a_key_stands_for_two_neighbours_that_are_words(texts):
    keys = pair_keys(left_aligned(texts))
    assert keys.shape == (len(texts), WIDTH - 1)
    for row, text in zip(keys, texts, strict=True):
        assert [key for key in row if key] == pairs_of(text)


def test_pairs_of_the_largest_ids_have_keys_of_their_own():
    largest = PAIR - 1
    (keys,) = pair_keys(np.array([[largest, largest, largest - 1, largest]], np.int64)).tolist()
    assert [divmod(key, PAIR) for key in keys] == [
        (largest, largest),
        (largest, largest - 1),
        (largest - 1, largest),
    ]


@given(sets_of_keys, st.data())
def test_keys_are_found_where_they_are_or_would_be_inserted(known, data):
    some = st.sampled_from(known) if known else st.nothing()
    keys = data.draw(st.lists(some | st.integers(0, 2**62), max_size=8))
    indices, is_known = find_keys(np.array(known, np.int64), np.array(keys, np.int64))
    assert is_known.tolist() == [key in known for key in keys]
    assert indices.tolist() == [sum(other < key for other in known) for key in keys]


@given(texts_of_ids, st.data())
def test_a_text_contains_its_words_and_the_known_ones_of_its_pairs(texts, data):
    there = sorted({key for text in texts for key in pairs_of(text)} | {2 * PAIR + 2})
    known = sorted(data.draw(st.sets(st.sampled_from(there))))
    ids = left_aligned(texts)
    contained = ngrams_in(ids, np.array(known, np.int64), N_IDS).toarray()
    assert contained.shape == (len(texts), N_IDS + len(known))
    assert np.isin(contained, (0, 1)).all()
    for row, text in zip(contained, texts, strict=True):
        words = {*text} | {N_IDS + known.index(key) for key in pairs_of(text) if key in known}
        assert {*np.flatnonzero(row)} - {0} == words  # column 0 is that of padding


@given(texts_of_ids)
def test_the_different_values_of_each_row_come_in_order(texts):
    expected = [value for text in texts for value in sorted(set(text))]
    assert unique_by_row(left_aligned(texts)).tolist() == expected

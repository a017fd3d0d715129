"""The n-grams of a stream of texts: what is known of them, however the stream is cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn._data import ngram_stream as _ngram_stream
from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._data.ngram_stream import NO_PAIRS, StreamNGrams
from sklearn_rnn._data.ngrams import learn_ngrams

N_IDS = 9

different_texts = st.lists(
    st.lists(st.integers(2, N_IDS - 1), min_size=1, max_size=7).map(tuple),
    min_size=1,
    max_size=12,
    unique=True,
)


def as_ids(texts):
    return np.array([[*text, *[0] * (8 - len(text))] for text in texts], np.int32)


def counted(chunks, kind="pairs", weights=None):
    stream = StreamNGrams(NO_PAIRS[0], np.zeros(N_IDS, np.float32), 0.0, NO_PAIRS)
    for chunk in chunks:
        stream = stream.with_chunk(SequenceDataset(as_ids(chunk), None, weights), kind)
    return stream


def cut(texts, places):
    edges = [0, *sorted(places), len(texts)]
    chunks = [texts[start:end] for start, end in itertools.pairwise(edges)]
    return [chunk for chunk in chunks if chunk]


@given(different_texts, st.lists(st.integers(0, 12), max_size=6))
def test_what_a_stream_has_shown_does_not_depend_on_how_it_is_cut(texts, places):
    whole = learn_ngrams(SequenceDataset(as_ids(texts)), N_IDS, "pairs")
    stream = counted(cut(texts, places))
    np.testing.assert_array_equal(stream.pairs, whole.pairs)
    np.testing.assert_allclose(stream.idf, whole.idf, rtol=1e-4)
    assert stream.n_texts == whole.n_texts


@given(different_texts, st.lists(st.integers(0, 12), max_size=6))
def test_a_block_of_texts_is_cut_no_worse_than_a_chunk(texts, places):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_rnn._data.batches._ROWS_AT_ONCE", 2)
        blocks = counted([texts])
    stream = counted(cut(texts, places))
    np.testing.assert_array_equal(stream.pairs, blocks.pairs)
    np.testing.assert_allclose(stream.idf, blocks.idf, rtol=1e-4)


@given(different_texts)
def test_reading_the_same_texts_again_changes_next_to_nothing(texts):
    once, thrice = counted([texts]), counted([texts] * 3)
    np.testing.assert_array_equal(thrice.pairs, once.pairs)
    np.testing.assert_array_equal(thrice.idf > 0, once.idf > 0)
    assert thrice.n_texts == 3 * once.n_texts
    # Smoothing, as if one more text held everything, counts for less.
    np.testing.assert_allclose(thrice.idf, once.idf, atol=np.log(3))


def test_a_copy_counts_as_much_as_twice_the_weight():
    copies = counted([[(2, 3), (2, 3), (3, 4)]])
    weights = counted([[(2, 3), (3, 4)]], weights=np.array([2.0, 1.0]))
    np.testing.assert_allclose(copies.idf, weights.idf)


def test_words_alone_make_no_pairs_known():
    stream = counted([[(2, 3)], [(2, 3, 4)]], kind="words")
    assert len(stream.pairs) == 0
    assert stream.waiting.shape == (2, 0)


def test_a_stream_makes_no_more_pairs_known_than_it_may(monkeypatch):
    monkeypatch.setattr(_ngram_stream, "_MOST_PAIRS", 2)
    stream = counted([[(2, 3, 4, 5)], [(2, 3, 4, 5, 6)], [(7, 2, 3, 4, 5)]])
    assert len(stream.pairs) == 2


def test_pairs_that_wait_are_forgotten_when_they_are_too_many(monkeypatch):
    monkeypatch.setattr(_ngram_stream, "_MOST_WAITING", 3)
    stream = counted([[(2, 3)], [(4, 5, 6, 7, 8)], [(2, 3, 4)], [(2, 3, 5)]])
    assert stream.waiting.shape[1] <= 3
    assert stream.pairs.tolist() == [2 * PAIR + 3]

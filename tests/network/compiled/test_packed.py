"""Packed texts: nothing is lost, nothing is there twice, and memory is left as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from sklearn_rnn._network.compiled.packed import RowIndex, pack_ids, pack_vectors
from sklearn_rnn.sequences import UNKNOWN

N_IDS = 9
some_texts = st.lists(
    st.lists(st.integers(1, N_IDS - 1), min_size=1, max_size=12), min_size=1, max_size=9
)


def batch(texts, more=0):
    ids = np.full((len(texts), max(map(len, texts)) + more), N_IDS - 1, np.int32)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    return ids, np.array([len(text) for text in texts])


def places_of(packed):
    """Return the places of each text, in the order of the batch."""
    places = {
        text: [packed.starts[t] + n for t in range(length)]
        for n, (text, length) in enumerate(
            zip(packed.sorted_indices.tolist(), packed.lengths.tolist(), strict=True)
        )
    }
    return [places[text] for text in range(len(places))]


@given(some_texts, st.integers(0, 3))
def test_rows_and_words_give_the_texts_back(texts, more):
    packed = pack_ids(*batch(texts, more), RowIndex(N_IDS))
    assert [packed.words[packed.rows[places]].tolist() for places in places_of(packed)] == texts


@given(some_texts, st.integers(0, 3))
def test_tokens_of_vectors_are_those_of_the_flattened_batch(texts, more):
    ids, lengths = batch(texts, more)
    packed = pack_vectors(lengths, ids.shape[1])
    tokens = ids.ravel()[packed.words]
    assert [tokens[packed.rows[places]].tolist() for places in places_of(packed)] == texts
    assert len(set(packed.words.tolist())) == lengths.sum()


@given(some_texts)
def test_each_word_of_a_batch_is_there_once_and_no_other(texts):
    packed = pack_ids(*batch(texts, more=2), RowIndex(N_IDS))
    assert sorted(packed.words.tolist()) == sorted({word for text in texts for word in text})


@given(some_texts, some_texts)
def test_memory_is_left_as_it_was(texts, others):
    index = RowIndex(N_IDS)
    pack_ids(*batch(others), index)
    assert not index.number_of.any()
    for again, fresh in zip(
        pack_ids(*batch(texts), index), pack_ids(*batch(texts), RowIndex(N_IDS)), strict=True
    ):
        np.testing.assert_array_equal(again, fresh)


@given(some_texts)
def test_a_mirror_reads_each_text_from_its_own_end(texts):
    packed = pack_ids(*batch(texts), RowIndex(N_IDS))
    for places in places_of(packed):
        assert packed.mirror[places].tolist() == places[::-1]
    np.testing.assert_array_equal(packed.mirror[packed.mirror], np.arange(len(packed.rows)))


@given(some_texts)
def test_steps_lie_one_after_the_other_and_texts_by_falling_length(texts):
    lengths = np.array([len(text) for text in texts])
    packed = pack_ids(*batch(texts), RowIndex(N_IDS))
    assert packed.lengths.tolist() == sorted(lengths, reverse=True)
    np.testing.assert_array_equal(packed.lengths, lengths[packed.sorted_indices])
    expected = [(lengths > t).sum() for t in range(lengths.max())]
    assert packed.batch_sizes.tolist() == expected
    assert packed.starts.tolist() == np.cumsum([0, *expected]).tolist()


@given(some_texts, st.sets(st.integers(2, N_IDS - 1)))
def test_words_may_be_read_as_unknown(texts, rare):
    mask = np.isin(np.arange(N_IDS), list(rare))
    packed = pack_ids(*batch(texts), RowIndex(N_IDS), mask)
    expected = [[UNKNOWN if word in rare else word for word in text] for text in texts]
    assert [packed.words[packed.rows[places]].tolist() for places in places_of(packed)] == expected
    assert len(set(packed.words.tolist())) == len(packed.words)

"""What is counted of the training texts: copies and weights, and what rarity may hide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._data.ngrams import CONSTANT, SINGLE, learn_ngrams

N_IDS = 9

texts_of_ids = st.lists(
    st.lists(st.integers(2, N_IDS - 1), min_size=1, max_size=7), min_size=1, max_size=12
)


def learned(texts, weights=None):
    values = np.array([text + [0] * (8 - len(text)) for text in texts], np.int32)
    weights = None if weights is None else np.asarray(weights, float)
    return learn_ngrams(SequenceDataset(values, None, weights), N_IDS, "pairs")


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.pairs, theirs.pairs)
    np.testing.assert_allclose(ours.idf, theirs.idf, rtol=1e-5)
    np.testing.assert_array_equal(ours.rare_word_mask, theirs.rare_word_mask)


@given(texts_of_ids, st.data())
def test_a_text_that_comes_so_many_times_counts_as_one_of_so_much_weight(texts, data):
    copies = data.draw(st.lists(st.integers(1, 4), min_size=len(texts), max_size=len(texts)))
    repeated = [text for text, n in zip(texts, copies, strict=True) for _ in range(n)]
    assert_same(learned(repeated), learned(texts, copies))


@given(texts_of_ids, st.floats(1e-6, 1e6), st.integers(2, 5))
def test_neither_copies_of_all_texts_nor_the_scale_of_weights_changes_anything(texts, scale, n):
    weights = 1 + np.arange(len(texts)) % 3
    assert_same(learned(texts, weights * scale), learned(texts, weights))
    assert_same(learned(texts * n), learned(texts))


@given(texts_of_ids)
def test_no_word_of_the_texts_is_without_evidence(texts):
    idf = learned(texts).idf
    assert set(np.flatnonzero(idf[:N_IDS])) == {word for text in texts for word in text}
    assert ((idf[idf > 0] >= 1) | (idf[idf > 0] == np.float32(CONSTANT))).all()


def test_what_all_texts_hold_weighs_next_to_nothing():
    """The words of a form letter: in length, they would outweigh the one that differs."""
    ngrams = learned([[2, 3, 4], [2, 3, 5], [2, 3, 6]])
    assert set(ngrams.idf[[2, 3, N_IDS]]) == {np.float32(CONSTANT)}
    assert (ngrams.idf[4:7] > 1).all()


def test_what_one_text_alone_holds_weighs_no_more_than_a_common_word():
    texts = [
        [2, 3, 4],
        [2, 3],
        *[[5] * (1 + i) for i in range(7)],
        *[[6] * (1 + i) for i in range(8)],
    ]
    idf = learned(texts).idf
    assert idf[4] == np.float32(SINGLE)
    assert idf[6] < SINGLE
    texts += [[7] * (1 + i) for i in range(8)]
    assert learned(texts).idf[4] == np.float32(SINGLE) < learned(texts).idf[3]


def test_of_few_texts_what_one_of_them_holds_weighs_by_its_rarity():
    assert learned([[2, 3], [2, 4]]).idf[3] == pytest.approx(np.log(3 / 2) + 1)


def test_what_many_copies_hold_is_frequent():
    texts = [[2, 3], [2, 4], [5, 6], [5, 7]]
    idf = learned(texts[:2] * 50 + texts[2:]).idf
    assert idf[2] < idf[5]
    assert learned(texts, [50, 50, 1, 1]).idf[2] == pytest.approx(idf[2])


def test_pairs_are_known_from_two_different_texts_on():
    assert len(learned([[2, 3]] * 50 + [[3, 2]]).pairs) == 0
    assert len(learned([[2, 3], [2, 3, 4]]).pairs) == 1

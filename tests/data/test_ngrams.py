"""What is counted of the training texts, and what rarity may hide."""

import numpy as np
import pytest
from hypothesis import given

from counted_texts import N_IDS, ids_of_texts, learned, texts_of_ids
from sklearn_rnn._data import batches
from sklearn_rnn._data.ngrams import CONSTANT, SINGLE


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


def test_pairs_are_known_from_two_different_texts_on():
    assert len(learned([[2, 3]] * 50 + [[3, 2]]).pairs) == 0
    assert len(learned([[2, 3], [2, 3, 4]]).pairs) == 1


@given(ids_of_texts)
def test_it_is_the_same_whether_texts_are_counted_at_once_or_in_chunks(texts):
    whole = learned(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS_AT_ONCE", 2)
        chunked = learned(texts)
    for ours, theirs in zip(whole, chunked, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_single_words_need_no_pairs():
    assert len(learned([[2, 3], [2, 3, 4]], kind="words").pairs) == 0


@given(ids_of_texts)
def test_a_word_is_rare_if_no_two_texts_hold_it(texts):
    n_texts = np.array([sum(word in t for t in set(map(tuple, texts))) for word in range(N_IDS)])
    rare_word_mask = learned(texts).rare_word_mask
    assert not rare_word_mask[:2].any()
    if rare_word_mask.any():
        np.testing.assert_array_equal(rare_word_mask[2:], n_texts[2:] < 2)
        assert 2 * n_texts[n_texts < 2].sum() <= n_texts.sum()
    else:
        assert 2 * n_texts[n_texts < 2].sum() > n_texts.sum() or (n_texts[2:] > 1).all()

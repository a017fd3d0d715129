"""Texts of few words by id, and what is counted of them."""

import numpy as np
from hypothesis import strategies as st

from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._data.ngrams import learn_ngrams

N_IDS = 9
WORDS = tuple(map(str, range(40)))

ids_of_texts = st.lists(
    st.lists(st.integers(2, N_IDS - 1), min_size=1, max_size=7), min_size=2, max_size=12
)
texts_of_ids = st.lists(
    st.lists(st.integers(2, N_IDS - 1), min_size=1, max_size=7), min_size=1, max_size=12
)


def padded(texts, width=8):
    return np.array([[0] * (width - len(text)) + list(text) for text in texts], np.int32)


def learned(texts, weights=None, kind="pairs"):
    weights = None if weights is None else np.asarray(weights, float)
    return learn_ngrams(SequenceDataset(padded(texts), None, weights), N_IDS, kind)


def words_of(ids):
    return f"w{ids // PAIR} w{ids % PAIR}" if ids >= PAIR else f"w{ids}"


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.pairs, theirs.pairs)
    np.testing.assert_allclose(ours.idf, theirs.idf, rtol=1e-5)
    np.testing.assert_array_equal(ours.rare_word_mask, theirs.rare_word_mask)

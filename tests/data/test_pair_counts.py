"""Pairs are counted in as many passes as memory asks for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counted_texts import ids_of_texts, learned
from sklearn_rnn._data import batches
from sklearn_rnn._data import ngrams as _ngrams
from sklearn_rnn._data.batches import SequenceDataset


@given(ids_of_texts, st.integers(2, 9))
def test_pairs_are_the_same_in_any_number_of_passes(texts, n_at_once):
    in_one_pass = learned(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS_AT_ONCE", 2)
        patch.setattr(_ngrams, "_PAIRS_AT_ONCE", n_at_once)
        in_many = learned(texts)
    for ours, theirs in zip(in_one_pass, in_many, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_more_texts_the_more_pairs_are_counted_at_once(monkeypatch):
    """Or else passes over the texts would grow with their number."""
    passes = []
    monkeypatch.setattr(_ngrams, "_PAIRS_AT_ONCE", 4)
    count = _ngrams.PairCounts
    monkeypatch.setattr(_ngrams, "PairCounts", lambda *of: passes.append(of) or count(*of))
    twelve_pairs = np.array([[2 + n, 3 + n] for n in range(12)])
    for n_texts in (12, 40):
        texts = np.resize(twelve_pairs, (n_texts, 2))
        _ngrams._frequent_pairs(SequenceDataset(texts))
    assert [limit for _, limit in passes] == [6, 6, 6, 20]

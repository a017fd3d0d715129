"""Copies of a text count as one of their weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counted_texts import assert_same, learned, texts_of_ids


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


def test_what_many_copies_hold_is_frequent():
    texts = [[2, 3], [2, 4], [5, 6], [5, 7]]
    idf = learned(texts[:2] * 50 + texts[2:]).idf
    assert idf[2] < idf[5]
    assert learned(texts, [50, 50, 1, 1]).idf[2] == pytest.approx(idf[2])

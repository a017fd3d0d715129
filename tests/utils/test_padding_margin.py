"""Columns of padding that are not stored are put back on their side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_rnn._utils.padding_margin import PaddingMargin


@pytest.mark.parametrize("padding", ["pre", "post"])
@given(
    rows=arrays(np.int32, st.tuples(st.integers(0, 4), st.integers(0, 5))), more=st.integers(0, 4)
)
def test_rows_are_those_of_numpys_pad(padding, rows, more):
    width = rows.shape[1] + more
    ids = PaddingMargin(width, padding).pad(rows)
    sides = (more, 0) if padding == "pre" else (0, more)
    np.testing.assert_array_equal(ids, np.pad(rows, ((0, 0), sides)))
    assert ids.dtype == np.int32
    assert not np.shares_memory(ids, rows)

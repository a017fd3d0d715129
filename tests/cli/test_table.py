"""Tables as rows: names of columns, and how many cells a table may have."""

import pytest

from sklearn_rnn._cli import table as _table
from sklearn_rnn._cli.table import check_filled, check_unique


def test_the_first_of_several_names_is_named():
    with pytest.raises(ValueError, match="more than one column 'b'"):
        check_unique("ours", ["a", "b", "c"], ["c", "b", "a", "b", "c"])


@pytest.mark.parametrize(
    ("n_filled", "n_rows", "n_columns"),
    [(1, 1_000, 10_000), (10**6, 10**5, 500), (400_000, 10**4, 2_000), (0, 0, 10**9)],
)
def test_large_and_sparse_tables_are_read(n_filled, n_rows, n_columns):
    check_filled("ours", n_filled, n_rows, n_columns)
    assert _table._MANY_CELLS == 10**7

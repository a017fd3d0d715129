"""What users pass is checked, and errors say who raises them, what was expected and what came."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_rnn import RNNTextRegressor
from sklearn_rnn._utils.validation import check_ids, check_y_passed, seed_from


def test_a_missing_target_is_refused_in_the_words_of_scikit_learn():
    check_y_passed(RNNTextRegressor(), [1, 2])
    with pytest.raises(ValueError, match="RNNTextRegressor requires y to be passed, but the targ"):
        check_y_passed(RNNTextRegressor(), None)


@given(arrays(np.int64, (3, 4), elements=st.integers(-2, 6)))
def test_the_first_id_that_has_no_row_in_the_table_is_named_with_its_row(ids):
    wrong = [(place, i) for place, row in enumerate(ids) for i in row if not 0 <= i < 5]
    if not wrong:
        check_ids("Model", ids, 5)
        return
    row, got = wrong[0]
    expected = "must be 0 or more" if got < 0 else r"must be in \[0, 5\)"
    with pytest.raises(ValueError, match=f"Model: ids {expected}, got {got} in row {row}"):
        check_ids("Model", ids, 5)


@given(st.integers(0, 2**32 - 1))
def test_a_seed_is_drawn_as_scikit_learn_draws_it(number):
    generator = np.random.RandomState(number)
    expected = np.random.RandomState(number).randint(2**31)
    assert seed_from(number) == seed_from(number) == seed_from(generator) == expected
    assert [seed_from(generator) for _ in range(2)] != [expected] * 2  # it was advanced


def test_without_a_seed_each_is_new_and_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()
    seeds = {seed_from(None) for _ in range(10)}
    assert len(seeds) > 1
    assert all(0 <= seed < 2**31 for seed in seeds)
    np.testing.assert_array_equal(np.random.get_state()[1], before)

"""Matrix products in tiles: those of double precision, whatever the sizes and what follows."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from compiled_networks import with_nan_around
from sklearn_rnn._network.compiled.matrix_product import (
    SPARE_ROWS,
    accumulate_product,
    add_product,
    add_transposed_product,
    pack_matrix,
    pack_rows,
    padded,
    set_product,
)

n_rows = st.integers(1, 23)
n_terms = st.one_of(st.integers(1, 40), st.integers(250, 600))
n_columns = st.integers(1, 70)
layouts = st.sampled_from(["C", "transposed", "every second column", "reversed"])


def numbers(layout, *shape, seed):
    """Return an array of a layout, in memory that is NaN wherever it ends."""
    array = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    if layout == "transposed":
        return with_nan_around(np.asfortranarray(array))
    if layout == "every second column":
        return with_nan_around(np.repeat(array, 2, axis=1))[:, ::2]
    if layout == "reversed":
        return with_nan_around(array[::-1, ::-1])[::-1, ::-1]
    return with_nan_around(array)


def result_of(n, m):
    """Return a result full of NaN, and its memory, which goes on for more than spare rows."""
    memory = np.full((n + SPARE_ROWS + 2, padded(m)), np.nan, np.float32)
    return memory[:n], memory


def assert_accurate(actual, rows, matrix, more=0.0):
    rows, matrix = rows.astype(np.float64), matrix.astype(np.float64)
    bound = 1e-6 * (np.abs(rows) @ np.abs(matrix) + np.abs(more))
    assert (np.abs(actual - (rows @ matrix + more)) <= bound).all()


@given(n_rows, n_terms, n_columns, layouts, layouts)
@example(1, 1, 1, "C", "C")
@example(4, 256, 32, "transposed", "transposed")
@example(5, 513, 33, "C", "transposed")
@settings(max_examples=60)
def test_a_product_is_that_of_double_precision(n, k, m, of_rows, of_matrix):
    rows, matrix = numbers(of_rows, n, k, seed=0), numbers(of_matrix, k, m, seed=1)
    bias = np.random.default_rng(2).standard_normal(m).astype(np.float32)
    result, memory = result_of(n, m)
    set_product(rows, matrix, bias, result)
    assert_accurate(result[:, :m], rows, matrix, bias)
    assert not result[:, m:].any()
    accumulate_product(rows, matrix, result)
    assert_accurate(result[:, :m], 2 * rows, matrix, bias)
    assert np.isnan(memory[n + SPARE_ROWS :]).all()


@given(n_rows, st.integers(1, 256), n_columns, st.integers(0, 5))
@settings(max_examples=60)
def test_a_product_of_transposed_rows_is_that_with_some_rows_of_a_matrix(k, n, m, start):
    rng = np.random.default_rng(2)
    rows = np.full((start + n, k + 3), np.nan, np.float32)
    rows[start:, :k] = numbers("C", n, k, seed=0)
    matrix, index = numbers("C", 9, m, seed=1), rng.integers(0, 9, start + n).astype(np.int32)
    memory = np.full(padded(m) * n + 5, np.nan, np.float32)
    packed = pack_rows(matrix, index, start, n, memory)
    result, _ = result_of(k, m)
    result[:] = 0
    add_transposed_product(rows, start, n, packed, result)
    assert_accurate(result[:, :m], rows[start:, :k].T, matrix[index[start:]])
    assert not result[:, m:].any()


@given(n_rows, st.integers(1, 300), n_columns, st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=60)
def test_a_product_is_added_to_some_rows_and_those_before_them_are_left_alone(n, k, m, start, at):
    rows = np.full((start + n + SPARE_ROWS, k + 3), np.nan, np.float32)
    rows[start : start + n, :k] = numbers("C", n, k, seed=0)
    matrix = numbers("C", k, m, seed=1)
    result, _ = result_of(at + n, m)
    before = np.random.default_rng(2).standard_normal((n, m)).astype(np.float32)
    result[at:, :m] = before
    add_product(rows, start, n, pack_matrix(matrix), result, at)
    assert_accurate(result[at:, :m], rows[start : start + n, :k], matrix, before)
    assert np.isnan(result[:at]).all()


@given(n_terms, n_columns, layouts)
@settings(max_examples=30)
def test_a_packed_matrix_holds_its_columns_in_order_and_zeros_behind_them(k, m, layout):
    matrix = numbers(layout, k, m, seed=0)
    columns = np.concatenate(pack_matrix(matrix), axis=1)
    assert columns.shape == (k, padded(m))
    np.testing.assert_array_equal(columns[:, :m], matrix)
    assert not columns[:, m:].any()


def test_columns_are_filled_up_to_whole_tiles():
    tile = padded(1)
    assert [padded(n) for n in (0, 1, tile, tile + 1)] == [0, tile, tile, 2 * tile]


def test_a_product_of_no_terms_is_the_bias_and_one_of_no_columns_is_empty():
    result, _ = result_of(3, 2)
    bias = np.array([1, 2], np.float32)
    set_product(np.empty((3, 0), np.float32), np.empty((0, 2), np.float32), bias, result)
    np.testing.assert_array_equal(result[:, :2], [[1, 2]] * 3)
    no_columns = np.empty((3, 0), np.float32)
    accumulate_product(np.ones((3, 2), np.float32), np.ones((2, 0), np.float32), no_columns)


def test_one_row_of_no_numbers_spoils_no_other():
    rows = numbers("C", 9, 5, seed=0)
    matrix = numbers("C", 5, 7, seed=1)
    clean, _ = result_of(9, 7)
    spoiled, _ = result_of(9, 7)
    bias = np.zeros(7, np.float32)
    set_product(rows, matrix, bias, clean)
    rows[6] = np.nan
    set_product(rows, matrix, bias, spoiled)
    others = np.arange(9) != 6
    np.testing.assert_array_equal(spoiled[others], clean[others])
    assert np.isnan(spoiled[6, :7]).all()

"""Arrays are those of numbers, in memory or in a file, and have a digest of all that they are."""

import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn._utils import arrays
from sklearn_rnn._utils.arrays import (
    as_array,
    check_numbers,
    update_digest,
    whole_numbers,
)
from sklearn_rnn._utils.padding_margin import PaddingMargin


@pytest.mark.parametrize("X", [[[1, 2]], ((1, 2),), np.array([[1, 2]]), torch.tensor([[1, 2]])])
def test_what_numpy_can_read_becomes_an_array(X):
    np.testing.assert_array_equal(as_array("Model", X), [[1, 2]])


def test_an_array_is_not_copied():
    X = np.zeros((2, 3))
    assert as_array("Model", X) is X


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[1, 2], [3]], ValueError, "Model: expected rows of one length"),
        (np.ma.array([1, 2], mask=[True, False]), ValueError, r"Model: .* got a masked one"),
        (torch.zeros(2, dtype=torch.bfloat16), TypeError, r"Model: .* Tensor of torch.bfloat16"),
        (torch.zeros(2, requires_grad=True), TypeError, r"pass X\.detach\(\)"),
    ],
    ids=["ragged", "masked", "bfloat16", "with a gradient"],
)
def test_what_numpy_cannot_read_is_refused_with_a_way_out(X, error, message):
    with pytest.raises(error, match=message):
        as_array("Model", X)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float16, np.float64, np.complex128])
def test_numbers_of_any_dtype_are_numbers(dtype):
    check_numbers("Model", np.zeros((2, 3), dtype))


def test_objects_that_are_real_numbers_are_numbers():
    check_numbers("Model", np.array([[1, 2.5, Fraction(1, 3), np.int8(4)]], object))


@pytest.mark.parametrize(
    "other", ["4", None, True, datetime.date(2024, 1, 1), Decimal(1)], ids=repr
)
def test_an_object_that_is_no_number_is_named_with_its_row(other):
    with pytest.raises(TypeError, match=f"got {type(other).__name__} in row 1"):
        check_numbers("Model", np.array([[1, 2], [3, other]], object))


@pytest.mark.parametrize("dtype", ["<U1", "S1", bool, "datetime64[D]"])
def test_a_dtype_that_is_no_number_is_named(dtype):
    with pytest.raises(TypeError, match=r"Model: .* got dtype"):
        check_numbers("Model", np.zeros(3, dtype))


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1))
def test_floats_that_are_whole_become_those_integers(numbers):
    found = whole_numbers("Model", np.array([numbers], np.float64))
    assert found.dtype == np.int64
    assert found.tolist() == [numbers]


def test_integers_are_not_copied():
    ids = np.zeros((2, 3), np.int32)
    assert whole_numbers("Model", ids) is ids


def test_a_fraction_is_named_with_its_row():
    with pytest.raises(ValueError, match=r"whole numbers below 2\*\*31, got 2.5 in row 1"):
        whole_numbers("Model", np.array([[1.0, 2.0], [3.0, 2.5]]))


@pytest.mark.parametrize(("largest", "is_exact"), [(2048, True), (2050, False)])
def test_half_precision_is_accepted_up_to_the_largest_id_that_it_tells_apart(largest, is_exact):
    ids = np.array([[1, largest]], np.float16)
    if is_exact:
        assert whole_numbers("Model", ids).tolist() == [[1, largest]]
        return
    with pytest.raises(ValueError, match="ids above 2048 are not exact in float16, got 2050"):
        whole_numbers("Model", ids)


# ---- Digests ---------------------------------------------------------------------------------


def digest_of(array, margin=None):
    digest = blake2b(digest_size=16)
    update_digest(digest, array, margin)
    return digest.hexdigest()


def test_a_digest_depends_on_values_shape_and_dtype():
    array = np.arange(6, dtype=np.int32)
    others = [array[::-1], array.reshape(2, 3), array.reshape(3, 2), array.astype(np.int64)]
    others += [array.view(np.float32), array[:5], array[:0], np.int32(0)]
    assert len({digest_of(np.asarray(other)) for other in (array, *others)}) == 9


@pytest.mark.parametrize("n_bytes", [1, 24, 25, 2**22])
def test_a_digest_does_not_depend_on_how_an_array_is_read(monkeypatch, n_bytes):
    array = np.random.default_rng(0).normal(size=(7, 3))
    expected = digest_of(array)
    monkeypatch.setattr(arrays, "_DIGESTED_BYTES", n_bytes)
    assert digest_of(array) == digest_of(np.asfortranarray(array)) == expected


@pytest.mark.parametrize("padding", ["pre", "post"])
def test_padding_that_is_not_stored_is_digested(padding):
    rows, margin = np.arange(1, 7, dtype=np.int32).reshape(2, 3), PaddingMargin(5, padding)
    assert digest_of(rows, margin) == digest_of(margin.pad(rows)) != digest_of(rows)

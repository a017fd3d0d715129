"""Markers of texts without a label, of any type; a teacher's labels have the shares asked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn.semi_supervised._labels import assign_labels, labels_of

MARKED = {
    "int64": np.array([3, -1, 5]),
    "int8": np.array([3, -1, 5], np.int8),
    "float": np.array([3.0, -1.0, 5.0]),
    "NaN": np.array([3.0, np.nan, 5.0]),
    "str": np.array(["a", "", "b"]),
    "str of a number": np.array(["a", "-1", "b"]),
    "bytes": np.array([b"a", b"", b"b"]),
    "None": np.array(["a", None, "b"], object),
    "object NaN": np.array(["a", np.nan, "b"], object),
    "object -1": np.array(["a", -1, "b"], object),
    "objects of numbers": np.array([3, None, 5], object),
    "pandas": pd.Series(["a", None, "b"]),
    "pandas string": pd.Series(["a", pd.NA, "b"], dtype="string"),
    "pandas Int64": pd.Series([3, pd.NA, 5], dtype="Int64"),
    "pandas category": pd.Series(["a", None, "b"], dtype="category"),
    "list": ["a", "", "b"],
    "list of None": ["a", None, "b"],
    "list of NaN": ["a", float("nan"), "b"],
    "list of numbers": [3, float("nan"), 5],
    "tuple": ("a", np.nan, "b"),
    "masked": np.ma.masked_array([3, 4, 5], [False, True, False]),
    "column": np.array([[3], [-1], [5]]),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("y", MARKED.values(), ids=MARKED)
def test_the_second_text_has_no_label(y):
    mask, labels = labels_of(y, "T")
    assert mask.tolist() == [True, False, True]
    assert labels.tolist() in ([3, 5], ["a", "b"], [b"a", b"b"])
    assert labels.dtype.kind in "iUS"


@pytest.mark.parametrize("y", [[0, 1, 2], ["a", "b", "-"], [True, False, True], [1.5, 0.0, -2.0]])
def test_other_labels_are_labels(y):
    mask, labels = labels_of(y, "T")
    assert mask.all()
    assert labels.tolist() == y


@pytest.mark.parametrize("marker", [None, -1, np.nan])
def test_large_numbers_stay_what_they_are(marker):
    y = [2**53 + 1, 2**53, marker]
    for same in (y, np.array(y, object)):
        assert labels_of(same, "T")[1].tolist() == [2**53 + 1, 2**53]
    assert labels_of([np.inf, 0.0, marker], "T")[1].tolist() == [np.inf, 0]


@pytest.mark.parametrize(
    ("y", "kinds"), [([1, "a"], "numbers and str"), ([True, "a"], "bool and str"), ([2, True], "")]
)
def test_labels_of_several_kinds_are_refused(y, kinds):
    with pytest.raises(ValueError, match=f"T: expected labels of one kind, got .*{kinds}"):
        labels_of([*y, None], "T")


@given(
    st.integers(2, 6),
    st.integers(1, 300),
    st.integers(0, 1_000),
    st.floats(-30, 30),
    st.booleans(),
)
def test_each_class_gets_its_share_whatever_the_teacher_prefers(n_classes, n, seed, bias, even):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes))
    logits[:, 0] += bias
    shares = np.full(n_classes, 1 / n_classes) if even else rng.dirichlet(np.ones(n_classes))
    counts = np.bincount(assign_labels(logits, shares), minlength=n_classes)
    assert (np.abs(counts - shares * n) <= 2).all()


def test_of_two_classes_the_surest_texts_get_each():
    logits = np.array([[0.0, 5.0], [0.0, 4.0], [0.0, 3.0], [0.0, 2.0]])
    assert assign_labels(logits, np.array([0.5, 0.5])).tolist() == [1, 1, 0, 0]
    assert assign_labels(logits, np.array([0.25, 0.75])).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("n_first", [10, 90])
@pytest.mark.parametrize("first", [0, 1])
def test_texts_that_a_teacher_cannot_tell_apart_get_one_label(n_first, first):
    """And a sure one keeps its own, if that is as close to the shares."""
    codes = np.array([first] * n_first + [1 - first] * (100 - n_first))
    labels = assign_labels(2.0 * np.eye(2)[codes], np.array([0.5, 0.5]))
    np.testing.assert_array_equal(labels, codes)


def test_where_a_teacher_knows_nothing_all_texts_are_of_the_largest_class():
    assert set(assign_labels(np.zeros((10, 2)), np.array([0.3, 0.7]))) == {1}
    assert set(assign_labels(np.zeros((10, 2)), np.array([0.7, 0.3]))) == {0}


def test_no_texts_get_no_labels():
    assert assign_labels(np.zeros((0, 3)), np.ones(3) / 3).tolist() == []

import copy
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_consistent_length

from sklearn_rnn import TokenSequences

VOCABULARY = ("<pad>", "<unk>", "good", "bad", "so")


@pytest.fixture
def sequences():
    ids = np.arange(12).reshape(4, 3) % 5
    return TokenSequences(ids, VOCABULARY, np.arange(10.0).reshape(5, 2))


def test_len_shape_and_iteration_are_those_of_the_rows(sequences):
    assert len(sequences) == 4
    assert sequences.shape == (4, 3)
    assert [row.tolist() for row in sequences] == sequences.ids.tolist()


def test_ids_become_int32_and_vectors_float32(sequences):
    assert sequences.ids.dtype == np.int32
    assert sequences.vectors.dtype == np.float32
    assert TokenSequences([[1]], list(VOCABULARY)).vocabulary == VOCABULARY


def test_arrays_that_fit_are_not_copied():
    ids, table = np.ones((2, 3), np.int32), np.ones((5, 2), np.float32)
    sequences = TokenSequences(ids, VOCABULARY, table)
    assert np.shares_memory(sequences.ids, ids)
    assert np.shares_memory(sequences.vectors, table)
    assert np.shares_memory(sequences[[0]].vectors, table)


def test_attributes_cannot_be_set(sequences):
    with pytest.raises(FrozenInstanceError):
        sequences.ids = np.zeros((1, 1), int)


@pytest.mark.parametrize("name", ["ids", "vectors"])
@pytest.mark.parametrize(
    "passed_on",
    [
        pytest.param(lambda sequences: sequences, id="made"),
        pytest.param(lambda sequences: sequences[:2], id="indexed"),
        pytest.param(copy.deepcopy, id="copied"),
        pytest.param(lambda sequences: pickle.loads(pickle.dumps(sequences)), id="pickled"),
    ],
)
def test_arrays_cannot_be_written_to(sequences, passed_on, name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(passed_on(sequences), name)[0, 0] = 1


def test_the_callers_own_array_stays_writeable():
    ids = np.ones((2, 3), np.int32)
    TokenSequences(ids, VOCABULARY)
    ids[0, 0] = 2


def test_np_asarray_gives_the_ids(sequences):
    np.testing.assert_array_equal(np.asarray(sequences), sequences.ids)
    assert np.asarray(sequences, dtype=float).dtype == float
    assert np.shares_memory(np.asarray(sequences), sequences.ids)
    copied = np.array(sequences)
    copied[:] = 0
    assert sequences.ids.any()


def test_an_integer_gives_one_row_of_ids(sequences):
    np.testing.assert_array_equal(sequences[-1], sequences.ids[-1])
    np.testing.assert_array_equal(sequences[np.int64(1)], sequences.ids[1])


ROW_KEYS = [
    pytest.param(slice(1, 3), id="slice"),
    pytest.param(slice(None, None, -1), id="reversed"),
    pytest.param([2, 0, 2], id="list"),
    pytest.param(np.array([3, 1]), id="index array"),
    pytest.param(np.array([], int), id="no rows"),
    pytest.param(np.array([True, False, False, True]), id="mask"),
]


@pytest.mark.parametrize("key", ROW_KEYS)
def test_other_keys_give_the_sequences_of_those_rows(sequences, key):
    for rows in (sequences[key], sequences[key, ...], _safe_indexing(sequences, key)):
        assert isinstance(rows, TokenSequences)
        np.testing.assert_array_equal(rows.ids, sequences.ids[key])
        assert rows.vocabulary is sequences.vocabulary
        assert np.shares_memory(rows.vectors, sequences.vectors)


def test_an_index_out_of_range_raises(sequences):
    with pytest.raises(IndexError):
        sequences[4]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        pytest.param(([[0.5]],), TypeError, "ids must be integers, got float64", id="float ids"),
        pytest.param(([["a"]],), TypeError, "ids must be integers", id="text"),
        pytest.param(([1, 2],), ValueError, r"shape \(n_texts, n_tokens\), got \(2,\)", id="1-D"),
        pytest.param(([[[1]]],), ValueError, r"got \(1, 1, 1\)", id="3-D ids"),
        pytest.param(([[2**32 + 2]],), ValueError, "ids", id="ids beyond int32"),
        pytest.param(
            ([[1]], np.ones((4, 2))), ValueError, r"\(5, n_dimensions\).*\(4, 2\)", id="rows"
        ),
        pytest.param(([[1]], np.ones(5)), ValueError, r"got \(5,\)", id="1-D vectors"),
    ],
)
def test_bad_arguments_raise(arguments, error, message):
    ids, *vectors = arguments
    with pytest.raises(error, match=message):
        TokenSequences(ids, VOCABULARY, *vectors)


def test_pickling_keeps_everything(sequences):
    back = pickle.loads(pickle.dumps(sequences))
    np.testing.assert_array_equal(back.ids, sequences.ids)
    np.testing.assert_array_equal(back.vectors, sequences.vectors)
    assert back.vocabulary == sequences.vocabulary


def test_scikit_learn_counts_and_splits_them_like_an_array(sequences):
    labels = np.array([0, 1, 0, 1])
    assert _num_samples(sequences) == 4
    check_consistent_length(sequences, labels)
    X_train, X_test, y_train, y_test = train_test_split(
        sequences, labels, test_size=2, stratify=labels, random_state=0
    )
    ids_train, ids_test = train_test_split(
        sequences.ids, test_size=2, stratify=labels, random_state=0
    )
    np.testing.assert_array_equal(X_train.ids, ids_train)
    np.testing.assert_array_equal(X_test.ids, ids_test)
    assert sorted(y_train) == sorted(y_test) == [0, 1]


def test_repr_tells_the_sizes(sequences):
    assert repr(sequences) == (
        "<TokenSequences: 4 texts x 3 tokens, 5 vocabulary entries, 2-d vectors>"
    )

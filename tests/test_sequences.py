import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_union
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_consistent_length

from paths import SAVED_MODELS
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._data.inputs import check_inputs
from sklearn_rnn._training.fingerprint import fit_fingerprint

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
    sequences = replace(sequences, vectors=None)
    assert type(np.asarray(sequences)) is np.ndarray
    np.testing.assert_array_equal(np.asarray(sequences), sequences.ids)
    assert np.asarray(sequences, dtype=float).dtype == float
    assert np.shares_memory(np.asarray(sequences), sequences.ids)
    copied = np.array(sequences)
    copied[:] = 0
    assert sequences.ids.any()


def test_an_array_warns_of_vectors_that_stay_behind(sequences):
    with pytest.warns(UserWarning, match="contains the ids alone, without their vectors"):
        np.testing.assert_array_equal(np.asarray(sequences), sequences.ids)


ARRAY_FUNCTIONS = [
    np.shape,
    np.ndim,
    np.size,
    np.unique,
    np.mean,
    np.max,
    np.count_nonzero,
    np.sort,
    np.ravel,
    np.flip,
    np.zeros_like,
    np.transpose,
    lambda X: np.take(X, [2, 0], axis=0),
    lambda X: np.array_equal(X, X),
    lambda X: np.isin(X, [2, 3]),
    lambda X: np.where(np.ones((4, 1), bool), X, 0),
    lambda X: np.mean(a=X, axis=1),
    lambda X: np.concatenate([np.equal(X, 2), np.equal(X, 3)]),
]


@pytest.mark.parametrize("function", ARRAY_FUNCTIONS)
def test_numpys_functions_see_the_ids(sequences, function):
    sequences = replace(sequences, vectors=None)
    got, expected = function(sequences), function(sequences.ids)
    assert type(got) is type(expected)
    np.testing.assert_array_equal(got, expected)


def test_a_data_frame_can_be_made_of_them(sequences):
    frame = pd.DataFrame(replace(sequences, vectors=None))
    np.testing.assert_array_equal(frame.to_numpy(), sequences.ids)


# ---- Joined -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "join",
    [
        np.concatenate,
        np.vstack,
        lambda parts: np.concatenate(tuple(parts), axis=-2),
        lambda parts: np.append(parts[0], parts[1], axis=0),
    ],
)
def test_rows_of_one_vocabulary_are_joined(sequences, join):
    joined = join([sequences[:1], sequences[1:]])
    np.testing.assert_array_equal(joined.ids, sequences.ids)
    assert joined.vocabulary is sequences.vocabulary
    assert np.shares_memory(joined.vectors, sequences.vectors)


def test_equal_words_and_vectors_need_not_be_the_same_objects(sequences):
    other = pickle.loads(pickle.dumps(sequences))
    assert np.concatenate([sequences, other, sequences]).shape == (12, 3)


def test_narrower_rows_are_padded_on_the_left(sequences):
    narrow = replace(sequences, ids=[[4, 3]])
    assert np.concatenate([narrow, sequences]).ids[0].tolist() == [0, 4, 3]
    assert np.concatenate([sequences, narrow]).ids[-1].tolist() == [0, 4, 3]


@pytest.mark.parametrize("join", [np.concatenate, np.hstack, np.vstack, np.column_stack])
def test_one_alone_stays_what_it_is(sequences, join):
    assert join([sequences]) is sequences


CANNOT = r'TokenSequences: .* would mix token ids .*np\.concatenate.*"Several columns"'

OTHERS = {
    "other words": TokenSequences([[2, 3, 4]], (*VOCABULARY[:4], "film")),
    "more words": TokenSequences([[2, 3, 4]], (*VOCABULARY, "film")),
    "other vectors": TokenSequences([[2, 3, 4]], VOCABULARY, np.ones((5, 2))),
    "no vectors": TokenSequences([[2, 3, 4]], VOCABULARY),
    "ids": np.array([[2, 3, 4]]),
    "lists": [[2, 3, 4]],
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    "join", [np.concatenate, np.vstack, lambda both: np.append(*both, axis=0)]
)
def test_rows_that_mean_something_else_are_not_joined(sequences, join, name):
    for both in ([sequences, OTHERS[name]], [OTHERS[name], sequences]):
        with pytest.raises(ValueError, match=CANNOT):
            join(both)


SIDE_BY_SIDE = {
    "concatenate": lambda parts: np.concatenate(parts, axis=1),
    "all in one row": lambda parts: np.concatenate(parts, axis=None),
    "into an array": lambda parts: np.concatenate(parts, out=np.empty((8, 3), np.int32)),
    "as floats": lambda parts: np.concatenate(parts, dtype=float),
    "hstack": np.hstack,
    "stack": np.stack,
    "dstack": np.dstack,
    "column_stack": np.column_stack,
    "append": lambda parts: np.append(*parts),
    "insert": lambda parts: np.insert(parts[0], 0, parts[1][0], axis=0),
    "block": np.block,
    "r_": lambda parts: np.r_[tuple(parts)],
    "c_": lambda parts: np.c_[tuple(parts)],
    "scipy": lambda parts: sparse.hstack([*parts, sparse.csr_array(np.eye(4))]),
    "objects": lambda parts: np.array([*parts, None], dtype=object),
}


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_any_other_join_is_refused(sequences, name):
    same = replace(sequences, vectors=None)
    for parts in ([same, same], [same, OTHERS["other words"][[0, 0, 0, 0]]], [same, np.eye(4, 3)]):
        with pytest.raises(ValueError, match=CANNOT):
            SIDE_BY_SIDE[name](parts)


TABLE = pd.DataFrame({"title": ["so good", "bad"], "body": ["a film", "film"], "stars": [5, 1]})


@pytest.mark.parametrize(
    "columns",
    [
        [("title", SequenceVectorizer(), "title"), ("body", SequenceVectorizer(), "body")],
        [("title", SequenceVectorizer(), "title"), ("stars", "passthrough", ["stars"])],
        [("title", SequenceVectorizer(), "title"), ("body", TfidfVectorizer(), "body")],
    ],
    ids=["texts", "numbers", "a sparse matrix"],
)
def test_a_column_transformer_does_not_mix_them_with_other_columns(columns):
    with pytest.raises(ValueError, match=CANNOT):
        ColumnTransformer(columns).fit_transform(TABLE)


def test_a_column_transformer_picks_one_column_of_texts():
    sequences = ColumnTransformer([("title", SequenceVectorizer(), "title")]).fit_transform(TABLE)
    assert sequences.vocabulary[2:] == ("bad", "good", "so")


@pytest.mark.parametrize("other", [SequenceVectorizer(analyzer="char"), TfidfVectorizer()])
def test_a_feature_union_does_not_mix_them_with_other_features(other):
    for both in ([SequenceVectorizer(), other], [other, SequenceVectorizer()]):
        with pytest.raises(ValueError, match=CANNOT):
            make_union(*both).fit_transform(TABLE["title"])


def test_a_list_of_sequences_is_not_taken_for_vectors(sequences):
    with pytest.raises(ValueError, match="expected one TokenSequences, got a list of them"):
        RNNTextClassifier().fit([sequences] * 4, [0, 1, 0, 1])


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


# ---- Places that all texts leave empty ------------------------------------------------------

TEXTS = ["so good", "", "bad, so bad", "a good film"]


def short_texts(**parameters):
    """Return sequences of short texts as the vectorizer makes them, and with all ids there."""
    sequences = SequenceVectorizer(**{"max_len": 9, **parameters}).fit_transform(TEXTS)
    return sequences, TokenSequences(np.array(sequences.ids), sequences.vocabulary)


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize(
    "see",
    [
        lambda X: X.ids,
        lambda X: np.asarray(X),
        lambda X: np.array(X, np.int64),
        lambda X: X[2],
        lambda X: X[np.int64(-1)],
        lambda X: X[1:3],
        lambda X: X[:0],
        lambda X: X[[3, 0]],
        lambda X: X[np.array([True, False, False, True])],
        lambda X: X[:2, 1:],
        lambda X: X[1, 2:],
        lambda X: list(X),
        lambda X: X[1:][1:2],
        lambda X: np.concatenate([X, X[:1], X]),
        lambda X: np.append(X, X[2:], axis=0),
        lambda X: np.concatenate([X, TokenSequences(X.ids[:, :3], X.vocabulary)]),
        lambda X: np.count_nonzero(X, axis=1),
        lambda X: pickle.loads(pickle.dumps(X)),
        lambda X: copy.deepcopy(X)[::2],
        lambda X: replace(X, vectors=np.ones((len(X.vocabulary), 2))),
        lambda X: (X.shape, X.ndim, len(X), repr(X)),
    ],
)
def test_sequences_are_as_long_as_their_vectorizer_says_whatever_is_stored(padding, see):
    sequences, whole = short_texts(padding=padding)
    assert sequences.shape == (4, 9)
    found, expected = see(sequences), see(whole)
    assert type(found) is type(expected)
    if isinstance(found, TokenSequences):
        assert found.vocabulary == expected.vocabulary
        np.testing.assert_equal(found.vectors, expected.vectors)
        assert found.shape == expected.shape
        found, expected = found.ids, expected.ids
    np.testing.assert_equal(found, expected)
    assert not hasattr(sequences, "columns")


def test_ids_that_were_asked_for_are_the_same_array_and_travel_as_what_they_are_made_of():
    sequences, _ = short_texts(max_len=10_000)
    assert sequences.ids is sequences.ids
    assert not sequences.ids.flags.writeable
    assert len(pickle.dumps(sequences)) < 1_000
    assert pickle.loads(pickle.dumps(sequences)).shape == (4, 10_000)


@pytest.mark.parametrize("pooling", ["max", "flatten"])
def test_a_network_learns_the_same_whatever_is_stored(pooling):
    parameters = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 2, "random_state": 0}
    both = short_texts()
    models = [RNNTextClassifier(**parameters, pooling=pooling).fit(X, [0, 1, 0, 1]) for X in both]
    for asked in (both, [X[1:3] for X in both]):
        answers = [model.predict_proba(X) for model in models for X in asked]
        for answer in answers:
            np.testing.assert_array_equal(answer, answers[0])
    assert [model.n_features_in_ for model in models] == [9, 9]
    # A checkpoint of the one is one of the other.
    digests = {
        str(
            fit_fingerprint(
                "", models[0]._settings(), check_inputs("", X), SequenceDataset(X._stored), None
            )
        )
        for X in both
    }
    assert len(digests) == 1
    if pooling == "flatten":
        with pytest.raises(ValueError, match="fitted on sequences of 9 tokens, got 8"):
            models[0].predict(SequenceVectorizer(max_len=8).fit(TEXTS).transform(TEXTS))


def test_sequences_that_a_former_version_pickled_open():
    sequences = pickle.loads((SAVED_MODELS / "sequences.pickle").read_bytes())
    texts = ["a good film", "a bad one"]
    expected = SequenceVectorizer(max_len=50).fit_transform(texts)
    assert sequences.vocabulary == expected.vocabulary
    assert sequences.shape == (2, 50)
    np.testing.assert_array_equal(sequences.ids, expected.ids)

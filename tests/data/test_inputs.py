"""What estimators read: ids that training did not hold, ids of any size, sequences or arrays."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences
from sklearn_rnn._data.inputs import check_inputs
from sklearn_rnn.inspection import memory_profile
from sklearn_rnn.sequences import UNKNOWN
from small_models import TWO_EPOCHS

LARGEST, GAPS = 40, [20, 31]
WORDS = tuple(f"w{i}" for i in range(60))


@pytest.fixture(scope="module")
def data():
    """Ids up to LARGEST, of which those of GAPS never come, and labels."""
    ids = np.random.default_rng(0).integers(2, LARGEST + 1, (60, 5))
    ids[np.isin(ids, GAPS)] += 1
    ids[0, 0] = LARGEST
    return ids, ids[:, 0] % 2


MODELS = {
    "default": lambda ids, y: RNNTextClassifier(**TWO_EPOCHS).fit(ids, y),
    "words alone": lambda ids, y: RNNTextClassifier(**TWO_EPOCHS, linear="words").fit(ids, y),
    "no linear model": lambda ids, y: RNNTextClassifier(**TWO_EPOCHS, linear="none").fit(ids, y),
    "flatten": lambda ids, y: RNNTextClassifier(**TWO_EPOCHS, pooling="flatten").fit(ids, y),
    "early stopping": lambda ids, y: RNNTextClassifier(**TWO_EPOCHS, early_stopping=True).fit(
        ids, y
    ),
    "chunks": lambda ids, y: (
        RNNTextClassifier(**TWO_EPOCHS).partial_fit(ids[:30], y[:30], [0, 1]).partial_fit(ids, y)
    ),
    "warm start": lambda ids, y: (
        RNNTextClassifier(**TWO_EPOCHS, warm_start=True).fit(ids[:30], y[:30]).fit(ids, y)
    ),
    "saved": lambda ids, y: pickle.loads(
        pickle.dumps(RNNTextClassifier(**TWO_EPOCHS).fit(ids, y))
    ),
    "regressor": lambda ids, y: RNNTextRegressor(**TWO_EPOCHS).fit(ids, y),
    "regressor, no linear model": lambda ids, y: RNNTextRegressor(**TWO_EPOCHS, linear="none").fit(
        ids, y
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, data):
    return MODELS[request.param](*data)


def answers(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


@settings(max_examples=15, deadline=None)
@given(
    row=st.lists(
        st.sampled_from([0, UNKNOWN, 2, 3, LARGEST, *GAPS, LARGEST + 1, 10**6, 2**31, 2**40]),
        min_size=5,
        max_size=5,
    )
)
def test_an_id_that_training_did_not_hold_reads_as_unknown(model, row):
    X = np.array([row])
    as_unknown = np.where(np.isin(X, GAPS) | (X > LARGEST), UNKNOWN, X)
    np.testing.assert_array_equal(model.transform(X), model.transform(as_unknown))
    np.testing.assert_array_equal(answers(model, X), answers(model, as_unknown))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint64, np.int64, object])
def test_so_it_does_whatever_the_type_of_the_array(data, kind):
    model = MODELS["default"](*data)
    X = np.full((2, 5), 3)
    X[:, 1] = 2**40
    expected = answers(model, np.where(X > LARGEST, UNKNOWN, X))
    np.testing.assert_array_equal(answers(model, X.astype(kind)), expected)
    if kind == np.float64:  # beyond all integers
        np.testing.assert_array_equal(answers(model, np.where(X > LARGEST, 1e300, X)), expected)


def test_so_it_does_in_score_and_inspection(data):
    model, (ids, y) = MODELS["default"](*data), data
    larger, as_unknown = ids.copy(), ids.copy()
    larger[:, 1], as_unknown[:, 1] = 10**6, UNKNOWN
    assert model.score(larger, y) == model.score(as_unknown, y)
    profiles = [memory_profile(model, X) for X in (larger, as_unknown)]
    np.testing.assert_array_equal(profiles[0].norms, profiles[1].norms)


def test_an_id_is_learned_when_a_later_chunk_brings_it(data):
    ids, y = data
    model = MODELS["chunks"](ids, y)
    row, *_ = GAPS
    chunk = np.where(ids == LARGEST, row, ids)
    model.partial_fit(chunk, y)
    vectors = model.embedding_vectors_
    assert not np.array_equal(vectors[row], vectors[UNKNOWN])
    np.testing.assert_array_equal(vectors[GAPS[1]], vectors[UNKNOWN])


def test_training_reads_larger_ids_of_later_chunks_as_unknown_too(data):
    ids, y = data
    larger = np.where(ids == LARGEST, 2**40, ids)
    as_unknown = np.where(ids == LARGEST, UNKNOWN, ids)
    models = [MODELS["chunks"](ids, y) for _ in range(2)]
    with pytest.warns(UserWarning, match="learns to read these as unknown"):
        models[0].partial_fit(larger, y)
    models[1].partial_fit(as_unknown, y)
    np.testing.assert_array_equal(*(answers(model, ids) for model in models))


def test_ids_of_texts_without_weight_are_unknown(data):
    ids, y = data
    weights = (ids != LARGEST).all(axis=1).astype(float)
    model = RNNTextClassifier(**TWO_EPOCHS, linear="none").fit(ids, y, sample_weight=weights)
    vectors = model.embedding_vectors_
    np.testing.assert_array_equal(vectors[LARGEST], vectors[UNKNOWN])


def test_words_that_training_did_not_hold_read_as_unknown(data):
    ids, y = data
    model = RNNTextClassifier(**TWO_EPOCHS, linear="none").fit(TokenSequences(ids, WORDS), y)
    X, as_unknown = np.full((1, 3), GAPS[0]), np.full((1, 3), UNKNOWN)
    np.testing.assert_array_equal(
        *(model.predict_proba(TokenSequences(ids, WORDS)) for ids in (X, as_unknown))
    )


def test_words_with_vectors_keep_these_where_training_did_not_hold_them(data):
    ids, y = data
    table = np.random.default_rng(0).normal(size=(60, 4))
    model = RNNTextClassifier(**TWO_EPOCHS, freeze_embedding=True)
    model.fit(TokenSequences(ids, WORDS, table), y)
    np.testing.assert_allclose(model.embedding_vectors_[1:], table[1:], rtol=1e-6)


def test_sequences_and_the_array_of_their_ids_mean_the_same_to_a_model_of_either(data):
    ids, y = data
    sequences = TokenSequences(ids, WORDS)
    of_array = RNNTextClassifier(**TWO_EPOCHS).fit(ids, y)
    of_sequences = RNNTextClassifier(**TWO_EPOCHS).fit(sequences, y)
    for model in (of_array, of_sequences):
        np.testing.assert_array_equal(answers(model, ids), answers(model, sequences))
    beyond = TokenSequences(np.where(ids == LARGEST, 55, ids), WORDS)
    as_unknown = np.where(ids == LARGEST, UNKNOWN, ids)
    np.testing.assert_array_equal(answers(of_array, beyond), answers(of_array, as_unknown))


def test_a_model_that_knows_all_words_refuses_ids_beyond_them(data):
    ids, y = data
    model = RNNTextClassifier(**TWO_EPOCHS).fit(TokenSequences(ids, WORDS), y)
    with pytest.raises(ValueError, match=r"ids must be in \[0, 60\), got 60 in row 0"):
        model.predict(ids + 60 - ids[0, 0])


def test_sequences_hold_no_ids_beyond_their_own_words(data):
    ids, y = data
    model = RNNTextClassifier(**TWO_EPOCHS).fit(ids, y)
    with pytest.raises(ValueError, match=r"ids must be in \[0, 9\)"):
        model.predict(TokenSequences(ids, WORDS[:9]))


SPARSE = {
    "millions": 3_000_000,
    "time stamps": 1_700_000_000,
    "hashes": 2**31,
    "hashes of 64 bits": np.uint64(2**63),
    "floats": 2e9,
    "floats beyond integers": 1e300,
}


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("of_one", [False, True], ids=["all", "one of them"])
def test_ids_far_apart_are_refused_before_a_table_is_made(data, name, of_one):
    ids, y = data
    is_far = ids == LARGEST if of_one else ids > 0
    X = np.where(is_far, np.asarray(SPARSE[name]) + ids.astype(type(SPARSE[name])), 3)
    with pytest.raises(ValueError, match=r"ids must be numbered .* np\.searchsorted"):
        RNNTextClassifier(**TWO_EPOCHS).fit(X, y)


def n_ids(X):
    return check_inputs("", X).n_ids


def test_a_large_vocabulary_is_no_mistake():
    assert n_ids(np.arange(2, 2 + 2**21).reshape(-1, 128)) == 2 + 2**21
    assert n_ids(np.arange(2, 2 + 2**22, 9)[:, None]) > 2**21  # one row in nine is used
    hashed = np.array([[2 + 2**20 - 1]])  # HashingVectorizer's number of features
    assert n_ids(hashed) == 2 + 2**20


def test_many_tokens_do_not_excuse_few_ids_far_apart():
    few = np.tile([2, 3, 2**22], (300_000, 1))
    with pytest.raises(ValueError, match="which is 4194304: few of them occur"):
        n_ids(few)


@pytest.mark.parametrize("estimator", [RNNTextClassifier, RNNTextRegressor])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_further_training_texts_may_have_fewer_ids_and_say_so_if_they_have_more(estimator, method):
    X = np.random.default_rng(0).integers(0, 50, (60, 7))
    y = np.arange(60) % 2
    model = estimator(warm_start=True, max_epochs=1, hidden_size=4, embedding_dim=4)
    getattr(model.fit(X, y), method)(X % 5, y)
    with pytest.warns(UserWarning, match="learns to read these as unknown"):
        getattr(model, method)(X + 2**40, y)
    unknown = np.ones((1, 7), int)
    assert model.predict(unknown + 2**40) == model.predict(unknown)

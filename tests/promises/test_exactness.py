"""A prediction depends on the text alone, and is what the formulas say."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.pipeline import make_pipeline

from plain_network import (
    DEPTHS,
    TEXTS,
    lay_out,
    reference_features,
    reference_logits,
)
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.pooling import POOLINGS

N_IDS, WIDTH = 12, 14
VOCABULARY = ("<pad>", "<unk>", *(f"w{i}" for i in range(2, N_IDS)))


def sequences(texts, width=WIDTH, where="pre", seed=0):
    return TokenSequences(lay_out(texts, width, where, seed), VOCABULARY)


@cache
def fitted(cell, pooling, num_layers=2, bidirectional=True):
    generator = np.random.default_rng(0)
    texts = [generator.integers(1, N_IDS, generator.integers(1, WIDTH)) for _ in range(24)]
    model = RNNTextClassifier(
        cell=cell,
        pooling=pooling,
        num_layers=num_layers,
        bidirectional=bidirectional,
        hidden_size=6,
        embedding_dim=5,
        max_epochs=3,
        batch_size=8,
        lr=0.1,
        early_stopping=False,
        random_state=0,
    )
    return model.fit(sequences(texts), np.arange(24) % 3)


def assert_same(probabilities, expected):
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)


some_texts = st.lists(st.lists(st.integers(1, N_IDS - 1), max_size=WIDTH), min_size=1, max_size=12)
every_model = pytest.mark.parametrize(
    ("cell", "pooling"), [(cell, pooling) for cell in CELLS for pooling in POOLINGS]
)
# The models above are stacked and bidirectional.
every_other_depth = pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS[:-1])


@every_model
def test_the_models_of_these_tests_tell_texts_apart(cell, pooling):
    texts = [[word] * n for word in (2, 5, 8) for n in (1, 10)]
    spread = np.ptp(fitted(cell, pooling).predict_proba(sequences(texts)), axis=0)
    assert spread.max() > 0.01  # tolerances below are 1e-6


@every_model
@given(texts=some_texts, more=st.integers(0, 40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=6)
def test_padding_changes_no_probability(cell, pooling, texts, more, seed):
    model = fitted(cell, pooling)
    width = WIDTH if pooling == "flatten" else WIDTH + more
    expected = model.predict_proba(sequences(texts))
    for where in ("pre", "post", "middle"):
        assert_same(model.predict_proba(sequences(texts, width, where, seed)), expected)


@every_model
@given(texts=some_texts, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=6)
def test_company_and_order_change_no_probability(cell, pooling, texts, seed):
    model = fitted(cell, pooling)
    X = sequences(texts)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[[row]]) for row in range(len(texts))])
    assert_same(alone, together)
    order = np.random.default_rng(seed).permutation(len(texts))
    assert_same(model.predict_proba(X[order]), together[order])


@every_other_depth
@pytest.mark.parametrize("cell", CELLS)
@given(texts=some_texts, more=st.integers(0, 40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=4)
def test_neither_matters_at_any_depth(cell, num_layers, bidirectional, texts, more, seed):
    model = fitted(cell, "last", num_layers, bidirectional)
    expected = model.predict_proba(sequences(texts))
    for where in ("pre", "post", "middle"):
        X = sequences(texts, WIDTH + more, where, seed)
        assert_same(model.predict_proba(X), expected)
        assert_same(model.predict_proba(X[[0]]), expected[[0]])


@every_model
def test_batch_size_changes_no_probability(cell, pooling, monkeypatch):
    model = fitted(cell, pooling)
    generator = np.random.default_rng(1)
    X = sequences([generator.integers(1, N_IDS, n % WIDTH) for n in range(40)])
    expected = model.predict_proba(X)
    for n_tokens in (20, 300):
        monkeypatch.setattr("sklearn_rnn._data.batches._TOKENS_AT_ONCE", n_tokens)
        assert_same(model.predict_proba(X), expected)


@every_model
def test_an_empty_text_equals_one_unknown_token(cell, pooling):
    empty, unknown = fitted(cell, pooling).predict_proba(sequences([[], [1]]))
    assert_same(empty, unknown)


@pytest.mark.parametrize("pooling", POOLINGS)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(["not", "so", "good", "bad", "strange"]), max_size=6),
        min_size=1,
        max_size=6,
    )
)
@settings(deadline=None, max_examples=10)
def test_the_vectorizers_padding_changes_no_probability(pooling, texts):
    texts = [" ".join(words) for words in texts]
    pipeline = fitted_pipeline(pooling)
    vectorizer, model = pipeline[0], pipeline[-1]
    expected = pipeline.predict_proba(texts)
    widths = [6] if pooling == "flatten" else [6, 11]
    for padding in ("pre", "post"):
        for width in widths:
            other = SequenceVectorizer(
                vocabulary=vectorizer.vocabulary_, max_len=width, padding=padding
            )
            assert_same(model.predict_proba(other.fit_transform(texts)), expected)
    for text, row in zip(texts, expected, strict=True):
        assert_same(pipeline.predict_proba([text])[0], row)
    assert_same(pipeline.predict_proba([""]), pipeline.predict_proba(["unheard"]))


@cache
def fitted_pipeline(pooling):
    model = RNNTextClassifier(
        pooling=pooling, hidden_size=4, embedding_dim=4, early_stopping=False, random_state=0
    )
    texts = ["good", "so good", "not bad", "bad", "so bad", "not good"] * 4
    return make_pipeline(SequenceVectorizer(max_len=6), model).fit(texts, [1, 1, 1, 0, 0, 0] * 4)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_of_a_fitted_classifier_follow_from_its_weights(cell, pooling):
    model = fitted(cell, pooling)
    logits = reference_logits(cell, pooling, model.net_.module_, TEXTS)
    np.testing.assert_allclose(
        model.predict_proba(sequences(TEXTS)), softmax(logits, axis=1), atol=1e-5
    )
    np.testing.assert_allclose(
        model.transform(sequences(TEXTS)),
        reference_features(cell, pooling, model.net_.module_, TEXTS),
        atol=1e-5,
    )


def test_the_row_of_padding_is_never_learned():
    model = fitted("lstm", "last")
    assert not model.embedding_vectors_[0].any()

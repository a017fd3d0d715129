"""Rare words read as the unknown token, and it learns from them."""

import pickle

import numpy as np
import pytest
import torch

from counted_texts import WORDS
from sklearn_rnn import RNNTextClassifier, TokenSequences
from sklearn_rnn._network.weights import build_network
from small_models import THREE_EPOCHS


def test_rare_words_read_as_the_unknown_token(two_words):
    X, y = two_words
    X = X.copy()
    X[:5, 0], X[5:, 0] = 40 + np.arange(5), 4
    words = tuple(map(str, range(60)))  # from 45 on, none of them was ever seen
    model = RNNTextClassifier(**THREE_EPOCHS).fit(TokenSequences(X, words), y)
    vectors = model.embedding_vectors_
    np.testing.assert_array_equal(vectors[40:], np.repeat(vectors[1:2], 20, axis=0))
    assert len(np.unique(vectors[2:40], axis=0)) == 38
    rare, unknown = X[:5].copy(), X[:5].copy()
    rare[:, 0], unknown[:, 0] = 59, 1
    np.testing.assert_array_equal(
        model.predict_proba(TokenSequences(rare, words)),
        model.predict_proba(TokenSequences(unknown, words)),
    )


def test_the_recurrent_layers_read_rare_words_as_unknown_and_the_linear_model_does_not(two_words):
    X, y = two_words
    network = RNNTextClassifier(**THREE_EPOCHS).fit(TokenSequences(X, WORDS), y).net_.module_
    ids = torch.from_numpy(np.asarray(X[:2])).long()
    unknown = torch.where(ids == ids[0, 0], 1, ids)
    with torch.no_grad():
        evidence = network.linear(ids)
        network.unknown_word_mask = torch.arange(len(WORDS)) == ids[0, 0]
        torch.testing.assert_close(network.embed(ids), network.embed(unknown))
        assert (network.linear(ids) == evidence).all()
        assert (network.linear(unknown) != evidence).any()


@pytest.mark.parametrize("changed", [{}, {"early_stopping": True}, {"warm_start": True}])
def test_the_unknown_token_learns_from_rare_words_and_they_do_not(two_words, changed):
    X, y = two_words
    X = X.copy()
    X[:40, 0] = 40 + np.arange(40)
    model = RNNTextClassifier(**THREE_EPOCHS, **changed)
    model.fit(X, y)
    start = build_network(model._config, model._seed).embedding.weight[1].numpy(force=True)
    for fitted in (model, pickle.loads(pickle.dumps(model)).fit(X, y)):
        vectors = fitted.embedding_vectors_
        np.testing.assert_array_equal(vectors[40:], np.repeat(vectors[1:2], 40, axis=0))
        assert np.abs(vectors[1] - start).max() > 1e-3


def test_a_handful_of_texts_has_no_rare_words():
    """Where nearly all words stand in one text, they are all there is to learn from."""
    X = np.arange(2, 42).reshape(8, 5)
    model = RNNTextClassifier(**THREE_EPOCHS | {"max_epochs": 60, "hidden_size": 16}).fit(
        X, np.arange(8) % 2
    )
    assert model.score(X, np.arange(8) % 2) == 1


def test_words_of_vectors_that_came_along_are_never_rare(two_words):
    X, y = two_words
    X = X.copy()
    X[0, 0] = 40
    vectors = np.random.default_rng(0).normal(size=(41, 3)).astype(np.float32)
    sequences = TokenSequences(X, tuple(map(str, range(41))), vectors)
    model = RNNTextClassifier(**THREE_EPOCHS, freeze_embedding=True).fit(sequences, y)
    np.testing.assert_array_equal(model.embedding_vectors_[1:], vectors[1:])


def test_chunks_have_no_rare_words(two_words):
    """What is rare in the first chunk may be frequent in those to come."""
    X, y = two_words
    X = X.copy()
    X[0, 0] = 40
    vectors = (
        RNNTextClassifier(**THREE_EPOCHS).partial_fit(X, y, classes=[0, 1]).embedding_vectors_
    )
    assert (vectors[40] != vectors[1]).any()

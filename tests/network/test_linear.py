"""The linear model beside the recurrent layers."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize

from counted_texts import N_IDS, WORDS, ids_of_texts, learned, padded, words_of
from sklearn_rnn import RNNTextClassifier, TokenSequences
from sklearn_rnn._data.batches import left_align
from sklearn_rnn._data.ngrams import CONSTANT
from sklearn_rnn._network.linear import TfidfLinear
from small_models import THREE_EPOCHS


def evidence_of(ngrams, n_outputs=2):
    linear = TfidfLinear(N_IDS, len(ngrams.pairs), n_outputs)
    linear.load_statistics(ngrams.pairs, ngrams.idf)
    torch.nn.init.normal_(linear.weight, generator=torch.Generator().manual_seed(0))
    return linear


def aligned(texts):
    return torch.from_numpy(left_align(padded(texts))[0])


# ---- Evidence --------------------------------------------------------------------------------


@given(ids_of_texts)
def test_the_evidence_is_tf_idf_as_scikit_learn_has_it(texts):
    """Of all words, but for those of all texts, and of the pairs that two texts hold."""
    texts = [list(text) for text in {tuple(text) for text in texts}]
    ngrams = learned(texts)
    documents = [" ".join(f"w{word}" for word in text) for text in texts]
    counts = CountVectorizer(
        ngram_range=(1, 2), binary=True, token_pattern=r"\S+", lowercase=False
    )
    held = counts.fit_transform(documents)
    names, n_texts = counts.get_feature_names_out(), held.sum(axis=0).A1
    counted = [" " not in name or n > 1 for name, n in zip(names, n_texts, strict=True)]
    weights = sparse.diags(np.where(n_texts == len(texts), CONSTANT, 1))
    X = normalize((TfidfTransformer(norm=None).fit_transform(held) @ weights)[:, counted])
    linear = evidence_of(ngrams)
    ours = [words_of(word) for word in range(N_IDS)] + [words_of(int(k)) for k in ngrams.pairs]
    rows = [ours.index(name) for name in names[counted]]
    expected = X @ linear.weight.detach().numpy()[rows]
    np.testing.assert_allclose(linear(aligned(texts)).detach(), expected, atol=1e-5)


def test_unknown_words_and_pairs_are_no_evidence():
    linear = evidence_of(learned([[2, 3], [2, 3, 4]]))
    assert not linear(aligned([[5, 6, 1]])).any()


# ---- In the network --------------------------------------------------------------------------


def test_padding_changes_no_evidence(two_words):
    X, y = two_words
    wider = TokenSequences(np.pad(X, [(0, 0), (5, 3)]), WORDS)
    model = RNNTextClassifier(**THREE_EPOCHS).fit(TokenSequences(X, WORDS), y)
    np.testing.assert_allclose(
        model.predict_proba(wider), model.predict_proba(TokenSequences(X, WORDS)), atol=1e-6
    )


def test_the_linear_model_learns_what_single_words_say(two_words):
    X, y = two_words
    model = RNNTextClassifier(**THREE_EPOCHS | {"max_epochs": 8}).fit(X[:120], y[:120])
    assert model.score(X[120:], y[120:]) > 0.95
    weights = model.net_.module_.linear.weight.detach()[:, 0]
    assert weights[3] == weights.max()
    assert weights[2] == weights.min()


def test_sequences_of_vectors_have_no_linear_model():
    X = np.random.default_rng(0).normal(size=(20, 5, 3))
    model = RNNTextClassifier(**THREE_EPOCHS).fit(X, np.arange(20) % 2)
    assert model.net_.module_.linear is None


def test_a_copy_knows_the_same_pairs(two_words):
    X, y = two_words
    model = RNNTextClassifier(**THREE_EPOCHS).fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    copied.partial_fit(X, y)


def test_a_search_may_choose_the_linear_model(two_words):
    X, y = two_words
    for kind, n_parts in (("none", 0), ("words", 40), ("pairs", None)):
        model = RNNTextClassifier(linear=kind, **THREE_EPOCHS).fit(X, y)
        linear = model.net_.module_.linear
        n_weights = 0 if linear is None else len(linear.weight)
        assert n_weights == n_parts if n_parts is not None else n_weights > 40


def test_another_linear_model_is_another_network(two_words):
    model = RNNTextClassifier(**THREE_EPOCHS, warm_start=True).fit(*two_words)
    with pytest.raises(ValueError, match="linear changed since the last fit"):
        model.set_params(linear="none").fit(*two_words)


@pytest.mark.parametrize("n_pairs", [0, 7])
def test_the_evidence_of_the_linear_model_is_shared_out_to_the_last_bit_of_it(n_pairs):
    rng = np.random.default_rng(0)
    linear = TfidfLinear(9, n_pairs, 3).double()
    pairs = np.sort(rng.choice(49, n_pairs, replace=False))
    keys = (pairs // 7 + 2) * 2**31 + pairs % 7 + 2
    linear.load_statistics(keys, np.r_[0, 0, rng.uniform(1, 3, 7 + n_pairs)].astype(np.float32))
    torch.nn.init.normal_(linear.weight, generator=torch.Generator().manual_seed(0))
    ids = torch.from_numpy(rng.integers(1, 9, (30, 12)))
    ids[::3, 6:] = 0
    token_contributions = linear.token_contributions(ids)
    torch.testing.assert_close(token_contributions.sum(dim=1), linear(ids))
    assert (token_contributions[::3, 7:] == 0).all()

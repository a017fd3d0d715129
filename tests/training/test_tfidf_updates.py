"""The linear model of a stream of texts, and of warm starts."""

import pickle

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_rnn import RNNTextClassifier, TokenSequences
from small_models import THREE_EPOCHS


@pytest.fixture(scope="module")
def stream():
    """Texts of words that each say a little: 900 to learn from, 400 to be judged by."""
    rng = np.random.default_rng(0)
    says = rng.choice([-1, 1], 200)
    X = rng.integers(2, 202, (1_300, 11))
    y = (says[X - 2].sum(axis=1) > 0).astype(int)
    texts = TokenSequences(X, tuple(map(str, range(202))))
    return texts[:900], y[:900], texts[900:], y[900:]


CUTS = {
    "whole": [],
    "two texts first": [2],
    "two texts, then many": [2, *range(100, 900, 100)],
    "one class first": "one class first",
    "in pieces of 32": range(32, 900, 32),
    "in pieces of 7": range(7, 900, 7),
}


def learned_in_chunks(stream, cut, **parameters):
    X, y, X_test, y_test = stream
    if cut == "one class first":
        first = np.flatnonzero(y == 0)[:30]
        rest = np.setdiff1d(np.arange(len(y)), first)
        chunks = [first, *np.array_split(rest, 6)]
    else:
        chunks = np.split(np.arange(len(y)), list(cut))
    model = RNNTextClassifier(**THREE_EPOCHS | parameters)
    for _ in range(3):
        for chunk in chunks:
            model.partial_fit(X[chunk], y[chunk], classes=[0, 1])
    return model, model.score(X_test, y_test)


def test_it_matters_little_how_a_stream_is_cut(stream):
    scores = {name: learned_in_chunks(stream, cut)[1] for name, cut in CUTS.items()}
    assert min(scores.values()) > 0.8, scores
    assert max(scores.values()) - min(scores.values()) < 0.06, scores


def test_what_is_known_of_a_stream_is_the_same_however_it_is_cut(stream):
    linear = {
        name: learned_in_chunks(stream, CUTS[name])[0].net_.module_.linear
        for name in ("whole", "two texts, then many", "in pieces of 32")
    }
    for name in linear:
        np.testing.assert_array_equal(linear[name].pairs, linear["whole"].pairs)
        np.testing.assert_allclose(linear[name].idf, linear["whole"].idf, rtol=1e-3)


@pytest.mark.parametrize("changed", [{}, {"table_lr": None}, {"optimizer": "sgd", "lr": 0.1}])
def test_optimizers_go_on_with_weights_that_get_more_pairs(stream, changed):
    """A chunk that brings pairs leaves what is known of others as it is."""
    X, y, X_test, _ = stream
    model = RNNTextClassifier(**THREE_EPOCHS | changed, lr_schedule="constant")
    model.partial_fit(X[:300], y[:300], classes=[0, 1])
    expected = model.predict_proba(X_test)
    linear = model.net_.module_.linear
    before = dict(zip(linear.pairs.tolist(), linear.weight[202:, 0].tolist(), strict=True))
    # No step is taken: a rate of next to nothing.
    model.set_params(lr=1e-30, table_lr=None if model.table_lr is None else 1e-30)
    model.partial_fit(X[300:600], y[300:600])
    linear = model.net_.module_.linear
    after = dict(zip(linear.pairs.tolist(), linear.weight[202:, 0].tolist(), strict=True))
    assert len(after) > len(before)
    for pair, weight in before.items():
        assert after[pair] == pytest.approx(weight)
    assert all(abs(after[pair]) < 1e-20 for pair in after.keys() - before.keys())
    # Frequencies have moved a little, and the evidence with them.
    np.testing.assert_allclose(model.predict_proba(X_test), expected, atol=0.1)
    assert model.n_parameters_ == sum(p.numel() for p in model.net_.module_.parameters())


def test_a_stream_goes_on_after_loading(stream):
    X, y, X_test, y_test = stream
    model = RNNTextClassifier(**THREE_EPOCHS)
    for start in range(0, 900, 100):
        chunk = slice(start, start + 100)
        model.partial_fit(X[chunk], y[chunk], classes=[0, 1])
        model = pickle.loads(pickle.dumps(model))
    straight, _ = learned_in_chunks(stream, range(100, 900, 100), max_epochs=1)
    np.testing.assert_array_equal(
        model.net_.module_.linear.pairs, straight.net_.module_.linear.pairs
    )
    assert model._n_texts_counted == 900
    assert model.score(X_test, y_test) > 0.8


def test_a_chunk_that_fails_is_not_counted(stream):
    X, y, *_ = stream
    model = RNNTextClassifier(**THREE_EPOCHS).partial_fit(X[:50], y[:50], classes=[0, 1])
    counted, n_pairs = model._n_texts_counted, len(model.net_.module_.linear.pairs)
    with pytest.raises(ValueError, match="labels that the first fit did not know"):
        model.partial_fit(X[50:900], np.full(850, 7))

    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        model.set_params(callbacks=[Fails()]).partial_fit(X[50:900], y[50:900])
    assert model._n_texts_counted == counted
    assert len(model.net_.module_.linear.pairs) == n_pairs == model._config.n_pairs


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_model_gets_to_know_the_words_of_further_texts(method):
    """After a fit as after a chunk, whether it goes on by chunks or by a warm start."""
    words = tuple(map(str, range(14)))
    first = TokenSequences(np.array([[2, 4], [2, 5], [3, 4], [3, 5]] * 8), words)
    further = TokenSequences(np.array([[6, 8], [6, 9], [7, 8], [7, 9]] * 8), words)
    y = np.array([0, 0, 1, 1] * 8)
    model = RNNTextClassifier(**THREE_EPOCHS | {"max_epochs": 20}, warm_start=True).fit(first, y)
    for _ in range(20 if method == "partial_fit" else 1):
        getattr(model, method)(further, y)
    assert model.score(further, y) == 1
    assert (model.net_.module_.linear.idf[2:10] > 0).all()


def test_a_warm_start_on_the_same_texts_knows_the_same(two_words):
    X, y = two_words
    model = RNNTextClassifier(**THREE_EPOCHS, warm_start=True).fit(X, y)
    linear = model.net_.module_.linear
    again = model.fit(X, y).net_.module_.linear
    np.testing.assert_array_equal(linear.pairs, again.pairs)
    np.testing.assert_array_equal(linear.idf, again.idf)


def test_naive_bayes_refuses_chunks(two_words):
    model = RNNTextClassifier(**THREE_EPOCHS, term_weights="naive_bayes")
    with pytest.raises(ValueError, match="cannot be computed from a chunk"):
        model.partial_fit(*two_words, classes=[0, 1])


def test_after_naive_bayes_chunks_leave_the_weights_of_terms_as_they_are(two_words):
    model = RNNTextClassifier(**THREE_EPOCHS, term_weights="naive_bayes").fit(*two_words)
    idf = model.net_.module_.linear.idf.clone()
    model.set_params(term_weights="idf").partial_fit(*two_words)
    assert (model.net_.module_.linear.idf == idf).all()

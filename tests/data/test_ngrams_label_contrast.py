"""What labels say about words and pairs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from counted_texts import N_IDS, WORDS, ids_of_texts, learned, padded, words_of
from sklearn_rnn import RNNTextClassifier, TokenSequences
from sklearn_rnn._data import batches
from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._data.ngrams import label_contrast
from sklearn_rnn._data.validation_split import split_for_validation
from small_models import THREE_EPOCHS


def contrast_of(texts, labels):
    """Return the contrast of each word and pair by name: labels are of shape (N, C)."""
    ngrams = learned(texts)
    columns = sparse.csr_array(np.array(labels))
    contrast = label_contrast(SequenceDataset(padded(texts)), columns, ngrams)
    keys = [*range(N_IDS), *ngrams.pairs.tolist()]
    return {words_of(key): value for key, value in zip(keys, contrast, strict=True)}


@given(ids_of_texts, st.data())
def test_the_contrast_is_the_log_ratio_of_shares_of_texts(texts, data):
    texts = [list(text) for text in {tuple(text) for text in texts}]
    labels = [data.draw(st.lists(st.booleans(), min_size=3, max_size=3)) for _ in texts]
    found = contrast_of(texts, labels)
    for name in found:
        if name in ("w0", "w1"):
            continue
        held = np.array([name in names_in(text) for text in texts])
        ratios = [
            share_with_two_more(held[inside]) / share_with_two_more(held[~inside])
            for inside in np.transpose(labels).astype(bool)
            if inside.any() and not inside.all()
        ]
        largest = np.abs(np.log(ratios)).max(initial=0)
        assert found[name] == pytest.approx(0.1 + largest, rel=1e-5)


def names_in(text):
    words = [f"w{word}" for word in text]
    return {*words, *map(" ".join, itertools.pairwise(words))}


def share_with_two_more(held):
    return (held.sum() + 1) / (len(held) + 2)


def test_labels_that_all_texts_have_or_none_change_no_contrast():
    texts, labels = [[2, 3], [3, 4], [2, 4], [2, 3, 4]], [[0], [1], [0], [1]]
    for constant in (0, 1):
        with_constant = [[*own, constant] for own in labels]
        assert contrast_of(texts, with_constant) == contrast_of(texts, labels)


def test_the_contrast_of_equal_texts_hangs_on_no_order():
    texts, labels = [[2, 3], [2, 4]] * 4, [[0], [0], [1], [1]] * 2
    contrast = contrast_of(texts, labels)
    assert set(contrast.values()) == {np.float32(0.1)}
    assert contrast_of(texts[::-1], labels[::-1]) == contrast


def test_the_contrast_is_the_same_in_chunks_and_with_texts_twice():
    texts, labels = [[2, 3], [3, 4], [2, 4], [2, 3, 4]], [[0], [1], [0], [1]]
    whole = contrast_of(texts, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS_AT_ONCE", 2)
        assert contrast_of([*texts, *texts], [*labels, *labels]) == whole


@pytest.mark.parametrize("n_classes", [2, 3])
def test_naive_bayes_lets_deciding_words_weigh_more(two_words, n_classes):
    X, y = two_words
    labels = np.where((y == 1) & (X[:, 0] % 2 == 1), n_classes - 1, y)
    plain, contrasted = (
        RNNTextClassifier(**THREE_EPOCHS, term_weights=by).fit(X, labels).net_.module_.linear.idf
        for by in ("idf", "naive_bayes")
    )
    assert ((plain > 0) == (contrasted > 0)).all()
    gain = (contrasted / plain)[2:40].numpy()
    assert set(gain.argsort()[-2:] + 2) == {2, 3}


def test_naive_bayes_takes_several_labels_at_a_time(two_words):
    X, y = two_words
    labels = np.column_stack([y, (X == 7).any(axis=1)])
    model = RNNTextClassifier(**THREE_EPOCHS, term_weights="naive_bayes").fit(X, labels)
    weights = model.net_.module_.linear.idf
    assert set(weights[2:40].numpy().argsort()[-3:] + 2) == {2, 3, 7}


def test_naive_bayes_ignores_texts_without_weight(two_words):
    X, y = two_words
    weights = (np.arange(len(X)) < 80).astype(float)
    settings = THREE_EPOCHS | {"term_weights": "naive_bayes", "max_epochs": 1}
    part = RNNTextClassifier(**settings).fit(TokenSequences(X[:80], WORDS), y[:80])
    whole = RNNTextClassifier(**settings).fit(TokenSequences(X, WORDS), y, weights)
    np.testing.assert_array_equal(part.net_.module_.linear.idf, whole.net_.module_.linear.idf)


@pytest.mark.parametrize("by", ["idf", "naive_bayes"])
def test_what_is_set_aside_is_not_counted(two_words, by):
    """Or else the loss that early stopping watches would be no honest one."""
    X, y = two_words
    settings = THREE_EPOCHS | {"term_weights": by, "max_epochs": 1}
    watched = RNNTextClassifier(**settings, early_stopping=True).fit(TokenSequences(X, WORDS), y)
    training, validation = split_for_validation(
        "", y, watched.validation_fraction, np.random.default_rng(watched._seed)
    )
    assert len(validation) == 16
    alone = RNNTextClassifier(**settings).fit(TokenSequences(X[training], WORDS), y[training])
    ours, theirs = (model.net_.module_.linear for model in (watched, alone))
    np.testing.assert_array_equal(ours.pairs, theirs.pairs)
    np.testing.assert_array_equal(ours.idf, theirs.idf)

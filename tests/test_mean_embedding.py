"""Means of word vectors: the formula, each text by itself, and what cannot be averaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_rnn import MeanEmbedding, TokenSequences
from sklearn_rnn.persistence import load, save

WORDS = ("<pad>", "<unk>", "so", "good", "bad")
VECTORS = np.array([[0, 0], [0.5, 0.5], [1, 0], [0, 1], [2, -1]], np.float32)


def sequences(ids):
    return TokenSequences(np.array(ids), WORDS, VECTORS)


SOME = sequences([[2, 3, 0, 0], [2, 2, 4, 1], [3, 3, 3, 2]])


def test_words_count_by_the_logarithm_of_how_often_they_occur_and_by_their_rarity():
    embedding = MeanEmbedding(smoothing=0.1, remove_component=False).fit(SOME)
    shares = np.array([0, 1, 4, 4, 1]) / 10
    weights = 0.1 / (0.1 + shares)
    counts = 1 + np.log([2, 1, 1])
    expected = (counts * weights[[2, 4, 1]]) @ VECTORS[[2, 4, 1]] / counts.sum()
    np.testing.assert_allclose(embedding.transform(SOME)[1], expected, rtol=1e-6)


def test_infinite_smoothing_weighs_all_words_alike():
    embedding = MeanEmbedding(smoothing=np.inf, remove_component=False).fit(SOME)
    assert embedding.weights_.tolist() == [0, 1, 1, 1, 1]
    np.testing.assert_allclose(embedding.transform(SOME)[0], [0.5, 0.5])


def test_the_common_direction_is_taken_out():
    plain = MeanEmbedding(remove_component=False).fit_transform(SOME)
    embedding = MeanEmbedding().fit(SOME)
    _, _, rows = np.linalg.svd(plain)
    assert abs(rows[0] @ embedding.component_) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(embedding.transform(SOME) @ embedding.component_, 0, atol=1e-6)


texts = st.lists(st.integers(1, 4), max_size=4)


@given(texts, st.lists(texts, max_size=4), st.integers(0, 3))
def test_a_text_has_the_same_mean_in_any_company_and_with_any_padding(text, others, n_more):
    def padded(rows, width):
        return sequences([[0] * (width - len(row)) + row for row in rows])

    embedding = MeanEmbedding().fit(SOME)
    alone = embedding.transform(padded([text], 4))[0]
    together = embedding.transform(padded([*others, text], 4 + n_more))[-1]
    np.testing.assert_array_equal(together, alone)


def test_a_text_without_words_is_zeros():
    embedding = MeanEmbedding(remove_component=False).fit(SOME)
    assert embedding.transform(sequences([[0, 0]])).tolist() == [[0, 0]]


def test_it_copies_names_its_features_and_is_saved(tmp_path):
    embedding = clone(MeanEmbedding(smoothing=0.01)).fit(SOME)
    names = embedding.get_feature_names_out()
    assert names.tolist() == ["meanembedding0", "meanembedding1"]
    assert embedding.set_output(transform="pandas").transform(SOME).columns.tolist() == list(names)
    embedding.set_output(transform="default")
    save(embedding, tmp_path / "mean.skops")
    again = load(tmp_path / "mean.skops")
    np.testing.assert_array_equal(again.transform(SOME), embedding.transform(SOME))


def test_what_has_no_vectors_or_other_words_is_refused():
    embedding = MeanEmbedding().fit(SOME)
    with pytest.raises(ValueError, match="MeanEmbedding: X has no vectors"):
        embedding.fit(TokenSequences(SOME.ids, WORDS))
    with pytest.raises(TypeError, match="expected TokenSequences with vectors, got list"):
        embedding.transform([[2, 3]])
    with pytest.raises(ValueError, match="another vocabulary"):
        embedding.transform(TokenSequences(SOME.ids, ("a", "b", "c", "d", "e"), VECTORS))
    with pytest.raises(ValueError, match="smoothing"):
        MeanEmbedding(smoothing=0).fit(SOME)
    assert embedding.transform(SOME).shape == (3, 2)

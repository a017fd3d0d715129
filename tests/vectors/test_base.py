"""What every embedding step does: one table for all sequences, and what is no sequence."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_rnn import SequenceVectorizer, TokenSequences
from sklearn_rnn._vectors import base
from sklearn_rnn._vectors.base import check_sequences, token_counts
from sklearn_rnn.embeddings import Word2VecEmbedding
from word_vectors import BOTH, SMALL_VECTORS, TEXTS

pytest.importorskip("gensim")


@BOTH
def test_one_table_goes_along_with_the_sequences(reviews, embedding):
    embedding = clone(embedding).fit(reviews)
    embedded = embedding.transform(reviews[:3])
    assert isinstance(embedded, TokenSequences)
    assert embedded.vectors is embedding.vectors_
    assert embedded.vectors.shape == (len(reviews.vocabulary), 8)
    assert embedded.vectors.dtype == np.float32
    assert not embedded.vectors[0].any()
    assert embedded.vectors[2:].any(axis=1).all()


def test_an_embedding_step_works_without_labels_and_with_feature_output_set():
    steps = make_pipeline(SequenceVectorizer(max_len=40), Word2VecEmbedding(**SMALL_VECTORS))
    steps.set_output(transform="pandas")
    assert steps.fit(TEXTS).transform(TEXTS).vectors is steps[-1].vectors_


def test_sequences_are_passed_on_as_they_are(sequences):
    assert check_sequences("Step", sequences) is sequences


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["so good"], TypeError, "Step: expected TokenSequences, got list. Put a Sequence"),
        (np.ones((2, 2), int), TypeError, "Step: expected TokenSequences, got ndarray"),
        (TokenSequences(np.zeros((0, 2), int), ("a", "b")), ValueError, "Step: .*at least one"),
        (TokenSequences(np.full((1, 2), 7), ("a", "b")), ValueError, r"Step: ids must be in"),
    ],
)
def test_what_an_embedding_step_cannot_read_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        check_sequences("Step", X)


@pytest.mark.parametrize("block", [1, 3, 1_000])
def test_tokens_are_counted_without_padding_whatever_the_blocks(reviews, monkeypatch, block):
    monkeypatch.setattr(base, "_BLOCK_TEXTS", block)
    expected = np.bincount(reviews.ids.ravel(), minlength=len(reviews.vocabulary))
    expected[0] = 0
    np.testing.assert_array_equal(token_counts(reviews), expected)

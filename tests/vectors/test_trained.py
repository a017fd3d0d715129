"""An embedding that is trained: one table for all sequences, and what is refused."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_rnn import SequenceVectorizer, TokenSequences
from sklearn_rnn.embeddings import FastTextEmbedding, Word2VecEmbedding
from word_vectors import BOTH, SMALL_VECTORS, TEXTS

pytest.importorskip("gensim")
ALL_UNKNOWN = TokenSequences(np.ones((3, 4), np.int32), ("<pad>", "<unk>", "word"))


def test_words_that_are_too_rare_get_zeros(reviews):
    embedding = Word2VecEmbedding(**SMALL_VECTORS, min_count=5).fit(reviews)
    counts = np.bincount(reviews.ids.ravel(), minlength=len(reviews.vocabulary))
    trained = embedding.vectors_.any(axis=1)
    np.testing.assert_array_equal(trained[2:], counts[2:] >= 5)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda e, s: e.fit(TEXTS), TypeError, "expected TokenSequences, got list. Put a Seq"),
        (lambda e, s: e.fit(s.ids), TypeError, "expected TokenSequences, got ndarray"),
        (lambda e, s: e.fit(s[:0]), ValueError, "at least one text"),
        (lambda e, s: e.set_params(min_count=10**6).fit(s), ValueError, "Lower min_count"),
        (lambda e, s: e.fit(ALL_UNKNOWN), ValueError, "no word occurs in X"),
        (lambda e, s: e.set_params(epochs=0).fit(s), ValueError, "must be an int in the range"),
        (
            lambda e, s: e.fit(s).transform(SequenceVectorizer().fit_transform(["other"])),
            ValueError,
            "another vocabulary",
        ),
    ],
)
@BOTH
def test_bad_input_is_refused_by_name(reviews, embedding, act, error, message):
    with pytest.raises(error, match=f"(?s){type(embedding).__name__}.*{message}"):
        act(clone(embedding), reviews)


def test_fast_text_needs_parts_of_words(reviews):
    with pytest.raises(ValueError, match="FastTextEmbedding: min_n must not be above max_n"):
        FastTextEmbedding(min_n=6, max_n=3).fit(reviews)

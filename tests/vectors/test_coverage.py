"""How many of the words and of the tokens have vectors."""

import pytest

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding
from word_vectors import keyed_vectors


def test_coverage_counts_words_and_running_tokens_and_names_what_is_missing(sequences):
    coverage = PretrainedEmbedding(keyed_vectors(["so", "film"])).fit(sequences).coverage_
    assert coverage.words == 2 / 5
    assert coverage.tokens == 5 / 8
    assert coverage.missing == ["bad", "good", "odd"]


def test_few_tokens_found_is_a_warning_that_names_likely_causes(sequences):
    with pytest.warns(UserWarning, match="contains only 25% of the tokens; missing are so.*cased"):
        PretrainedEmbedding(keyed_vectors(["film"])).fit(sequences)


def test_real_glove_vectors_cover_real_reviews(vectors_home, imdb_texts):
    path = vectors_home / "glove.6B.50d.9k.txt.gz"
    vectorizer = SequenceVectorizer(max_features=5_000, max_len=200)
    embedding = PretrainedEmbedding(path).fit(vectorizer.fit_transform(imdb_texts))
    assert embedding.vectors_.shape == (5_000, 50)
    assert embedding.coverage_.tokens > 0.85

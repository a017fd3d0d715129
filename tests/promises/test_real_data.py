"""The main job, on real texts: IMDB reviews and TREC questions, read in place."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb


@pytest.fixture(scope="module")
def reviews(imdb_home):
    """3,000 reviews to learn from and 1,000 held out, both halves' sentiments mixed."""
    train = fetch_imdb(imdb_home, subset="train").train
    rows = np.random.default_rng(0).permutation(len(train.data))[:4_000]
    texts = [train.data[row].replace("<br />", " ") for row in rows]
    return texts, train.target[rows], train.rating[rows]


def test_an_lstm_learns_sentiment_from_three_thousand_real_reviews(reviews):
    texts, labels, _ = reviews
    model = make_pipeline(
        SequenceVectorizer(max_features=10_000, max_len=200),
        RNNTextClassifier(hidden_size=32, embedding_dim=32, lr=2e-3, max_epochs=8, random_state=0),
    )
    model.fit(texts[:3_000], labels[:3_000])
    assert model.score(texts[3_000:], labels[3_000:]) > 0.76


def test_a_regressor_reads_star_ratings_off_real_reviews(reviews):
    texts, _, stars = reviews
    model = make_pipeline(
        SequenceVectorizer(max_features=10_000, max_len=200),
        RNNTextRegressor(hidden_size=32, embedding_dim=32, max_epochs=4, random_state=0),
    )
    model.fit(texts[:3_000], stars[:3_000])
    assert model.score(texts[3_000:], stars[3_000:]) > 0.25


def test_the_six_types_of_real_questions_are_told_apart(trec_home):
    def read(name):
        lines = (trec_home / name).read_text("latin-1").splitlines()
        labels, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
        return texts, [label.partition(":")[0] for label in labels]

    model = make_pipeline(
        SequenceVectorizer(max_len=40),
        RNNTextClassifier(hidden_size=32, embedding_dim=32, lr=5e-3, max_epochs=5, random_state=0),
    )
    model.fit(*read("train_5500.label"))
    assert set(model.classes_) == {"ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"}
    assert model.score(*read("TREC_10.label")) > 0.8

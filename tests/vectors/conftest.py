"""Few texts, for tests of the vectors of their words."""

import pytest

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.datasets import make_reviews


@pytest.fixture(scope="session")
def sequences():
    return SequenceVectorizer(max_len=6).fit_transform(["so good film", "so bad film", "so odd"])


@pytest.fixture(scope="session")
def reviews():
    texts, _ = make_reviews(80, n_filler=(0, 1), random_state=0)
    return SequenceVectorizer(max_len=40).fit_transform(texts)

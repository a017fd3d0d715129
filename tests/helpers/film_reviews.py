"""Reviews of films, and models that were trained on them."""

from sklearn.pipeline import make_pipeline

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.datasets import make_reviews

TEXTS, LABELS = make_reviews(120, n_filler=(0, 2), random_state=0)


def fitted(estimator, y=LABELS):
    return make_pipeline(SequenceVectorizer(max_len=60), estimator).fit(TEXTS, y)

"""More texts than one chunk holds."""

from sklearn_rnn.datasets import make_reviews

TEXTS, LABELS = make_reviews(1_300, n_filler=(0, 1), random_state=0)  # more than one chunk

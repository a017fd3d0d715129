"""Integrated gradients add up."""

import itertools

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from film_reviews import LABELS, TEXTS, fitted
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.embeddings import Word2VecEmbedding
from sklearn_rnn.inspection import token_attributions
from small_models import THREE_EPOCHS

WAYS_TO_READ = [
    dict(zip(("cell", "pooling", "linear"), way, strict=True))
    for way in itertools.product(("rnn", "gru", "lstm"), ("max", "last"), ("none", "pairs"))
] + [{"pooling": "attention"}, {"num_layers": 2, "pooling": "mean"}, {"pooling": "flatten"}]


@pytest.mark.parametrize("way", WAYS_TO_READ, ids=lambda way: "-".join(map(str, way.values())))
def test_integrated_gradients_add_up_to_the_difference_of_the_logits(way):
    pytest.importorskip("captum")
    found = token_attributions(fitted(RNNTextClassifier(**THREE_EPOCHS | way)), TEXTS[:20])
    gaps = found.logits - found.baseline_logits
    sums = [values.sum() for values in found.values]
    np.testing.assert_array_less(np.abs(sums - gaps), 0.01 * np.abs(gaps).clip(min=0.1))


@pytest.mark.parametrize(
    "kind", ["many classes", "several labels", "numbers", "vectors", "nested", "search"]
)
def test_every_kind_of_model_is_explained_in_full(kind):
    pytest.importorskip("captum")
    reader = RNNTextClassifier(**THREE_EPOCHS)
    y = {
        "many classes": np.arange(120) % 3,
        "several labels": np.eye(3, dtype=int)[np.arange(120) % 3],
        "numbers": np.arange(120) / 7,
    }.get(kind, LABELS)
    if kind == "numbers":
        model = fitted(RNNTextRegressor(**THREE_EPOCHS), y)
    elif kind in ("vectors", "nested"):
        pytest.importorskip("gensim")
        rest = [Word2VecEmbedding(vector_size=4, epochs=1, random_state=0), reader]
        steps = [make_pipeline(*rest)] if kind == "nested" else rest
        model = make_pipeline(SequenceVectorizer(max_len=60), *steps).fit(TEXTS, y)
    elif kind == "search":
        model = GridSearchCV(fitted(reader), {"rnntextclassifier__cell": ["gru"]}, cv=2)
        model.fit(TEXTS, y)
    else:
        model = fitted(reader, y)
    target = 1 if kind == "several labels" else None
    found = token_attributions(model, (text for text in TEXTS[:20]), target=target)
    gaps = found.logits - found.baseline_logits
    sums = [values.sum() for values in found.values]
    np.testing.assert_array_less(np.abs(sums - gaps), 0.01 * np.abs(gaps).clip(min=0.1))

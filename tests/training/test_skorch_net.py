"""The network while it is trained, and afterwards."""

import numpy as np

from sklearn_rnn import RNNTextClassifier, TokenSequences
from small_models import SIX_EPOCHS


def test_the_row_of_padding_is_zero_whatever_the_vectors_that_came(reviews):
    X, y = reviews
    given = TokenSequences(X.ids, X.vocabulary, np.ones((len(X.vocabulary), 3)))
    for freeze in (True, False):
        model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 2}, freeze_embedding=freeze)
        assert not model.fit(given, y).embedding_vectors_[0].any()


def test_a_trained_model_holds_its_weights_once(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS | {"early_stopping": False}).fit(*reviews)
    held = [vars(callback) for _, callback in model.net_.callbacks_]
    assert not [key for part in held for key, value in part.items() if isinstance(value, dict)]


def test_dropout_is_off_when_predicting(reviews):
    X, y = reviews
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 1}, input_dropout=0.5, dropout=0.5)
    model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))

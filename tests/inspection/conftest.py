"""Models that were trained on reviews."""

import numpy as np
import pytest

from film_reviews import fitted
from sklearn_rnn import RNNTextClassifier
from small_models import THREE_EPOCHS


@pytest.fixture(scope="session")
def model():
    return fitted(RNNTextClassifier(**THREE_EPOCHS))


@pytest.fixture(scope="session")
def many_classes():
    return fitted(RNNTextClassifier(**THREE_EPOCHS), np.array(["a", "b", "c"])[np.arange(120) % 3])

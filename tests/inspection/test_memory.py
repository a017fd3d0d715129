"""How much of its past a network remembers."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from film_reviews import TEXTS
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn.inspection import memory_profile


def test_a_simple_rnn_forgets_and_an_lstm_does_not():
    """The lecture: of the first of a hundred inputs, a simple RNN keeps next to nothing."""
    X = np.random.default_rng(0).normal(size=(64, 100, 8)).astype(np.float32)
    y = X[:, 0, 0] > 0
    settings = {"bidirectional": False, "hidden_size": 16, "max_epochs": 1, "random_state": 0}
    left = {}
    for cell in ("rnn", "lstm"):
        model = RNNTextClassifier(cell=cell, **settings).fit(X, y)
        with torch.no_grad():  # the open gates that training for long memory leads to
            if cell == "lstm":
                model.net_.module_.layers[0].directions[0].bias[16:32] = 6
        norms = memory_profile(model, X).norms
        left[cell] = norms[99] / norms[0]
    assert left["rnn"] < 1e-4
    assert left["lstm"] > 1e-2


def test_the_profile_counts_distances_from_the_end_over_texts_that_reach_so_far(model):
    texts = ["good", "so good", "the film was so good"]
    profile = memory_profile(model, texts)
    np.testing.assert_array_equal(profile.distances, np.arange(5))
    np.testing.assert_array_equal(profile.n_texts, [3, 2, 1, 1, 1])
    alone = [memory_profile(model, [text]).norms for text in texts]
    assert profile.norms[0] == pytest.approx(np.mean([norms[0] for norms in alone]), rel=1e-5)
    assert profile.norms[4] == pytest.approx(alone[2][4], rel=1e-5)


def test_texts_and_their_sequences_give_one_profile(model):
    sequences = model[0].transform(TEXTS[:10])
    for X in (sequences, sequences.ids):
        profile = memory_profile(model[-1], X, of="logit")
        np.testing.assert_allclose(
            profile.norms, memory_profile(model, TEXTS[:10], of="logit").norms
        )


def test_what_has_no_memory_is_refused(model):
    with pytest.raises(ValueError, match=r"of must be one of \['logit', 'state'\], got 'x'"):
        memory_profile(model, TEXTS[:2], of="x")
    with pytest.raises(
        TypeError, match="memory_profile: expected a fitted classifier or regressor"
    ):
        memory_profile(model[0], TEXTS[:2])
    with pytest.raises(NotFittedError):
        memory_profile(clone(model[-1]), TEXTS[:2])

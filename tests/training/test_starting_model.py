"""A fit starts from a new network of its seed, or from a copy of the last fit's."""

import numpy as np
import pytest

from sklearn_rnn import RNNTextClassifier
from small_models import SIX_EPOCHS, TWO_EPOCHS
from training_runs import assert_same_weights, weights


def test_a_warm_start_goes_on_where_the_last_fit_ended(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 2}, warm_start=True).fit(*reviews)
    first = weights(model)
    model.fit(*reviews)
    assert model.n_iter_ == 4
    assert len(model.history_["valid_loss"]) == 4
    assert not np.array_equal(first["head.weight"], weights(model)["head.weight"])
    cold = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 2}).fit(*reviews).fit(*reviews)
    assert_same_weights(first, weights(cold))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_further_training_changes_a_copy_of_the_network(two_words, method):
    X, y = two_words
    model = RNNTextClassifier(**TWO_EPOCHS, warm_start=True).fit(X, y)
    former, before = model.net_.module_, weights(model)
    getattr(model, method)(X, y)
    assert model.net_.module_ is not former
    assert_same_weights(before, {name: t.numpy() for name, t in former.state_dict().items()})
    assert any((array != before[name]).any() for name, array in weights(model).items())


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_optimizer_updates_the_network_that_predicts(two_words, method):
    X, y = two_words
    model = RNNTextClassifier(**TWO_EPOCHS, warm_start=True).fit(X, y)
    getattr(model, method)(X, y)
    updated = {id(p) for group in model.net_.optimizer_.param_groups for p in group["params"]}
    assert updated <= {id(p) for p in model.net_.module_.parameters()}


def test_the_seed_decides_the_initial_weights(two_words):
    X, y = two_words
    first, same, other = (
        weights(RNNTextClassifier(**TWO_EPOCHS | {"random_state": seed}).initialize(X, y))
        for seed in (0, 0, 1)
    )
    assert_same_weights(first, same)
    assert (first["head.weight"] != other["head.weight"]).any()

"""The figures of each epoch, and training that diverges."""

import math

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from sklearn_rnn._training.optimizers import OPTIMIZERS
from sklearn_rnn.exceptions import DivergenceError
from small_models import SIX_EPOCHS
from training_runs import WeightsByEpoch


def test_the_history_has_losses_and_accuracies_of_both_sides(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS).fit(*reviews)
    assert set(model.history_) == {
        "dur",
        *(f"{side}_{figure}" for side in ("train", "valid") for figure in ("loss", "accuracy")),
    }
    assert all(len(figures) == model.n_iter_ for figures in model.history_.values())
    assert model.history_["train_loss"][-1] < model.history_["train_loss"][0]


def test_history_joins_fits_with_and_without_validation(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 2}).fit(*reviews).partial_fit(*reviews)
    assert model.n_iter_ == 3
    assert np.isnan(model.history_["valid_loss"]).tolist() == [False, False, True]


def test_training_that_diverges_is_an_error_that_names_the_cure(reviews):
    X, y = reviews
    model = RNNTextRegressor(**SIX_EPOCHS | {"lr": 1e30}, optimizer="sgd")
    with pytest.raises(
        DivergenceError,
        match=r"a gradient is nan in epoch 1\. Lower lr \(now 1e\+30\) or table_lr \(now ",
    ):
        model.fit(X, y == "positive")
    assert not hasattr(model, "net_")


def test_the_batches_of_the_last_two_epochs_alone_stay_in_the_history(reviews):
    """Or else what is kept would grow with texts and epochs."""
    history = (
        RNNTextClassifier(**SIX_EPOCHS | {"early_stopping": False}).fit(*reviews).net_.history
    )
    n_batches = [len(epoch["batches"]) for epoch in history]
    assert len(history) > 2
    assert n_batches[:-2] == [0] * (len(history) - 2)
    assert n_batches[-2] == n_batches[-1] == history[-1]["train_batch_count"]


class Poison(Callback):
    """Spoil a weight after one batch."""

    def __init__(self, epoch, batch, value):
        self.epoch, self.batch, self.value = epoch, batch, value

    def on_batch_end(self, net, training=False, **kwargs):
        at = len(net.history), len(net.history[-1, "batches"])
        if training and at == (self.epoch, self.batch):
            with torch.no_grad():
                net.module_.head.weight[0, 0] = self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("epoch", "batch"), [(3, 1), (3, 12), (6, 12)])
def test_what_was_sound_before_training_diverged_is_kept(reviews, value, epoch, batch):
    """Also where the last step of an epoch, or of all of them, went wrong."""
    X, y = reviews
    witness = WeightsByEpoch()
    settings = SIX_EPOCHS | {"n_iter_no_change": 6}
    model = RNNTextClassifier(**settings, callbacks=[witness, Poison(epoch, batch, value)])
    with pytest.raises(DivergenceError, match=f"in epoch {epoch}"):
        model.fit(X, y)
    assert model.n_iter_ == epoch - 1
    assert len(model.history_["train_loss"]) == epoch - 1
    weights = model.net_.module_.state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values())
    torch.testing.assert_close(weights["head.weight"], witness.weights[-1]["head.weight"])
    assert model.predict(X).shape == y.shape


def test_a_chunk_that_diverges_leaves_the_model_as_it_was(reviews):
    X, y = reviews
    model = RNNTextClassifier(**SIX_EPOCHS).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(DivergenceError, match="in epoch 1"):
        model.set_params(callbacks=[Poison(1, 13, math.nan)]).partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


HUGE = [1e39, 1e300, 10**400]


@pytest.mark.parametrize("rate", HUGE, ids=["1e39", "1e300", "an int"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"table_lr": True},
        {"table_lr": True, "lr_schedule": "constant"},
        {"table_lr": True, "max_epochs": 1},
        *({"lr": True, "optimizer": name, "table_lr": None} for name in OPTIMIZERS),
        {"lr": True, "optimizer": torch.optim.SGD},
    ],
)
def test_rates_beyond_float32_make_training_diverge_as_smaller_ones_do(parameters, rate):
    X, y = np.arange(2, 26).reshape(12, 2), [0, 1] * 6
    given = {name: rate if value is True else value for name, value in parameters.items()}
    for estimator in (RNNTextClassifier, RNNTextRegressor):
        model = estimator(hidden_size=4, embedding_dim=4, random_state=0, **given)
        with pytest.raises(DivergenceError, match="training diverged: a weight is not finite in"):
            model.fit(X, y)
        assert not hasattr(model, "net_")
    chunk = RNNTextClassifier(hidden_size=4, embedding_dim=4, random_state=0, **given)
    with pytest.raises(DivergenceError, match="training diverged"):
        chunk.partial_fit(X, y, classes=[0, 1])

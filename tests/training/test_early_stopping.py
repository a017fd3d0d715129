"""Early stopping: what is set aside, and which epoch is kept."""

import pytest
import skorch.callbacks
import torch
from skorch.callbacks import Callback
from torch.nn import functional as F

import lecture
from sklearn_rnn import RNNTextClassifier, TokenSequences
from small_models import SIX_EPOCHS
from training_runs import assert_same_weights, weights


def test_without_early_stopping_nothing_is_set_aside(reviews):
    model = RNNTextClassifier(**SIX_EPOCHS | {"early_stopping": False}).fit(*reviews)
    assert model.n_iter_ == SIX_EPOCHS["max_epochs"]
    assert not any(name.startswith("valid") for name in model.history_)


class Witness(Callback):
    """Keep what the net looked like after each epoch, and the validation part."""

    seen = None  # shared by the copies that fit makes

    def on_epoch_end(self, net, dataset_valid=None, **kwargs):
        state = {name: t.numpy().copy() for name, t in net.module_.state_dict().items()}
        Witness.seen.append((state, dataset_valid))


@pytest.fixture
def witnessed(reviews, monkeypatch):
    monkeypatch.setattr(Witness, "seen", [])
    parameters = SIX_EPOCHS | lecture.PLAIN | {"lr": 0.1, "max_epochs": 100, "n_iter_no_change": 3}
    model = RNNTextClassifier(**parameters, callbacks=[Witness()]).fit(*reviews)
    return model, Witness.seen


def test_early_stopping_stops_and_restores_the_best_epochs_weights(witnessed):
    model, seen = witnessed
    best = int(model.history_["valid_loss"].argmin())
    assert model.n_iter_ == best + 1 + 3 < 100
    assert_same_weights(weights(model), seen[best][0])


def test_the_validation_part_mirrors_the_classes_and_gives_the_recorded_loss(witnessed):
    model, seen = witnessed
    validation = seen[0][1]
    assert len(validation) == 40
    assert abs(validation.target[validation.rows].mean() - 0.5) < 0.03
    texts = TokenSequences(validation.values[validation.rows], model.vocabulary_)
    logits = model.decision_function(texts)[:, None]
    target = torch.from_numpy(validation.target[validation.rows]).double()
    loss = F.binary_cross_entropy_with_logits(torch.from_numpy(logits), target).item()
    assert loss == pytest.approx(model.history_["valid_loss"].min(), abs=1e-5)


def test_a_checkpoint_of_skorchs_is_not_taken_for_early_stopping(reviews, tmp_path):
    """It restores weights too, and knows no epoch."""
    checkpoint = skorch.callbacks.Checkpoint(
        monitor="train_loss_best", dirname=tmp_path, load_best=True
    )
    settings = SIX_EPOCHS | {"early_stopping": False, "callbacks": [checkpoint]}
    model = RNNTextClassifier(**settings).fit(*reviews)
    assert model.best_epoch_ == model.n_iter_ == SIX_EPOCHS["max_epochs"]


def test_early_stopping_of_skorchs_from_a_user_keeps_its_best_epoch(reviews):
    stopper = skorch.callbacks.EarlyStopping(monitor="train_loss", patience=1, load_best=True)
    settings = SIX_EPOCHS | {"early_stopping": False, "max_epochs": 30, "lr": 0.5}
    model = RNNTextClassifier(**settings, callbacks=[stopper]).fit(*reviews)
    assert model.best_epoch_ == 1 + model.history_["train_loss"].argmin() < model.n_iter_ < 30

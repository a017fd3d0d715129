"""A checkpoint belongs to one fit: another, or one that cannot be told apart, is refused."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EpochScoring

from sklearn_rnn import RNNTextClassifier
from sklearn_rnn.exceptions import CheckpointError
from small_models import FIVE_EPOCHS


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.5}, "lr was 'auto', now 0.5"),
        ({"max_epochs": 6}, "max_epochs was 5, now 6"),
        ({"random_state": 1}, "random_state was 0, now 1"),
        ({"class_weight": {0: 1, 1: 2}}, r"class_weight was None, now \{0: 1, 1: 2\}"),
    ],
)
def test_other_parameters_are_refused_and_named(task, checkpoint, changed, message):
    model = RNNTextClassifier(**FIVE_EPOCHS | changed, checkpoint_dir=checkpoint)
    with pytest.raises(CheckpointError, match=f"another fit: {message}[.,]"):
        model.fit(*task)
    assert not hasattr(model, "net_")


def test_parameters_that_change_nothing_are_free(task, checkpoint):
    RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=checkpoint, verbose=1).fit(*task)


@pytest.mark.parametrize("what", ["X", "y", "weights"])
def test_other_data_are_refused(task, checkpoint, what):
    X, y = task
    weights = np.arange(80.0) if what == "weights" else None
    X, y = (X[::-1] if what == "X" else X), (1 - y if what == "y" else y)
    before = (checkpoint / "checkpoint.npz").read_bytes()
    with pytest.raises(CheckpointError, match="the data differ"):
        RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=checkpoint).fit(X, y, weights)
    assert (checkpoint / "checkpoint.npz").read_bytes() == before


@pytest.mark.parametrize("callback", [Callback(), EpochScoring("accuracy")])
def test_callbacks_of_ones_own_are_refused(task, tmp_path, callback):
    model = RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path, callbacks=[callback])
    with pytest.raises(ValueError, match="checkpoint_dir needs callbacks=None"):
        model.fit(*task)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optimizer": lambda weights, lr: None}, "optimizer=<function .* cannot"),
        ({"random_state": np.random.RandomState(0)}, "needs random_state=None or an int"),
        ({"optimizer": torch.optim.LBFGS, "table_lr": None}, "the optimizer keeps"),
    ],
)
def test_what_no_checkpoint_can_hold_is_refused(task, tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        RNNTextClassifier(**FIVE_EPOCHS | changed, checkpoint_dir=tmp_path).fit(*task)


def test_another_machine_is_refused(task, checkpoint, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "1.0")
    with pytest.raises(CheckpointError, match=r"torch was .*, now 1\.0"):
        RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=checkpoint).fit(*task)

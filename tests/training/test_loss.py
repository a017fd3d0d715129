"""The loss of a text."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNTextClassifier
from small_models import THREE_EPOCHS


@pytest.mark.parametrize("n_classes", [2, 3])
def test_smoothed_labels_keep_logits_small_and_leave_validation_as_it_is(two_words, n_classes):
    X, _ = two_words
    y = X[:, 0] % n_classes
    sharp, smooth = (
        RNNTextClassifier(
            **THREE_EPOCHS | {"max_epochs": 40, "early_stopping": True, "n_iter_no_change": 40},
            label_smoothing=share,
        ).fit(X, y)
        for share in (0.0, 0.3)
    )
    assert smooth.history_["train_loss"][-1] > sharp.history_["train_loss"][-1]
    validation = smooth.net_.get_loss(
        torch.zeros(2, smooth._target.n_outputs),
        torch.from_numpy(smooth._target.encode(y[:2])),
        {},
    )
    assert validation.item() == pytest.approx(np.log(n_classes))

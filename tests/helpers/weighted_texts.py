"""Networks that are trained with weights."""

import pytest
import torch

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences

# One batch of all texts and plain gradient descent: what the weights do is then exact.
ONE_BATCH = {
    "hidden_size": 4,
    "embedding_dim": 4,
    "input_dropout": 0.0,
    "dropout": 0.0,
    "branch_dropout": 0.0,
    "optimizer": torch.optim.SGD,
    "lr": 0.5,
    "table_lr": 160.0,
    "max_epochs": 5,
    "batch_size": 10_000,
    "early_stopping": False,
    "random_state": 0,
}
TASKS = {
    "two classes": (RNNTextClassifier, lambda ids: ids[:, 0] > 5),
    "three classes": (RNNTextClassifier, lambda ids: ids[:, 0] % 3),
    "several labels": (RNNTextClassifier, lambda ids: (ids[:, :2] > 5).astype(int)),
    "numbers": (RNNTextRegressor, lambda ids: ids[:, 0] / 3),
}
BY_TASK = pytest.mark.parametrize("task", TASKS)
WORDS = ("<pad>", "<unk>", *"abcdefgh")


def outputs_after_training(task, ids, y, probe, sample_weight=None, **parameters):
    estimator = TASKS[task][0](**ONE_BATCH | parameters)
    model = estimator.fit(TokenSequences(ids, WORDS), y, sample_weight=sample_weight)
    X = TokenSequences(probe, WORDS)
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)

"""Long work shows how far it is when asked to, and is silent when not."""

import numpy as np

from sklearn_rnn import RNNTextClassifier

X = np.random.default_rng(0).integers(2, 20, (40, 5))
y = np.arange(40) % 2
QUICK = {"hidden_size": 2, "embedding_dim": 2, "max_epochs": 3, "random_state": 0}


def test_a_bar_for_each_epoch_ends_with_its_figures(capfd):
    RNNTextClassifier(**QUICK, early_stopping=True, n_iter_no_change=3, verbose=1).fit(X, y)
    printed = capfd.readouterr()
    for part in ("epoch 1/3", "epoch 3/3", "train_loss=", "valid_accuracy="):
        assert part in printed.err
    assert printed.out == ""


def test_nothing_is_printed_unless_asked_even_where_training_stops_early(capfd):
    parameters = QUICK | {"max_epochs": 30, "lr": 0.5, "early_stopping": True}
    model = RNNTextClassifier(**parameters, n_iter_no_change=1)
    model.fit(X, y).predict(X)
    assert model.n_iter_ < 30
    assert capfd.readouterr() == ("", "")

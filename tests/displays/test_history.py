"""Learning curves are the history, with a mark at the epoch that was kept."""

import numpy as np
import pytest

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from sklearn_rnn.displays import HistoryDisplay
from small_models import THREE_EPOCHS


def test_the_curves_are_the_history_and_the_kept_epoch_is_marked(model):
    history = model[-1].history_
    display = HistoryDisplay.from_estimator(model)
    assert display.metrics == ["loss", "accuracy"]
    for ax, metric in zip(display.axes_, display.metrics, strict=True):
        training, validation, kept = ax.get_lines()
        np.testing.assert_array_equal(training.get_ydata(), history[f"train_{metric}"])
        np.testing.assert_array_equal(validation.get_ydata(), history[f"valid_{metric}"])
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
        assert set(kept.get_xdata()) == {model[-1].best_epoch_}
    assert display.best_epoch == 1 + np.argmin(history["valid_loss"])


def test_without_validation_the_last_epoch_is_kept(plt):
    regressor = RNNTextRegressor(**THREE_EPOCHS).fit(
        np.arange(2, 42).reshape(20, 2), np.arange(20.0)
    )
    _, ax = plt.subplots()
    display = HistoryDisplay.from_estimator(regressor, metrics=["loss"], ax=ax)
    assert display.axes_.tolist() == [ax]
    assert len(ax.get_lines()) == 2  # training, and the mark
    assert display.best_epoch == regressor.n_iter_ == 3


def test_the_kept_epoch_counts_on_over_warm_starts():
    X, y = np.arange(2, 82).reshape(40, 2), np.arange(40) % 2
    model = RNNTextClassifier(**THREE_EPOCHS, early_stopping=True, warm_start=True).fit(X, y)
    assert model.best_epoch_ == 1 + np.argmin(model.history_["valid_loss"])
    model.fit(X, y)
    assert model.best_epoch_ == 4 + np.argmin(model.history_["valid_loss"][3:])
    model.partial_fit(X, y)
    assert model.best_epoch_ == model.n_iter_ == 7


def test_axes_are_one_for_each_metric(model, plt):
    _, ax = plt.subplots()
    with pytest.raises(
        ValueError, match=r"expected axes for \['loss', 'accuracy'\], one for each"
    ):
        HistoryDisplay.from_estimator(model, ax=ax)
    assert HistoryDisplay.from_estimator(model, metrics="loss", ax=ax).metrics == ["loss"]


def test_a_metric_that_there_is_not_is_refused(model):
    with pytest.raises(ValueError, match=r"no \['f1'\], only \['loss', 'accuracy'\]"):
        HistoryDisplay.from_estimator(model, metrics=["f1"])

"""Schedules: what is given is taken as it is, and the rest follows from the texts."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._training.schedule import training_schedule
from sklearn_rnn._training.settings import TrainingRun

AUTO = {"max_epochs": "auto", "batch_size": "auto", "lr": "auto", "table_lr": "auto"}
FEW, SHORT, MANY, LONG = (10, 5), (100, 100), (2_000, 5), (100, 5_000)  # texts, and their tokens


def schedule_of(shape, run=None, **given):
    texts = SequenceDataset(np.full(shape, 2, np.int32))
    return training_schedule(SimpleNamespace(**AUTO | given), texts, run or TrainingRun())


def test_short_texts_are_read_ten_times_in_small_batches():
    schedule = schedule_of(SHORT)
    assert (schedule.max_epochs, schedule.batch_size) == (10, 32)
    assert (schedule.lr, schedule.table_lr) == (3e-3, 160)


def test_long_texts_are_read_fewer_times_and_few_texts_more_often():
    assert schedule_of(LONG).max_epochs == 4
    assert schedule_of((100, 4_999)).max_epochs == 10
    assert schedule_of((100, 99)).max_epochs == 20


def test_many_texts_are_read_in_larger_batches_with_a_larger_rate():
    schedule = schedule_of(MANY)
    assert (schedule.max_epochs, schedule.batch_size) == (10, 64)
    assert schedule.lr == pytest.approx(6e-3)
    assert schedule_of((1_999, 5)).batch_size == 32


@pytest.mark.parametrize(
    ("batch_size", "rate"), [(1, 3e-3), (32, 3e-3), (48, 4.5e-3), (64, 6e-3), (1_000, 6e-3)]
)
def test_the_learning_rate_grows_with_the_batch_within_limits(batch_size, rate):
    assert schedule_of(MANY, batch_size=batch_size).lr == pytest.approx(rate)


def test_a_batch_of_more_than_all_texts_is_one_of_all():
    for shape, n_texts in ((SHORT, 100), (FEW, 10)):
        huge, whole = (schedule_of(shape, batch_size=size) for size in (2**63, n_texts))
        assert (huge.lr, huge.table_lr) == (whole.lr, whole.table_lr)


@pytest.mark.parametrize("shape", [FEW, MANY, LONG])
@pytest.mark.parametrize(
    "given", [{"max_epochs": 7}, {"batch_size": 5}, {"lr": 0.1}, {"table_lr": 3.0}]
)
def test_what_is_given_is_taken_as_it_is(shape, given):
    schedule = schedule_of(shape, **given)
    ((name, value),) = given.items()
    assert getattr(schedule, name) == value


def test_no_rate_of_their_own_leaves_tables_to_the_optimizer():
    assert schedule_of(FEW, table_lr=None).table_lr is None


@pytest.mark.parametrize("shape", [FEW, MANY, LONG])
@pytest.mark.parametrize("given", [{}, {"max_epochs": 5}, {"batch_size": 16}, {"batch_size": 80}])
def test_a_text_moves_its_words_by_the_same_in_a_whole_fit(shape, given):
    schedule = schedule_of(shape, **given)
    batch = min(schedule.batch_size, shape[0])
    share = min(batch / 32, 1)  # of a step of `TableOptimizer` in batches of fewer than 32 texts
    moves = schedule.max_epochs / batch * share * schedule.table_lr
    assert moves == pytest.approx(50)


@pytest.mark.parametrize(("n_epochs", "rate"), [(1, 400), (4, 400), (20, 80), (1_000, 80)])
def test_tables_learn_at_a_sound_rate_however_many_epochs_are_allowed(n_epochs, rate):
    assert schedule_of(SHORT, max_epochs=n_epochs).table_lr == rate


@pytest.mark.parametrize("given", [{}, {"max_epochs": 7, "lr": 0.1}, {"batch_size": 1_000}])
def test_the_size_of_a_chunk_changes_nothing(given):
    few, *others = (
        schedule_of(shape, TrainingRun(incremental=True), **given) for shape in (FEW, MANY, LONG)
    )
    assert others == [few, few]
    assert (few.max_epochs, few.table_lr) == (1, 160)


def test_a_fit_follows_the_schedule():
    X = np.random.default_rng(0).integers(2, 9, (20, 5))
    model = RNNTextClassifier(hidden_size=2, early_stopping=False, random_state=0, batch_size=7)
    model.set_params(max_epochs="auto", lr="auto", table_lr="auto").fit(X, X[:, 0] > 4)
    expected = schedule_of(X.shape, batch_size=7)
    assert len(model.history_["train_loss"]) == expected.max_epochs
    net = model.net_
    assert (net.batch_size, net.lr, net.table_lr) == (7, expected.lr, expected.table_lr)

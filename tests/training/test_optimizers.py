"""Optimizers: our own rules in a few lines of NumPy, torch's manners, and tables of words."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lecture
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences
from sklearn_rnn._training.optimizers import RMSprop, TableOptimizer
from small_models import SIX_EPOCHS, THREE_EPOCHS

RHO, EPS = 0.9, 1e-7


def gradients(n_steps, scale=1.0, shape=(3, 4)):
    return scale * np.random.default_rng(0).standard_normal((n_steps, *shape))


def weight_of(array):
    return nn.Parameter(torch.tensor(array, dtype=torch.float64))


def move(optimizer, weight, gradient):
    weight.grad = torch.tensor(gradient, dtype=weight.dtype)
    optimizer.step()


@pytest.mark.parametrize("scale", [1e-12, 1e-5, 3e-4, 1.0, 1e6])
def test_rmsprop_follows_the_rule_of_keras_whatever_the_size_of_gradients(scale):
    weight = weight_of(np.ones((3, 4)))
    optimizer = RMSprop([weight], lr=0.01)
    expected, mean_square = np.ones((3, 4)), np.zeros((3, 4))
    for gradient in gradients(50, scale):
        move(optimizer, weight, gradient)
        mean_square = RHO * mean_square + (1 - RHO) * gradient**2
        expected = expected - 0.01 * gradient / np.sqrt(mean_square + EPS)
    np.testing.assert_allclose(weight.detach(), expected, rtol=1e-12)


def test_rmsprop_has_other_steps_than_torchs_own_where_gradients_are_small():
    ours, theirs = weight_of([0.0]), weight_of([0.0])
    move(RMSprop([ours], lr=1.0), ours, [1e-5])
    move(torch.optim.RMSprop([theirs], lr=1.0, alpha=RHO, eps=EPS), theirs, [1e-5])
    assert ours.item() == pytest.approx(-1 / 30, rel=0.1)
    assert theirs.item() == pytest.approx(-3, rel=0.1)


def test_rmsprop_leaves_weights_without_gradient_and_starts_them_when_they_get_one():
    early, late, alone = weight_of(np.ones(4)), weight_of(np.ones(4)), weight_of(np.ones(4))
    optimizer, other = RMSprop([early, late]), RMSprop([alone])
    before, after = gradients(2, shape=(4,))
    move(optimizer, early, before)
    assert late.eq(1).all()
    early.grad = None
    move(optimizer, late, after)
    move(other, alone, after)
    assert late.equal(alone)


def test_rmsprop_reads_the_rate_of_each_group_at_each_step():
    weights = [weight_of(np.zeros(4)) for _ in range(3)]
    optimizer = RMSprop([{"params": weights[:1]}, {"params": weights[1:2], "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": weights[2:], "rho": 0.0})
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.0)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert [-weight[0].item() for weight in weights] == pytest.approx(
        [0.1 / np.sqrt(0.1), 0.5 / np.sqrt(0.1), 0.1]
    )
    moved = [weight.detach().clone() for weight in weights]
    schedule.step()
    optimizer.step()
    assert all(weight.equal(place) for weight, place in zip(weights, moved, strict=True))


@pytest.mark.parametrize("how", ["state_dict", "deepcopy"])
def test_rmsprop_goes_on_from_its_state(how):
    weight = weight_of(np.ones((3, 4)))
    optimizer = RMSprop([weight], lr=0.01)
    first, *others = gradients(5)
    move(optimizer, weight, first)
    if how == "state_dict":
        twin = weight_of(weight.detach().numpy())
        copied = RMSprop([twin])
        copied.load_state_dict(deepcopy(optimizer.state_dict()))
    else:
        twin, copied = deepcopy((weight, optimizer))
    for gradient in others:
        move(optimizer, weight, gradient)
        move(copied, twin, gradient)
    assert twin.equal(weight)


def test_rmsprop_reads_sparse_gradients_as_dense_ones():
    ids = torch.tensor([3, 1, 3])
    sparse_parameters = []
    for sparse in (True, False):
        layer = nn.Embedding(5, 2, sparse=sparse, _weight=torch.ones(5, 2))
        layer(ids).square().sum().backward()
        assert layer.weight.grad.is_sparse == sparse
        RMSprop(layer.parameters()).step()
        sparse_parameters.append(layer.weight)
    assert sparse_parameters[0].equal(sparse_parameters[1])
    assert sparse_parameters[0][[0, 2, 4]].eq(1).all()


def test_rmsprop_evaluates_a_closure_with_gradients_and_returns_its_loss():
    weight = weight_of([3.0])

    def closure():
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert RMSprop([weight]).step(closure).item() == 9
    assert weight.item() < 3


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    words = ("<pad>", "<unk>", *"abcdefgh")
    vectors = rng.standard_normal((len(words), 4)).astype(np.float32)
    ids = rng.integers(2, len(words), (40, 6))
    return TokenSequences(ids, words, vectors), (ids[:, 0] > 5).astype(int)


def test_an_embedding_that_thaws_late_is_moved_by_rmsprop_from_then_on(sequences):
    X, y = sequences
    settings = {"optimizer": "rmsprop", "table_lr": None, "linear": "none", "random_state": 0}
    settings["input_dropout"] = 0  # it may drop a feature of all words in each of few steps
    frozen, thawed = (
        RNNTextClassifier(**settings, freeze_embedding=2, max_epochs=n).fit(X, y) for n in (2, 3)
    )
    np.testing.assert_array_equal(frozen.embedding_vectors_[1:], X.vectors[1:])
    assert np.abs(thawed.embedding_vectors_[2:] - X.vectors[2:]).min() > 0


def test_partial_fit_keeps_the_squares_that_rmsprop_has_seen(sequences):
    X, y = sequences
    model = RNNTextClassifier(optimizer="rmsprop", table_lr=None, random_state=0)
    squares = []
    for _ in range(3):
        model.partial_fit(X, y, classes=[0, 1])
        state = model.net_.optimizer_.state_dict()["state"]
        squares.append(torch.cat([entry["square_avg"].flatten() for entry in state.values()]))
    # Each of the two batches leaves at least 0.9 of the sum before it.
    assert (squares[1] >= 0.81 * squares[0] * (1 - 1e-5)).all()
    assert (squares[2] >= 0.81 * squares[1] * (1 - 1e-5)).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_a_step_moves_the_rows_of_the_batch_and_no_others(sparse):
    table = torch.nn.Parameter(torch.ones(6, 2))
    (1e-4 * F.embedding(torch.tensor([[1, 4], [4, 4]]), table, sparse=sparse)).sum().backward()
    TableOptimizer([table], [1000.0]).step(n_texts=32)
    moved = torch.tensor([0.0, 1, 0, 0, 3, 0])[:, None].expand(6, 2)
    torch.testing.assert_close(table.detach(), 1 - 0.1 * moved, atol=1e-4, rtol=0)
    assert table.grad is None


def test_a_batch_of_few_texts_takes_a_small_step():
    steps = []
    for n_texts in (1, 16, 32, 64):
        table = torch.nn.Parameter(torch.zeros(3, 1))
        (1e-4 * table.sum()).backward()
        TableOptimizer([table], [1e4]).step(n_texts)
        steps.append(-table[0, 0].item())
    np.testing.assert_allclose(steps, [1 / 32, 1 / 2, 1, 1], rtol=1e-4)


def test_the_only_batch_of_few_texts_takes_a_whole_step(monkeypatch):
    full_batches = []
    init = TableOptimizer.__init__
    monkeypatch.setattr(
        TableOptimizer,
        "__init__",
        lambda self, *of: full_batches.append(of[2]) or init(self, *of),
    )
    X, y = np.arange(2, 10).reshape(4, 2), [0, 1, 0, 1]
    RNNTextClassifier(**THREE_EPOCHS).fit(X, y).partial_fit(X, y)
    assert full_batches == [4, 32]


def test_rare_rows_follow_their_gradients_and_busy_rows_are_damped():
    table = torch.nn.Parameter(torch.zeros(2, 1))
    optimizer = TableOptimizer([table], [1.0])
    lengths = []
    for _ in range(100):
        before = table.detach().clone()
        table.grad = torch.tensor([[1e-4], [1.0]])
        optimizer.step(n_texts=32)
        lengths.append((before - table.detach())[:, 0].tolist())
    rare, busy = np.transpose(lengths)
    np.testing.assert_allclose(rare, 1e-4, rtol=1e-3)
    np.testing.assert_allclose(busy, np.sqrt(0.01 / (0.01 + np.arange(1, 101))), rtol=1e-3)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_texts_of_four_words_do_not_swing(n_outputs):
    """Every row is in every text: the curvature is as large as it gets."""
    X = np.random.default_rng(0).integers(2, 6, (320, 30))
    y = (X == 2).sum(axis=1) // (9 - 3 * (n_outputs > 1)) % (n_outputs + 1)
    model = RNNTextClassifier(**THREE_EPOCHS | {"max_epochs": 20, "lr_schedule": "constant"}).fit(
        X, y
    )
    losses = model.history_["train_loss"]
    assert losses[-1] < losses[0]
    assert np.ptp(losses[10:]) < 0.15


def test_chunks_keep_what_the_tables_remember(two_words):
    model = RNNTextClassifier(**THREE_EPOCHS)
    sums = [
        model.partial_fit(*two_words, classes=[0, 1]).net_.sparse_optimizer_.sums[0]
        for _ in range(3)
    ]
    assert (sums[0] <= sums[1]).all()
    assert (sums[1] <= sums[2]).all()
    assert sums[0].sum() < sums[2].sum()


def test_without_a_rate_of_their_own_tables_follow_the_optimizer(two_words):
    model = RNNTextClassifier(**THREE_EPOCHS | {"table_lr": None}).fit(*two_words)
    optimized = model.net_.optimizer_.param_groups[0]["params"]
    assert any(weight is model.net_.module_.embedding.weight for weight in optimized)
    assert any(weight is model.net_.module_.linear.weight for weight in optimized)


def test_tables_stay_sane_in_a_regression(two_words):
    X, y = two_words
    numbers = 100 * y + X.mean(axis=1)
    model = RNNTextRegressor(**THREE_EPOCHS | {"max_epochs": 60}, linear="words")
    model.fit(X[:120], numbers[:120])
    assert model.score(X[120:], numbers[120:]) > 0.9


@pytest.mark.parametrize(
    ("optimizer", "lr"), [("adam", 1e-2), ("adamw", 1e-2), ("rmsprop", 1e-2), ("sgd", 0.5)]
)
def test_each_named_optimizer_learns_to_tell_two_words_apart(optimizer, lr):
    y = np.arange(200) % 2
    parameters = SIX_EPOCHS | lecture.PLAIN | {"lr": lr, "max_epochs": 12, "early_stopping": False}
    model = RNNTextClassifier(**parameters, optimizer=optimizer)
    model.fit(2 + y[:, None], y)
    assert model.history_["train_loss"][-1] < 0.5 * model.history_["train_loss"][0]


def test_an_optimizer_may_be_any_callable(reviews):
    optimizer = partial(torch.optim.AdamW, weight_decay=0.5)
    model = RNNTextClassifier(**SIX_EPOCHS | {"max_epochs": 1}, optimizer=optimizer).fit(*reviews)
    assert model.net_.optimizer_.param_groups[0]["weight_decay"] == 0.5
    assert model.net_.optimizer_.param_groups[0]["lr"] == SIX_EPOCHS["lr"]

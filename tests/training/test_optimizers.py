"""The optimizers of our own: their rules in a few lines of NumPy, and torch's manners."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_rnn import RNNTextClassifier, TokenSequences
from sklearn_rnn._training.optimizers import RMSprop

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

"""Halves of a batch in two threads: the same gradients, the same bits, no thread left behind."""

import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from plain_network import make_network
from sklearn_rnn import RNNTextClassifier, TokenSequences
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._training import gradients as _gradients
from sklearn_rnn._training.gradients import MicroBatchGradients
from sklearn_rnn._utils.threads import single_threaded_math
from small_models import THREE_EPOCHS


@pytest.fixture(autouse=True)
def small_batches_are_split_too(monkeypatch):
    monkeypatch.setattr(_gradients, "_FEW_TOKENS", 0)


def test_two_threads_compute():
    seen = set()

    def loss(*batch):
        seen.add(threading.get_ident())
        return mean_loss(*batch)

    for n_threads in (1, 2):
        seen.clear()
        with MicroBatchGradients(network_of(), loss, n_threads) as micro_batches:
            micro_batches.backward(*batch_of(7))
        assert len(seen) == n_threads


def test_a_small_batch_is_computed_as_one(monkeypatch):
    sizes = []

    def loss(logits, *others):
        sizes.append(len(logits))
        return mean_loss(logits, *others)

    batch = batch_of(7)
    n_tokens = int(batch[0]["lengths"].sum())
    for few, expected in ((n_tokens, [4, 3]), (n_tokens + 1, [7])):
        monkeypatch.setattr(_gradients, "_FEW_TOKENS", few)
        sizes.clear()
        with MicroBatchGradients(network_of(), loss, 1) as micro_batches:
            micro_batches.backward(*batch)
        assert sizes == expected


def network_of(**changes):
    sizes = {
        "n_ids": 30,
        "n_dimensions": 5,
        "n_outputs": 3,
        "sequence_length": 20,
        "hidden_size": 4,
    }
    return make_network(
        **{"pooling": "max", "num_layers": 2, "bidirectional": True} | sizes | changes
    )


def batch_of(n_texts):
    rng = np.random.default_rng(n_texts)
    lengths = torch.from_numpy(rng.integers(1, 20, n_texts))
    ids = torch.from_numpy(rng.integers(2, 30, (n_texts, 24)).astype(np.int32))
    ids[torch.arange(24) >= lengths[:, None]] = 0
    target = torch.from_numpy(rng.integers(0, 3, n_texts))
    return {"sequences": ids, "lengths": lengths}, target


def mean_loss(logits, target, inputs):
    return torch.nn.functional.cross_entropy(logits, target)


def gradients(network, n_threads, n_texts=7):
    with (
        single_threaded_math(),
        MicroBatchGradients(network, mean_loss, n_threads) as micro_batches,
    ):
        logits, loss = micro_batches.backward(*batch_of(n_texts))
    return logits, loss, [weight.grad for weight in network.parameters()]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_texts", [2, 3, 32])
@pytest.mark.parametrize("cell", CELLS)
def test_micro_batches_give_the_gradients_of_the_whole_batch(cell, n_texts, n_threads):
    logits, loss, split = gradients(network_of(cell=cell), n_threads, n_texts)
    network = network_of(cell=cell)
    inputs, target = batch_of(n_texts)
    expected = network(**inputs)
    whole_loss = mean_loss(expected, target, inputs)
    whole_loss.backward()
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(loss, whole_loss, atol=1e-6, rtol=0)
    for weight, gradient in zip(network.parameters(), split, strict=True):
        torch.testing.assert_close(gradient, weight.grad, atol=1e-6, rtol=1e-5)


def test_the_number_of_threads_changes_no_bit_of_a_gradient_even_with_dropout():
    one, two = (gradients(network_of(input_dropout=0.3, dropout=0.3), n) for n in (1, 2))
    for gradient, same in zip((*one[:2], *one[2]), (*two[:2], *two[2]), strict=True):
        np.testing.assert_array_equal(gradient.numpy(), same.numpy())


def test_the_micro_batches_drop_different_features():
    network = network_of(dropout=0.5, hidden_size=50)
    with MicroBatchGradients(network, mean_loss, 1) as micro_batches:
        inputs, target = batch_of(2)
        inputs = {name: tensor[[0, 0]] for name, tensor in inputs.items()}
        logits, _ = micro_batches.backward(inputs, target)
    assert (logits[0] != logits[1]).any()


def test_both_micro_batches_drop_features_even_of_a_network_that_predicted_before():
    network = network_of(dropout=0.9, hidden_size=50).eval()
    with MicroBatchGradients(network, mean_loss, 1) as micro_batches:
        inputs, target = batch_of(8)
        first, second = (micro_batches.backward(inputs, target)[0] for _ in range(2))
    assert (first != second).any(dim=1).all()


def test_a_frozen_weight_gets_no_gradient():
    network = network_of()
    network.embedding.weight.requires_grad_(False)
    _, _, (embedding, *others) = gradients(network, 2)
    assert embedding is None
    assert all(gradient is not None for gradient in others)


@pytest.fixture
def set_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_a_fit_gives_the_same_bits_on_any_number_of_threads(set_threads):
    rng = np.random.default_rng(0)
    X, y = rng.integers(2, 50, (101, 30)), rng.integers(0, 2, 101)
    model = RNNTextClassifier(
        hidden_size=5, dropout=0.5, input_dropout=0.2, max_epochs=3, random_state=0
    )
    answers = []
    for n_threads in (1, 2, 5):
        set_threads(n_threads)
        answers.append(model.fit(X, y).predict_proba(X))
        assert torch.get_num_threads() == n_threads
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


@pytest.mark.parametrize("broken", ["first half", "second half"])
def test_an_error_in_either_half_is_raised_and_ends_the_threads(set_threads, broken):
    def loss(logits, target, inputs):
        if len(logits) == (3 if broken == "first half" else 4):
            raise FloatingPointError(broken)
        return mean_loss(logits, target, inputs)

    n_before = threading.active_count()
    with (
        pytest.raises(FloatingPointError, match=broken),
        MicroBatchGradients(network_of(), loss, 2) as micro_batches,
    ):
        micro_batches.backward(*batch_of(7))
    assert threading.active_count() == n_before


def test_a_batch_of_one_text_is_no_half():
    logits, _, learned = gradients(network_of(), 2, n_texts=1)
    assert logits.shape == (1, 3)
    assert all(gradient.abs().sum() > 0 for gradient in learned[:1])


def test_the_gradient_of_the_table_forgets_the_last_batch():
    network = network_of()
    with MicroBatchGradients(network, mean_loss, 1) as micro_batches:
        micro_batches.backward(*batch_of(9))
        inputs, target = batch_of(2)
        micro_batches.backward(inputs, target)
    idle = np.setdiff1d(np.arange(30), inputs["sequences"])
    assert len(idle)
    assert not network.embedding.weight.grad[idle].any()
    assert not network.embedding.sparse


class Listener(Callback):
    """Counts the batches that reach the head; holds the net, as callbacks do."""

    def on_train_begin(self, net, **kwargs):
        self.net_ = net
        net.module_.head.register_forward_hook(self.see)

    def see(self, module, inputs, outputs):
        Listener.sizes.append(len(outputs))


def test_a_hook_of_a_callback_sees_whole_batches(monkeypatch):
    monkeypatch.setattr(Listener, "sizes", [], raising=False)
    model = RNNTextClassifier(
        hidden_size=2, max_epochs=2, batch_size=8, early_stopping=False, callbacks=[Listener()]
    )
    model.fit(np.arange(2, 34).reshape(16, 2), [0, 1] * 8)
    assert Listener.sizes == [8, 8, 8, 8]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimizer_takes_a_weight_that_thaws(optimizer):
    rng = np.random.default_rng(0)
    vocabulary = ("<pad>", "<unk>", *map(str, range(18)))
    vectors = rng.normal(size=(20, 6)).astype(np.float32)
    vectors[0] = 0
    X = TokenSequences(rng.integers(2, 20, (40, 9)), vocabulary, vectors)
    model = RNNTextClassifier(
        optimizer=optimizer, hidden_size=3, freeze_embedding=1, max_epochs=3, early_stopping=False
    )
    model.fit(X, [0, 1] * 20)
    assert (model.embedding_vectors_ != vectors).any()


def test_a_dropout_rate_changed_during_training_applies_to_both_micro_batches():
    network = network_of(dropout=0.9, hidden_size=50)
    with MicroBatchGradients(network, mean_loss, 1) as micro_batches:
        network.dropout.p = 0
        first, second = (micro_batches.backward(*batch_of(8))[0] for _ in range(2))
    torch.testing.assert_close(first, second)


def test_a_new_optimizer_keeps_the_learning_rates_of_its_groups():
    def two_rates(weights, lr):
        ((first, *others),) = (group["params"] for group in weights)
        groups = [{"params": [first], "lr": lr / 10}, {"params": others}]
        return torch.optim.Adam(groups, lr=lr)

    model = RNNTextClassifier(optimizer=two_rates, lr=0.01, max_epochs=1, early_stopping=False)
    model.fit(np.arange(2, 34).reshape(16, 2), [0, 1] * 8)
    assert [group["lr"] for group in model.net_.optimizer_.param_groups] == [0.001, 0.01]


@pytest.mark.parametrize(
    "changed", [{}, {"callbacks": None, "batch_size": 7}, {"linear": "words"}]
)
def test_sparse_and_dense_gradients_of_tables_train_the_same_model(two_words, changed):
    """A callback that listens to a module makes batches whole, and gradients dense."""
    X, y = two_words
    settings = THREE_EPOCHS | {"dropout": 0, "input_dropout": 0, "branch_dropout": 0} | changed
    split = RNNTextClassifier(**settings).fit(X, y)
    whole = RNNTextClassifier(**settings | {"callbacks": [Hook()]}).fit(X, y)
    np.testing.assert_allclose(split.predict_proba(X), whole.predict_proba(X), atol=1e-4)


def test_a_hook_of_a_layer_is_called_in_both_micro_batches():
    network, sizes = network_of(cell="lstm"), []
    network.layers[0].register_forward_hook(lambda _, __, states: sizes.append(states.shape[1]))
    with MicroBatchGradients(network, mean_loss, 1) as micro_batches:
        micro_batches.backward(*batch_of(7))
    assert sizes == [4, 3]


class Hook(Callback):
    """Have a hook at the network."""

    def on_train_begin(self, net, **kwargs):
        net.module_.head.register_forward_hook(lambda *_: None)

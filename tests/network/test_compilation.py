"""What is compiled: networks whose parts are this library's, in single precision on a CPU."""

import gc
import pickle
import sys
import weakref
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from compiled_networks import PAIRS, forget_compiled_modules, hide_numba, ids_of, network_of
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._network import cells, dropout, embedding, network, pooling, recurrent
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.compilation import compiled_network, has_hooks, idle_network
from sklearn_rnn._network.linear import TfidfLinear


@pytest.fixture
def numba():
    return pytest.importorskip("numba")


@pytest.mark.parametrize("n_ids", [None, 12])
@pytest.mark.parametrize("pooling", pooling.POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_network_of_this_librarys_is_compiled(numba, cell, pooling, n_ids):
    ours = network_of(cell=cell, pooling=pooling, n_ids=n_ids, linear="words", num_layers=2)
    assert compiled_network(ours).network is ours


def test_a_head_of_a_users_and_what_stands_in_for_dropout_are_called_as_ever(numba):
    changed = network_of().eval()
    changed.head = nn.Sequential(nn.Tanh(), changed.head)
    changed.dropout = nn.LayerNorm(5)
    compiled, (ids, lengths) = compiled_network(changed), ids_of([4, 7])
    expected = changed(ids, lengths)
    torch.testing.assert_close(compiled(ids, lengths), expected)
    torch.testing.assert_close(compiled.logits(ids, lengths), expected.detach())


def in_double_precision(net):
    return net.double()


def with_an_embedding_of_torchs(net):
    net.embedding = nn.Embedding(12, 4)
    return net


def with_a_layer_of_torchs(net):
    net.layers[0] = nn.Identity()
    return net


def with_a_parametrized_cell(net):
    nn.utils.parametrizations.weight_norm(net.layers[0].directions[0], "input_weight")
    return net


def with_a_parametrized_embedding(net):
    nn.utils.parametrizations.spectral_norm(net.embedding)
    return net


def with_a_cell_in_double_precision(net):
    net.layers[1].directions[0].double()
    return net


def with_weights_elsewhere(net):
    return net.to("meta")


def with_a_subclass_of(kind):
    def change(net):
        part = next(module for module in net.modules() if type(module) is kind)
        part.__class__ = type("Changed", (kind,), {})
        return net

    change.__name__ = f"with a subclass of {kind.__name__}"
    return change


KINDS = [
    *(network.RecurrentNetwork, recurrent.RecurrentLayer, cells.LSTM),
    *(dropout.LockedDropout, embedding.Embedding, TfidfLinear, pooling.MaxPooling),
]


@pytest.mark.parametrize(
    "change",
    [
        *(in_double_precision, with_an_embedding_of_torchs, with_a_layer_of_torchs),
        *(with_a_parametrized_cell, with_a_parametrized_embedding),
        *(with_a_cell_in_double_precision, with_weights_elsewhere),
        *map(with_a_subclass_of, KINDS),
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_what_is_not_this_librarys_is_left_to_torch(change):
    changed = change(network_of(cell="lstm", pooling="max", num_layers=2, linear="words"))
    assert compiled_network(changed) is None


def test_without_numba_nothing_is_compiled(monkeypatch):
    hide_numba(monkeypatch)
    assert compiled_network(network_of()) is None


def test_where_nothing_can_be_cached_nothing_is_compiled(numba, monkeypatch):
    def njit(*_, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available for file")
        return lambda function: function

    forget_compiled_modules(monkeypatch)
    monkeypatch.setattr(numba, "njit", njit)
    assert compiled_network(network_of()) is None


def test_where_numba_is_switched_off_nothing_is_compiled(numba, monkeypatch):
    forget_compiled_modules(monkeypatch)
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)  # NUMBA_DISABLE_JIT
    assert compiled_network(network_of()) is None


@pytest.mark.parametrize("cell", CELLS)
def test_without_numba_a_fit_learns_the_same_up_to_rounding(numba, cell, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.integers(2, 50, (60, 20)), rng.integers(0, 2, 60)
    still = {"dropout": 0, "input_dropout": 0, "branch_dropout": 0}  # batches are cut differently
    model = RNNTextClassifier(cell=cell, hidden_size=5, max_epochs=2, random_state=0, **still)
    compiled = model.fit(X, y).predict_proba(X)
    hide_numba(monkeypatch)
    np.testing.assert_allclose(model.fit(X, y).predict_proba(X), compiled, atol=1e-4)
    assert "sklearn_rnn._network.compiled.steps" not in sys.modules


def test_an_lstm_has_the_same_masks_without_numba(numba, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.integers(2, 50, (60, 20)), rng.integers(0, 2, 60)
    model = RNNTextClassifier(cell="lstm", hidden_size=5, max_epochs=2, random_state=0)
    compiled = model.fit(X, y).predict_proba(X)
    hide_numba(monkeypatch)
    np.testing.assert_allclose(model.fit(X, y).predict_proba(X), compiled, atol=1e-4)


def test_weights_and_modes_are_read_for_each_batch_anew(numba):
    ours = network_of(dropout=0.5, input_dropout=0.5).eval()
    forward = compiled_network(ours)
    ids, lengths = torch.tensor([[2, 3, 4]], dtype=torch.int32), torch.tensor([3])
    before = forward(ids, lengths)
    torch.testing.assert_close(before, ours(ids, lengths), atol=1e-6, rtol=0)
    with torch.no_grad():
        for weight in ours.parameters():
            weight.mul_(1.5)
    torch.testing.assert_close(forward(ids, lengths), ours(ids, lengths), atol=1e-6, rtol=0)
    assert not torch.equal(forward(ids, lengths), before)
    ours.train()
    assert len({tuple(forward(ids, lengths)[0].tolist()) for _ in range(9)}) > 1


# ---- Networks that are lent ------------------------------------------------------------------


def lent(net):
    with idle_network(net) as compiled:
        return compiled


def idf_of(pairs):
    return np.r_[0, np.ones(11 + len(pairs))].astype(np.float32)  # padding says nothing


def more_pairs(net):
    pairs = np.append(PAIRS, 11 * PAIR + 9)
    net.linear.extend_statistics(pairs, idf_of(pairs))


def other_pairs_in_place(net):
    pairs = PAIRS + 1
    net.linear.load_statistics(pairs, idf_of(pairs))


def another_embedding(net):
    net.embedding = deepcopy(net.embedding)


def another_layer(net):
    net.layers[0] = deepcopy(net.layers[0])


def another_cell(net):
    net.layers[0].directions[0] = deepcopy(net.layers[0].directions[0])


def another_pooling(net):
    net.pooling = deepcopy(net.pooling)


def test_a_compiled_network_is_lent_again_but_to_one_at_a_time(numba):
    ours = network_of()
    with idle_network(ours) as first, idle_network(ours) as second:
        assert first is not second
    assert {lent(ours), lent(ours)} <= {first, second}


@pytest.mark.parametrize(
    "change",
    [
        *(more_pairs, other_pairs_in_place, another_embedding),
        *(another_layer, another_cell, another_pooling),
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_a_network_whose_parts_have_changed_is_compiled_anew(numba, change):
    ours = network_of(linear="pairs").eval()
    before = lent(ours)
    change(ours)
    ids, lengths = ids_of([4, 7])
    with idle_network(ours) as compiled:
        # Pairs are looked up in the network's own array: these need nothing new.
        assert (compiled is before) == (change is other_pairs_in_place)
        torch.testing.assert_close(compiled.logits(ids, lengths), ours(ids, lengths).detach())


def test_a_network_that_is_no_longer_this_librarys_is_no_longer_lent(numba):
    ours = network_of()
    assert lent(ours) is not None
    ours.embedding = nn.Embedding(12, 4)
    assert lent(ours) is None
    ours = network_of()
    assert lent(ours) is not None
    assert lent(ours.double()) is None


def test_a_network_that_lent_a_compiled_one_is_freed_at_once(numba):
    ours = network_of(linear="pairs").eval()
    with idle_network(ours) as compiled:
        compiled.logits(*ids_of([4, 7]))
    freed, compiled = weakref.ref(ours), None
    gc.disable()
    try:
        del ours
        assert freed() is None
    finally:
        gc.enable()


def test_the_memory_of_a_long_text_is_given_back(numba):
    ours = network_of().eval()
    for length, n_kept in ((4, 1), (100_000, 0)):
        with idle_network(ours) as compiled:
            compiled.logits(*ids_of([length]))
        assert len(ours.idle) == n_kept


@pytest.mark.parametrize("copy", [deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_and_files_contain_no_compiled_network(numba, copy):
    ours = network_of()
    lent(ours)
    assert len(ours.idle) == 1
    assert copy(ours.idle) == []


def test_a_module_whose_forward_was_replaced_by_hand_is_left_to_torch(numba):
    ours = network_of()
    cell = ours.layers[0].directions[0]
    cell.forward = lambda inputs: inputs.new_zeros(*inputs.shape[:2], len(cell.bias) // 4)
    assert compiled_network(ours) is None


def test_hooks_of_one_module_and_of_all_modules_are_seen():
    ours = network_of()
    assert not has_hooks(ours)
    for register in (ours.head.register_forward_hook, register_module_forward_hook):
        handle = register(lambda *_: None)
        assert has_hooks(ours)
        handle.remove()
        assert not has_hooks(ours)

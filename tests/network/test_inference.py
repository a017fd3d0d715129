"""Sequences are read in batches, and answered in their own order, however they are batched."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plain_network import make_network, unsettle
from sklearn_rnn._data import batches
from sklearn_rnn._data.batches import left_align
from sklearn_rnn._network.inference import read_in_batches
from sklearn_rnn._network.network import RecurrentNetwork
from sklearn_rnn._network.pooling import POOLINGS

NETWORK = unsettle(make_network("gru"))
N_IDS = NETWORK.embedding.num_embeddings
texts = st.lists(
    st.lists(st.integers(1, N_IDS - 1), min_size=1, max_size=6), min_size=1, max_size=20
)


def padded(texts):
    return np.array([[0] * (6 - len(text)) + text for text in texts], np.int32)


def one_by_one(values):
    with torch.inference_mode():
        rows = (map(torch.from_numpy, left_align(row[None])) for row in values)
        return np.concatenate([NETWORK(*row).numpy() for row in rows])


@given(texts, st.sampled_from([1, 8, 24, 10**6]))
def test_each_text_gets_its_own_logits_whatever_the_batches(texts, tokens_at_once):
    values = padded(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_TOKENS_AT_ONCE", tokens_at_once)
        logits = read_in_batches(NETWORK, RecurrentNetwork.forward, values, "cpu")
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, one_by_one(values), atol=1e-6)


def test_answers_are_computed_from_doubles_and_keep_their_shape_and_dtype():
    values = padded([[3], [4, 5, 6], [2, 2]])
    seen = []

    def labels(logits):
        seen.append(logits.dtype)
        return logits.argmax(axis=1)

    answers = read_in_batches(NETWORK, RecurrentNetwork.forward, values, "cpu", labels)
    assert set(seen) == {np.dtype(np.float64)}
    np.testing.assert_array_equal(answers, one_by_one(values).argmax(axis=1))


def test_outputs_that_are_not_finite_are_refused():
    network = make_network("gru")
    with torch.no_grad():
        network.head.weight.fill_(float("inf"))
    with pytest.raises(ValueError, match="outputs are not finite"):
        read_in_batches(network, RecurrentNetwork.forward, padded([[3]]), "cpu")


def test_reading_writes_nothing_to_the_network():
    before = {name: tensor.clone() for name, tensor in NETWORK.state_dict().items()}
    read_in_batches(NETWORK, RecurrentNetwork.forward, padded([[3], [4, 5]]), "cpu")
    for name, tensor in NETWORK.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in NETWORK.parameters())


# ---- By compiled code, or by torch -----------------------------------------------------------

READS = pytest.mark.parametrize("read", [RecurrentNetwork.forward, RecurrentNetwork.features])
SOME_TEXTS = padded([[3], [4, 5, 6], [2, 2], [7, 6, 5, 4, 3, 2]])


@READS
@pytest.mark.parametrize("n_texts", [1, 4])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_texts_are_read_as_torch_reads_them(pooling, n_texts, read):
    network = unsettle(make_network("lstm", pooling, bidirectional=True, linear="words"))
    network.linear.idf[2:] = 1
    with torch.no_grad():
        expected = read(network, *map(torch.from_numpy, left_align(SOME_TEXTS[:n_texts])))
    for _ in range(2):  # the second time by what the first one left
        outputs = read_in_batches(network, read, SOME_TEXTS[:n_texts], "cpu")
        np.testing.assert_allclose(outputs, expected, atol=1e-6)


@READS
def test_a_network_with_hooks_is_read_by_torch(read):
    network, seen = unsettle(make_network("gru")), []
    network.layers[0].register_forward_hook(lambda *_: seen.append(1))
    read_in_batches(network, read, SOME_TEXTS[:1], "cpu")
    read_in_batches(network, read, SOME_TEXTS, "cpu")
    assert len(seen) == 2


def test_many_threads_may_ask_one_network_at_once():
    network = unsettle(make_network("lstm", num_layers=2))
    rows = [SOME_TEXTS[i % 4][None] for i in range(80)]

    def logits_of(row):
        return read_in_batches(network, RecurrentNetwork.forward, row, "cpu")

    expected = [logits_of(row) for row in rows]
    with ThreadPoolExecutor(8) as threads:
        for ours, alone in zip(threads.map(logits_of, rows), expected, strict=True):
            np.testing.assert_array_equal(ours, alone)

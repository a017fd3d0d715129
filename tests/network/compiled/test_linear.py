"""The compiled linear model: its logits and gradients are those of torch in double precision."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from compiled_networks import N_IDS, PAIRS, assert_accurate, ids_of
from plain_network import draw, reference_evidence
from sklearn_rnn._network.compiled.linear import CompiledLinear
from sklearn_rnn._network.linear import TfidfLinear

every_kind = pytest.mark.parametrize("pairs", [PAIRS[:0], PAIRS[2:3], PAIRS], ids=len)
some_texts = st.lists(st.lists(st.integers(1, N_IDS - 1), min_size=1, max_size=12), min_size=1)


def linear_of(pairs, n_outputs=3):
    linear = TfidfLinear(N_IDS, len(pairs), n_outputs)
    idf = np.random.default_rng(0).uniform(1, 3, N_IDS + len(pairs)).astype(np.float32)
    idf[[0, 1, 4, -1]] = 0
    linear.load_statistics(pairs, idf)
    with torch.no_grad():
        linear.weight.copy_(draw(*linear.weight.shape))
    return linear


def batch(texts):
    ids, lengths = ids_of([len(text) for text in texts])
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    return ids, lengths


def logits_and_gradient(linear, forward, *inputs):
    logits = forward(*inputs)
    grad = draw(*logits.shape, seed=1).to(logits)
    (gradient,) = torch.autograd.grad(logits, [linear.weight], grad)
    return logits.detach(), gradient


@every_kind
@given(texts=some_texts)
def test_logits_and_gradients_are_those_of_double_precision(pairs, texts):
    linear, exact = linear_of(pairs), linear_of(pairs).double()
    ids, lengths = batch(texts)
    logits, gradient = logits_and_gradient(linear, CompiledLinear(linear), ids, lengths)
    assert gradient.is_sparse
    assert_accurate([logits, gradient.to_dense()], logits_and_gradient(exact, exact, ids))


@every_kind
def test_logits_are_the_evidence_of_each_word_and_pair_once(pairs):
    linear, texts = linear_of(pairs), [[2, 3, 2, 3, 2, 9], [4], [1, 1], [5, 5, 5], [11, 4, 2]]
    logits = CompiledLinear(linear)(*batch(texts))
    expected = np.array([reference_evidence(linear, text) for text in texts])
    np.testing.assert_allclose(logits.detach(), expected, atol=1e-5)


@every_kind
@given(texts=some_texts, others=some_texts)
def test_a_batch_leaves_no_traces_in_the_memory_of_the_next(pairs, texts, others):
    linear = linear_of(pairs)
    used = CompiledLinear(linear)
    used(*batch(others))
    assert not used.is_seen.any()
    assert torch.equal(used(*batch(texts)), CompiledLinear(linear)(*batch(texts)))


@every_kind
@given(texts=some_texts)
def test_rows_of_a_text_are_distinct_say_something_and_have_weights_of_length_one(pairs, texts):
    linear = linear_of(pairs)
    ids, lengths = (tensor.numpy() for tensor in batch(texts))
    starts, rows, tf_idf = CompiledLinear(linear).rows_of(ids, lengths)
    assert starts[-1] == len(rows) == len(tf_idf)
    for start, end in pairwise(starts):
        of_text = rows[start:end]
        assert len(set(of_text.tolist())) == len(of_text)
        assert linear.idf.numpy()[of_text].all()
        assert start == end or np.linalg.norm(tf_idf[start:end]) == pytest.approx(1, abs=1e-6)


def test_ids_past_a_texts_end_are_never_read():
    linear = linear_of(PAIRS)
    ids, lengths = batch([[2, 3, 9], [5]])
    dirty = torch.where(torch.arange(3) < lengths[:, None], ids, 5)
    compiled = CompiledLinear(linear)
    assert torch.equal(compiled(dirty, lengths), compiled(ids, lengths))


def test_a_weight_that_is_no_number_reaches_the_texts_of_its_word_alone():
    linear = linear_of(PAIRS)
    with torch.no_grad():
        linear.weight[9] = torch.nan
    logits = CompiledLinear(linear)(*batch([[2, 9], [3, 2], [9]]))
    assert logits.isnan().all(dim=1).tolist() == [True, False, True]
    assert logits.isnan().any(dim=1).tolist() == [True, False, True]


def test_the_gradient_has_one_row_for_each_word_and_pair_of_a_text():
    linear = linear_of(PAIRS)
    inputs = batch([[2, 3, 2, 3], [2]])
    _, gradient = logits_and_gradient(linear, CompiledLinear(linear), *inputs)
    # Words 2 and 3, the pairs (2, 3) and (3, 2), and again word 2.
    assert sorted(gradient._indices()[0].tolist()) == [2, 2, 3, N_IDS, N_IDS + 2]

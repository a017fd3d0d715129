from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._data.batches import (
    LengthSortedBatches,
    SequenceDataset,
    ShuffledBuckets,
    left_align,
)

texts_of_ids = st.lists(st.lists(st.integers(1, 9), max_size=8), min_size=1, max_size=40)


def padded(texts, width=8):
    ids = np.zeros((len(texts), width), np.int32)
    for row, text in zip(ids, texts, strict=True):
        row[width - len(text) :] = text
    return ids


def numbered(ids):
    """Return a data set whose targets are the numbers of its rows."""
    return SequenceDataset(ids, np.arange(len(ids)))


def random_texts(n_texts, longest=200, seed=0):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, longest + 1, n_texts)
    return padded([generator.integers(1, 10, length) for length in lengths], longest)


def rows_of(batches):
    return [target.tolist() for _, target in batches]


@given(texts_of_ids)
@settings(deadline=None, max_examples=50)
def test_left_align_keeps_the_tokens_and_drops_the_padding(texts):
    aligned, lengths = left_align(padded(texts))
    read = [row[:length].tolist() for row, length in zip(aligned, lengths, strict=True)]
    assert read == [text or [1] for text in texts]  # an empty text is one unknown token
    assert aligned.shape[1] % 8 == 0
    assert 0 <= aligned.shape[1] - lengths.max() < 8
    assert not aligned[np.arange(aligned.shape[1]) >= lengths[:, None]].any()


@given(texts=texts_of_ids, batch_size=st.integers(1, 50), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_training_reads_every_text_exactly_once_per_epoch(texts, batch_size, seed):
    dataset = numbered(padded(texts))
    buckets = ShuffledBuckets(dataset, batch_size, np.random.default_rng(seed))
    for _ in range(2):
        batches = rows_of(buckets)
        assert sorted(chain.from_iterable(batches)) == list(range(len(texts)))
        assert len(batches) == len(buckets)
        assert max(map(len, batches)) <= batch_size


@given(texts_of_ids)
@settings(deadline=None, max_examples=50)
def test_every_text_comes_with_its_own_target_and_weight(texts):
    ids = padded(texts)
    weights = np.arange(len(texts), dtype=np.float32) / 2
    dataset = SequenceDataset(ids, np.arange(len(texts)), weights)
    for inputs, rows in ShuffledBuckets(dataset, 4, np.random.default_rng(0)):
        aligned, lengths = left_align(ids[rows.numpy()])
        np.testing.assert_array_equal(inputs["sequences"], aligned)
        np.testing.assert_array_equal(inputs["lengths"], lengths)
        np.testing.assert_array_equal(inputs["sample_weight"], weights[rows.numpy()])


def test_training_batches_waste_a_fifth_of_the_padding_of_random_ones():
    dataset = numbered(random_texts(640))

    def wasted(batches):
        return sum(inputs["sequences"].numel() - inputs["lengths"].sum() for inputs, _ in batches)

    buckets = ShuffledBuckets(dataset, 32, np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(640)
    at_random = [dataset[rows] for rows in order.reshape(-1, 32)]
    assert wasted(buckets) < wasted(at_random) / 5


def test_order_differs_by_epoch_and_repeats_with_the_seed():
    dataset = numbered(random_texts(100))

    def epochs(seed):
        buckets = ShuffledBuckets(dataset, 8, np.random.default_rng(seed))
        return [rows_of(buckets) for _ in range(3)]

    first, second, third = epochs(0)
    assert first != second != third
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}
    assert epochs(0) == [first, second, third]
    assert epochs(1)[0] != first


def test_the_shortest_texts_do_not_always_come_first():
    dataset = numbered(random_texts(100))
    buckets = ShuffledBuckets(dataset, 10, np.random.default_rng(0))
    starts = {np.argsort([len(i["sequences"][0]) for i, _ in buckets])[0] for _ in range(10)}
    assert len(starts) > 3


@given(texts_of_ids)
@settings(deadline=None, max_examples=50)
def test_prediction_batches_know_the_order_of_the_rows(texts):
    batches = LengthSortedBatches(numbered(padded(texts)))
    assert list(chain.from_iterable(rows_of(batches))) == batches.order.tolist()
    assert sorted(batches.order) == list(range(len(texts)))


def test_prediction_batches_hold_similar_numbers_of_tokens():
    batches = list(LengthSortedBatches(numbered(random_texts(600))))
    sizes = [inputs["sequences"].numel() for inputs, _ in batches]
    assert len(batches) > 3
    assert max(sizes) <= 16_384
    assert min(sizes[:-1]) > 16_384 / 2


def test_a_subset_reads_its_rows_of_the_same_arrays():
    dataset = numbered(random_texts(20))
    part = dataset.subset(np.array([3, 5, 7, 11])).subset(np.array([1, 2]))
    assert len(part) == 2
    assert part.values is dataset.values
    _, rows = part[np.array([0, 1])]
    assert rows.tolist() == [5, 7]


def test_sequences_of_vectors_keep_all_their_steps():
    values = np.zeros((3, 4, 2), np.float64)
    inputs, _ = SequenceDataset(values)[np.array([0, 2])]
    assert tuple(inputs["sequences"].shape) == (2, 4, 2)
    assert inputs["sequences"].numpy().dtype == np.float32
    assert inputs["lengths"].tolist() == [4, 4]


KINDS = {
    "ids": random_texts(12, longest=6),
    "vectors": np.random.default_rng(0).normal(size=(12, 6, 3)).astype(np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_fit_and_predict_leave_x_and_y_as_they_are(kind):
    X, y, weights = KINDS[kind].copy(), np.arange(12) % 2, np.linspace(0.5, 1, 12)
    model = RNNTextClassifier(hidden_size=2, embedding_dim=2, max_epochs=2, random_state=0)
    model.fit(X, y, sample_weight=weights).predict(X)
    np.testing.assert_array_equal(X, KINDS[kind])
    np.testing.assert_array_equal(y, np.arange(12) % 2)
    np.testing.assert_array_equal(weights, np.linspace(0.5, 1, 12))


@pytest.mark.parametrize("kind", KINDS)
def test_read_only_memory_maps_are_enough(kind, tmp_path):
    np.save(tmp_path / "X.npy", KINDS[kind])
    X, y = np.load(tmp_path / "X.npy", mmap_mode="r"), np.arange(12) % 2
    y.flags.writeable = False
    model = RNNTextClassifier(hidden_size=2, embedding_dim=2, max_epochs=2, random_state=0)
    mapped = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(mapped, model.fit(KINDS[kind], y).predict_proba(KINDS[kind]))

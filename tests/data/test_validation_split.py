import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sklearn_rnn._data.validation_split import split_for_validation

class_sizes = st.lists(st.integers(1, 60), min_size=1, max_size=6)
fractions = st.floats(0.01, 0.5)
seeds = st.integers(0, 2**32 - 1)


def split(keys, fraction=0.2, seed=0):
    return split_for_validation("Estimator", keys, fraction, np.random.default_rng(seed))


def keys_of(sizes, seed):
    keys = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(keys)


@given(sizes=class_sizes, fraction=fractions, seed=seeds)
@settings(deadline=None, max_examples=100)
def test_the_two_parts_are_disjoint_complete_and_in_rising_order(sizes, fraction, seed):
    assume(max(sizes) > 1)
    keys = keys_of(sizes, seed)
    training, validation = split(keys, fraction, seed)
    together = np.concatenate([training, validation])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(keys)))
    assert len(training)
    assert len(validation)
    assert (np.diff(training) > 0).all()
    assert (np.diff(validation) > 0).all()


@given(sizes=st.lists(st.integers(2, 60), min_size=1, max_size=6), fraction=fractions, seed=seeds)
@settings(deadline=None, max_examples=100)
def test_each_class_gives_its_share_within_one_text(sizes, fraction, seed):
    keys = keys_of(sizes, seed)
    n_validation = math.ceil(fraction * len(keys))
    assume(2 * n_validation <= len(keys))  # or a class of two might have to give both
    _, validation = split(keys, fraction, seed)
    assert len(validation) == n_validation
    expected = n_validation * np.array(sizes) / len(keys)
    given_away = np.bincount(keys[validation], minlength=len(sizes))
    assert (np.abs(given_away - expected) < 1).all()


@given(sizes=class_sizes, fraction=fractions, seed=seeds)
@example(sizes=[2, *[1] * 10], fraction=0.1, seed=0)
@settings(deadline=None, max_examples=100)
def test_every_class_stays_in_training(sizes, fraction, seed):
    assume(max(sizes) > 1)
    keys = keys_of(sizes, seed)
    training, _ = split(keys, fraction, seed)
    assert set(keys[training]) == set(keys)


def test_a_class_of_one_text_stays_in_training():
    keys = np.array([0] * 10 + [1] + [2] * 10)
    for seed in range(20):
        training, _ = split(keys, 0.5, seed)
        assert 10 in training


def test_ranges_of_a_number_give_their_shares_too():
    ratings = np.random.default_rng(0).uniform(1, 10, 200)
    _, validation = split(ratings, 0.25)
    ranks = np.argsort(np.argsort(ratings))[validation]
    np.testing.assert_array_equal(np.bincount(ranks // 40), [10] * 5)


def test_equal_numbers_are_no_class_of_their_own():
    training, validation = split(np.array([1.0, 2.0, 3.0, 4.0]), 0.25)
    assert (len(training), len(validation)) == (3, 1)


@pytest.mark.parametrize(
    ("keys", "fraction"),
    [
        pytest.param([0], 0.2, id="one text"),
        pytest.param([0, 0], 0.9, id="nothing left to train on"),
        pytest.param([0, 1, 2], 0.2, id="classes of one text"),
    ],
)
def test_too_few_texts_raise(keys, fraction):
    with pytest.raises(ValueError, match=r"^Estimator: too few samples .*early_stopping=False"):
        split(np.array(keys), fraction)


def test_the_generator_alone_decides():
    keys = keys_of([30, 20, 5], 0)
    np.testing.assert_array_equal(split(keys, seed=1)[1], split(keys, seed=1)[1])
    assert not np.array_equal(split(keys, seed=1)[1], split(keys, seed=2)[1])


def test_texts_of_a_class_are_chosen_at_random():
    choices = {tuple(split(np.zeros(10, int), 0.2, seed)[1].tolist()) for seed in range(100)}
    assert len(choices) > 30  # of 45 pairs
    assert {row for pair in choices for row in pair} == set(range(10))

"""What `make_reviews` promises."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn.datasets import make_reviews

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 40)
FILLERS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: tuple(sorted(pair)))

few_examples = settings(max_examples=30, deadline=None)


def accuracy_of_ngrams(texts, labels, longest):
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, longest), token_pattern=r"\w+"),
        LogisticRegression(C=100, max_iter=1000),
    )
    return cross_val_score(model, texts, labels, cv=3).mean()


@pytest.fixture(scope="module")
def reviews():
    return make_reviews(1200, return_spans=True, random_state=0)


@few_examples
@given(n_samples=SIZES, seed=SEEDS)
def test_labels_are_balanced_strings(n_samples, seed):
    texts, labels = make_reviews(n_samples, random_state=seed)
    counts = Counter(labels.tolist())
    assert len(texts) == len(labels) == n_samples
    assert set(counts) <= {"negative", "positive"}
    assert counts["negative"] - counts["positive"] == n_samples % 2


@few_examples
@given(n_samples=SIZES, n_filler=FILLERS, seed=SEEDS)
def test_same_seed_gives_the_same_reviews(n_samples, n_filler, seed):
    first, second = (
        make_reviews(n_samples, n_filler=n_filler, return_spans=True, random_state=state)
        for state in (seed, np.random.RandomState(seed))
    )
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(first[2], second[2])


@few_examples
@given(n_filler=FILLERS, seed=SEEDS)
def test_as_many_sentences_follow_the_clue_as_asked_for(n_filler, seed):
    texts, _, spans = make_reviews(20, n_filler=n_filler, return_spans=True, random_state=seed)
    for text, (_, stop) in zip(texts, spans, strict=True):
        after = text[stop:].count(".") - 1  # the clue's own full stop
        assert n_filler[0] <= after <= n_filler[1]


@few_examples
@given(seed=SEEDS)
def test_the_clue_stands_early_and_far_from_the_end(seed):
    texts, _, spans = make_reviews(20, return_spans=True, random_state=seed)
    for text, (start, stop) in zip(texts, spans, strict=True):
        assert len(text[:start].split()) <= 30
        assert len(text[stop:].split()) >= 24


@few_examples
@given(n_filler=FILLERS, seed=SEEDS)
def test_no_mark_of_the_grammar_is_left_in_a_text(n_filler, seed):
    texts, _ = make_reviews(20, n_filler=n_filler, random_state=seed)
    for text in texts:
        assert re.fullmatch(r"(?:[A-Z][A-Za-z0-9, ]+\.(?: |$))+", text)


def test_lengths_are_typical_of_short_reviews(reviews):
    lengths = [len(text.split()) for text in reviews[0]]
    assert min(lengths) >= 30
    assert max(lengths) <= 130
    assert 60 <= np.mean(lengths) <= 90


def test_words_alone_tell_something_but_not_enough(reviews):
    texts, labels, _ = reviews
    assert 0.55 < accuracy_of_ngrams(texts, labels, longest=1) < 0.75


def test_word_order_tells_what_words_alone_cannot(reviews):
    texts, labels, _ = reviews
    assert accuracy_of_ngrams(texts, labels, longest=2) > 0.85


def test_the_clue_alone_tells_the_label(reviews):
    texts, labels, spans = reviews
    clues = [text[start:stop] for text, (start, stop) in zip(texts, spans, strict=True)]
    by_clue = dict(zip(clues, labels, strict=True))
    assert [by_clue[clue] for clue in clues] == labels.tolist()


def test_what_follows_the_clue_tells_nothing(reviews):
    texts, labels, spans = reviews
    rests = [text[text.index(".", stop) :] for text, (_, stop) in zip(texts, spans, strict=True)]
    # 3 standard deviations of 1,200 fair coins
    assert abs(accuracy_of_ngrams(rests, labels, longest=2) - 0.5) < 0.045


def test_global_generators_are_left_alone():
    before = np.random.get_state()[1:3]
    make_reviews(5)
    make_reviews(5, random_state=1)
    after = np.random.get_state()[1:3]
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1] == after[1]


def test_without_a_seed_every_call_is_new():
    assert make_reviews(10)[0] != make_reviews(10)[0]


@pytest.mark.parametrize("n_samples", [0, -1, 2.0, "10", None])
def test_impossible_number_of_samples_is_refused(n_samples):
    with pytest.raises(ValueError, match=r"make_reviews: n_samples: expected .* got "):
        make_reviews(n_samples)


@pytest.mark.parametrize("n_filler", [3, (3,), (5, 2), (-1, 2), (0.5, 2), "ab", None])
def test_impossible_filler_is_refused(n_filler):
    with pytest.raises(ValueError, match=r"make_reviews: n_filler: expected .* got "):
        make_reviews(2, n_filler=n_filler)

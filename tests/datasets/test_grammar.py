"""The grammar of the reviews is closed, and its fillers tell no opinion."""

import re
from itertools import chain

import pytest

from sklearn_rnn.datasets._grammar import FILLERS, OPINIONS, SHARES, SWAPPED, WORDS

SENTENCES = [*chain.from_iterable(OPINIONS.values()), *FILLERS]


def names_in(sentence):
    return set(re.findall(r"\{(\w+)\}", sentence))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_uses_known_names_and_ends_with_a_full_stop(sentence):
    assert names_in(sentence) <= WORDS.keys()
    assert re.fullmatch(r"[^.]+\.", sentence)


def test_each_name_is_used_and_has_different_words():
    assert set().union(*map(names_in, SENTENCES)) | SWAPPED.keys() == WORDS.keys()
    assert all(len(set(words)) == len(words) > 1 for words in WORDS.values())


@pytest.mark.parametrize("sentence", [*chain.from_iterable(OPINIONS.values())])
def test_an_opinion_marks_its_deciding_words_once(sentence):
    assert re.fullmatch(r"[^][]*\[[^][]+\][^][]*", sentence)
    assert names_in(sentence) & SWAPPED.keys()


def test_opposites_swap_both_ways_and_share_no_word():
    assert all(SWAPPED[SWAPPED[name]] == name for name in SWAPPED)
    assert all(not {*WORDS[name]} & {*WORDS[SWAPPED[name]]} for name in SWAPPED)


@pytest.mark.parametrize("filler", FILLERS)
def test_a_filler_contains_no_word_of_an_opinion(filler):
    tell = {"not", *SWAPPED}
    assert not names_in(filler) & tell
    assert not {*re.findall(r"\w+", filler)} & set(chain.from_iterable(WORDS[n] for n in tell))


def test_each_kind_of_opinion_has_a_share():
    assert SHARES.keys() == OPINIONS.keys()
    assert sum(SHARES.values()) == pytest.approx(1)
    assert min(SHARES.values()) > 0

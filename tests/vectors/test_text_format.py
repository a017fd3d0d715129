"""Vectors in text: one word and its numbers in each line."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn.exceptions import VectorFileError
from vector_files import FLOAT, TEXT, VECTORS, WORD, WORDS, as_text, assert_is, read_bytes


@pytest.mark.parametrize("header", [False, True])
def test_words_with_spaces_are_split_from_the_right_even_in_the_first_row(header):
    words = [". . .", "at name@domain.com", "film", "7", "3.5"]
    vectors = np.ones((5, 4)) / 4
    found = read_bytes(as_text(words, vectors, header), words)
    assert_is(found, words, vectors)


def test_words_keep_spaces_that_are_not_ascii_and_those_at_their_ends():
    words = ["1\u00a01/2", "a\u3000b", "x\u2028y", "\x85", "a", "a ", " a", " ", "", "a\tb c"]
    found = read_bytes(as_text(words, np.ones((len(words), 3))), words)
    assert found.words == words


def test_the_last_line_needs_no_line_break_in_a_packed_file():
    assert_is(read_bytes(gzip.compress(TEXT[:-1]), WORDS), WORDS, VECTORS)


TABLES = st.integers(2, 12).flatmap(
    lambda d: st.dictionaries(
        WORD, st.lists(FLOAT, min_size=d, max_size=d), min_size=1, max_size=8
    )
)


@given(TABLES, st.booleans())
def test_a_text_gives_back_what_was_written(table, header):
    words, vectors = list(table), np.array(list(table.values()), dtype=np.float32)
    assert_is(read_bytes(as_text(words, vectors, header), words), words, vectors)


def test_damage_in_the_rows_of_other_words_shows_in_their_width_only():
    assert read_bytes(b"a 1 2\nb 1 x\nc nan 2\n", {"a"}).words == ["a"]
    with pytest.raises(VectorFileError, match="line 2 has 1 values"):
        read_bytes(b"a 1 2\nb 1\nc 1 2\n", {"a"})


def test_a_row_of_more_numbers_than_any_vector_has_is_refused():
    with pytest.raises(VectorFileError, match=r"line 1 has 200,000 values: expected from 1 to"):
        read_bytes(b"a" + b" 1" * 200_000 + b"\n", {"a"})

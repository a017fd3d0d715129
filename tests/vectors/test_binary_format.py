"""Vectors in word2vec's binary format, in which words may contain spaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn._vectors import binary_format as _vector_binary
from sklearn_rnn.exceptions import VectorFileError
from vector_files import FLOAT, VECTORS, as_binary, assert_is, read_bytes, read_or_refused

# ---- Spaces in words -------------------------------------------------------------------------


ANY_WORD = st.text(st.one_of(st.sampled_from(" \n\ta0"), st.characters(codec="utf-8")), max_size=8)
ANY_TABLES = st.integers(1, 12).flatmap(
    lambda d: st.dictionaries(
        ANY_WORD, st.lists(FLOAT, min_size=d, max_size=d), min_size=1, max_size=6
    )
)
NORMAL_TABLES = st.tuples(
    st.lists(ANY_WORD, unique=True, min_size=1, max_size=6),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
)


def assert_refused_or_same(words, vectors, end):
    if end and any("\n" in word for word in words):
        return  # word2vec.c reads no line break into a word
    found = read_or_refused(as_binary(words, vectors, end), set(words))
    if found is not None:
        assert_is(found, words, vectors)


@given(ANY_TABLES, st.sampled_from([b"", b"\n"]))
def test_a_binary_of_any_words_is_read_as_written_or_refused(table, end):
    vectors = np.array(list(table.values()), dtype=np.float32)
    assert_refused_or_same(list(table), vectors, end)


@given(NORMAL_TABLES, st.sampled_from([b"", b"\n"]))
def test_a_binary_of_usual_numbers_is_read_as_written_or_refused(table, end):
    words, n_dimensions, seed = table
    vectors = np.random.default_rng(seed).normal(size=(len(words), n_dimensions))
    assert_refused_or_same(words, vectors.astype(np.float32), end)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize(
    "vectors", [np.arange(6).reshape(3, 2), VECTORS[:, :2], VECTORS[:, :3], VECTORS], ids=np.shape
)
@pytest.mark.parametrize("word", ["New York", "a ", " a", "a bcd", "a\u3000b c", "a 1 2 3 4 5 6"])
def test_a_binary_with_a_space_in_a_word_is_refused(word, vectors, end, place):
    words = ["the", "of", "and"]
    words[place] = word
    with pytest.raises(VectorFileError):
        read_bytes(
            as_binary(words, np.asarray(vectors, np.float32), end), [*words, "New", "a", ""]
        )


def test_the_message_shows_both_words_and_a_way_out():
    data = as_binary(["New York", "of"], np.float32([[1, 2], [3, 4]]))
    message = "row 1 may have the word 'New' or 'New York': a space .* Save the vectors as text"
    with pytest.raises(VectorFileError, match=message):
        read_bytes(data, ["of"])


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("n_dimensions", [2, 3, 5, 10, 300])
def test_numbers_that_begin_like_the_rest_of_a_word_are_numbers(n_dimensions, end):
    vectors = np.random.default_rng(0).normal(size=(50, n_dimensions)).astype("<f4")
    for row, start in enumerate([b" ", b"y ", b"\xc3\xa9 "]):
        vectors[row, :1] = np.frombuffer(start + b"\x12\xbf\xbe\xbf"[len(start) :], "<f4")
    words = [f"w{row}" for row in range(50)]
    assert_is(read_bytes(as_binary(words, vectors, end), words), words, vectors)


@pytest.mark.parametrize("n_dimensions", [2, 25, 300])
@pytest.mark.parametrize(
    "write", [np.zeros, np.ones, lambda shape: np.arange(np.prod(shape)).reshape(shape) % 12]
)
def test_round_numbers_are_numbers(write, n_dimensions):
    words, vectors = [f"w{row}" for row in range(20)], np.float32(write((20, n_dimensions)))
    for end in (b"", b"\n"):
        assert_is(read_bytes(as_binary(words, vectors, end), words), words, vectors)


@pytest.mark.parametrize("words", [["\nb"], ["a", "\nb"], ["a", "\nb", "\nc"], ["a", "b", "\nc"]])
def test_a_line_break_in_a_word_is_never_dropped(words):
    found = read_or_refused(as_binary(words, VECTORS[: len(words)]), {*words, "b", "c"})
    assert found is None or found.words == words


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_line_breaks_after_some_rows_only_are_refused(wrong):
    rows = [
        b"%b %b" % (word.encode(), v.tobytes()) for word, v in zip("abc", VECTORS, strict=True)
    ]
    rows = [row + b"\n" * (place != wrong) for place, row in enumerate(rows, 1)]
    with pytest.raises(
        VectorFileError, match="expected a line break after each row, or after non"
    ):
        read_bytes(b"3 20\n" + b"".join(rows), ["a", "b", "c"])


# ---- Looked at in time and memory ------------------------------------------------------------


@given(st.data())
def test_the_ranges_of_exponents_behind_longer_words_are_those_of_the_numbers(data):
    n_values = data.draw(st.integers(1, 6))
    byte = st.sampled_from([0, 32, 65, 128]) | st.integers(0, 255)
    n_bytes = data.draw(st.integers(4 * n_values, 9 * n_values))
    both = bytes(data.draw(st.lists(byte, min_size=n_bytes, max_size=n_bytes)))
    starts = data.draw(st.sets(st.integers(1, 4 * n_values), min_size=1))
    pieces = [both[start : start + 4 * n_values] for start in sorted(starts)]
    ranges = [
        _vector_binary._Exponents.of(piece) for piece in pieces if len(piece) == 4 * n_values
    ]
    found = _vector_binary._narrowest(both, n_values, np.array(sorted(starts)))
    found = [_vector_binary._Exponents(*map(int, row)) for row in found]
    assert set(found) <= set(ranges)
    for exponents in ranges:
        assert any(map(exponents.contain, found))


def test_rows_that_can_be_read_in_two_ways_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(_vector_binary, "_MAX_DOUBTS", 100)
    lengths, doubt = [], _vector_binary._doubt

    def noted(*arguments):
        lengths.append(len(check.doubts))
        return doubt(*arguments)

    monkeypatch.setattr(_vector_binary, "_doubt", noted)
    check = _vector_binary._SpaceCheck(None)
    for number in range(1_000):
        check.add(_vector_binary._Row(number, b"", b"a", b"a \x3d\x3c\0\0\x3d\x3d"), b"")
    assert len(lengths) == 1_000
    assert max(lengths) < 100

"""word2vec's binary: a word, a space, float32 values, maybe a line break, and so on.

Only that space marks where a word ends. A word that itself contains one reads like a shorter word
with other numbers, in gensim too: "new york" like "new", with the bytes of "york" as the first
number. Such a file is refused. But by chance, the numbers of an ordinary row may also begin with
bytes that look like the rest of a word, and that row must be read. The two are told apart as
follows (`_SpaceCheck`):

1. A row is in doubt if its values begin with UTF-8 that contains a space: the word may really end
   at that space, or at a later one. All other rows are certain.
2. Certain rows show which exponents are usual in this file. They cover a small part of the 256
   that a float32 can have, since all numbers of an embedding are of a similar size.
3. If the word really is longer, our numbers begin some bytes too early. Shifted by one, two or
   three bytes, mantissa bits of one number become the exponent of another, which may then have
   any value. That all of them are usual would be an accident: if its probability is below one in
   a million, the shorter word is right.
4. A short vector may fit by accident. Then the longer words are tried, too, with the numbers that
   would follow them (`_narrowest`): the right numbers always fit, so if none of those do, the
   shorter word is right.
5. In all other cases nothing is known, and the file is refused. Also where numbers are shifted
   by whole numbers: their exponents stay exponents, but the space becomes one, too.

(If the rest of a word is longer than the numbers, one row is read as two: their count is wrong.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .file_source import (
    LOOKS_DAMAGED,
    FileStart,
    Header,
    Source,
    VectorFormat,
    VectorRows,
    check_finite,
    check_header,
    excerpt,
)
from .text_format import looks_like_text

__all__ = ["BINARY"]

_BLOCK_BYTES = 2**22
_MAX_WORD_BYTES = 2**16

_SAMPLED_ROWS = 1_000
_MARGIN = 20
"""Powers of two by which numbers may exceed what was sampled, if the row has as many of them."""

_MAX_DOUBTS = 10_000
"""Rows in doubt that may wait for others to be sampled. Each takes about a kilobyte."""

_A_FEW, _MANY = 8, 64
_ONE_IN_TWENTY, _ONE_IN_A_MILLION = 5e-2, 1e-6


class _Row(NamedTuple):
    """One row of the file, counted from 1."""

    number: int
    gap: bytes  # what separates it from the row before
    word: bytes  # up to the first space
    values: bytes


def _matches(start: FileStart) -> bool:
    return start.header is not None and not looks_like_text(start.head, start.header)


def _open(source: Source, start: FileStart) -> VectorRows[bytes]:
    """Read words and the bytes of their values.

    Sizes are checked in every row, at the end also whether all rows could be told apart; values
    only where they are asked for.
    """
    header = start.header
    assert header is not None  # or else it would not match
    check_header(source, header)

    def vector(values: bytes) -> NDArray[np.float32]:
        return check_finite(source, np.frombuffer(values, dtype="<f4"))

    return VectorRows(_words_and_values(source, header), vector)


BINARY = VectorFormat(_matches, _open)


def _words_and_values(source: Source, header: Header) -> Iterator[tuple[str, bytes]]:
    check = _SpaceCheck(source)
    previous: _Row | None = None
    for row in _rows(source, header):
        if previous:
            check.add(previous, following=row.gap + row.word + b" " + row.values)
        if (decoded := source.decode_word(row.word)) is not None:
            yield decoded, row.values
        previous = row
    if previous:
        check.add(previous, following=b"")
    check.settle()


def _rows(source: Source, header: Header) -> Iterator[_Row]:
    """Read the words and values of all rows, each word up to its first space."""
    n_bytes = 4 * header.n_dimensions
    source.read_line()
    source.unit, source.row = "row", 0
    block, start = b"", 0
    breaks: set[bool] = set()  # word2vec breaks the line after each vector, gensim does not
    while source.row < header.n_rows:
        source.row += 1
        space = block.find(b" ", start)
        while space < 0 or space + 1 + n_bytes > len(block):
            block, start = _read_more(source, block[start:], header), 0
            space = block.find(b" ")
        gap = b""
        if source.row > 1:
            _check_break(source, breaks, block[start : start + 1] == b"\n")
            gap = b"\n" if True in breaks else b""
        end = space + 1 + n_bytes
        yield _Row(source.row, gap, block[start + len(gap) : space], block[space + 1 : end])
        start = end
    rest = block[start:] + source.read(_MAX_WORD_BYTES)
    if rest.strip(b"\n"):
        raise source.error(
            f"is the last that the header of {header.n_rows} rows of {header.n_dimensions} values "
            "promises, but the file goes on. Header or file is damaged."
        )
    _check_break(source, breaks, bool(rest) and True in breaks)


def _check_break(source: Source, breaks: set[bool], is_broken: bool) -> None:
    breaks.add(is_broken)
    if len(breaks) > 1:
        raise source.error(
            "is separated from its neighbours differently from the rows before: expected a line "
            "break after each row, or after none. The file is damaged, or has words that begin "
            "with a line break: save it as text, or as gensim's .kv."
        )


def _read_more(source: Source, rest: bytes, header: Header) -> bytes:
    if b" " not in rest[:_MAX_WORD_BYTES] and len(rest) > _MAX_WORD_BYTES:
        raise source.error(
            f"has no word that ends within {_MAX_WORD_BYTES:,} bytes. {LOOKS_DAMAGED}"
        )
    more = source.read(_BLOCK_BYTES)
    if not more:
        _, space, values = rest.partition(b" ")
        found = f"{len(values)} of {4 * header.n_dimensions} bytes" if space else "no whole word"
        raise source.error(
            f"ends early, with {found}; the header says {header.n_rows} rows of "
            f"{header.n_dimensions} values. The file looks cut short: fetch it again."
        )
    return rest + more


# ---- words that may contain spaces ----------------------------------------------------------


class _Exponents(NamedTuple):
    """The range of the exponents of float32 values, as stored: 0 to 255."""

    lowest: int = 255
    highest: int = 0

    @classmethod
    def of(cls, values: bytes) -> _Exponents:
        bits = np.frombuffer(values, "<u4")
        exponents = (bits[bits << 1 != 0] >> 23) & 0xFF  # zeros have none
        return cls(int(exponents.min(initial=255)), int(exponents.max(initial=0)))

    def joined(self, other: _Exponents) -> _Exponents:
        return _Exponents(min(self.lowest, other.lowest), max(self.highest, other.highest))

    def widened(self, margin: int) -> _Exponents:
        return _Exponents(self.lowest - margin, self.highest + margin)

    def contain(self, other: _Exponents) -> bool:
        return self.lowest <= other.lowest and other.highest <= self.highest


class _Doubt(NamedTuple):
    """A row that may be a longer word with other numbers."""

    row: int
    words: tuple[bytes, bytes]  # up to the first space, and up to the next
    n_distinct: int  # number of distinct values
    exponents: _Exponents
    others: NDArray[np.uint8]  # (n, 2): exponents of the numbers that would follow longer words
    is_aligned: bool  # a longer word would shift the numbers by whole numbers


class _SpaceCheck:
    """Decides whether the words of a file end at their first space: see the top of this file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.n_sampled = 0
        self.usual = _Exponents(120, 134)  # 2 ** -7 to 2 ** 7, widened by certain rows
        self.doubts: list[_Doubt] = []

    def add(self, row: _Row, following: bytes) -> None:
        """Take note of a row, and of the bytes that follow it."""
        text = np.frombuffer(_start_that_is_text(row.values), np.uint8)
        ends = np.flatnonzero(text == ord(" ")) + 1
        if len(ends):  # 1
            self.doubts.append(_doubt(row, following, ends))
        elif self.n_sampled < _SAMPLED_ROWS:  # 2
            self.n_sampled += 1
            self.usual = self.usual.joined(_Exponents.of(row.values))
        if self.n_sampled == _SAMPLED_ROWS or len(self.doubts) == _MAX_DOUBTS:
            self.settle()

    def settle(self) -> None:
        """Raise if a row so far can be read in two ways; otherwise forget the doubts."""
        doubt = next((doubt for doubt in self.doubts if not self._is_settled(doubt)), None)
        self.doubts.clear()
        if doubt is None:
            return
        shorter, longer = map(excerpt, doubt.words)
        raise self.source.error(
            f"may have the word {shorter} or {longer}: a space in a word cannot be told from the "
            "one that ends it, so its numbers are not known. Save the vectors as text "
            "(gensim: binary=False) or as gensim's .kv, or without spaces in words.",
            row=doubt.row,
        )

    def _is_settled(self, doubt: _Doubt) -> bool:
        """Return whether the shorter word is the right one."""
        margin = min(doubt.n_distinct, _MARGIN)
        usual = self.usual.widened(margin)
        if doubt.n_distinct == 1 or doubt.is_aligned or not usual.contain(doubt.exponents):
            return False
        accident = ((usual.highest - usual.lowest + 1) / 256) ** doubt.n_distinct  # 3
        if accident < _ONE_IN_A_MILLION or doubt.n_distinct >= _MANY:
            return accident < _ONE_IN_A_MILLION
        # 4: a few numbers may fit by accident, but the right ones always do.
        wide = self.usual.widened(max(margin, _MARGIN // 2))
        return accident < _ONE_IN_TWENTY and not any(
            wide.contain(_Exponents(*other)) for other in doubt.others.tolist()
        )


def _start_that_is_text(values: bytes) -> bytes:
    """Return the bytes before the first that is not UTF-8."""
    try:
        values.decode("utf-8")
    except UnicodeDecodeError as error:
        return values[: error.start]
    return values


def _doubt(row: _Row, following: bytes, ends: NDArray[np.intp]) -> _Doubt:
    """Describe a row whose word may really end at one of these places among its values."""
    n_distinct = len(np.unique(np.frombuffer(row.values, "<u4")))
    is_aligned = bool((ends % 4 == 0).any())
    others = np.empty((0, 2), np.uint8)
    if 1 < n_distinct < _MANY and not is_aligned:  # otherwise they are not needed
        others = _narrowest(row.values + following, len(row.values) // 4, ends)
    return _Doubt(
        row.number,
        (row.word[:40], (row.word + b" " + row.values[: ends[0] - 1])[:40]),
        n_distinct,
        _Exponents.of(row.values),
        others,
        is_aligned,
    )


def _narrowest(data: bytes, n_values: int, starts: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the ranges of exponents of the `n_values` values that follow each start: (n, 2).

    Without ranges that contain another one: if the wider fits, so does the narrower.

    All starts are among the first `n_values` values, and there may be thousands of them. Sliding
    windows would take time for each start, so minima and maxima are accumulated once per shift of
    0 to 3 bytes: a window is a tail of the first `n_values` values and a head of the following
    ones (`_window_extremes`).
    """
    if len(starts) <= _A_FEW:
        pieces = (data[start : start + 4 * n_values] for start in starts.tolist())
        found = [_Exponents.of(piece) for piece in pieces if len(piece) == 4 * n_values]
        return np.array(found, np.uint8).reshape(-1, 2)
    least_highest = np.full(256, 256)  # by lower end: the narrowest range
    for shift in range(4):
        bits = np.frombuffer(data, "<u4", (len(data) - shift) // 4, shift)
        exponents, is_zero = (bits >> 23).astype(np.uint8), bits << 1 == 0
        lowest = _window_extremes(np.minimum, np.where(is_zero, 255, exponents), n_values, 255)
        highest = _window_extremes(np.maximum, np.where(is_zero, 0, exponents), n_values, 0)
        windows = (starts[starts % 4 == shift] - shift) // 4
        windows = windows[windows < len(lowest)]
        np.minimum.at(least_highest, lowest[windows], highest[windows])
    # From the highest lower end down, a range contains none of those before if it ends below them.
    ranges, least = [], 256
    for low in range(255, -1, -1):
        if least_highest[low] < least:
            least = int(least_highest[low])
            ranges.append((low, least))
    return np.array(ranges, np.uint8).reshape(-1, 2)


def _window_extremes(
    extreme: np.ufunc, values: NDArray[Any], length: int, neutral: int
) -> NDArray[Any]:
    """Return the extremes of all windows that begin among the first `length` values."""
    n_windows = min(length, len(values) - length) + 1
    first, following = values[:length], values[length : 2 * length]
    tails = extreme.accumulate(first[::-1])[::-1]
    heads = extreme.accumulate(following)
    return extreme(np.append(tails, neutral)[:n_windows], np.append(neutral, heads)[:n_windows])

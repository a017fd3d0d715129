"""word2vec's binary: a word, a space, float32 values, maybe a line break, and so on.

Nothing marks where a word ends but that space. A word that holds one itself reads like a shorter
word before other numbers, in gensim too; such a file is refused. The opposite must be read: now
and then the numbers of a row begin with bytes that could be the rest of a word.
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
"""Powers of two by which a number may lie outside of what was sampled, where many vouch for it."""

_MAX_DOUBTS = 10_000
"""Rows that may wait for others to be sampled. Each takes about a kilobyte."""

_A_FEW, _MANY = 8, 64
_ONE_IN_TWENTY, _ONE_IN_A_MILLION = 5e-2, 1e-6


class _Row(NamedTuple):
    """One row of the file, counted from 1."""

    number: int
    gap: bytes  # what divides it from the row before
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
            block, start = _refilled(source, block[start:], header), 0
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
            "is divided from its neighbours otherwise than the rows before: expected a line "
            "break after each row, or after none. The file is damaged, or has words that begin "
            "with a line break: save it as text, or as gensim's .kv."
        )


def _refilled(source: Source, rest: bytes, header: Header) -> bytes:
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


# ---- words that may hold spaces -------------------------------------------------------------


class _Exponents(NamedTuple):
    """The range of the powers of two in float32 values, as they are stored: 0 to 255."""

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
    """A row that may be a longer word before other numbers."""

    row: int
    words: tuple[bytes, bytes]  # up to the first space, and up to the next
    n_distinct: int  # numbers
    exponents: _Exponents
    others: NDArray[np.uint8]  # (n, 2): ranges of the numbers that would follow longer words
    is_aligned: bool


class _SpaceCheck:
    """Decides whether the words of a file end at their first space.

    Where the rest of a longer word stands before a row's numbers, these are read some bytes too
    early. Shifted by one, two or three bytes, the last bits of one number become the exponent of
    another, and so any exponent whatever: it is no accident if they all lie where those of the
    other rows lie. Shifted by whole numbers, a space ends up in the byte of an exponent.
    (A rest that is longer than the numbers makes one row of the file two, which their count
    tells.)
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.n_sampled = 0
        self.usual = _Exponents(120, 134)  # 2 ** -7 to 2 ** 7, and what the rows show
        self.doubts: list[_Doubt] = []

    def add(self, row: _Row, following: bytes) -> None:
        """Take note of a row, and of the bytes that follow it."""
        text = np.frombuffer(_start_that_is_text(row.values), np.uint8)
        ends = np.flatnonzero(text == ord(" ")) + 1
        if len(ends):
            self.doubts.append(_doubt(row, following, ends))
        elif self.n_sampled < _SAMPLED_ROWS:
            self.n_sampled += 1
            self.usual = self.usual.joined(_Exponents.of(row.values))
        if self.n_sampled == _SAMPLED_ROWS or len(self.doubts) == _MAX_DOUBTS:
            self.settle()

    def settle(self) -> None:
        """Raise if a row so far can be read in two ways."""
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
        accident = ((usual.highest - usual.lowest + 1) / 256) ** doubt.n_distinct
        if accident < _ONE_IN_A_MILLION or doubt.n_distinct >= _MANY:
            return accident < _ONE_IN_A_MILLION
        # A few numbers may fit by accident. The right ones always do.
        wide = self.usual.widened(max(margin, _MARGIN // 2))
        return accident < _ONE_IN_TWENTY and not any(
            wide.contain(_Exponents(*other)) for other in doubt.others.tolist()
        )


def _start_that_is_text(values: bytes) -> bytes:
    try:
        values.decode("utf-8")
    except UnicodeDecodeError as error:
        return values[: error.start]
    return values


def _doubt(row: _Row, following: bytes, ends: NDArray[np.intp]) -> _Doubt:
    """Describe a row whose word may go on to one of the given ends among its values."""
    n_distinct = len(np.unique(np.frombuffer(row.values, "<u4")))
    is_aligned = bool((ends % 4 == 0).any())
    others = np.empty((0, 2), np.uint8)
    if 1 < n_distinct < _MANY and not is_aligned:  # or else nobody asks for them
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
    """Return the ranges of exponents of so many values from each start on: (n, 2).

    Without those that contain another one. The starts lie within the first `n_values`: each
    window of values is the end of these and the beginning of the ones behind them, whose
    extremes are those of the windows before and behind.
    """
    if len(starts) <= _A_FEW:
        pieces = (data[start : start + 4 * n_values] for start in starts.tolist())
        ranges = [_Exponents.of(piece) for piece in pieces if len(piece) == 4 * n_values]
        return np.array(ranges, np.uint8).reshape(-1, 2)
    least_highest = np.full(256, 256)
    for shift in range(4):
        bits = np.frombuffer(data, "<u4", (len(data) - shift) // 4, shift)
        exponents, is_zero = (bits >> 23).astype(np.uint8), bits << 1 == 0
        lowest = _window_extremes(np.minimum, np.where(is_zero, 255, exponents), n_values, 255)
        highest = _window_extremes(np.maximum, np.where(is_zero, 0, exponents), n_values, 0)
        windows = (starts[starts % 4 == shift] - shift) // 4
        windows = windows[windows < len(lowest)]
        np.minimum.at(least_highest, lowest[windows], highest[windows])
    kept: list[tuple[int, int]] = []
    for low in range(255, -1, -1):
        if least_highest[low] < min((high for _, high in kept[-1:]), default=256):
            kept.append((low, int(least_highest[low])))
    return np.array(kept, np.uint8).reshape(-1, 2)


def _window_extremes(
    extreme: np.ufunc, values: NDArray[Any], length: int, neutral: int
) -> NDArray[Any]:
    """Return the extremes of all windows that begin among the first values, at most `length`."""
    n_windows = min(length, len(values) - length) + 1
    first, rest = values[:length], values[length : 2 * length]
    ends = extreme.accumulate(first[::-1])[::-1]
    beginnings = extreme.accumulate(rest)
    return extreme(
        np.append(ends, neutral)[:n_windows], np.append(neutral, beginnings)[:n_windows]
    )

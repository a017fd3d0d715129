"""Rows of word vectors, text and word2vec's binary, streamed and checked one by one.

Nothing is trusted: each problem becomes a `VectorFileError` that names the file and the row.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .exceptions import VectorFileError

__all__ = ["HEAD_BYTES", "Format", "Header", "Source", "binary_format", "is_number", "text_format"]

HEAD_BYTES = 2**20
"""How much is looked at to tell formats apart; no line of text may be longer."""

_BLOCK_BYTES = 2**22
_MAX_WORD_BYTES = 2**16
_MAX_DIMENSIONS = 2**17
_PROBED_LINES = 100

# What the standard library's decompressors raise for damaged input.
_DAMAGE = (
    EOFError,
    OSError,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

_DAMAGED = "The file looks damaged."


class Source:
    """An open file that knows its name and the row being read, so that errors can tell.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    name : str
        Path of the file, for messages.
    stream : binary file
        The unpacked bytes.
    has_checksum : bool
        Whether a container (gzip, zip) vouches for the length of the bytes.
    """

    def __init__(self, who: str, name: str, stream: BinaryIO, has_checksum: bool) -> None:
        self.who = who
        self.name = name
        self.stream = stream
        self.has_checksum = has_checksum
        self.unit = "line"
        self.row = 0

    def error(self, problem: str, row: int | None = None) -> VectorFileError:
        """Return the error for one row, by default for the one being read."""
        place = f"{self.unit} {self.row if row is None else row}"
        return VectorFileError(f"{self.who}: {self.name!r} {place} {problem}")

    def file_error(self, problem: str) -> VectorFileError:
        """Return the error for the file as a whole."""
        return VectorFileError(f"{self.who}: {self.name!r} {problem}")

    def read(self, n_bytes: int) -> bytes:
        """Return up to `n_bytes`, fewer only at the end of the file."""
        return self._unpacked(self.stream.read, n_bytes)

    def line(self) -> bytes:
        """Return the next line with its end, or no bytes at the end of the file."""
        self.row += 1
        line = self._unpacked(self.stream.readline, HEAD_BYTES + 1)
        if len(line) > HEAD_BYTES:
            raise self.error(f"is longer than {HEAD_BYTES:,} bytes. Is it a text file of vectors?")
        return line

    def _unpacked(self, read: Callable[[int], bytes], n_bytes: int) -> bytes:
        try:
            return read(n_bytes)
        except _DAMAGE as error:
            report = self.error if self.row else self.file_error
            raise report(
                f"cannot be unpacked ({type(error).__name__}: {error}). "
                "The file looks damaged: fetch it again."
            ) from error


class Header(NamedTuple):
    """First line of word2vec's formats: what the rest of the file should hold."""

    n_rows: int
    n_dimensions: int


class Format(NamedTuple):
    """How a file is read: its rows as `(word, raw values)`, and how raw values become a vector.

    The two are apart so that rows of other words are skipped without reading their numbers.
    """

    n_dimensions: int
    rows: Iterator[tuple[str, bytes]]
    vector: Callable[[bytes], NDArray[np.float32]]


class _Width(NamedTuple):
    """Number of values in each row of a text, and how the file told."""

    n_dimensions: int
    told: str


# ---- text ----------------------------------------------------------------------------------


def text_format(source: Source, head: bytes, header: Header | None) -> Format:
    """Read lines of a word and its values: GloVe's format, and word2vec's if there is a header.

    Parameters
    ----------
    source : Source
        The file, at its start.
    head : bytes
        Its first bytes.
    header : Header or None
        Its first line.

    Returns
    -------
    Format
        Width and header are checked in every row; values only where they are asked for.

    Raises
    ------
    VectorFileError
        If no row looks like a word and its values.
    """
    width = _told_width(source, header) if header else _seen_width(source, head)

    def vector(values: bytes) -> NDArray[np.float32]:
        return _parsed(source, values, width)

    return Format(width.n_dimensions, _text_rows(source, width, header), vector)


def _told_width(source: Source, header: Header) -> _Width:
    _check_header(source, header)
    return _Width(header.n_dimensions, f"the header says {header.n_dimensions}")


def _check_header(source: Source, header: Header) -> None:
    n_rows, n_dimensions = header
    if n_rows == 0 or not 0 < n_dimensions <= _MAX_DIMENSIONS:
        raise source.file_error(
            f"has a header of {n_rows} rows and {n_dimensions} values per row: expected at least "
            f"1 row, and from 1 to {_MAX_DIMENSIONS:,} values. {_DAMAGED}"
        )


def _seen_width(source: Source, head: bytes) -> _Width:
    """Return the width that most of the first rows have.

    One row is not enough: its word may hold spaces, or it may be the damaged one.
    """
    counts = [_count_values(line) for line in head.split(b"\n", _PROBED_LINES)[:_PROBED_LINES]]
    if not counts[0]:
        raise source.error(
            f"holds no word followed by numbers, but {_shown(head)}. Expected word vectors: "
            "GloVe's text, word2vec's text or binary, or gensim's .kv.",
            row=1,
        )
    [(n_values, _)] = Counter(filter(None, counts)).most_common(1)
    return _Width(n_values, f"line {counts.index(n_values) + 1} had {n_values}")


def _count_values(line: bytes) -> int:
    """Return how many of the last fields are numbers; the first one is a word whatever it is."""
    fields = line.split()[:0:-1]
    return next((n for n, field in enumerate(fields) if not is_number(field)), len(fields))


def is_number(field: bytes) -> bool:
    """Return whether a field of a text reads as a number."""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field  # Python reads 1_000 as a number, no other tool does


def _text_rows(
    source: Source, width: _Width, header: Header | None
) -> Iterator[tuple[str, bytes]]:
    n_rows = blank = 0
    if header:
        source.line()
    while line := source.line():
        row = line.rstrip()
        if not row:
            blank = blank or source.row
            continue
        if blank:
            raise source.error(f"is blank, and rows follow it. {_DAMAGED}", row=blank)
        _check_end_of_line(source, line)
        yield _split(source, row, width)
        n_rows += 1
    if header and n_rows != header.n_rows:
        raise source.file_error(
            f"has {n_rows} rows, its header says {header.n_rows}. Fetch it again, or correct "
            "its first line if the rows are all there."
        )


def _check_end_of_line(source: Source, line: bytes) -> None:
    # Else a file cut in its last number would give a wrong vector silently.
    if not line.endswith(b"\n") and not source.has_checksum:
        raise source.error(
            "does not end with a line break, so the file looks cut short. Fetch it again, or add "
            "a line break if this is the last row."
        )


def _split(source: Source, row: bytes, width: _Width) -> tuple[str, bytes]:
    word, _, values = row.partition(b" ")
    if values.count(b" ") != width.n_dimensions - 1:
        word, values = _split_from_right(source, row, width)
    return _decoded(source, word), values


def _split_from_right(source: Source, row: bytes, width: _Width) -> tuple[bytes, bytes]:
    """Split a row whose word holds spaces (GloVe 840B has some), or raise."""
    word, *fields = row.rsplit(None, width.n_dimensions)
    # "of 0.1" is no word: the row has one value too many.
    extra = word.split()[1:]
    if len(fields) < width.n_dimensions or (extra and is_number(extra[-1])):
        raise _width_error(source, _count_values(row), width)
    return word, b" ".join(fields)


def _width_error(source: Source, n_values: int, width: _Width) -> VectorFileError:
    return source.error(f"has {n_values} values, {width.told}. {_DAMAGED}")


def _parsed(source: Source, values: bytes, width: _Width) -> NDArray[np.float32]:
    fields = values.split()
    if len(fields) != width.n_dimensions:
        raise _width_error(source, len(fields), width)
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        numbers = []
    if not numbers or b"_" in values:
        wrong = next(field for field in fields if not is_number(field))
        raise source.error(f"has {_shown(wrong)} where a number should be. {_DAMAGED}")
    with np.errstate(over="ignore"):
        vector = np.array(numbers).astype("<f4")
    return _finite(source, vector)


# ---- binary --------------------------------------------------------------------------------


def binary_format(source: Source, header: Header) -> Format:
    """Read word2vec's binary: a word, a space, float32 values, maybe a line break.

    Parameters
    ----------
    source : Source
        The file, at its start.
    header : Header
        Its first line.

    Returns
    -------
    Format
        Sizes are checked in every row; values only where they are asked for.
    """
    _check_header(source, header)

    def vector(values: bytes) -> NDArray[np.float32]:
        return _finite(source, np.frombuffer(values, dtype="<f4"))

    return Format(header.n_dimensions, _binary_rows(source, header), vector)


def _binary_rows(source: Source, header: Header) -> Iterator[tuple[str, bytes]]:
    n_bytes = 4 * header.n_dimensions
    source.line()
    source.unit, source.row = "row", 0
    block, start = b"", 0
    while source.row < header.n_rows:
        source.row += 1
        space = block.find(b" ", start)
        while space < 0 or space + 1 + n_bytes > len(block):
            block, start = _refilled(source, block[start:], header), 0
            space = block.find(b" ")
        end = space + 1 + n_bytes
        word = block[start:space].lstrip(b"\n")  # some tools break the line after each vector
        yield _decoded(source, word), block[space + 1 : end]
        start = end
    if (block[start:] + source.read(_MAX_WORD_BYTES)).strip(b"\n"):
        raise source.error(
            f"is the last that the header of {header.n_rows} rows of {header.n_dimensions} values "
            "promises, but the file goes on. Header or file is damaged."
        )


def _refilled(source: Source, rest: bytes, header: Header) -> bytes:
    if b" " not in rest[:_MAX_WORD_BYTES] and len(rest) > _MAX_WORD_BYTES:
        raise source.error(f"has no word that ends within {_MAX_WORD_BYTES:,} bytes. {_DAMAGED}")
    more = source.read(_BLOCK_BYTES)
    if not more:
        _, space, values = rest.partition(b" ")
        found = f"{len(values)} of {4 * header.n_dimensions} bytes" if space else "no whole word"
        raise source.error(
            f"ends early, with {found}; the header says {header.n_rows} rows of "
            f"{header.n_dimensions} values. The file looks cut short: fetch it again."
        )
    return rest + more


# ---- both ----------------------------------------------------------------------------------


def _decoded(source: Source, word: bytes) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        raise source.error(
            f"has a word that is not UTF-8: {_shown(word)}. The file is damaged or in another "
            "encoding: write it again as UTF-8."
        ) from error


def _shown(field: bytes) -> str:
    return repr(field[:40].decode("utf-8", errors="backslashreplace"))


def _finite(source: Source, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    wrong = ~np.isfinite(vector)
    if wrong.any():
        first = int(wrong.argmax())
        raise source.error(
            f"has {vector[first]} as value {first + 1}: expected finite float32 numbers. "
            f"{_DAMAGED}"
        )
    return vector

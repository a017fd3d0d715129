"""Text files of word vectors: GloVe's format, and word2vec's, which has a header.

Every row is a word and its values, with spaces or tabs between. GloVe's word may contain spaces
itself, so a row is split from the right, at the number of values that the header promises or that
most of the first rows have.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exceptions import VectorFileError
from .file_source import (
    HEAD_BYTES,
    LOOKS_DAMAGED,
    MAX_DIMENSIONS,
    FileStart,
    Header,
    Source,
    VectorFormat,
    VectorRows,
    check_finite,
    check_header,
    excerpt,
)

__all__ = ["TEXT", "looks_like_text"]

_PROBED_LINES = 100


def _matches(start: FileStart) -> bool:
    """Return True: whatever no other format has recognised is read as text, or refused here."""
    return True


def _open(source: Source, start: FileStart) -> VectorRows[bytes]:
    """Read lines of a word and its values: GloVe's format, and word2vec's if there is a header.

    Width and header are checked in every row; values only where they are asked for.
    """
    width = _width_of_header(source, start.header) if start.header else _width(source, start.head)

    def vector(values: bytes) -> NDArray[np.float32]:
        return _parse_values(source, values, width)

    return VectorRows(_words_and_values(source, width, start.header), vector)


TEXT = VectorFormat(_matches, _open)


# ---- Is it text? -----------------------------------------------------------------------------


def looks_like_text(head: bytes, header: Header) -> bool:
    """Return whether rows of text follow a header, and not of bytes.

    Parameters
    ----------
    head : bytes
        The first bytes of a file that has a header.
    header : Header
        Its first line.

    Returns
    -------
    bool
        True if most of the first lines end with as many numbers in digits as the header says,
        or if everything in sight could be text. So a text with a damaged row is still read as
        text.
    """
    return _has_rows_of(head, header.n_dimensions) or _is_plain_text(head)


def _has_rows_of(head: bytes, n_dimensions: int) -> bool:
    """Return whether most of the first lines after a header end with that many numbers."""
    lines = head.split(b"\n", _PROBED_LINES + 1)[1 : _PROBED_LINES + 1]
    if len(lines) > 1:
        del lines[-1]  # is what follows the last line break, or cut by the head
    return 2 * sum(_count_values(line) >= n_dimensions for line in lines) > len(lines)


def _is_plain_text(head: bytes) -> bool:
    is_whole = len(head) < HEAD_BYTES - len(codecs.BOM_UTF8)
    # Where the head has cut the file, its last bytes may be the start of a character.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=is_whole)
    return not any(char == "\ufffd" or (char < " " and char not in "\t\n\r") for char in text)


# ---- How many values has a row? --------------------------------------------------------------


class _Width(NamedTuple):
    """Number of values in each row, and what says so."""

    n_dimensions: int
    evidence: str  # the rest of a message


def _width_of_header(source: Source, header: Header) -> _Width:
    check_header(source, header)
    return _Width(header.n_dimensions, f"the header says {header.n_dimensions}")


def _width(source: Source, head: bytes) -> _Width:
    """Return the width that most of the first rows have.

    One row is not enough: its word may contain spaces, or it may be the damaged one.
    """
    counts = [_count_values(line) for line in head.split(b"\n", _PROBED_LINES)[:_PROBED_LINES]]
    if not counts[0]:
        raise source.error(
            f"contains no word followed by numbers, but {excerpt(head)}. Expected word vectors: "
            "GloVe's text, word2vec's text or binary, or gensim's .kv.",
            row=1,
        )
    [(n_values, _)] = Counter(filter(None, counts)).most_common(1)
    if n_values > MAX_DIMENSIONS:
        raise source.error(
            f"has {n_values:,} values: expected from 1 to {MAX_DIMENSIONS:,}. {LOOKS_DAMAGED}",
            row=counts.index(n_values) + 1,
        )
    return _Width(n_values, f"line {counts.index(n_values) + 1} had {n_values}")


def _count_values(line: bytes) -> int:
    """Return how many of the last fields are numbers; the first one is a word whatever it is."""
    values = line.split()[1:]
    values.reverse()
    return next((n for n, field in enumerate(values) if not _is_number(field)), len(values))


def _is_number(field: bytes) -> bool:
    """Return whether a field of a text reads as a number."""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field  # Python reads 1_000 as a number, no other tool does


# ---- Rows ------------------------------------------------------------------------------------


def _words_and_values(
    source: Source, width: _Width, header: Header | None
) -> Iterator[tuple[str, bytes]]:
    n_rows = blank = 0
    if header:
        source.read_line()
    while line := source.read_line():
        row = line.rstrip()
        if not row:
            blank = blank or source.row
            continue
        if blank:
            raise source.error(f"is blank, and rows follow it. {LOOKS_DAMAGED}", row=blank)
        _check_end_of_line(source, line)
        n_rows += 1
        word, values = _split_row(source, row, width)
        if (decoded := source.decode_word(word)) is not None:
            yield decoded, values
    if header and n_rows != header.n_rows:
        raise source.file_error(
            f"has {n_rows} rows, its header says {header.n_rows}. Fetch it again, or correct "
            "its first line if the rows are all there."
        )


def _check_end_of_line(source: Source, line: bytes) -> None:
    # Otherwise a file cut off within its last number would silently give a wrong vector.
    if not line.endswith(b"\n") and not source.has_checksum:
        raise source.error(
            "does not end with a line break, so the file looks cut short. Fetch it again, or add "
            "a line break if this is the last row."
        )


def _split_row(source: Source, row: bytes, width: _Width) -> tuple[bytes, bytes]:
    word, _, values = row.partition(b" ")
    if values.count(b" ") != width.n_dimensions - 1:
        word, values = _split_from_right(source, row, width)
    return word, values


def _split_from_right(source: Source, row: bytes, width: _Width) -> tuple[bytes, bytes]:
    """Split a row whose word contains spaces (GloVe 840B has some), or raise."""
    word, *fields = row.rsplit(b" ", width.n_dimensions)  # the word itself may end in a space
    if len(fields) < width.n_dimensions or any(field.split() != [field] for field in fields):
        word, *fields = row.rsplit(None, width.n_dimensions)  # tabs, or several spaces
    # "of 0.1" is no word: the row has one value too many.
    extra = word.split()[1:]
    if len(fields) < width.n_dimensions or (extra and _is_number(extra[-1])):
        raise _width_error(source, _count_values(row), width)
    return word, b" ".join(fields)


def _width_error(source: Source, n_values: int, width: _Width) -> VectorFileError:
    return source.error(f"has {n_values} values, {width.evidence}. {LOOKS_DAMAGED}")


def _parse_values(source: Source, values: bytes, width: _Width) -> NDArray[np.float32]:
    fields = values.split()
    if len(fields) != width.n_dimensions:
        raise _width_error(source, len(fields), width)
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        numbers = []
    if not numbers or b"_" in values:
        wrong = next(field for field in fields if not _is_number(field))
        raise source.error(f"has {excerpt(wrong)} where a number should be. {LOOKS_DAMAGED}")
    with np.errstate(over="ignore"):
        vector = np.array(numbers).astype("<f4")
    return check_finite(source, vector)

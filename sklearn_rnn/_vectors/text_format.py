"""Text files of word vectors: GloVe's format, and word2vec's, which has a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exceptions import VectorFileError
from .file_source import (
    DAMAGED,
    MAX_DIMENSIONS,
    Format,
    Header,
    Source,
    check_header,
    finite,
    shown,
)

__all__ = ["has_rows_of", "text_format"]

_PROBED_LINES = 100


class _Width(NamedTuple):
    """Number of values in each row of a text, and how the file told."""

    n_dimensions: int
    told: str


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
    check_header(source, header)
    return _Width(header.n_dimensions, f"the header says {header.n_dimensions}")


def _seen_width(source: Source, head: bytes) -> _Width:
    """Return the width that most of the first rows have.

    One row is not enough: its word may hold spaces, or it may be the damaged one.
    """
    counts = [_count_values(line) for line in head.split(b"\n", _PROBED_LINES)[:_PROBED_LINES]]
    if not counts[0]:
        raise source.error(
            f"holds no word followed by numbers, but {shown(head)}. Expected word vectors: "
            "GloVe's text, word2vec's text or binary, or gensim's .kv.",
            row=1,
        )
    [(n_values, _)] = Counter(filter(None, counts)).most_common(1)
    if n_values > MAX_DIMENSIONS:
        raise source.error(
            f"has {n_values:,} values: expected from 1 to {MAX_DIMENSIONS:,}. {DAMAGED}",
            row=counts.index(n_values) + 1,
        )
    return _Width(n_values, f"line {counts.index(n_values) + 1} had {n_values}")


def has_rows_of(head: bytes, n_dimensions: int) -> bool:
    """Return whether most of the first lines after a header end with so many numbers in digits."""
    lines = head.split(b"\n", _PROBED_LINES + 1)[1 : _PROBED_LINES + 1]
    if len(lines) > 1:
        del lines[-1]  # is what follows the last line break, or cut by the head
    return 2 * sum(_count_values(line) >= n_dimensions for line in lines) > len(lines)


def _count_values(line: bytes) -> int:
    """Return how many of the last fields are numbers; the first one is a word whatever it is."""
    fields = line.split()[:0:-1]
    return next((n for n, field in enumerate(fields) if not _is_number(field)), len(fields))


def _is_number(field: bytes) -> bool:
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
            raise source.error(f"is blank, and rows follow it. {DAMAGED}", row=blank)
        _check_end_of_line(source, line)
        n_rows += 1
        word, values = _split(source, row, width)
        if (decoded := source.decoded(word)) is not None:
            yield decoded, values
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


def _split(source: Source, row: bytes, width: _Width) -> tuple[bytes, bytes]:
    word, _, values = row.partition(b" ")
    if values.count(b" ") != width.n_dimensions - 1:
        word, values = _split_from_right(source, row, width)
    return word, values


def _split_from_right(source: Source, row: bytes, width: _Width) -> tuple[bytes, bytes]:
    """Split a row whose word holds spaces (GloVe 840B has some), or raise."""
    word, *fields = row.rsplit(b" ", width.n_dimensions)  # a space may end the word, too
    if len(fields) < width.n_dimensions or any(field.split() != [field] for field in fields):
        word, *fields = row.rsplit(None, width.n_dimensions)  # tabs, or several spaces
    # "of 0.1" is no word: the row has one value too many.
    extra = word.split()[1:]
    if len(fields) < width.n_dimensions or (extra and _is_number(extra[-1])):
        raise _width_error(source, _count_values(row), width)
    return word, b" ".join(fields)


def _width_error(source: Source, n_values: int, width: _Width) -> VectorFileError:
    return source.error(f"has {n_values} values, {width.told}. {DAMAGED}")


def _parsed(source: Source, values: bytes, width: _Width) -> NDArray[np.float32]:
    fields = values.split()
    if len(fields) != width.n_dimensions:
        raise _width_error(source, len(fields), width)
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        numbers = []
    if not numbers or b"_" in values:
        wrong = next(field for field in fields if not _is_number(field))
        raise source.error(f"has {shown(wrong)} where a number should be. {DAMAGED}")
    with np.errstate(over="ignore"):
        vector = np.array(numbers).astype("<f4")
    return finite(source, vector)

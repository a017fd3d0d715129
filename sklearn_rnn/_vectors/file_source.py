"""What the formats of vector files share: an open file that can tell where it is, and its rows.

Nothing is trusted: each problem becomes a `VectorFileError` that names the file and the row.
"""

from __future__ import annotations

import lzma
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exceptions import VectorFileError

__all__ = [
    "DAMAGED",
    "HEAD_BYTES",
    "MAX_DIMENSIONS",
    "Format",
    "Header",
    "Source",
    "check_header",
    "finite",
    "shown",
]

HEAD_BYTES = 2**20
"""How much is looked at to tell formats apart; no line of text may be longer."""

DAMAGED = "The file looks damaged."

MAX_DIMENSIONS = 2**17

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
        self._n_words = self._n_undecodable = 0
        self._first_undecodable = ""

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

    def decoded(self, word: bytes) -> str | None:
        """Return a word of the row being read, or count it and return None if it is not UTF-8."""
        self._n_words += 1
        try:
            return word.decode("utf-8")
        except UnicodeDecodeError:
            if not self._n_undecodable:
                self._first_undecodable = f"{self.unit} {self.row}: {shown(word)}"
            self._n_undecodable += 1
            return None

    def report_undecodable(self) -> None:
        """Warn about words that are not UTF-8, or raise if most of them are not."""
        if not self._n_undecodable:
            return
        problem = (
            f"has {self._n_undecodable:,} of {self._n_words:,} words that are not UTF-8, the "
            f"first in {self._first_undecodable}."
        )
        if 2 * self._n_undecodable > self._n_words:
            raise self.file_error(
                f"{problem} The file is damaged or in another encoding: write it again as UTF-8."
            )
        warnings.warn(
            f"{self.who}: {self.name!r} {problem} Their rows are skipped, the others are read. "
            "word2vec cuts long words inside a character, which does no harm; if they are many, "
            "the file is in another encoding: write it again as UTF-8.",
            UserWarning,
            stacklevel=6,  # the caller of `fit`
        )

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


def check_header(source: Source, header: Header) -> None:
    """Raise if a header promises nothing, or vectors of no size that exists."""
    n_rows, n_dimensions = header
    if n_rows == 0 or not 0 < n_dimensions <= MAX_DIMENSIONS:
        raise source.file_error(
            f"has a header of {n_rows} rows and {n_dimensions} values per row: expected at least "
            f"1 row, and from 1 to {MAX_DIMENSIONS:,} values. {DAMAGED}"
        )


def shown(field: bytes) -> str:
    """Return the start of some bytes as a message shows it."""
    return repr(field[:40].decode("utf-8", errors="backslashreplace"))


def finite(source: Source, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector of the row being read, or raise if a value is not finite."""
    wrong = ~np.isfinite(vector)
    if wrong.any():
        first = int(wrong.argmax())
        raise source.error(
            f"has {vector[first]} as value {first + 1}: expected finite float32 numbers. {DAMAGED}"
        )
    return vector

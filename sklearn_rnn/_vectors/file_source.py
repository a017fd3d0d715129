"""What the formats of vector files share: an open file that knows where it is, and its rows.

Nothing is trusted: each problem becomes a `VectorFileError` that names the file and the row.

A format is one `VectorFormat`: how it recognises a file by its start, and how it opens one as
`VectorRows`. `files.py` has the table of them.
"""

from __future__ import annotations

import codecs
import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Container, Iterator
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..exceptions import VectorFileError

__all__ = [
    "HEAD_BYTES",
    "LOOKS_DAMAGED",
    "MAX_DIMENSIONS",
    "FileStart",
    "Header",
    "OnVector",
    "Source",
    "SubwordLookup",
    "VectorFormat",
    "VectorRows",
    "check_finite",
    "check_header",
    "excerpt",
]

SubwordLookup = Callable[[str], NDArray[np.float32]]
"""Returns a vector for any word, made of the vectors of its character n-grams."""

OnVector = Callable[[str, NDArray[np.float32]], None]
"""Called with each word found and its vector."""

HEAD_BYTES = 2**20
"""How much is looked at to tell formats apart; no line of text may be longer."""

LOOKS_DAMAGED = "The file looks damaged."

MAX_DIMENSIONS = 2**17

_HEADER = re.compile(rb"(\d{1,40})[ \t]+(\d{1,40})[ \t\r]*\n?")

# What the standard library's decompressors raise for damaged input.
_DECOMPRESSION_ERRORS = (
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
    """An open file that knows its name and the row being read, for its error messages.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    name : str
        Path of the file, for messages.
    stream : binary file
        The unpacked bytes.
    has_checksum : bool
        Whether a container (gzip, zip) verifies that the file is complete.
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
        return self._read_unpacked(self.stream.read, n_bytes)

    def read_line(self) -> bytes:
        """Return the next line with its end, or no bytes at the end of the file."""
        self.row += 1
        line = self._read_unpacked(self.stream.readline, HEAD_BYTES + 1)
        if len(line) > HEAD_BYTES:
            raise self.error(f"is longer than {HEAD_BYTES:,} bytes. Is it a text file of vectors?")
        return line

    def decode_word(self, word: bytes) -> str | None:
        """Return the word of the current row, or count it and return None if it is not UTF-8."""
        self._n_words += 1
        try:
            return word.decode("utf-8")
        except UnicodeDecodeError:
            if not self._n_undecodable:
                self._first_undecodable = f"{self.unit} {self.row}: {excerpt(word)}"
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

    def _read_unpacked(self, read: Callable[[int], bytes], n_bytes: int) -> bytes:
        try:
            return read(n_bytes)
        except _DECOMPRESSION_ERRORS as error:
            report = self.error if self.row else self.file_error
            raise report(
                f"cannot be unpacked ({type(error).__name__}: {error}). "
                "The file looks damaged: fetch it again."
            ) from error


class Header(NamedTuple):
    """First line of word2vec's formats: what the rest of the file should contain."""

    n_rows: int
    n_dimensions: int


class FileStart(NamedTuple):
    """What a format recognises a file by."""

    path: str  # on disk: of the archive, where the file is inside one
    head: bytes  # the first bytes, without a byte order mark
    offset: int  # length of that mark
    header: Header | None

    @classmethod
    def of(cls, path: str, head: bytes) -> FileStart:
        """Describe a file that starts with these bytes."""
        offset = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
        head = head[offset:]
        return cls(path, head, offset, _parse_header(head))


def _parse_header(head: bytes) -> Header | None:
    """Return the header, or None where the first line is none.

    Two whole numbers alone on the first line are always a header: a file of one dimension whose
    first word is a number needs one.
    """
    match = _HEADER.match(head)
    if match is None or (match.end() < len(head) and head[match.end() - 1 : match.end()] != b"\n"):
        return None
    return Header(int(match[1]), int(match[2]))


Raw = TypeVar("Raw")


class VectorRows(NamedTuple, Generic[Raw]):
    """The words of a source, each with its raw values, and how raw values become a vector.

    The two are apart so that rows of other words are skipped without reading their numbers.
    """

    rows: Iterator[tuple[str, Raw]]
    vector: Callable[[Raw], NDArray[np.float32]]
    subword_vector: SubwordLookup | None = None

    def send(self, vocabulary: Container[str], on_vector: OnVector) -> SubwordLookup | None:
        """Call `on_vector` with each word of the vocabulary that is there, in their order here.

        Returns
        -------
        callable or None
            What makes vectors of other words, if this is a fastText model.
        """
        for word, raw in self.rows:
            if word in vocabulary:
                on_vector(word, self.vector(raw))
        return self.subword_vector


class VectorFormat(NamedTuple):
    """One format of vector files: the row of a table in `files.py`."""

    matches: Callable[[FileStart], bool]
    open: Callable[[Source, FileStart], VectorRows[Any]]


def check_header(source: Source, header: Header) -> None:
    """Raise if a header promises no rows, or vectors of an impossible size."""
    n_rows, n_dimensions = header
    if n_rows == 0 or not 0 < n_dimensions <= MAX_DIMENSIONS:
        raise source.file_error(
            f"has a header of {n_rows} rows and {n_dimensions} values per row: expected at least "
            f"1 row, and from 1 to {MAX_DIMENSIONS:,} values. {LOOKS_DAMAGED}"
        )


def excerpt(field: bytes) -> str:
    """Return the start of some bytes as a message shows it."""
    return repr(field[:40].decode("utf-8", errors="backslashreplace"))


def check_finite(source: Source, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector of the row being read, or raise if a value is not finite."""
    wrong = ~np.isfinite(vector)
    if wrong.any():
        first = int(wrong.argmax())
        raise source.error(
            f"has {vector[first]} as value {first + 1}: expected finite float32 numbers. "
            f"{LOOKS_DAMAGED}"
        )
    return vector

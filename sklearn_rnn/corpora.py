"""Corpora that lie on disk: read anew in each pass, never held in memory."""

from __future__ import annotations

import codecs
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import BinaryIO

from ._utils.compressed import open_gzip
from ._utils.files import open_regular

__all__ = ["TextFile"]

_MAX_LINE_BYTES = 2**24
"""A line may have that, and four times as much as its file: packed, it may have a thousandfold."""


class TextFile:
    r"""Texts in a file, one per line: read anew in each pass, never as a whole.

    Parameters
    ----------
    path : str or path-like
        The file, plain or gzipped. An empty line is an empty text. No FIFO or device: it could
        be read once only.
    encoding : str, default="utf-8-sig"
        Encoding in which a line break is one byte, by default UTF-8, with or without a byte
        order mark at the start of the file.

    See Also
    --------
    sklearn_rnn.text.SequenceVectorizer : Reads them, and with `memmap_dir` never all at once.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_rnn.corpora import TextFile
    >>> from sklearn_rnn.text import SequenceVectorizer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "texts.txt")
    ...     _ = path.write_text("so good\nso bad\n")
    ...     SequenceVectorizer(max_len=2, memmap_dir=folder).fit_transform(TextFile(path)).ids
    array([[2, 4],
           [2, 3]], dtype=int32)
    """

    def __init__(self, path: str | os.PathLike[str], encoding: str = "utf-8-sig") -> None:
        self.path = path
        self.encoding = encoding

    def __iter__(self) -> Iterator[str]:
        """Open the file and give its lines, without their breaks.

        Yields
        ------
        str
            One text.

        Raises
        ------
        OSError
            If it cannot be opened, or is no regular file.
        ValueError
            If a line is not of this encoding, or the file cannot be unpacked, or has a line
            that is far longer than a packed file of its size should have.
        """
        n_lines, encodings = 0, chain([self.encoding], repeat(_without_mark(self.encoding)))
        with self._opened() as file:
            try:
                for line, encoding in zip(self._lines(file), encodings, strict=False):
                    n_lines += 1
                    yield line.rstrip(b"\r\n").decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"TextFile: {os.fspath(self.path)!r} line {n_lines} is not {self.encoding} "
                    f"({error.reason}). Pass its encoding, such as TextFile(path, 'latin-1')."
                ) from error
            except (EOFError, zlib.error) as error:
                raise ValueError(
                    f"TextFile: {os.fspath(self.path)!r} cannot be unpacked after line {n_lines} "
                    f"({error}). The file looks damaged: fetch it again."
                ) from error

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with open_regular(self.path, who="TextFile") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield open_gzip(file) if is_packed else file

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        limit = _MAX_LINE_BYTES + 4 * os.stat(self.path).st_size
        while line := file.readline(limit + 1):
            if len(line) > limit:
                raise ValueError(
                    f"TextFile: {os.fspath(self.path)!r} has a line of more than {limit:,} bytes. "
                    "Is it a text on each line? Unpack it if so."
                )
            yield line

    def __repr__(self) -> str:
        return f"TextFile({os.fspath(self.path)!r})"


def _without_mark(encoding: str) -> str:
    """Return the encoding of further lines: there, a byte order mark is a character."""
    return "utf-8" if codecs.lookup(encoding).name == "utf-8-sig" else encoding

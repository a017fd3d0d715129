"""Corpora on disk: read again in each pass, never loaded into memory."""

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
"""Limit of a line, plus four times the size of its file: gzip can inflate a thousandfold."""


class TextFile:
    r"""Texts in a file, one per line: read again in each pass, never as a whole.

    Parameters
    ----------
    path : str or path-like
        The file, plain or gzipped. An empty line is an empty text. Not a FIFO or device, which
        could be read only once.
    encoding : str, default="utf-8-sig"
        An encoding in which a line break is one byte; by default UTF-8, with or without a byte
        order mark at the start of the file.

    See Also
    --------
    sklearn_rnn.text.SequenceVectorizer : Encodes them, with `memmap_dir` never all at once.

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
        """Open the file and yield its lines, without line breaks.

        Yields
        ------
        str
            One text.

        Raises
        ------
        OSError
            If it cannot be opened, or is not a regular file.
        ValueError
            If a line is not in this encoding, or the file cannot be unpacked, or has a line far
            longer than a packed file of its size should have.
        """
        n_lines, encodings = 0, chain([self.encoding], repeat(_without_mark(self.encoding)))
        with self._open() as file:
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
    def _open(self) -> Iterator[BinaryIO]:
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
                    "Does it have one text per line? If so, unpack it."
                )
            yield line

    def __repr__(self) -> str:
        return f"TextFile({os.fspath(self.path)!r})"


def _without_mark(encoding: str) -> str:
    """Return the encoding of later lines, in which a byte order mark is a character."""
    return "utf-8" if codecs.lookup(encoding).name == "utf-8-sig" else encoding

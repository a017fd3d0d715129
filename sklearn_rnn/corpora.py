"""Corpora that lie on disk: read anew in each pass, never held in memory."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from typing import Any

__all__ = ["TextFile"]


class TextFile:
    r"""Texts in a file, one per line: read anew in each pass, never as a whole.

    Parameters
    ----------
    path : str or path-like
        The file, plain or gzipped. An empty line is an empty text.
    encoding : str, default="utf-8-sig"
        Encoding in which a line break is one byte, by default UTF-8, with or without a byte
        order mark.

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
        ValueError
            If a line is not of this encoding, or the file cannot be unpacked.
        """
        n_lines = 0
        with self._opened() as file:
            try:
                for line in file:
                    n_lines += 1
                    yield line.rstrip(b"\r\n").decode(self.encoding)
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"TextFile: {os.fspath(self.path)!r} line {n_lines} is not {self.encoding} "
                    f"({error.reason}). Pass its encoding, such as TextFile(path, 'latin-1')."
                ) from error
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(
                    f"TextFile: {os.fspath(self.path)!r} cannot be unpacked after line {n_lines} "
                    f"({error}). The file looks damaged: fetch it again."
                ) from error

    def _opened(self) -> Any:
        with open(self.path, "rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        return gzip.open(self.path) if is_packed else open(self.path, "rb")

    def __repr__(self) -> str:
        return f"TextFile({os.fspath(self.path)!r})"

"""Gzip and xz files that are decompressed piece by piece, whatever memory they ask for.

`archives` says why all formats are read within limits. A compressed stream has none of its own: a
megabyte may become a gigabyte. Here its reader decides how much is decompressed at a time.
"""

from __future__ import annotations

import io
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

__all__ = ["open_gzip", "open_xz"]

_CHUNK_BYTES = 2**16

_MAX_DICTIONARY_BYTES = 100 * 2**20
"""Memory that decompressing xz may take. ``xz -9`` asks for 65 MB."""


class _Decompressor(Protocol):
    """Decompresses one member of a stream, with the interface of `lzma.LZMADecompressor`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """`zlib` with that interface."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)  # with gzip's header and checksum

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


class _Decompressed(io.RawIOBase):
    """The content of a compressed file, of which one piece at a time is in memory."""

    def __init__(self, file: BinaryIO, new: Callable[[], _Decompressor]) -> None:
        self._file = file
        self._new = new
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._member, self._position = self._new(), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position in the content, counted from its start."""
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("the end of a compressed file is not known")
        if offset < self._position:
            self._rewind()
        while self._position < offset and self.read(min(offset - self._position, _CHUNK_BYTES)):
            pass
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, at least in part; return the number of bytes, 0 at the end."""
        while True:
            data = b""
            if self._member.eof:
                data = self._next_member()
                if not data:
                    return 0
            elif self._member.needs_input:
                data = self._file.read(_CHUNK_BYTES)
            is_cut = not data and self._member.needs_input
            decompressed = self._member.decompress(data, len(buffer))
            if decompressed:
                buffer[: len(decompressed)] = decompressed
                self._position += len(decompressed)
                return len(decompressed)
            if is_cut and not self._member.eof:
                raise EOFError("it ends before its end mark")

    def _next_member(self) -> bytes:
        """Start the next member, and return its first bytes; none if there is none."""
        data = self._member.unused_data
        while not (data := data.lstrip(b"\0")):  # padding, in both formats
            if not (data := self._file.read(_CHUNK_BYTES)):
                return b""
        self._member = self._new()
        return data


def open_gzip(file: BinaryIO, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Return the content of a gzip file, decompressed piece by piece.

    Like :func:`gzip.open`, which takes four times as long if there are many small members.
    Reading raises `zlib.error` or `EOFError` if the file is damaged.
    """
    return io.BufferedReader(_Decompressed(file, _Gunzip), buffer_size)


def open_xz(file: BinaryIO, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Return the content of an xz file, decompressed piece by piece.

    Like :func:`lzma.open`, which lets the file decide how much memory it takes: up to 4 GB.
    Reading raises `lzma.LZMAError` or `EOFError` if the file is damaged, or asks for more than
    100 MB.
    """
    return io.BufferedReader(
        _Decompressed(file, lambda: lzma.LZMADecompressor(memlimit=_MAX_DICTIONARY_BYTES)),
        buffer_size,
    )

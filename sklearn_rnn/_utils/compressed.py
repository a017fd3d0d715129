"""Gzip and xz that are unpacked piece by piece, whatever memory the file asks for.

`_archives` says why all formats are read within limits. A packed stream has none of its own: a
megabyte may become a gigabyte. Whoever reads one takes pieces of a size of its own choice.
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
"""What unpacking xz may hold of what it has unpacked. ``xz -9`` asks for 65 MB."""


class _Decompressor(Protocol):
    """What unpacks one member of a stream: `lzma`'s interface."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """`zlib` with the interface of `lzma`."""

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


class _Unpacked(io.RawIOBase):
    """A packed file's content: nothing is held but what unpacking one piece takes."""

    def __init__(self, file: BinaryIO, new: Callable[[], _Decompressor]) -> None:
        self._file = file
        self._new = new
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._member, self._place = self._new(), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, from the start of the content."""
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("the end of a packed file is not known")
        if offset < self._place:
            self._rewind()
        while self._place < offset and self.read(min(offset - self._place, _CHUNK_BYTES)):
            pass
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what comes next, or a part of it; 0 at the end."""
        while True:
            data = b""
            if self._member.eof:
                data = self._next_member()
                if not data:
                    return 0
            elif self._member.needs_input:
                data = self._file.read(_CHUNK_BYTES)
            is_cut = not data and self._member.needs_input
            unpacked = self._member.decompress(data, len(buffer))
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                self._place += len(unpacked)
                return len(unpacked)
            if is_cut and not self._member.eof:
                raise EOFError("it ends before its end mark")

    def _next_member(self) -> bytes:
        """Begin with the next member, and return its first bytes, if there is one."""
        data = self._member.unused_data
        while not (data := data.lstrip(b"\0")):  # padding, in both formats
            if not (data := self._file.read(_CHUNK_BYTES)):
                return b""
        self._member = self._new()
        return data


def open_gzip(file: BinaryIO, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Return what a gzipped file holds, unpacked piece by piece.

    As :func:`gzip.open`, which takes four times as long where members are many and small.
    Reading raises `zlib.error` or `EOFError` where the file is damaged.
    """
    return io.BufferedReader(_Unpacked(file, _Gunzip), buffer_size)


def open_xz(file: BinaryIO, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Return what an xz file holds, unpacked piece by piece.

    As :func:`lzma.open`, which lets the file say how much memory it takes: up to 4 GB. Reading
    raises `lzma.LZMAError` or `EOFError` where the file is damaged, or asks for more than 100
    MB.
    """
    return io.BufferedReader(
        _Unpacked(file, lambda: lzma.LZMADecompressor(memlimit=_MAX_DICTIONARY_BYTES)),
        buffer_size,
    )

"""Tar archives as streams: member by member, so that a hostile one cannot exhaust memory.

`tarfile` reads long names, pax headers and maps of sparse files as a whole, however long they
claim to be, and keeps every member that it has passed. And zeros compress to almost nothing.
"""

import tarfile
from collections.abc import Iterator
from tarfile import BLOCKSIZE, ReadError, TarInfo
from typing import IO

__all__ = ["TarStream"]

_MAX_HEADER_BYTES = 2**16
"""Length of a long name, or of a pax header."""

_PAX_TYPES = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_HEADER_TYPES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE, *_PAX_TYPES)
_EMPTY_TYPES = set(tarfile.SUPPORTED_TYPES) - set(tarfile.REGULAR_TYPES) - set(_HEADER_TYPES)


class TarStream:
    """An archive whose members are yielded one by one; each can be read until the next.

    Parameters
    ----------
    stream : binary file
        The archive, unpacked.
    limit : int
        Maximum number of bytes to read.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._n_allowed = limit
        self._n_read = self._n_left = 0

    def __iter__(self) -> Iterator[TarInfo]:
        """Go from member to member.

        Yields
        ------
        TarInfo
            A member with its full name, its size, and its type: a sparse one has the GNU type of
            these, whatever program made it.

        Raises
        ------
        tarfile.ReadError
            If the archive is damaged or cut short, has a header that is too long, or exceeds
            the limit.
        """
        extended: dict[bytes, bytes] = {}  # what headers say about the member after them
        while (member := self._next_header()) is not None:
            is_header = member.type in _HEADER_TYPES
            if not is_header:
                _apply(extended, member)
            self._n_left = 0 if member.type in _EMPTY_TYPES else member.size
            n_padding = -self._n_left % BLOCKSIZE
            if is_header:
                extended |= _parse_extended(member.type, self._read_header())
            else:
                extended = {}
                yield member
            self._skip(n_padding)
        self._read_to_end()

    def read(self) -> bytes:
        """Return the rest of the member."""
        content = self._take(self._n_left)
        self._n_left = 0
        return content

    def _read_header(self) -> bytes:
        if self._n_left > _MAX_HEADER_BYTES:
            raise ReadError(f"a header of {self._n_left:,} bytes at byte {self._n_read}")
        return self.read()

    def _next_header(self) -> TarInfo | None:
        """Return the header of the next member, or None at the end mark: a block of zeros."""
        place, block = self._n_read, self._take(BLOCKSIZE)
        if block == bytes(BLOCKSIZE):
            return None
        try:
            member = TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise ReadError(f"no valid member and no end mark at byte {place}") from error
        if member.size < 0:
            raise ReadError(f"a member of {member.size} bytes at byte {place}")
        return member

    def _take(self, n_bytes: int) -> bytes:
        self._count(n_bytes)
        return self._stream.read(n_bytes)

    def _count(self, n_bytes: int) -> None:
        self._n_read += n_bytes
        if self._n_read > self._n_allowed:
            raise ReadError(f"more than the {self._n_allowed:,} bytes that it may have")

    def _skip(self, n_padding: int) -> None:
        n_bytes, self._n_left = self._n_left + n_padding, 0
        self._count(n_bytes)
        while n_bytes:
            piece = self._stream.read(min(n_bytes, _MAX_HEADER_BYTES))
            if not piece:
                raise ReadError("it ends within a member")
            n_bytes -= len(piece)

    def _read_to_end(self) -> None:
        """Read what follows the end mark: gzip and xz verify their checksums at the very end."""
        while piece := self._stream.read(_MAX_HEADER_BYTES):
            self._count(len(piece))


def _parse_extended(kind: bytes, content: bytes) -> dict[bytes, bytes]:
    """Return what a header says about the path, size and kind of the member after it."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {b"path": content.rstrip(b"\0")}
    extended = {}
    for key, value in _pax_records(content) if kind in _PAX_TYPES else ():
        if key.startswith(b"GNU.sparse."):
            extended[b"sparse"] = b"1"
        elif key in (b"path", b"size"):
            extended[key] = value
    return extended


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split lines of ``<length> <key>=<value>``; a length includes itself and the line break."""
    content, place = content.rstrip(b"\0"), 0
    while place < len(content):
        space = content.find(b" ", place, place + 8)
        digits = content[place : max(space, place)]
        end = place + int(digits) if digits.isdigit() else 0
        if end <= space + 1 or content[end - 1 : end] != b"\n":
            raise ReadError("a damaged pax header")
        key, _, value = content[space + 1 : end - 1].partition(b"=")
        yield key, value
        place = end


def _apply(extended: dict[bytes, bytes], member: TarInfo) -> None:
    """Set on a member what the headers before it say."""
    if b"path" in extended:
        member.name = extended[b"path"].decode("utf-8", "surrogateescape").rstrip("/")
    if b"size" in extended:
        if not extended[b"size"].isdigit() or len(extended[b"size"]) > 18:
            raise ReadError("a damaged pax header")
        member.size = int(extended[b"size"])
    if b"sparse" in extended:
        member.type = tarfile.GNUTYPE_SPARSE

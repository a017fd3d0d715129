"""Archives and JSON that are read within limits, whatever they claim.

An archive can take far more memory than it has bytes: by a directory of a million entries, by
several entries for the same bytes, by a member that inflates to a thousand times its size (bz2
and LZMA: a million times) while the directory gives another size, by an array whose header asks
for more than follows, and by JSON, whose objects take fifty times their bytes. `zipfile`, NumPy
and `json` believe what they read. The functions here count instead, and raise `ValueError` before
the memory is allocated. Damaged files may raise other errors, too: the callers add the name of
the file.

Every format that this library reads is to be opened through this module and `compressed`. What
has no function there yet gets one, with a limit that follows from the size of the file: whoever
calls `zipfile`, `gzip`, `lzma`, `tarfile`, `numpy.load` or `json.loads` on a user's file forgets
a limit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from io import BytesIO
from math import prod
from typing import IO, Any, BinaryIO, Literal, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHUNK_BYTES",
    "bytes_of_values",
    "check_npy",
    "chunks_of",
    "open_zip",
    "read_json",
    "read_npz",
    "read_within",
    "widest_character",
]

_DIRECTORY_BYTES, _DIRECTORY_PART = 2**17, 40
"""How long a directory may be: this many bytes, and one for each 40 of the archive.

An entry takes about 60 bytes in the file, ten times as much in memory, and a tenth of a
millisecond.
"""

CHUNK_BYTES = 2**16
"""Bytes that are read, or inflated, at a time."""


# ---- Zip archives ----------------------------------------------------------------------------


def open_zip(file: BinaryIO, methods: Collection[int] = (ZIP_STORED, ZIP_DEFLATED)) -> ZipFile:
    """Open an archive with a directory of limited length.

    Parameters
    ----------
    file : binary file
        The archive, which is seekable.
    methods : collection of int, default=(ZIP_STORED, ZIP_DEFLATED)
        The compressions that its members may have. bz2 and LZMA inflate without a limit:
        `zipfile` has none for them.

    Returns
    -------
    zipfile.ZipFile
        The archive. How large its members become is still to be counted: see `chunks_of`.

    Raises
    ------
    ValueError
        If the directory is too long, names a member twice or one that is encrypted or has
        another compression, or if members share bytes of the file.
    zipfile.BadZipFile
        If it is not an archive.
    """
    n_bytes = file.seek(0, os.SEEK_END)
    archive = ZipFile(_ShortReads(file, _DIRECTORY_BYTES + n_bytes // _DIRECTORY_PART))
    members = archive.infolist()
    if len({member.filename for member in members}) < len(members):
        raise ValueError("the archive names a member twice")
    if sum(member.compress_size for member in members) > n_bytes:
        raise ValueError("the members of the archive share bytes")
    for member in members:
        if member.compress_type not in methods or member.flag_bits & 1:
            name = repr(member.filename[:100])  # of up to 65,535 characters
            raise ValueError(f"{name} is encrypted, or compressed in an unknown way")
        if member.compress_type == ZIP_STORED and member.file_size != member.compress_size:
            raise ValueError(f"{member.filename[:100]!r} has two sizes")
    archive.fp = file  # after the directory: members may be of any length
    return archive


class _ShortReads:
    """A file from which only short pieces can be read at a time: `zipfile` reads the directory."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file, self._limit = file, limit
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        most = self._limit + 1
        data = self._file.read(most if size < 0 else min(size, most))
        if len(data) > self._limit:
            raise ValueError("the directory of the archive is too long")
        return data


def chunks_of(stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """Yield the content of a stream in small pieces.

    Raises
    ------
    ValueError
        If it has more bytes than `limit`.
    """
    n_bytes = 0
    while chunk := stream.read(CHUNK_BYTES):
        n_bytes += len(chunk)
        if n_bytes > limit:
            raise ValueError(f"it becomes larger than the {limit:,} bytes that it may have")
        yield chunk


def read_within(archive: ZipFile, name: str, limit: int) -> bytes:
    """Return a member's bytes.

    Raises
    ------
    ValueError
        If they are more than `limit`.
    KeyError
        If there is no such member.
    """
    with archive.open(name) as stream:
        return b"".join(chunks_of(stream, limit))


# ---- Arrays ----------------------------------------------------------------------------------


class _NpyHeader(NamedTuple):
    """The header of a ``.npy`` file."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]


_PLAIN_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?\w{1,9}(?:\[\w{1,9}\])?)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n?"
)
"""A header as NumPy writes it. Its own reader, which evaluates Python, takes 0.2 s for a MB."""

_MAX_HEADER_BYTES = 10_000


def check_npy(stream: IO[bytes], n_bytes: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and dtype of the array in a ``.npy`` file, whose header is checked.

    Parameters
    ----------
    stream : binary file
        The file, at its start. Afterwards, it is at the end of the header.
    n_bytes : int
        Length of the file.

    Raises
    ------
    ValueError
        If the array contains objects, or another number of bytes than follow its header.
    """
    header = _read_npy_header(stream, n_bytes)
    return header.shape, header.dtype


def _read_npy_header(stream: IO[bytes], n_bytes: int, plain_only: bool = False) -> _NpyHeader:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): (2, np.lib.format.read_array_header_1_0),
        (2, 0): (4, np.lib.format.read_array_header_2_0),
    }
    if version not in readers:
        raise ValueError(f"an array in version {version} of NumPy's format")
    n_digits, read_any = readers[version]
    length = stream.read(n_digits)
    text = stream.read(min(int.from_bytes(length, "little"), _MAX_HEADER_BYTES + 1))
    if plain := _PLAIN_HEADER.fullmatch(text):
        shape = tuple(map(int, plain[3].replace(b",", b" ").split()))
        header = _NpyHeader(shape, plain[2] == b"True", np.dtype(plain[1].decode("ascii")))
    elif plain_only:
        raise ValueError(f"an array with the header {text[:100]!r}")
    else:
        header = _NpyHeader(*read_any(BytesIO(length + text)))
    follows = n_bytes - stream.tell()
    n_items, dtype = prod(header.shape), header.dtype
    if dtype.hasobject or n_items * dtype.itemsize != follows or min(header.shape, default=0) < 0:
        raise ValueError(f"an array of shape {header.shape} and {dtype} in {follows:,} bytes")
    if n_items > follows:
        raise ValueError(f"an array of shape {header.shape} whose items have no bytes")
    return header


def read_npz(
    file: BinaryIO, limit: int, methods: Collection[int] = (ZIP_STORED,)
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a ``.npz`` file, which together may have `limit` bytes.

    Parameters
    ----------
    file : binary file
        The file, which is seekable.
    limit : int
        Maximum number of bytes of all arrays with their headers. Reading them takes at most twice
        as many.
    methods : collection of int, default=(ZIP_STORED,)
        The compressions that its members may have.

    Raises
    ------
    ValueError
        If the arrays are larger, or have other items than numbers and strings.
    zipfile.BadZipFile
        If it is not an archive.
    """
    arrays = {}
    with open_zip(file, methods) as archive:
        for name in archive.namelist():
            data = read_within(archive, name, limit)
            limit -= len(data)
            arrays[name.removesuffix(".npy")] = _array_of(data)
    return arrays


def _array_of(data: bytes) -> NDArray[Any]:
    stream = BytesIO(data)
    shape, is_fortran, dtype = _read_npy_header(stream, len(data), plain_only=True)
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    return np.ndarray(shape, dtype, data, stream.tell(), order=order).copy(order)


# ---- JSON ------------------------------------------------------------------------------------


def read_json(data: bytes, limit: float) -> Any:
    """Parse UTF-8 encoded JSON, whose objects may take `limit` bytes of memory.

    Parameters
    ----------
    data : bytes
        The JSON.
    limit : float
        Maximum number of bytes. Short lists and dicts take fifty times their text.

    Raises
    ------
    ValueError
        If it may take more, or is not JSON.
    RecursionError
        If it is nested too deeply.
    """
    most = bytes_of_values(data) + 2 * widest_character(data) * len(data)
    if most > limit:
        raise ValueError(f"JSON of {len(data):,} bytes that may take {most:,}, not {limit:,.0f}")
    return json.loads(data.decode("utf-8"))


def bytes_of_values(data: bytes) -> int:
    """Return the most bytes that the values in a piece of JSON can take, besides their text."""
    return sum(cost * data.count(sign) for sign, cost in _COSTS.items())


_COSTS = {b"[": 110, b"{": 140, b",": 64, b":": 140}
"""The most bytes that Python takes for a list, a dict, and another item of each."""


def widest_character(data: bytes) -> int:
    """Return the most bytes that a character of JSON can take in a str: 1, 2 or 4."""
    if b"\\u" in data:
        return 4
    if data.isascii():
        return 1
    return 4 if max(data) >= 0xF0 else 2

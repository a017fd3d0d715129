"""Archives and JSON that are read within limits, whatever they say of themselves.

An archive can take far more memory than it has bytes: by a directory of a million entries, by
several entries for the same bytes, by a member that inflates to a thousand times its size (bz2
and LZMA to a million times) while the directory says something else, by an array whose header
asks for more than follows, and by JSON, whose objects take fifty times as many bytes. `zipfile`,
NumPy and `json` believe what they read. The functions here count instead, and raise `ValueError`
before the memory is taken. What is damaged may fail in other ways, too: whoever calls them says
which file it was.

Every format that this library reads, and each one to come, is opened through this module and
`_packed`: what has no function there yet gets one, with a limit that follows from the size of
the file. Calling `zipfile`, `gzip`, `lzma`, `tarfile`, `numpy.load` or `json.loads` on what a
user's file holds is how limits are forgotten.
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
    "bytes_of_values",
    "check_npy",
    "chunks_of",
    "open_zip",
    "read_json",
    "read_npz",
    "read_within",
    "widest_character",
]

_DIRECTORY_BYTES, _BYTES_OF_AN_ENTRY_BYTE = 2**17, 40
"""How long a directory may be: so much, and a part of what the archive has.

An entry takes about 60 bytes in the file and ten times as much in memory, and a tenth of a
millisecond.
"""

_CHUNK_BYTES = 2**16


# ---- Zip archives ----------------------------------------------------------------------------


def open_zip(file: BinaryIO, methods: Collection[int] = (ZIP_STORED, ZIP_DEFLATED)) -> ZipFile:
    """Open an archive whose members can be read one after another within its size.

    Parameters
    ----------
    file : binary file
        The archive, which can be sought in.
    methods : collection of int, default=(ZIP_STORED, ZIP_DEFLATED)
        The compressions that its members may have. Others inflate without a limit: `zipfile`
        has none for bz2 and LZMA.

    Returns
    -------
    zipfile.ZipFile
        The archive. How large its members become is still to be counted: see `chunks_of`.

    Raises
    ------
    ValueError
        If the directory is too long, names a member twice or one that is encrypted or
        compressed otherwise, or if members share bytes of the file.
    zipfile.BadZipFile
        If it is no archive.
    """
    n_bytes = file.seek(0, os.SEEK_END)
    archive = ZipFile(_ShortReads(file, _DIRECTORY_BYTES + n_bytes // _BYTES_OF_AN_ENTRY_BYTE))
    members = archive.infolist()
    if len({member.filename for member in members}) < len(members):
        raise ValueError("the archive names a member twice")
    if sum(member.compress_size for member in members) > n_bytes:
        raise ValueError("the members of the archive share bytes")
    for member in members:
        if member.compress_type not in methods or member.flag_bits & 1:
            name = repr(member.filename[:100])  # which may have 65,535 characters
            raise ValueError(f"{name} is encrypted, or compressed in an unknown way")
        if member.compress_type == ZIP_STORED and member.file_size != member.compress_size:
            raise ValueError(f"{member.filename[:100]!r} has two sizes")
    archive.fp = file  # the directory is read: members may be as long as they are
    return archive


class _ShortReads:
    """A file of which no long piece can be read at a time, so that a directory is short."""

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
    """Yield a stream in small pieces.

    Raises
    ------
    ValueError
        If it has more bytes than `limit`.
    """
    n_bytes = 0
    while chunk := stream.read(_CHUNK_BYTES):
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


class _Array(NamedTuple):
    """What the header of a ``.npy`` file says."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]


_PLAIN = re.compile(
    rb"\{'descr': '([<>|=]?\w{1,9}(?:\[\w{1,9}\])?)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n?"
)
"""A header as NumPy writes it. Its own reader, which evaluates any, takes 0.2 s for a MB."""

_MAX_HEADER_BYTES = 10_000


def check_npy(stream: IO[bytes], n_bytes: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of a ``.npy`` file, and return the shape and dtype of its array.

    Parameters
    ----------
    stream : binary file
        The file, from its start.
    n_bytes : int
        Length of the file.

    Raises
    ------
    ValueError
        If the array holds objects, or would not have just the bytes that follow its header.
    """
    array = _header(stream, n_bytes)
    return array.shape, array.dtype


def _header(stream: IO[bytes], n_bytes: int, plain_only: bool = False) -> _Array:
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
    if plain := _PLAIN.fullmatch(text):
        shape = tuple(map(int, plain[3].replace(b",", b" ").split()))
        array = _Array(shape, plain[2] == b"True", np.dtype(plain[1].decode("ascii")))
    elif plain_only:
        raise ValueError(f"an array with the header {text[:100]!r}")
    else:
        array = _Array(*read_any(BytesIO(length + text)))
    follows = n_bytes - stream.tell()
    n_items, dtype = prod(array.shape), array.dtype
    if dtype.hasobject or n_items * dtype.itemsize != follows or min(array.shape, default=0) < 0:
        raise ValueError(f"an array of shape {array.shape} and {dtype} in {follows:,} bytes")
    if n_items > follows:
        raise ValueError(f"an array of shape {array.shape} whose items have no bytes")
    return array


def read_npz(
    file: BinaryIO, limit: int, methods: Collection[int] = (ZIP_STORED,)
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a ``.npz`` file, which may have `limit` bytes together.

    Parameters
    ----------
    file : binary file
        The file, which can be sought in.
    limit : int
        The most bytes of all arrays with their headers. At most twice as many are held at a
        time.
    methods : collection of int, default=(ZIP_STORED,)
        The compressions that its members may have.

    Raises
    ------
    ValueError
        If the arrays are larger, or not of one number or string per item.
    zipfile.BadZipFile
        If it is no archive.
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
    shape, is_fortran, dtype = _header(stream, len(data), plain_only=True)
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    return np.ndarray(shape, dtype, data, stream.tell(), order=order).copy(order)


# ---- JSON ------------------------------------------------------------------------------------


def read_json(data: bytes, limit: float) -> Any:
    """Return what UTF-8 encoded JSON says, whose objects may take `limit` bytes of memory.

    Parameters
    ----------
    data : bytes
        The text.
    limit : float
        The most bytes. Lists and dicts of a few characters take fifty times as many.

    Raises
    ------
    ValueError
        If it may take more, or is no JSON.
    RecursionError
        If it is nested too deeply.
    """
    most = bytes_of_values(data) + 2 * widest_character(data) * len(data)
    if most > limit:
        raise ValueError(f"JSON of {len(data):,} bytes that may take {most:,}, not {limit:,.0f}")
    return json.loads(data.decode("utf-8"))


def bytes_of_values(data: bytes) -> int:
    """Return the most bytes that the values of a piece of JSON take, besides their text."""
    return sum(cost * data.count(sign) for sign, cost in _COSTS.items())


_COSTS = {b"[": 110, b"{": 140, b",": 64, b":": 140}
"""The most bytes that Python takes for a list, a dict, and a further item of each."""


def widest_character(data: bytes) -> int:
    """Return the most bytes that a character of JSON takes in a str: 1, 2 or 4."""
    if b"\\u" in data:
        return 4
    if data.isascii():
        return 1
    return 4 if max(data) >= 0xF0 else 2

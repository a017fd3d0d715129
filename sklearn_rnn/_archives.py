"""Zip archives that are read within limits, whatever their directory says.

An archive can take far more memory than it has bytes: by a directory of a million entries, by
several entries for the same bytes, by a member that inflates to a thousand times its size (bz2
and LZMA to a million times) while the directory says something else, and by an array whose header
asks for more than follows. `zipfile` and NumPy believe what they read. The functions here
count instead, and raise `ValueError` before the memory is taken. What is damaged may fail in
other ways, too: whoever calls them says which file it was.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from io import BytesIO
from math import prod
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_npy", "chunks_of", "open_zip", "read_npz", "read_within"]

_DIRECTORY_BYTES, _BYTES_OF_AN_ENTRY_BYTE = 2**17, 40
"""How long a directory may be: so much, and a part of what the archive has.

An entry takes about 60 bytes in the file and ten times as much in memory, and a tenth of a
millisecond.
"""

_CHUNK_BYTES = 2**16


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
            raise ValueError(f"{member.filename!r} is encrypted, or compressed in an unknown way")
        if member.compress_type == ZIP_STORED and member.file_size != member.compress_size:
            raise ValueError(f"{member.filename!r} has two sizes")
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
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"an array in version {version} of NumPy's format")
    shape, _, dtype = readers[version](stream)
    follows = n_bytes - stream.tell()
    if dtype.hasobject or prod(shape) * dtype.itemsize != follows or min(shape, default=0) < 0:
        raise ValueError(f"an array of shape {shape} and {dtype} in {follows:,} bytes")
    if prod(shape) > follows:
        raise ValueError(f"an array of shape {shape} whose items have no bytes")
    return shape, dtype


def read_npz(
    file: BinaryIO, limit: int, methods: Collection[int] = (ZIP_STORED,)
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a ``.npz`` file, which may have `limit` bytes together.

    Parameters
    ----------
    file : binary file
        The file, which can be sought in.
    limit : int
        The most bytes of all arrays with their headers.
    methods : collection of int, default=(ZIP_STORED,)
        The compressions that its members may have.

    Raises
    ------
    ValueError
        If the arrays are larger, or no arrays that NumPy reads without pickle.
    zipfile.BadZipFile
        If it is no archive.
    """
    arrays = {}
    with open_zip(file, methods) as archive:
        for name in archive.namelist():
            data = read_within(archive, name, limit)
            limit -= len(data)
            check_npy(BytesIO(data), len(data))
            arrays[name.removesuffix(".npy")] = np.load(BytesIO(data), allow_pickle=False)
    return arrays

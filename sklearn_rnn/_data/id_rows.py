"""Texts as rows of ids, all of one length: in memory, or in a file that is mapped into memory.

Chunks of encoded texts become rows without ever being in memory together: where texts are read
twice, the chunks wait in a temporary file (`buffer_chunks`), and the rows are written to another
(`to_padded_rows`). Both files are deleted when nobody uses them any more.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from multiprocessing import parent_process
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..sequences import PADDING
from .token_ids import IDS_AT_ONCE, Chunk

__all__ = ["Layout", "buffer_chunks", "to_padded_rows", "truncate"]

Folder = str | os.PathLike[str]


class Layout(NamedTuple):
    """How texts of any length become rows of one length."""

    sequence_length: int
    padding: str
    truncating: str


def truncate(chunks: Iterable[Chunk], layout: Layout) -> Iterator[Chunk]:
    """Yield chunks without the tokens that a layout cuts off: those of long texts are many."""
    for chunk in chunks:
        if chunk.lengths.max() <= layout.sequence_length:
            yield chunk
            continue
        indices, lengths = _kept_indices(chunk, layout)
        yield Chunk(chunk.tokens[indices], lengths)


def _kept_indices(chunk: Chunk, layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the tokens that a layout keeps, and their number in each text."""
    lengths = np.minimum(chunk.lengths, layout.sequence_length)
    ends = np.cumsum(chunk.lengths)
    first = ends - lengths if layout.truncating == "pre" else ends - chunk.lengths
    # The position of each kept token within its text: 0, 1, ..., 0, 1, ...
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(first, lengths) + position, lengths


# ---- Chunks that are read twice --------------------------------------------------------------


def buffer_chunks(chunks: Iterable[Chunk], folder: Folder | None) -> Iterable[Chunk]:
    """Return chunks that can be iterated again: as a list, or from a file in `folder`."""
    return list(chunks) if folder is None else _ChunksOnDisk(chunks, folder)


class _ChunksOnDisk:
    """Chunks in a temporary file, which is deleted with this object."""

    def __init__(self, chunks: Iterable[Chunk], folder: Folder) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=_existing(folder))  # noqa: SIM115
        weakref.finalize(self, self.file.close)
        self.n_chunks = 0
        for chunk in chunks:
            np.save(self.file, chunk.tokens)
            np.save(self.file, chunk.lengths)
            self.n_chunks += 1

    def __iter__(self) -> Iterator[Chunk]:
        self.file.seek(0)
        for _ in range(self.n_chunks):
            yield Chunk(np.load(self.file), np.load(self.file))


# ---- Rows ------------------------------------------------------------------------------------


def to_padded_rows(
    chunks: Iterable[Chunk], layout: Layout, folder: Folder | None
) -> NDArray[np.int32]:
    """Return texts as rows of ids, (N, T): in memory, or in a file in `folder`.

    In memory, rows are as wide as the longest text. In a file, they are as wide as the layout
    says, since the longest text is not known when the first row is written.
    """
    if folder is None:
        return _rows_in_memory(list(chunks), layout)
    remaining = iter(chunks)
    first_two = list(islice(remaining, 2))
    if len(first_two) < 2:  # not worth a file: predictions of a few texts
        return _rows_in_memory(first_two, layout)
    return _rows_on_disk(chain(first_two, remaining), layout, folder)


def _rows_in_memory(chunks: list[Chunk], layout: Layout) -> NDArray[np.int32]:
    longest = max(int(chunk.lengths.max()) for chunk in chunks)
    width = min(layout.sequence_length, max(longest, 1))
    layout = layout._replace(sequence_length=width)
    ids = np.empty((sum(len(chunk.lengths) for chunk in chunks), width), np.int32)
    start = 0
    for chunk in chunks:
        end = start + len(chunk.lengths)
        ids[start:end] = _pad(chunk, layout)
        start = end
    return ids


def _pad(chunk: Chunk, layout: Layout) -> NDArray[np.int32]:
    """Return the texts of one chunk as rows: (n_tokens,) -> (n_texts, sequence_length)."""
    indices, lengths = _kept_indices(chunk, layout)
    is_pre = layout.padding == "pre"
    offset = layout.sequence_length - lengths if is_pre else np.zeros_like(lengths)
    column = np.arange(layout.sequence_length)
    filled = (column >= offset[:, None]) & (column < (offset + lengths)[:, None])
    rows = np.full(filled.shape, PADDING, np.int32)
    rows[filled] = chunk.tokens[indices]
    return rows


def _rows_on_disk(chunks: Iterable[Chunk], layout: Layout, folder: Folder) -> NDArray[np.int32]:
    """Write the rows to a file, and return it mapped into memory. Both are deleted together."""
    handle, path = tempfile.mkstemp(prefix="ids-", suffix=".bin", dir=_existing(folder))
    try:
        with os.fdopen(handle, "wb") as file:
            for part in _narrow_chunks(chunks, layout.sequence_length):
                file.write(_pad(part, layout).data)
    except BaseException:
        Path(path).unlink()
        raise
    if parent_process() is None:
        flat: NDArray[np.int32] = np.memmap(path, np.int32, mode="r")
        weakref.finalize(flat.base, _delete, path, os.getpid())
    else:
        # A worker's result has to reach its parent by value. joblib would send an array that it
        # recognises as a memory map as the name of its file, which is deleted with the worker's
        # array.
        flat = _unlinked_map(path)
    return flat.reshape(-1, layout.sequence_length)


def _narrow_chunks(chunks: Iterable[Chunk], sequence_length: int) -> Iterator[Chunk]:
    """Split chunks so that the rows of each have at most `IDS_AT_ONCE` ids, or one row more."""
    n_texts = IDS_AT_ONCE // sequence_length + 1
    for tokens, lengths in chunks:
        ends = np.cumsum(lengths)
        for start in range(0, len(lengths), n_texts):
            part = slice(start, start + n_texts)
            first = ends[start] - lengths[start]
            yield Chunk(tokens[first : ends[part][-1]], lengths[part])


def _unlinked_map(path: str) -> NDArray[np.int32]:
    with open(path, "rb") as file:
        mapping = mmap(file.fileno(), 0, access=ACCESS_READ)
    Path(path).unlink()
    return np.frombuffer(mapping, np.int32)


def _delete(path: str, process: int) -> None:
    if os.getpid() == process:  # a forked child must not delete its parent's file
        Path(path).unlink(missing_ok=True)


def _existing(folder: Folder) -> str:
    os.makedirs(folder, exist_ok=True)
    return os.fspath(folder)

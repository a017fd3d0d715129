"""The memory that opening a file will take, counted from what stands in it before it is taken."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from .._utils.archives import bytes_of_values, chunks_of, widest_character

__all__ = ["MemoryBudget", "OverheadError", "count_packed_words", "read_budgeted_json"]

_WORD_BYTES = 125
"""A word takes them beyond its text, in a tuple and in a dict with its number."""


class MemoryBudget:
    """Counts the memory that opening a file will take."""

    def __init__(self, n_bytes: float) -> None:
        self.left = n_bytes
        self.lowest = n_bytes
        """What was left at the moment when most was taken."""

    def take(self, n_bytes: float) -> None:
        """Count some more for as long as the file is open, or raise."""
        self.check(n_bytes)
        self.left -= n_bytes

    def check(self, n_bytes: float) -> None:
        """Raise if there is no room for some more at this moment."""
        self.lowest = min(self.lowest, self.left - n_bytes)
        if self.lowest < 0:
            raise OverheadError


class OverheadError(ValueError):
    """Opening a file would take more memory than it may."""


def read_budgeted_json(stream: IO[bytes], budget: MemoryBudget) -> Any:
    """Return what a JSON text says, if there is room for its objects.

    Raises
    ------
    OverheadError
        If there is not.
    ValueError
        If it is no JSON.
    """
    pieces = []
    for piece in _pieces(chunks_of(stream, int(budget.left)), budget):
        budget.take(len(piece) + bytes_of_values(piece))
        pieces.append(piece)
    text = b"".join(pieces)
    budget.check((1 + 2 * widest_character(text)) * len(text))  # it once more, as str, its parts
    return json.loads(text)


def _pieces(chunks: Iterable[bytes], budget: MemoryBudget) -> Iterator[bytes]:
    """Pass pieces on for as long as there is room for the whole of them, which will be a str."""
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        budget.check(2 * n_bytes)
        yield chunk


def count_packed_words(stream: IO[bytes], n_bytes: int, budget: MemoryBudget) -> None:
    """Count a vocabulary, which is JSON that zlib has compressed to a stream's `n_bytes`."""
    n_inflated, widest, last = 0, 1, b""
    for piece in _pieces(_inflated(chunks_of(stream, n_bytes)), budget):
        n_inflated += len(piece)
        # Other values than words are refused once they are there.
        budget.take(_WORD_BYTES * (piece.count(b",") + piece.count(b"[") + piece.count(b"{")))
        widest = max(widest, widest_character(last + piece))
        last = piece[-1:]
    budget.take(n_inflated * (1 + 2 * widest))


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a zlib stream holds, in pieces that are small however far it inflates."""
    inflate = zlib.decompressobj()
    for chunk in chunks:
        while chunk and not inflate.eof:
            yield inflate.decompress(chunk, 2**16)
            chunk = inflate.unconsumed_tail

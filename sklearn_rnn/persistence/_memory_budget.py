"""The memory that opening a file will take, counted from its content before it is allocated."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from .._utils.archives import CHUNK_BYTES, bytes_of_values, chunks_of, widest_character

__all__ = ["MemoryBudget", "OverheadError", "count_packed_words", "read_budgeted_json"]

_WORD_BYTES = 125
"""Memory of a word beyond its text: its place in a tuple, and in a dict with its id."""


class MemoryBudget:
    """Counts the memory that opening a file will take."""

    def __init__(self, n_bytes: float) -> None:
        self.left = n_bytes
        self.lowest = n_bytes
        """The least that was left at any moment."""

    def take(self, n_bytes: float) -> None:
        """Count memory that is needed until the file is loaded, or raise."""
        self.check(n_bytes)
        self.left -= n_bytes

    def check(self, n_bytes: float) -> None:
        """Count memory that is needed only for a moment, or raise."""
        self.lowest = min(self.lowest, self.left - n_bytes)
        if self.lowest < 0:
            raise OverheadError


class OverheadError(ValueError):
    """Opening a file would take more memory than it may."""


def read_budgeted_json(stream: IO[bytes], budget: MemoryBudget) -> Any:
    """Parse JSON, if its objects fit into the budget.

    Raises
    ------
    OverheadError
        If they do not.
    ValueError
        If it is not JSON.
    """
    pieces = []
    for piece in _pieces(chunks_of(stream, int(budget.left)), budget):
        budget.take(len(piece) + bytes_of_values(piece))
        pieces.append(piece)
    text = b"".join(pieces)
    # Once more as bytes, as a str, and as the str's parts.
    budget.check((1 + 2 * widest_character(text)) * len(text))
    return json.loads(text)


def _pieces(chunks: Iterable[bytes], budget: MemoryBudget) -> Iterator[bytes]:
    """Pass pieces on as long as all of them together fit into the budget, as bytes and as str."""
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        budget.check(2 * n_bytes)
        yield chunk


def count_packed_words(stream: IO[bytes], n_bytes: int, budget: MemoryBudget) -> None:
    """Count a vocabulary: a stream of `n_bytes`, which is JSON that was compressed by zlib."""
    n_inflated, widest, last = 0, 1, b""
    for piece in _pieces(_inflated(chunks_of(stream, n_bytes)), budget):
        n_inflated += len(piece)
        # Values other than words take memory, too, before they are refused.
        budget.take(_WORD_BYTES * (piece.count(b",") + piece.count(b"[") + piece.count(b"{")))
        widest = max(widest, widest_character(last + piece))
        last = piece[-1:]
    budget.take(n_inflated * (1 + 2 * widest))


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of a zlib stream in small pieces, however far it inflates."""
    inflate = zlib.decompressobj()
    for chunk in chunks:
        while chunk and not inflate.eof:
            yield inflate.decompress(chunk, CHUNK_BYTES)
            chunk = inflate.unconsumed_tail

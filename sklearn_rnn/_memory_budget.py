"""The memory that opening a file will take, counted from what stands in it before it is taken."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from ._archives import chunks_of

__all__ = ["MemoryBudget", "OverheadError", "count_packed_words", "read_json"]

# Bytes that a value, a dict and a word take in memory, at most, beyond their own text. A word also
# stands in a dict, with its number.
_VALUE_BYTES, _DICT_BYTES, _WORD_BYTES = 72, 240, 160


class MemoryBudget:
    """Counts the memory that opening a file will take."""

    def __init__(self, n_bytes: float) -> None:
        self.left = n_bytes

    def take(self, n_bytes: float) -> None:
        """Count some more for as long as the file is open, or raise."""
        self.check(n_bytes)
        self.left -= n_bytes

    def check(self, n_bytes: float) -> None:
        """Raise if there is no room for some more at this moment."""
        if n_bytes > self.left:
            raise OverheadError


class OverheadError(ValueError):
    """Opening a file would take more memory than it may."""


def read_json(stream: IO[bytes], budget: MemoryBudget) -> Any:
    """Return what a JSON text says, if there is room for its objects.

    Raises
    ------
    OverheadError
        If there is not.
    ValueError
        If it is no JSON.
    """
    text = b"".join(_counted(chunks_of(stream, int(budget.left)), budget, _VALUE_BYTES))
    widest = _widest_character(text)
    budget.check(len(text) * (2 + 2 * widest))  # bytes, all of it as a str, and its parts
    budget.take(len(text))
    return json.loads(text)


def _counted(chunks: Iterable[bytes], budget: MemoryBudget, value_bytes: int) -> Iterator[bytes]:
    """Pass pieces of a JSON text on, while counting what its values will take."""
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        budget.check(3 * n_bytes)
        n_values = chunk.count(b",") + chunk.count(b"[")
        budget.take(n_values * value_bytes + chunk.count(b"{") * _DICT_BYTES)
        yield chunk


def _widest_character(text: bytes) -> int:
    """Return how many bytes a character of a JSON text may take in a str: 1, 2 or 4."""
    if b"\\u" in text:
        return 4
    if text.isascii():
        return 1
    return 4 if max(text) >= 0xF0 else 2


def count_packed_words(stream: IO[bytes], n_bytes: int, budget: MemoryBudget) -> None:
    """Count a vocabulary, which is JSON that zlib has compressed to a stream's `n_bytes`."""
    n_inflated, widest, last = 0, 1, b""
    for chunk in _counted(_inflated(chunks_of(stream, n_bytes)), budget, _WORD_BYTES):
        n_inflated += len(chunk)
        widest = max(widest, _widest_character(last + chunk))
        last = chunk[-1:]
    budget.take(n_inflated * (1 + 2 * widest))


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a zlib stream holds, in pieces that are small however far it inflates."""
    inflate = zlib.decompressobj()
    for chunk in chunks:
        while chunk and not inflate.eof:
            yield inflate.decompress(chunk, 2**16)
            chunk = inflate.unconsumed_tail

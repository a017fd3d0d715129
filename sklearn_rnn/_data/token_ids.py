"""Texts as ids, chunk by chunk: encoded, counted, and laid out as rows, in memory or on disk.

Only a chunk of texts is ever held. So a corpus may be larger than memory: its ids then wait
in a file, and end in another that is mapped into memory.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from multiprocessing import parent_process
from numbers import Integral
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import BACKENDS, get_active_backend
from numpy.typing import NDArray

from ..sequences import PADDING, UNKNOWN

__all__ = [
    "Chunk",
    "Layout",
    "WordCounts",
    "buffer_chunks",
    "cut",
    "encode_texts",
    "growing_ids",
    "keeps_all",
    "to_padded_rows",
]

_CHUNK_TEXTS = 1_000

_IDS_AT_ONCE = 2**20

_JOBLIBS_OWN = ("loky", "multiprocessing", "sequential", "threading")

Analyze = Callable[[Any], Iterable[str]]


class Chunk(NamedTuple):
    """Some texts as ids."""

    tokens: NDArray[np.int32]  # text after text, shape (n_running_tokens,)
    lengths: NDArray[np.int64]  # tokens of each text, shape (n_texts,)


class Layout(NamedTuple):
    """How texts of any length become rows of one length."""

    n_places: int
    padding: str
    truncating: str


def growing_ids() -> defaultdict[str, int]:
    """Return a dictionary that gives each new key the next number, from 0."""
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__
    return ids


def encode_texts(
    texts: Iterable[Any], analyze: Analyze, ids: Mapping[str, int], n_jobs: int | None = None
) -> Iterator[Chunk]:
    """Give texts as ids, chunk by chunk; several processes may work ahead."""
    # A growing dictionary gives a new word the next id; a plain one says "unknown".
    look_up = ids.__getitem__ if isinstance(ids, defaultdict) else _or_unknown(ids)
    remaining = iter(texts)
    blocks = iter(lambda: list(islice(remaining, _CHUNK_TEXTS)), [])
    if _n_processes(n_jobs) == 1:
        yield from (_encode_block(block, analyze, look_up) for block in blocks)
        return
    workers = Parallel(n_jobs, return_as="generator")
    for words, (tokens, lengths) in workers(delayed(_by_itself)(b, analyze) for b in blocks):
        # Words come in the order in which they were first seen, block after block: those that
        # are new get the ids that they would have got without workers.
        ids_here = np.fromiter(map(look_up, words), np.int32, len(words))
        yield Chunk(ids_here[tokens], lengths)


def _n_processes(n_jobs: int | None) -> int:
    """Return how many processes analyse texts: within a cluster, this one.

    There joblib would send the texts of each fit away again, block by block, to wait elsewhere
    behind other fits.
    """
    backend, _ = get_active_backend()
    on_this_machine = type(backend) in map(BACKENDS.get, _JOBLIBS_OWN)
    return effective_n_jobs(n_jobs) if on_this_machine else 1


def _encode_block(block: list[Any], analyze: Analyze, look_up: Callable[[str], int]) -> Chunk:
    tokens, lengths = array("i"), array("q")
    analyze = getattr(analyze, "lazily", analyze)  # a long text's tokens never are all there
    for text in block:
        before = len(tokens)
        tokens.extend(map(look_up, analyze(text)))
        lengths.append(len(tokens) - before)
    return Chunk(np.frombuffer(tokens, np.int32), np.frombuffer(lengths, np.int64))


def _by_itself(block: list[Any], analyze: Analyze) -> tuple[list[str], Chunk]:
    """Return a block's words, and the block by their numbers: a worker's part."""
    ids = growing_ids()
    chunk = _encode_block(block, analyze, ids.__getitem__)
    return list(ids), chunk


def _or_unknown(ids: Mapping[str, int]) -> Callable[[str], int]:
    get = ids.get
    return lambda token: get(token, UNKNOWN)


def keeps_all(min_df: float, max_df: float) -> bool:
    """Return whether bounds leave out no word: then texts need not be counted by word."""
    # As a number of texts (int), 1 is the least; as a share (float), it is the most.
    return (
        isinstance(min_df, Integral)
        and min_df <= 1
        and not isinstance(max_df, Integral)
        and max_df == 1
    )


class WordCounts:
    """How often words stand in the texts that have passed, by id.

    Parameters
    ----------
    by_text : bool
        Whether to count the texts that a word stands in, too: that takes a sort per chunk.

    Attributes
    ----------
    n_texts : int
        Number of texts.
    longest : int
        Tokens of the longest.
    in_all : ndarray of int64 of shape (n_words,)
        How often each word stands in all of them.
    in_texts : ndarray of int64 of shape (n_words,)
        How many texts each word stands in.
    """

    def __init__(self, by_text: bool) -> None:
        self.by_text = by_text
        self.n_texts = self.longest = 0
        self.in_all = self.in_texts = np.zeros(0, np.int64)

    def count_while_passing(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass chunks on, and count them."""
        for chunk in chunks:
            self.n_texts += len(chunk.lengths)
            self.longest = max(self.longest, int(chunk.lengths.max()))
            self.in_all = _added(self.in_all, chunk.tokens)
            if self.by_text:
                self.in_texts = _added(self.in_texts, _once_per_text(chunk))
            yield chunk

    def between(self, min_df: float, max_df: float) -> NDArray[np.bool_]:
        """Return which words stand in enough texts, and not in too many: (n_words,)."""
        if not self.by_text:
            return self.in_all > 0
        fewest, most = self.n_texts_of(min_df), self.n_texts_of(max_df)
        return (self.in_texts >= fewest) & (self.in_texts <= most)

    def n_texts_of(self, bound: float) -> float:
        """Return the number of texts that a bound means: itself (int), or a share (float)."""
        return bound if isinstance(bound, Integral) else bound * self.n_texts


def _added(counts: NDArray[np.int64], ids: NDArray[np.integer]) -> NDArray[np.int64]:
    for start in range(0, len(ids), _IDS_AT_ONCE):  # bincount makes int64 of all it is given
        more = np.bincount(ids[start : start + _IDS_AT_ONCE], minlength=len(counts))
        more[: len(counts)] += counts
        counts = more
    return counts


def _once_per_text(chunk: Chunk) -> NDArray[np.integer]:
    if len(chunk.tokens) > _IDS_AT_ONCE:
        by_text = np.split(chunk.tokens, np.cumsum(chunk.lengths)[:-1])
        return np.concatenate([np.unique(tokens) for tokens in by_text])
    n_words = int(chunk.tokens.max(initial=0)) + 1
    # One number for each (text, word) that occurs: text * n_words + word.
    texts = np.repeat(np.arange(len(chunk.lengths)), chunk.lengths)
    return np.unique(texts * n_words + chunk.tokens) % n_words


def cut(chunks: Iterable[Chunk], layout: Layout) -> Iterator[Chunk]:
    """Give chunks without the tokens that a layout leaves out: those of long texts are many."""
    for chunk in chunks:
        if chunk.lengths.max() <= layout.n_places:
            yield chunk
            continue
        places, lengths = _places_kept(chunk, layout)
        yield Chunk(chunk.tokens[places], lengths)


def buffer_chunks(
    chunks: Iterable[Chunk], folder: str | os.PathLike[str] | None
) -> Iterable[Chunk]:
    """Return the chunks so that they can be read again: as a list, or from a file in `folder`."""
    return list(chunks) if folder is None else _OnDisk(chunks, folder)


class _OnDisk:
    """Chunks in a temporary file, which goes when this does."""

    def __init__(self, chunks: Iterable[Chunk], folder: str | os.PathLike[str]) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=_made(folder))  # noqa: SIM115
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


def to_padded_rows(
    chunks: Iterable[Chunk], layout: Layout, folder: str | os.PathLike[str] | None
) -> NDArray[np.int32]:
    """Lay texts out as rows of ids, (N, T): in memory, or in a file in `folder`.

    In memory they are as wide as the longest text; in a file, of which that is not known, as the
    layout says.
    """
    if folder is None:
        return _stacked(list(chunks), layout)
    remaining = iter(chunks)
    ahead = list(islice(remaining, 2))
    if len(ahead) < 2:  # not worth a file: what a model in use is asked, text by text
        return _stacked(ahead, layout)
    return _mapped(chain(ahead, remaining), layout, folder)


def _stacked(chunks: list[Chunk], layout: Layout) -> NDArray[np.int32]:
    longest = max(int(chunk.lengths.max()) for chunk in chunks)
    layout = layout._replace(n_places=min(layout.n_places, max(longest, 1)))
    ids = np.empty((sum(len(chunk.lengths) for chunk in chunks), layout.n_places), np.int32)
    start = 0
    for chunk in chunks:
        end = start + len(chunk.lengths)
        ids[start:end] = _laid_out(chunk, layout)
        start = end
    return ids


def _parts(chunks: Iterable[Chunk], n_places: int) -> Iterator[Chunk]:
    """Give the chunks' texts, fewer at a time where their rows are wide."""
    n_texts = _IDS_AT_ONCE // n_places + 1
    for tokens, lengths in chunks:
        ends = np.cumsum(lengths)
        for start in range(0, len(lengths), n_texts):
            some = slice(start, start + n_texts)
            first = ends[start] - lengths[start]
            yield Chunk(tokens[first : ends[some][-1]], lengths[some])


def _laid_out(chunk: Chunk, layout: Layout) -> NDArray[np.int32]:
    """Lay the texts of one chunk out: (n_running_tokens,) -> (n_texts, n_places)."""
    n_places, padding, _ = layout
    places, lengths = _places_kept(chunk, layout)
    offset = n_places - lengths if padding == "pre" else np.zeros_like(lengths)
    place = np.arange(n_places)
    filled = (place >= offset[:, None]) & (place < (offset + lengths)[:, None])
    rows = np.full(filled.shape, PADDING, np.int32)
    rows[filled] = chunk.tokens[places]
    return rows


def _places_kept(chunk: Chunk, layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the tokens are that a layout keeps, and how many of each text those are."""
    n_read = np.minimum(chunk.lengths, layout.n_places)
    ends = np.cumsum(chunk.lengths)
    first = ends - n_read if layout.truncating == "pre" else ends - chunk.lengths
    running = np.arange(n_read.sum()) - np.repeat(np.cumsum(n_read) - n_read, n_read)
    return np.repeat(first, n_read) + running, n_read


def _mapped(
    chunks: Iterable[Chunk], layout: Layout, folder: str | os.PathLike[str]
) -> NDArray[np.int32]:
    """Write the rows to a file; return it mapped into memory. The file goes with the array."""
    handle, path = tempfile.mkstemp(prefix="ids-", suffix=".bin", dir=_made(folder))
    try:
        with os.fdopen(handle, "wb") as file:
            for part in _parts(chunks, layout.n_places):
                file.write(_laid_out(part, layout).data)
    except BaseException:
        Path(path).unlink()
        raise
    if parent_process() is None:
        flat: NDArray[np.int32] = np.memmap(path, np.int32, mode="r")
        weakref.finalize(flat.base, _delete, path, os.getpid())
    else:
        # A worker's result reaches its parent by value: a memory map that joblib knows as such
        # would travel as the name of a file, which goes with the worker's own array.
        flat = _nameless_map(path)
    return flat.reshape(-1, layout.n_places)


def _nameless_map(path: str) -> NDArray[np.int32]:
    with open(path, "rb") as file:
        mapping = mmap(file.fileno(), 0, access=ACCESS_READ)
    Path(path).unlink()
    return np.frombuffer(mapping, np.int32)


def _delete(path: str, process: int) -> None:
    if os.getpid() == process:  # a forked child must not take the parent's file away
        Path(path).unlink(missing_ok=True)


def _made(folder: str | os.PathLike[str]) -> Any:
    os.makedirs(folder, exist_ok=True)
    return folder

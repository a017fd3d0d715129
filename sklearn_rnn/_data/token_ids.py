"""Texts as token ids, chunk by chunk, with counts of their words.

Only one chunk of texts is in memory at a time, so a corpus may be larger than memory.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import BACKENDS, get_active_backend
from numpy.typing import NDArray

from ..sequences import UNKNOWN

__all__ = [
    "IDS_AT_ONCE",
    "Chunk",
    "PartialCounts",
    "WordCounts",
    "count_texts",
    "encode_texts",
    "growing_ids",
    "id_or_unknown",
    "keeps_all",
    "merge_counts",
]

_TEXTS_AT_ONCE = 1_000

IDS_AT_ONCE = 2**20
"""Ids that are processed at a time, which bounds the memory of temporary arrays."""

_JOBLIBS_OWN = ("loky", "multiprocessing", "sequential", "threading")

Analyze = Callable[[Any], Iterable[str]]
IdOf = Callable[[str], int]


class Chunk(NamedTuple):
    """Some texts as ids."""

    tokens: NDArray[np.int32]  # text after text, shape (n_tokens,)
    lengths: NDArray[np.int64]  # tokens of each text, shape (n_texts,)


# ---- Encode ----------------------------------------------------------------------------------


def growing_ids() -> defaultdict[str, int]:
    """Return a dictionary that gives each new word the next id, from 0."""
    ids: defaultdict[str, int] = defaultdict()
    # Called before the new word is in the dictionary: as many as are there already is its id.
    ids.default_factory = ids.__len__
    return ids


def id_or_unknown(ids: Mapping[str, int]) -> IdOf:
    """Return the function from a token to its id, or to that of the unknown token."""
    get = ids.get
    return lambda token: get(token, UNKNOWN)


def encode_texts(
    texts: Iterable[Any], analyze: Analyze, id_of: IdOf, n_jobs: int | None = None
) -> Iterator[Chunk]:
    """Yield texts as ids, chunk by chunk; several processes may work ahead.

    Parameters
    ----------
    texts : iterable
        The texts.
    analyze : callable
        From a text to its tokens.
    id_of : callable
        From a token to its id: `id_or_unknown`, or ``growing_ids().__getitem__``.
    n_jobs : int, default=None
        Processes that analyse texts.
    """
    blocks = _blocks(texts)
    if _n_processes(n_jobs) == 1:
        yield from (_encode_block(block, analyze, id_of) for block in blocks)
        return
    workers = Parallel(n_jobs, return_as="generator")
    tasks = (delayed(_encode_with_own_ids)(block, analyze) for block in blocks)
    for words, (tokens, lengths) in workers(tasks):
        # Words arrive in the order of their first occurrence, block after block: new ones get
        # the ids that they would have got without workers.
        ids = np.fromiter(map(id_of, words), np.int32, len(words))
        yield Chunk(ids[tokens], lengths)


def _blocks(texts: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(texts)
    while block := list(islice(remaining, _TEXTS_AT_ONCE)):
        yield block


def _n_processes(n_jobs: int | None) -> int:
    """Return the number of processes that analyse texts: within a cluster, only this one.

    There joblib would send the texts of each fit over the network again, block by block, to
    queue behind other fits.
    """
    backend, _ = get_active_backend()
    on_this_machine = type(backend) in map(BACKENDS.get, _JOBLIBS_OWN)
    return effective_n_jobs(n_jobs) if on_this_machine else 1


def _encode_block(block: list[Any], analyze: Analyze, id_of: IdOf) -> Chunk:
    tokens, lengths = array("i"), array("q")
    analyze = getattr(analyze, "lazily", analyze)  # never all tokens of a long text in memory
    for text in block:
        before = len(tokens)
        tokens.extend(map(id_of, analyze(text)))
        lengths.append(len(tokens) - before)
    return Chunk(np.frombuffer(tokens, np.int32), np.frombuffer(lengths, np.int64))


def _encode_with_own_ids(block: list[Any], analyze: Analyze) -> tuple[list[str], Chunk]:
    """Return the words of a block, and the block as indices into these: a worker's task."""
    ids = growing_ids()
    chunk = _encode_block(block, analyze, ids.__getitem__)
    return list(ids), chunk


# ---- Count -----------------------------------------------------------------------------------


def keeps_all(min_df: float, max_df: float) -> bool:
    """Return whether bounds exclude no word: then texts need not be counted by word."""
    # As a number of texts (int), 1 is the least; as a fraction (float), it is the most.
    return (
        isinstance(min_df, Integral)
        and min_df <= 1
        and not isinstance(max_df, Integral)
        and max_df == 1
    )


class WordCounts:
    """Counts of words, by id, in the texts that have passed.

    Parameters
    ----------
    by_text : bool
        Whether to count the texts that contain a word, too: that takes a sort per chunk.

    Attributes
    ----------
    n_texts : int
        Number of texts.
    longest : int
        Number of tokens of the longest.
    frequency : ndarray of int64 of shape (n_words,)
        How often each word occurs in all texts.
    document_frequency : ndarray of int64 of shape (n_words,)
        How many texts contain each word; counted only `by_text`.
    """

    def __init__(self, by_text: bool) -> None:
        self.by_text = by_text
        self.n_texts = self.longest = 0
        self.frequency = self.document_frequency = np.zeros(0, np.int64)

    def count_while_passing(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass chunks on, and count them."""
        for chunk in chunks:
            self.n_texts += len(chunk.lengths)
            self.longest = max(self.longest, int(chunk.lengths.max()))
            self.frequency = _add_counts(self.frequency, chunk.tokens)
            if self.by_text:
                once = _once_per_text(chunk)
                self.document_frequency = _add_counts(self.document_frequency, once)
            yield chunk

    def between(self, min_df: float, max_df: float) -> NDArray[np.bool_]:
        """Return which words occur in enough texts, and not in too many: (n_words,)."""
        if not self.by_text:
            return self.frequency > 0
        fewest, most = self.n_texts_of(min_df), self.n_texts_of(max_df)
        return (self.document_frequency >= fewest) & (self.document_frequency <= most)

    def n_texts_of(self, bound: float) -> float:
        """Return the number of texts that a bound means: itself (int), or a fraction (float)."""
        return bound if isinstance(bound, Integral) else bound * self.n_texts


def _add_counts(counts: NDArray[np.int64], ids: NDArray[np.integer]) -> NDArray[np.int64]:
    for start in range(0, len(ids), IDS_AT_ONCE):  # bincount converts its input to int64
        more = np.bincount(ids[start : start + IDS_AT_ONCE], minlength=len(counts))
        more[: len(counts)] += counts
        counts = more
    return counts


def _once_per_text(chunk: Chunk) -> NDArray[np.integer]:
    """Return the ids of each text without repetitions, text after text."""
    if len(chunk.tokens) > IDS_AT_ONCE:
        by_text = np.split(chunk.tokens, np.cumsum(chunk.lengths)[:-1])
        return np.concatenate([np.unique(tokens) for tokens in by_text])
    n_words = int(chunk.tokens.max(initial=0)) + 1
    # One number for each (text, word) that occurs: text * n_words + word.
    texts = np.repeat(np.arange(len(chunk.lengths)), chunk.lengths)
    return np.unique(texts * n_words + chunk.tokens) % n_words


class PartialCounts(NamedTuple):
    """Counts of some texts, and the words that these contain, by the ids of the counts."""

    words: list[str]
    counts: WordCounts


def count_texts(texts: Iterable[Any], analyze: Analyze) -> PartialCounts:
    """Count the words of some texts."""
    ids, counts = growing_ids(), WordCounts(by_text=True)
    for _ in counts.count_while_passing(encode_texts(texts, analyze, ids.__getitem__)):
        pass
    return PartialCounts(list(ids), counts)


def merge_counts(parts: Iterable[PartialCounts]) -> PartialCounts:
    """Add up the counts of several parts of a corpus."""
    ids, parts = growing_ids(), list(parts)
    # Where the counts of each part belong in those of all parts.
    indices = [np.fromiter(map(ids.__getitem__, words), np.intp, len(words)) for words, _ in parts]
    merged = WordCounts(by_text=True)
    merged.frequency, merged.document_frequency = np.zeros((2, len(ids)), np.int64)
    for (_, counts), index in zip(parts, indices, strict=True):
        merged.n_texts += counts.n_texts
        merged.longest = max(merged.longest, counts.longest)
        merged.frequency[index] += counts.frequency
        merged.document_frequency[index] += counts.document_frequency
    return PartialCounts(list(ids), merged)

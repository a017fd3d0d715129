"""What gensim does for the embeddings: one training run, and vectors of a word's parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from ..sequences import PADDING, TokenSequences

__all__ = ["Trained", "subword_vector", "train_vectors"]

_LONGEST = 10_000
"""gensim drops what comes after so many words of a sentence: longer ones go in pieces."""


class Trained(NamedTuple):
    """What a training run of gensim's leaves."""

    vectors: NDArray[np.float32]  # by id, (V, D)
    losses: list[float]  # by epoch
    subword_vectors: NDArray[np.float32] | None  # fastText's, by hash of a word's part


def train_vectors(
    model_name: str,
    settings: dict[str, Any],
    sequences: TokenSequences,
    counts: NDArray[np.int64],
    *,
    epochs: int,
    progress: bool,
) -> Trained:
    """Train one of gensim's models on sequences whose tokens are counted already."""
    model = getattr(_models(), model_name)(**settings)
    words, sentences = sequences.vocabulary, _Sentences(sequences)
    losses: list[float] = []
    # Counted already, and all of them words: gensim needs no pass of its own.
    model.build_vocab_from_freq({words[i]: int(counts[i]) for i in np.flatnonzero(counts)})
    # A bar that is not shown would still start a thread.
    with tqdm(total=epochs, desc=model_name) if progress else nullcontext() as bar:
        train = partial(
            model.train,
            sentences,
            total_examples=len(sentences),
            epochs=epochs,
            compute_loss=True,
            callbacks=[_epoch_watch(losses, bar, sentences)],
        )
        _until_interrupted(train, sentences)
    return Trained(_table(model.wv, words), losses, getattr(model.wv, "vectors_ngrams", None))


def subword_vector(
    word: str, table: NDArray[np.float32], min_n: int, max_n: int
) -> NDArray[np.float32]:
    """Return the mean of the vectors of a word's parts, zeros if it is too short for any: (D,)."""
    from gensim.models.fasttext import ft_ngram_hashes

    rows = ft_ngram_hashes(word, min_n, max_n, len(table))
    mean: NDArray[np.float32] = table[rows].sum(axis=0) / max(len(rows), 1)
    return mean


class _Sentences:
    """Texts as gensim reads them: lists of words, made anew in each pass."""

    is_stopped = False
    """Whether no more are to come."""

    def __init__(self, sequences: TokenSequences) -> None:
        self.ids = sequences._stored
        self.words = np.array(sequences.vocabulary, dtype=object)
        self.n_pieces = sum(-(-int(np.count_nonzero(row)) // _LONGEST) for row in self.ids)

    def __len__(self) -> int:
        return self.n_pieces

    def __iter__(self) -> Iterator[list[str]]:
        for row in self.ids:
            if self.is_stopped:
                return
            words = self.words[row[row != PADDING]].tolist()
            yield from (words[i : i + _LONGEST] for i in range(0, len(words), _LONGEST))


class _StoppedError(Exception):
    """Ends gensim's training between two passes."""


def _until_interrupted(train: Callable[[], Any], sentences: _Sentences) -> None:
    """Train in a thread of its own; an interrupt ends the pass, and so all of gensim's threads.

    These wait for each other. An interrupt of the one that collects what the others have done,
    which is the one that called gensim, would leave the others waiting for ever.
    """
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            if not sentences.is_stopped:
                train()
        except BaseException as error:
            errors.append(error)
        done.set()

    thread = threading.Thread(target=run, name="gensim")
    try:
        thread.start()
        done.wait()  # not join: one that is interrupted takes its thread for ended
    except BaseException:
        sentences.is_stopped = True
        if thread in threading.enumerate():  # also one that is about to begin
            done.wait()
            thread.join()
        raise
    thread.join()
    if errors:
        raise errors[0]


def _models() -> Any:
    """Return gensim's models, imported only now: who loads a fitted embedding needs none."""
    try:
        from gensim import models
    except ImportError as error:
        raise ImportError(
            "Training word vectors needs gensim: pip install sklearn-rnn[embeddings]."
        ) from error
    return models


def _epoch_watch(losses: list[float], bar: Any, sentences: _Sentences) -> Any:
    """Return a callback of gensim's that keeps each epoch's loss and moves the bar."""
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochWatch(CallbackAny2Vec):
        def on_epoch_begin(self, model: Any) -> None:
            model.running_training_loss = 0.0  # or else gensim sums it over all epochs

        def on_epoch_end(self, model: Any) -> None:
            if sentences.is_stopped:
                raise _StoppedError
            is_known = type(model).__name__ != "FastText"  # whose loss gensim leaves at zero
            losses.append(float(model.get_latest_training_loss()) if is_known else np.nan)
            if bar is not None:
                bar.update()

    return EpochWatch()


def _table(wv: Any, words: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the vectors by id, zeros where a word has none: (V, D)."""
    table = np.zeros((len(words), wv.vector_size), np.float32)
    rows = [i for i, word in enumerate(words) if i != PADDING and word in wv.key_to_index]
    table[rows] = wv[[words[i] for i in rows]]
    table.flags.writeable = False  # shared by all that reads it
    return table

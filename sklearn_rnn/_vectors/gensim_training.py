"""What gensim does for the embeddings: training, and vectors made of character n-grams."""

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

_MAX_WORDS = 10_000
"""gensim ignores the words of a sentence after this number: longer ones are split."""


class Trained(NamedTuple):
    """The result of training with gensim."""

    vectors: NDArray[np.float32]  # by id, (V, D)
    losses: list[float]  # by epoch
    subword_vectors: NDArray[np.float32] | None  # fastText's, by hash of a character n-gram


def train_vectors(
    model_name: str,
    settings: dict[str, Any],
    sequences: TokenSequences,
    counts: NDArray[np.int64],
    *,
    epochs: int,
    progress: bool,
) -> Trained:
    """Train one of gensim's models on sequences whose tokens have been counted."""
    model = getattr(_models(), model_name)(**settings)
    words, sentences = sequences.vocabulary, _Sentences(sequences)
    losses: list[float] = []
    # The words are known and counted: gensim needs no pass of its own.
    model.build_vocab_from_freq({words[i]: int(counts[i]) for i in np.flatnonzero(counts)})
    # Even a disabled bar would start a thread.
    with tqdm(total=epochs, desc=model_name) if progress else nullcontext() as bar:
        train = partial(
            model.train,
            sentences,
            total_examples=len(sentences),
            epochs=epochs,
            compute_loss=True,
            callbacks=[_epoch_callback(losses, bar, sentences)],
        )
        _run_interruptibly(train, sentences)
    return Trained(
        _vectors_by_id(model.wv, words), losses, getattr(model.wv, "vectors_ngrams", None)
    )


def subword_vector(
    word: str, table: NDArray[np.float32], min_n: int, max_n: int
) -> NDArray[np.float32]:
    """Return the mean vector of a word's character n-grams, zeros if it has none: (D,)."""
    from gensim.models.fasttext import ft_ngram_hashes

    rows = ft_ngram_hashes(word, min_n, max_n, len(table))
    mean: NDArray[np.float32] = table[rows].sum(axis=0) / max(len(rows), 1)
    return mean


class _Sentences:
    """Texts as gensim reads them: lists of words, made on the fly in each pass."""

    is_stopped = False
    """Whether a pass should end early."""

    def __init__(self, sequences: TokenSequences) -> None:
        self.ids = sequences._stored
        self.words = np.array(sequences.vocabulary, dtype=object)
        self.n_pieces = sum(-(-int(np.count_nonzero(row)) // _MAX_WORDS) for row in self.ids)

    def __len__(self) -> int:
        return self.n_pieces

    def __iter__(self) -> Iterator[list[str]]:
        for row in self.ids:
            if self.is_stopped:
                return
            words = self.words[row[row != PADDING]].tolist()
            yield from (words[i : i + _MAX_WORDS] for i in range(0, len(words), _MAX_WORDS))


class _StoppedError(Exception):
    """Ends gensim's training between two passes."""


def _run_interruptibly(train: Callable[[], Any], sentences: _Sentences) -> None:
    """Train in a separate thread; an interrupt ends the pass, and so all of gensim's threads.

    Gensim's threads wait for each other. To interrupt the one that called gensim, which collects
    what the others have done, would leave these waiting for ever.
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
        # Not join: if interrupted, it takes the thread for finished. And not without end: a signal
        # that arrives just before the wait begins is noticed when it is over.
        while not done.wait(timeout=0.2):
            pass
    except BaseException:
        sentences.is_stopped = True
        if thread in threading.enumerate():  # or is about to start
            done.wait()
            thread.join()
        raise
    thread.join()
    if errors:
        raise errors[0]


def _models() -> Any:
    """Return gensim's models, imported only now: a fitted embedding does not need them."""
    try:
        from gensim import models
    except ImportError as error:
        raise ImportError(
            "Training word vectors needs gensim: pip install sklearn-rnn[embeddings]."
        ) from error
    return models


def _epoch_callback(losses: list[float], bar: Any, sentences: _Sentences) -> Any:
    """Return a gensim callback that records each epoch's loss and updates the bar."""
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochCallback(CallbackAny2Vec):
        def on_epoch_begin(self, model: Any) -> None:
            model.running_training_loss = 0.0  # otherwise gensim sums it over all epochs

        def on_epoch_end(self, model: Any) -> None:
            if sentences.is_stopped:
                raise _StoppedError
            is_known = type(model).__name__ != "FastText"  # gensim does not compute its loss
            losses.append(float(model.get_latest_training_loss()) if is_known else np.nan)
            if bar is not None:
                bar.update()

    return EpochCallback()


def _vectors_by_id(wv: Any, words: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the vectors by id, zeros where a word has none: (V, D)."""
    table = np.zeros((len(words), wv.vector_size), np.float32)
    rows = [i for i, word in enumerate(words) if i != PADDING and word in wv.key_to_index]
    table[rows] = wv[[words[i] for i in rows]]
    table.flags.writeable = False  # shared by all its readers
    return table

"""What the embeddings trained by gensim share: their parameters, and how they are fitted."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from .._utils.docstrings import fill_doc
from .._utils.snapshots import commit_on_success
from .._utils.validation import seed_from
from ..sequences import UNKNOWN, TokenSequences
from .base import EmbeddingStep, check_sequences, token_counts
from .gensim_training import Trained, train_vectors

__all__ = ["TrainedEmbedding", "fill", "positive"]

positive = Interval(Integral, 1, None, closed="left")


_COMMON = """\
vector_size : int, default=100
        Dimensions of the vectors.
    window : int, default=5
        Largest distance between two words that are neighbours.
    min_count : int, default=1
        Rarer words get zeros instead of a vector of their own. The vectorizer's `min_df` and
        `max_features` have already selected the words.
    sg : bool, default=True
        Learn by skip-gram (True) or by CBOW (False).
    negative : int, default=5
        Number of noise words for each neighbour.
    sample : float, default=1e-3
        Threshold above which frequent words are randomly left out: their share of the tokens.
    alpha : float, default=0.025
        Learning rate, which falls linearly.
    epochs : int, default=5
        Passes over the texts."""

_TRAINING = """\
workers : int, default=1
        Number of threads. With more than one, results differ from run to run, whatever the
        `random_state`.
    random_state : int, RandomState instance or None, default=None
        Random seed of initial vectors, noise words and sampling. An int gives bit-identical
        vectors with one worker.
    verbose : int, default=0
        Show a progress bar over epochs if above 0."""

_ATTRIBUTES = """\
vectors_ : ndarray of float32 of shape (n_entries, vector_size)
        Vectors by id. Padding has zeros; the unknown token has a vector if it occurs in the
        training texts.
    vocabulary_ : tuple of str
        Tokens by id."""

fill = fill_doc(common=_COMMON, training=_TRAINING, attributes=_ATTRIBUTES)


class TrainedEmbedding(EmbeddingStep):
    """What word2vec and fastText share: sentences in, one table out."""

    _model: str
    """Name of the model in ``gensim.models``."""

    _parameter_constraints: dict[str, list[Any]] = {
        "vector_size": [positive],
        "window": [positive],
        "min_count": [positive],
        "sg": ["boolean"],
        "negative": [positive],
        "sample": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "epochs": [positive],
        "workers": [positive],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TokenSequences, y: Any = None) -> Self:
        """Learn a vector for each word of the vocabulary.

        Parameters
        ----------
        X : TokenSequences of shape (n_texts, n_tokens)
            The texts to learn from.
        y : None
            Ignored.

        Returns
        -------
        object
            The fitted embedding.

        Raises
        ------
        TypeError
            If X is not a `TokenSequences`.
        ValueError
            If no word occurs in X `min_count` times.
        ImportError
            If gensim is not installed.
        """
        sequences = check_sequences(type(self).__name__, X)
        counts = token_counts(sequences)
        if counts[UNKNOWN + 1 :].max(initial=0) < self.min_count:
            raise ValueError(
                f"{type(self).__name__}: no word occurs in X min_count={self.min_count} times. "
                "Lower min_count, or pass more texts."
            )
        trained = train_vectors(
            self._model,
            self._settings(),
            sequences,
            counts,
            epochs=self.epochs,
            progress=self.verbose > 0,
        )
        with commit_on_success(self) as fitted:
            fitted.vocabulary_ = sequences.vocabulary
            fitted._set_vectors(trained)
        return self

    def _set_vectors(self, trained: Trained) -> None:
        self.vectors_ = trained.vectors
        self.loss_ = np.array(trained.losses)

    def _settings(self) -> dict[str, Any]:
        """Return the parameters of gensim's model."""
        settings = self.get_params(deep=False)
        for ours in ("epochs", "keep_subwords", "random_state", "verbose"):
            settings.pop(ours, None)
        return {**settings, "sg": int(self.sg), "seed": seed_from(self.random_state)}

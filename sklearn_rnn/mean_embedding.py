"""Features of texts without a network: the weighted mean of their word vectors."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ._utils.saved_state import VersionedState
from ._utils.snapshots import commit_on_success, on_snapshot
from ._vectors.base import check_sequences, token_counts
from .sequences import PADDING, TokenSequences

__all__ = ["MeanEmbedding"]

_BLOCK_TEXTS = 1_000


class MeanEmbedding(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, VersionedState, BaseEstimator
):
    """The mean of a text's word vectors, in which frequent words weigh less.

    A step between an embedding and any classifier of scikit-learn. Word order is lost; where
    labels are few, a linear model of such means is hard to beat, since the vectors have learned
    from texts without labels.

    A word that occurs n times in a text counts 1 + ln n times; its weight is
    smoothing / (smoothing + p), p being its share of the training tokens ("smooth inverse
    frequency"). Then the direction that all texts have in common is taken out.

    Parameters
    ----------
    smoothing : float, default=1e-3
        Share of the tokens from which on a word counts as frequent. Infinity weighs all words
        alike.
    remove_component : bool, default=True
        Take out the first principal direction of the training texts' means.

    Attributes
    ----------
    weights_ : ndarray of float32 of shape (n_entries,)
        The weight of each vocabulary entry; 0 for padding.
    component_ : ndarray of float32 of shape (n_dimensions,)
        The direction that is taken out; zeros if none is.
    vocabulary_ : tuple of str
        Tokens by id.

    See Also
    --------
    sklearn_rnn.embeddings.Word2VecEmbedding : Learns the vectors.

    References
    ----------
    S. Arora, Y. Liang and T. Ma (2017), "A Simple but Tough-to-Beat Baseline for Sentence
    Embeddings".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_rnn import SequenceVectorizer
    >>> from sklearn_rnn.embeddings import Word2VecEmbedding
    >>> from sklearn_rnn.mean_embedding import MeanEmbedding
    >>> texts = ["so good", "good film", "so bad", "bad film"] * 10
    >>> labels = ["+", "+", "-", "-"] * 10
    >>> model = make_pipeline(
    ...     SequenceVectorizer(),
    ...     Word2VecEmbedding(vector_size=8, random_state=0),
    ...     MeanEmbedding(),
    ...     StandardScaler(),
    ...     LogisticRegression(),
    ... )
    >>> model.fit(texts, labels).predict(["good", "bad"])
    array(['+', '-'], dtype='<U1')
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "smoothing": [Interval(Real, 0, None, closed="right")],
        "remove_component": ["boolean"],
    }

    def __init__(self, *, smoothing: float = 1e-3, remove_component: bool = True) -> None:
        self.smoothing = smoothing
        self.remove_component = remove_component

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TokenSequences, y: Any = None) -> Self:
        """Count the words, and find the direction that texts have in common.

        Parameters
        ----------
        X : TokenSequences of shape (n_texts, n_tokens)
            Sequences with vectors, from an embedding step.
        y : None
            Ignored.

        Returns
        -------
        MeanEmbedding
            The fitted transformer.

        Raises
        ------
        TypeError
            If X is not a `TokenSequences`.
        ValueError
            If X has no vectors.
        """
        sequences = self._check(X)
        counts = token_counts(sequences)
        shares = counts / max(1, counts.sum())
        weights = np.ones(len(shares), np.float32)
        if np.isfinite(self.smoothing):
            weights = (self.smoothing / (self.smoothing + shares)).astype(np.float32)
        weights[PADDING] = 0
        with commit_on_success(self) as fitted:
            fitted.vocabulary_ = sequences.vocabulary
            fitted.weights_ = weights
            means = fitted._means(sequences)
            fitted.component_ = np.zeros(means.shape[1], np.float32)
            if self.remove_component:
                fitted.component_ = _first_direction(means)
        return self

    @on_snapshot
    def transform(self, X: TokenSequences) -> NDArray[np.float32]:
        """Return the mean of each text.

        Parameters
        ----------
        X : TokenSequences of shape (n_texts, n_tokens)
            Sequences with vectors, of the vocabulary of the training data.

        Returns
        -------
        ndarray of float32 of shape (n_texts, n_dimensions)
            The means; zeros for a text without words.

        Raises
        ------
        TypeError
            If X is not a `TokenSequences`.
        ValueError
            If X has no vectors, or another vocabulary than the training data.
        """
        check_is_fitted(self)
        sequences = self._check(X)
        if sequences.vocabulary != self.vocabulary_:
            raise ValueError(
                "MeanEmbedding: X has another vocabulary than the training data. Transform texts "
                "with the vectorizer that made the training data."
            )
        means = self._means(sequences)
        return means - np.outer(means @ self.component_, self.component_)

    @property
    def _n_features_out(self) -> int:
        return len(self.component_)

    def _check(self, X: Any) -> TokenSequences:
        pipeline = "make_pipeline(SequenceVectorizer(), Word2VecEmbedding(), MeanEmbedding(), ...)"
        if not isinstance(X, TokenSequences):
            raise TypeError(
                f"MeanEmbedding: expected TokenSequences with vectors, got {type(X).__name__}. "
                f"Put a vectorizer and an embedding step before it: {pipeline}."
            )
        if X.vectors is None:
            raise ValueError(
                "MeanEmbedding: X has no vectors. Put an embedding step before it, such as "
                f"Word2VecEmbedding or PretrainedEmbedding: {pipeline}."
            )
        return check_sequences("MeanEmbedding", X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _means(self, sequences: TokenSequences) -> NDArray[np.float32]:
        """Return the weighted means, with all directions: (N, D)."""
        weighted = self.weights_[:, None] * sequences.vectors  # (V, D)
        starts = range(0, len(sequences), _BLOCK_TEXTS)  # ids may be larger than memory
        rows = (sequences._stored[start : start + _BLOCK_TEXTS] for start in starts)
        return np.concatenate(
            [_log_frequencies(block, len(weighted)) @ weighted for block in rows]
        )


def _log_frequencies(ids: NDArray[np.int32], n_ids: int) -> sparse.csr_array:
    """Return how often each id occurs in each text, damped and as shares: (N, T) -> (N, V)."""
    is_token = ids != PADDING
    ends = np.concatenate([[0], np.cumsum(is_token.sum(axis=1))])
    columns = ids[is_token]
    ones = np.ones(len(columns), np.float32)
    counts = sparse.csr_array((ones, columns, ends), shape=(len(ids), n_ids))
    counts.sum_duplicates()
    counts.data = 1 + np.log(counts.data)
    totals = np.maximum(counts.sum(axis=1), 1).astype(np.float32)
    counts.data /= np.repeat(totals, np.diff(counts.indptr))
    return counts


def _first_direction(means: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first right singular vector of the texts' means: (N, D) -> (D,)."""
    _, vectors = np.linalg.eigh(means.T @ means)
    direction: NDArray[np.float32] = vectors[:, -1].astype(np.float32)
    return direction

"""What every embedding step does, wherever its vectors come from."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._tables import shared_table
from .._utils.saved_state import VersionedState
from .._utils.snapshots import on_snapshot
from .._utils.validation import check_ids
from ..sequences import PADDING, TokenSequences
from .similarity import nearest_words

__all__ = ["EmbeddingStep", "check_sequences", "token_counts"]

_BLOCK_TEXTS = 1_000


class EmbeddingStep(  # type: ignore[call-arg]
    TransformerMixin, VersionedState, BaseEstimator, auto_wrap_output_keys=None
):
    """A step that attaches a table of vectors to the sequences."""

    @on_snapshot
    def transform(self, X: TokenSequences) -> TokenSequences:
        """Return the sequences with the table of vectors attached.

        Parameters
        ----------
        X : TokenSequences of shape (n_texts, n_tokens)
            Sequences from the vectorizer that made the training data.

        Returns
        -------
        TokenSequences of shape (n_texts, n_tokens)
            The same ids, with `vectors`: the table is shared, not copied.

        Raises
        ------
        TypeError
            If X is not a `TokenSequences`.
        ValueError
            If X has another vocabulary than the training data.
        """
        check_is_fitted(self)
        who = type(self).__name__
        sequences = check_sequences(who, X)
        if sequences.vocabulary != self.vocabulary_:
            raise ValueError(
                f"{who}: X has another vocabulary than the training data. Transform texts with "
                "the vectorizer that made the training data."
            )
        return sequences._with(vocabulary=self.vocabulary_, vectors=self.vectors_)

    @on_snapshot
    def most_similar(self, word: str, topn: int = 10) -> list[tuple[str, float]]:
        """Return the words whose vectors have the largest cosine similarity to that of a word.

        Parameters
        ----------
        word : str
            The word.
        topn : int, default=10
            Number of words.

        Returns
        -------
        list of (str, float)
            Words and cosines, the most similar first.

        Raises
        ------
        KeyError
            If the word is not in the vocabulary.
        ValueError
            If the word has no vector.
        """
        check_is_fitted(self)
        found = getattr(self, "found_", None)
        words, table = self.vocabulary_, self.vectors_
        return nearest_words(type(self).__name__, words, table, word, topn, found)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing: sequences carry their vectors, which a data frame would lose.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        object
            The embedding.
        """
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with the table in a form that several steps can share in a file."""
        state = dict(super().__getstate__())
        if "vectors_" in state:
            state["vectors_"] = shared_table(state["vectors_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        if "vectors_" in rest:
            rest["vectors_"] = rest["vectors_"].array
            rest["vectors_"].flags.writeable = False  # pickle forgets it
        super().__setstate__(rest)

    def __sklearn_is_fitted__(self) -> bool:
        # scikit-learn would iterate over all attributes while a fit in another thread adds some.
        return hasattr(self, "vectors_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def check_sequences(who: str, X: Any) -> TokenSequences:
    """Return X if it is what an embedding step reads, or raise."""
    if not isinstance(X, TokenSequences):
        raise TypeError(
            f"{who}: expected TokenSequences, got {type(X).__name__}. Put a SequenceVectorizer "
            f"before it: make_pipeline(SequenceVectorizer(), {who}(), RNNTextClassifier())."
        )
    if not len(X):
        raise ValueError(f"{who}: expected at least one text, got none.")
    check_ids(who, X._stored, len(X.vocabulary))
    return X


def token_counts(sequences: TokenSequences) -> NDArray[np.int64]:
    """Return how often each id occurs in the texts, not counting padding: (V,)."""
    counts = np.zeros(len(sequences.vocabulary), np.int64)
    for start in range(0, len(sequences), _BLOCK_TEXTS):  # the ids may not fit into memory
        block = sequences._stored[start : start + _BLOCK_TEXTS]
        counts += np.bincount(block.ravel(), minlength=len(counts))
    counts[PADDING] = 0
    return counts

"""The words with the most similar vectors."""

from __future__ import annotations

from typing import Any

from .._vectors.lookup import words_and_vectors
from .._vectors.similarity import nearest_words

__all__ = ["most_similar"]


def most_similar(estimator: Any, word: str, topn: int = 10) -> list[tuple[str, float]]:
    """Return the words whose vectors are most similar to that of a word, by their cosines.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Anything with word vectors: a fitted embedding step, a classifier or regressor, or a
        pipeline, whose last step with vectors counts.
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

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier, TokenSequences
    >>> from sklearn_rnn.inspection import most_similar
    >>> words = ("<pad>", "<unk>", "good", "bad", "great")
    >>> table = np.array([[0, 0], [0, 0], [1, 2], [-1, 2], [1, 3]], np.float32)
    >>> X = TokenSequences(np.array([[2, 4], [3, 3]]), words, table)
    >>> model = RNNTextClassifier(freeze_embedding=True, random_state=0).fit(X, [1, 0])
    >>> [(word, round(cosine, 2)) for word, cosine in most_similar(model, "good")]
    [('great', 0.99), ('bad', 0.6)]
    """
    words, vectors, found = words_and_vectors("most_similar", estimator)
    return nearest_words("most_similar", words, vectors, word, topn, found)

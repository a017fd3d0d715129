"""The default teacher: two linear models, each of which knows what the other does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..mean_embedding import MeanEmbedding
from ._inputs import Inputs

__all__ = ["TwoViews", "logits_of", "standardised"]

_MOST_FOLDS = 5


class TwoViews:
    """TF-IDF of words and pairs of words, beside the mean of word vectors.

    The first sees which words the labelled texts have; the second knows words that none of them
    has, by their vectors. Their logits, scaled to equal spread, are added up.

    Parameters
    ----------
    analyzer : callable
        From a text to its tokens.
    """

    def __init__(self, analyzer: Callable[[Any], list[str]]) -> None:
        self.analyzer = analyzer

    def fit(self, X: Inputs, y: NDArray[Any]) -> TwoViews:
        """Fit both to the texts that have a label."""
        n_rarest = int(np.unique(y, return_counts=True)[1].min())
        self.of_words = make_pipeline(
            TfidfVectorizer(
                tokenizer=self.analyzer,
                preprocessor=_unchanged,
                token_pattern=None,
                lowercase=False,
                ngram_range=(1, 2),
                sublinear_tf=True,
                min_df=2 if len(y) >= 100 else 1,
            ),
            LogisticRegression(C=10, max_iter=1000),
        ).fit(X.texts, y)
        self.of_means = _linear_model_of_means(n_rarest).fit(X.sequences, y)
        self.classes_ = self.of_words.classes_
        return self

    def logits(self, X: Inputs) -> NDArray[np.float64]:
        """Return the sum of both views' logits: (N, C)."""
        return standardised(logits_of(self.of_words, X.texts)) + standardised(
            logits_of(self.of_means, X.sequences)
        )


def _linear_model_of_means(n_rarest: int) -> Pipeline:
    n_folds = min(_MOST_FOLDS, n_rarest)
    linear: Any = LogisticRegression(C=0.1, max_iter=1000)
    if n_folds > 1:  # otherwise there are too few texts to choose
        grid = {"C": np.logspace(-4, 1, 11)}
        linear = GridSearchCV(linear, grid, cv=n_folds, scoring="neg_log_loss")
    return make_pipeline(MeanEmbedding(), StandardScaler(), linear)


def logits_of(classifier: Any, X: Any) -> NDArray[np.float64]:
    """Return how much speaks for each class, with a mean of 0 over classes: (N, C).

    Parameters
    ----------
    classifier : object
        A fitted classifier with `decision_function` or `predict_proba`.
    X : object
        What it reads.

    Returns
    -------
    ndarray of float64 of shape (n_texts, n_classes)
        Its scores, or the logarithms of its probabilities.
    """
    if hasattr(classifier, "decision_function"):
        scores = np.asarray(classifier.decision_function(X), np.float64)
        logits = np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores
    else:
        logits = np.log(np.maximum(classifier.predict_proba(X), 1e-12))
    centred: NDArray[np.float64] = logits - logits.mean(axis=1, keepdims=True)
    return centred


def standardised(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logits scaled to a standard deviation of 1, each class's around its mean."""
    spread = (logits - logits.mean(axis=0)).std()
    return logits / spread if spread > 0 else logits


def _unchanged(text: Any) -> Any:
    return text

"""What models say of each class, in one form and to one scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Logits", "centred_logits", "logits_of", "standardised"]

Logits = NDArray[np.float64]


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
        return centred_logits(classifier.decision_function(X))
    return centred_logits(np.log(np.maximum(classifier.predict_proba(X), 1e-12)))


def centred_logits(scores: Logits) -> Logits:
    """Return scores of two classes (N,) or of several (N, C) as logits (N, C)."""
    logits = np.asarray(scores, np.float64)
    if logits.ndim == 1:
        logits = np.stack([-logits / 2, logits / 2], axis=1)
    centred: Logits = logits - logits.mean(axis=1, keepdims=True)
    return centred


def standardised(logits: Logits) -> Logits:
    """Return logits scaled to a standard deviation of 1, each class's around its mean."""
    spread = (logits - logits.mean(axis=0)).std()
    return logits / spread if spread > 0 else logits

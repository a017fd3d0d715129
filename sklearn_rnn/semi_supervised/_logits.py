"""What models say of each class, in one form and to one scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Logits", "centred_logits", "check_classes", "logits_of", "standardised"]

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

    Raises
    ------
    ValueError
        If one is not finite.
    """
    if hasattr(classifier, "decision_function"):
        logits = centred_logits(classifier.decision_function(X))
    else:
        logits = centred_logits(np.log(np.maximum(classifier.predict_proba(X), 1e-12)))
    if not np.isfinite(logits).all():
        raise ValueError(
            f"TeacherStudentClassifier: {type(classifier).__name__} gives a text scores that are "
            "not finite."
        )
    return logits


def check_classes(part: str, classifier: Any, classes: NDArray[Any]) -> None:
    """Raise if the scores of a fitted teacher or student are not one for each of the classes."""
    its_own = getattr(classifier, "classes_", classes)
    if not np.array_equal(its_own, classes):
        raise ValueError(
            f"TeacherStudentClassifier: the {part} knows the classes {list(its_own)}, expected "
            f"those of the labelled texts, {list(classes)}. Pass one that fit can train."
        )
    shapes = [v for k, v in _parameters(classifier) if k.endswith("decision_function_shape")]
    if "ovo" in shapes and len(classes) > 2:
        raise ValueError(
            f"TeacherStudentClassifier: the {part} gives scores of pairs of classes, expected one "
            'for each class. Set decision_function_shape="ovr".'
        )


def _parameters(classifier: Any) -> Any:
    return classifier.get_params().items() if hasattr(classifier, "get_params") else ()


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

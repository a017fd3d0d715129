"""Texts as each part reads them: as they are, or as sequences of token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from ..classifier import RNNTextClassifier
from ..sequences import TokenSequences

__all__ = ["Inputs", "check_takes_weights", "fit_weighted", "reads_sequences"]


@dataclass(frozen=True)
class Inputs:
    """The same texts twice."""

    texts: Any
    sequences: TokenSequences | None

    def at(self, indices: NDArray[Any]) -> Self:
        """Return some of the texts."""
        sequences = None if self.sequences is None else self.sequences[indices]
        return type(self)(_safe_indexing(self.texts, indices), sequences)

    def read_by(self, classifier: Any) -> Any:
        """Return the texts as a classifier reads them."""
        return self.sequences if reads_sequences(classifier) else self.texts


def reads_sequences(classifier: Any) -> bool:
    """Return whether a classifier reads sequences, and not texts: a bare recurrent one."""
    return isinstance(classifier, RNNTextClassifier)


def fit_weighted(classifier: Any, X: Any, y: NDArray[Any], weights: NDArray[Any]) -> Any:
    """Fit a classifier with weights of the texts: in a pipeline, those of its last step.

    Parameters
    ----------
    classifier : classifier
        What is fitted.
    X : object
        What it reads.
    y : ndarray of shape (n_texts,)
        Labels.
    weights : ndarray of float64 of shape (n_texts,)
        Weights. Where they are equal, a classifier need not know weights.

    Returns
    -------
    object
        The classifier.
    """
    if _are_equal(weights):
        return classifier.fit(X, y)
    name, _ = _last_step(classifier)
    return classifier.fit(X, y, **{f"{name}sample_weight": weights})


def check_takes_weights(student: Any, weights: NDArray[Any]) -> None:
    """Raise if texts differ in weight (n_texts,), and a student cannot be told."""
    _, last = _last_step(student)
    if _are_equal(weights) or has_fit_parameter(last, "sample_weight"):
        return
    raise ValueError(
        f"TeacherStudentClassifier: texts have different weights, but the fit of the student, "
        f"{type(last).__name__}, takes no sample_weight. Pass another student, or "
        "labelled_weight=1 and no sample_weight."
    )


def _are_equal(weights: NDArray[Any]) -> bool:
    return bool((weights == weights[0]).all())


def _last_step(classifier: Any) -> tuple[str, Any]:
    """Return the last step of a pipeline, or a classifier itself, and the prefix of its name."""
    name, last = "", classifier
    while isinstance(last, Pipeline):
        name, last = f"{name}{last.steps[-1][0]}__", last.steps[-1][1]
    return name, last

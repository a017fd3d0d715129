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

__all__ = ["Inputs", "fit_weighted", "reads_sequences"]


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
    if (weights == weights[0]).all():
        return classifier.fit(X, y)
    name, last = "", classifier
    while isinstance(last, Pipeline):
        name, last = f"{name}{last.steps[-1][0]}__", last.steps[-1][1]
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(
            f"TeacherStudentClassifier: the student, {type(last).__name__}, takes no weights of "
            "texts. Pass labelled_weight=1, or another student."
        )
    return classifier.fit(X, y, **{f"{name}sample_weight": weights})

"""NB-SVM: a linear model of words, weighted by how much more often one class uses them."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from ._utils.saved_state import VersionedState
from ._utils.snapshots import commit_on_success, on_snapshot

__all__ = ["NBSVMClassifier"]


class NBSVMClassifier(ClassifierMixin, VersionedState, BaseEstimator):
    """Logistic regression of words and pairs of words that naive Bayes has weighted.

    Each feature counts as present or absent, and is multiplied by its log-count ratio: how much
    more often texts of a class contain it than texts of the others. Rare words that only one class
    uses thus start ahead, which helps where labels are few or uncertain. With more than two
    classes, each is told apart from all others.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the regularization of the weighted features.
    alpha : float, default=1.0
        Added to the number of texts of each class that contain a feature.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of float64 of shape (1, n_features) or (n_classes, n_features)
        What the presence of each feature adds to the logit of a class: the product of log-count
        ratio and learned coefficient. One row for two classes, of the second one's logit.
    intercept_ : ndarray of float64 of shape (1,) or (n_classes,)
        The logit of a text without features.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Makes the features.

    References
    ----------
    S. Wang and C. D. Manning (2012), "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", with logistic loss, and without interpolation.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn.nbsvm import NBSVMClassifier
    >>> texts = ["so good", "good film", "so bad", "bad film"]
    >>> model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), NBSVMClassifier())
    >>> model.fit(texts, ["+", "+", "-", "-"]).predict(["good", "bad"])
    array(['+', '-'], dtype='<U1')
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, *, C: float = 1.0, alpha: float = 1.0) -> None:
        self.C = C
        self.alpha = alpha

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_texts, n_features)
            Counts, such as those of a `CountVectorizer`: what is above 0 is present.
        y : array-like of shape (n_texts,)
            Labels.
        sample_weight : array-like of shape (n_texts,), default=None
            How many texts each text counts for; one of weight 0 is left out, its class, too.

        Returns
        -------
        NBSVMClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If all texts have the same label, or X is not finite.
        """
        with commit_on_success(self) as fitted:
            counts, labels = validate_data(fitted, X, y, accept_sparse="csr")
            check_classification_targets(labels)
            weights = _check_sample_weight(sample_weight, counts, ensure_non_negative=True)
            rows = np.flatnonzero(weights)
            fitted._learn(_presence(counts)[rows], labels[rows], weights[rows])
        return self

    def _learn(self, present: csr_array, y: NDArray[Any], weights: NDArray[np.float64]) -> None:
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                "NBSVMClassifier: texts of weight above 0 must have at least two classes, got "
                f"{len(self.classes_)} class: {list(self.classes_)}."
            )
        told_apart = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        rows = [self._one_from_the_rest(present, y == label, weights) for label in told_apart]
        self.coef_ = np.stack([coefficients for coefficients, _ in rows])
        self.intercept_ = np.array([intercept for _, intercept in rows])

    def _one_from_the_rest(
        self, present: csr_array, is_class: NDArray[np.bool_], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Return coefficients (F,) and intercept of one class's logit."""
        of_class, of_rest = (
            self.alpha + present.T @ (weights * part) for part in (is_class, ~is_class)
        )
        ratios = np.log(of_class / of_class.sum()) - np.log(of_rest / of_rest.sum())
        places = present.indices, present.indptr  # shared: they are most of the memory
        weighted = csr_array((ratios[present.indices], *places), shape=present.shape)
        linear = LogisticRegression(C=self.C, solver="liblinear", max_iter=1_000)
        linear.fit(weighted, is_class, sample_weight=weights)
        return linear.coef_[0] * ratios, float(linear.intercept_[0])

    @on_snapshot
    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logits.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_texts, n_features)
            Counts.

        Returns
        -------
        ndarray of float64 of shape (n_texts,) or (n_texts, n_classes)
            The logit of the second of two classes, or of each against all others.
        """
        check_is_fitted(self)
        present = _presence(validate_data(self, X, accept_sparse="csr", reset=False))
        logits: NDArray[np.float64] = present @ self.coef_.T + self.intercept_
        return logits[:, 0] if len(self.classes_) == 2 else logits

    @on_snapshot
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_texts, n_features)
            Counts.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_classes)
            The probabilities; of more than two classes, those of each against all others, scaled
            to a sum of 1.
        """
        logits = self.decision_function(X)
        if logits.ndim == 1:
            return np.stack([expit(-logits), expit(logits)], axis=1)
        probabilities: NDArray[np.float64] = expit(logits)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    @on_snapshot
    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_texts, n_features)
            Counts.

        Returns
        -------
        ndarray of shape (n_texts,)
            The labels.
        """
        logits = self.decision_function(X)
        codes = (logits > 0).astype(np.intp) if logits.ndim == 1 else logits.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.poor_score = True  # where all features are present everywhere
        return tags


def _presence(X: Any) -> csr_array:
    """Return 1 where a count is above 0: (N, F)."""
    present = csr_array(X, dtype=np.float64, copy=True)
    present.sum_duplicates()
    present.data = (present.data > 0).astype(np.float64)
    present.eliminate_zeros()
    return present

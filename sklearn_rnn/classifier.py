"""Recurrent classifiers of texts and other sequences."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_y, _num_samples, check_is_fitted

from ._base import BaseRecurrentEstimator
from ._data.class_weight import check_weighted_labels
from ._data.targets import BinaryTarget, ClassTarget, MulticlassTarget, MultilabelTarget
from ._data.text_weights import text_weights
from ._parameters import with_parameters
from ._training.settings import TrainingRun
from ._utils.snapshots import on_snapshot
from ._utils.validation import check_y_passed

__all__ = ["RNNTextClassifier"]


@with_parameters
class RNNTextClassifier(ClassifierMixin, BaseRecurrentEstimator):
    """Recurrent neural network that classifies texts.

    Reads the sequences of a :class:`~sklearn_rnn.text.SequenceVectorizer`: embedding,
    recurrent layers, pooling, and one dense layer. Two classes, more than two, or several
    labels at a time (an indicator matrix).

    Padding does not exist for it: a prediction depends on the text alone, not on the
    padding, its side, or what else is in the batch.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; for several labels at a time the numbers of the columns.
    {attributes}

    See Also
    --------
    sklearn_rnn.regressor.RNNTextRegressor : The same for numbers.

    Notes
    -----
    {notes}

    References
    ----------
    S. Hochreiter and J. Schmidhuber (1997), "Long Short-Term Memory", Neural Computation
    9(8). M. Schuster and K. Paliwal (1997), "Bidirectional Recurrent Neural Networks", IEEE
    Transactions on Signal Processing 45(11).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
    >>> texts = ["good", "so good", "bad", "so bad"] * 10
    >>> labels = ["+", "+", "-", "-"] * 10
    >>> model = make_pipeline(
    ...     SequenceVectorizer(),
    ...     RNNTextClassifier(hidden_size=8, lr=0.05, random_state=0),
    ... )
    >>> model.fit(texts, labels).predict(["good", "bad"])
    array(['+', '-'], dtype='<U1')
    """

    # Parameters that methods of this class read.
    linear: str
    term_weights: str
    class_weight: Mapping[Any, float] | list[Any] | str | None

    _target: ClassTarget

    def __init__(
        self,
        *,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: str = "max",
        embedding_dim: int = 128,
        freeze_embedding: bool | int = False,
        input_dropout: float = 0.3,
        dropout: float = 0.5,
        linear: str = "pairs",
        term_weights: str = "idf",
        branch_dropout: float = 0.375,
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float | Literal["auto"] = "auto",
        table_lr: float | Literal["auto"] | None = "auto",
        lr_schedule: str = "linear",
        label_smoothing: float = 0.1,
        max_epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
        class_weight: Mapping[Any, float] | list[Any] | str | None = None,
        max_grad_norm: float | None = 5.0,
        callbacks: Sequence[Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self._set_parameters(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            Sequences of token ids, or sequences of vectors.
        y : array-like of shape (n_texts,) or (n_texts, n_labels)
            Labels of any kind, or an indicator matrix of several labels at a time.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts in the loss.

        Returns
        -------
        RNNTextClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If X, y or sample_weight cannot be used; the classifier stays as it was.
        """
        run = TrainingRun(resume=self.warm_start and self.__sklearn_is_fitted__())
        if run.resume:
            self._check_class_weight(self.classes_)
        labels, weights = self._labels_and_weights(y, sample_weight, run)
        target = self._target if run.resume else self._new_target(labels, weights)
        return self._fit(X, labels, weights, target, run)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a chunk of the data, without early stopping.

        The linear model keeps counting: words and pairs of neighbours of later chunks are added
        as they arrive, so that it matters little how a stream is cut.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The chunk's sequences.
        y : array-like of shape (n_texts,) or (n_texts, n_labels)
            The chunk's labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that chunks may have, needed at the first call.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts in the loss.

        Returns
        -------
        RNNTextClassifier
            The classifier.

        Raises
        ------
        ValueError
            If X, y or sample_weight cannot be used, if `classes` is missing at the first
            call or differs later, or with ``class_weight="balanced"`` or
            ``term_weights="naive_bayes"``, which depend on all of the data.
        """
        run = TrainingRun(resume=self.__sklearn_is_fitted__(), incremental=True)
        self._check_chunks(classes, run.resume)
        labels, weights = self._labels_and_weights(y, sample_weight, run)
        target = (
            self._target
            if run.resume
            else _target_of_classes(type(self).__name__, labels, classes)
        )
        return self._fit(X, labels, weights, target, run)

    def _check_chunks(self, classes: ArrayLike | None, resume: bool) -> None:
        who = type(self).__name__
        if self.class_weight == "balanced":
            raise ValueError(
                f'{who}: class_weight="balanced" cannot be computed from a chunk. Give '
                "partial_fit a dict: compute_class_weight makes one from all of y."
            )
        if self.term_weights == "naive_bayes" and self.linear != "none":
            raise ValueError(
                f'{who}: term_weights="naive_bayes" cannot be computed from a chunk: it '
                'compares all texts of a label with all others. Set term_weights="idf" for '
                "partial_fit."
            )
        if classes is None and not resume:
            raise ValueError(
                f"{who}: the first call of partial_fit needs classes, all the "
                "labels that chunks may have."
            )
        if (
            resume
            and classes is not None
            and not np.array_equal(self.classes_, np.unique(classes))
        ):
            raise ValueError(
                f"{who}: classes={classes!r} differs from the first call's, {self.classes_!r}."
            )
        self._check_class_weight(self.classes_ if classes is None else np.unique(classes))

    @on_snapshot
    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each text.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_labels)
            Labels, or the indicator matrix of labels more probable than not.
        """
        check_is_fitted(self)
        return self._answers(X, self._target.predict)

    @on_snapshot
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each label.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_classes)
            Probabilities in the order of `classes_`; rows sum to 1, unless several labels
            may apply.
        """
        check_is_fitted(self)
        return self._answers(X, self._target.probabilities)

    @on_snapshot
    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithm of the probability of each label.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_classes)
            Logarithms in the order of `classes_`. They come from the logits: finite also
            where a probability is so small that `predict_proba` rounds it to 0.
        """
        check_is_fitted(self)
        return self._answers(X, self._target.log_probabilities)

    @on_snapshot
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the logits, by which `predict` decides.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.

        Returns
        -------
        ndarray of float64 of shape (n_texts,) or (n_texts, n_classes)
            Of two classes the logit of the second, which is predicted above 0. Of more the
            logit of each, of which the greatest is predicted. Of several labels at a time
            the logit of each: those above 0 are predicted.
        """
        check_is_fitted(self)
        return self._answers(X, self._target.decision_values)

    @on_snapshot
    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of texts whose label is right.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.
        y : array-like of shape (n_texts,) or (n_texts, n_labels)
            Their labels. Of several labels at a time, all of a text's have to be right.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts.

        Returns
        -------
        float
            The accuracy.
        """
        check_is_fitted(self)
        target, labels = self._target, y.tocsr() if sparse.issparse(y) else np.asarray(y)
        if (
            not isinstance(target, MultilabelTarget)
            or labels.shape != (_num_samples(X), target.n_outputs)
            or type_of_target(labels) != "multilabel-indicator"
        ):
            return float(super().score(X, y, sample_weight))
        # Bit by bit: the matrix of predictions takes 64 times as much.
        right = target.are_right(self._answers(X, target.packed), labels)
        return float(accuracy_score(np.ones_like(right), right, sample_weight=sample_weight))

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, of shape (n_classes,)."""
        if not hasattr(self, "_target"):
            raise AttributeError(f"{type(self).__name__} has no classes_ before fit.")
        return self._target.classes

    def _check_y(self, y: Any) -> NDArray[Any]:
        check_y_passed(self, y)
        y = _check_y(y, multi_output=True, estimator=self)
        if sparse.issparse(y):
            y = y.toarray()
        check_classification_targets(y)
        is_matrix = type_of_target(y, input_name="y") == "multilabel-indicator"
        return y if is_matrix else column_or_1d(y, warn=True)

    def _check_class_weight(self, classes: NDArray[Any]) -> None:
        check_weighted_labels(type(self).__name__, self.class_weight, classes)

    def _new_target(self, y: NDArray[Any], weights: NDArray[np.float64] | None) -> ClassTarget:
        who = type(self).__name__
        classes = np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])
        self._check_class_weight(classes)
        if weights is not None and y.ndim == 1 and len(np.unique(y[weights > 0])) < 2:
            raise ValueError(
                f"{who}: expected at least 2 classes whose weights (sample_weight "
                "times class_weight) are above 0, got 1 class or none."
            )
        return _target_of_classes(who, y, classes)

    def _labels_and_weights(
        self, y: Any, sample_weight: Any, run: TrainingRun
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        labels = self._check_y(y)
        who = type(self).__name__
        return labels, text_weights(
            who, labels, sample_weight, self.class_weight, incremental=run.incremental
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _target_of_classes(who: str, y: NDArray[Any], classes: Any) -> ClassTarget:
    labels = np.unique(classes)
    if y.ndim == 2:
        if len(labels) != y.shape[1]:
            raise ValueError(
                f"{who}: expected classes for the {y.shape[1]} columns of y, got {classes!r}."
            )
        return MultilabelTarget(y.shape[1])
    if len(labels) < 2:
        raise ValueError(f"{who}: expected at least 2 classes, got 1 class: {labels.tolist()}.")
    return BinaryTarget(labels) if len(labels) == 2 else MulticlassTarget(labels)

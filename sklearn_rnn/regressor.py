"""Recurrent regressors of texts and other sequences."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from ._base import BaseRecurrentEstimator
from ._data.targets import NumericTarget, Target
from ._data.text_weights import text_weights
from ._parameters import with_parameters
from ._training.settings import TrainingRun
from ._utils.snapshots import on_snapshot
from ._utils.validation import check_y_passed

__all__ = ["RNNTextRegressor"]


@with_parameters
class RNNTextRegressor(RegressorMixin, BaseRecurrentEstimator):
    """Recurrent neural network that predicts numbers from texts: star ratings, prices, scores.

    The network of :class:`~sklearn_rnn.classifier.RNNTextClassifier` with a squared loss.
    Targets are standardised inside, so that the learning rate suits any unit.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    sklearn_rnn.classifier.RNNTextClassifier : The same for labels.

    Notes
    -----
    {notes}

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn import RNNTextRegressor, SequenceVectorizer
    >>> texts = ["good", "very good", "bad", "very bad"] * 10
    >>> stars = [4, 5, 2, 1] * 10
    >>> model = make_pipeline(
    ...     SequenceVectorizer(),
    ...     RNNTextRegressor(hidden_size=8, lr=0.05, random_state=0),
    ... )
    >>> model.fit(texts, stars).predict(["very good", "very bad"]).round()
    array([5., 1.])
    """

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
        branch_dropout: float = 0.0,
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float | Literal["auto"] = "auto",
        table_lr: float | Literal["auto"] | None = "auto",
        lr_schedule: str = "linear",
        max_epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
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
        y : array-like of float of shape (n_texts,) or (n_texts, n_outputs)
            The numbers to learn.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts in the loss.

        Returns
        -------
        RNNTextRegressor
            The fitted regressor.

        Raises
        ------
        ValueError
            If X, y or sample_weight cannot be used; the regressor stays as it was.
        """
        run = TrainingRun(resume=self.warm_start and self.__sklearn_is_fitted__())
        numbers = self._check_y(y)
        weights = text_weights(type(self).__name__, numbers, sample_weight)
        target = self._target if run.resume else self._new_target(numbers, weights)
        return self._fit(X, numbers, weights, target, run)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on a chunk of the data, without early stopping.

        The linear model keeps counting words and pairs of neighbours, and the targets are
        standardised by the mean and standard deviation of all chunks so far: it matters little
        how a stream is cut.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The chunk's sequences.
        y : array-like of float of shape (n_texts,) or (n_texts, n_outputs)
            The chunk's numbers.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts in the loss.

        Returns
        -------
        RNNTextRegressor
            The regressor.

        Raises
        ------
        ValueError
            If X, y or sample_weight cannot be used.
        """
        run = TrainingRun(resume=self.__sklearn_is_fitted__(), incremental=True)
        numbers = self._check_y(y)
        weights = text_weights(type(self).__name__, numbers, sample_weight, incremental=True)
        if run.resume:
            chunk = numbers if weights is None else numbers[weights > 0]
            target = self._target.with_chunk(chunk)
        else:
            target = self._new_target(numbers, weights)
        return self._fit(X, numbers, weights, target, run)

    @on_snapshot
    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the number for each text.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.

        Returns
        -------
        ndarray of float64 of shape (n_texts,) or (n_texts, n_outputs)
            The numbers.
        """
        check_is_fitted(self)
        return self._answers(X, self._target.predict)

    def _check_y(self, y: Any) -> NDArray[np.float64]:
        check_y_passed(self, y)
        numbers: NDArray[np.float64] = check_array(
            y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self
        )
        return numbers

    def _new_target(self, y: NDArray[Any], weights: NDArray[np.float64] | None) -> Target:
        return NumericTarget(y if weights is None else y[weights > 0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

"""Recurrent regressors of texts and other sequences."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from ._base import BaseRecurrentEstimator
from ._data.targets import NumericTarget, Target
from ._parameters import documented
from ._utils.snapshots import on_snapshot

__all__ = ["RNNTextRegressor"]


@documented
class RNNTextRegressor(RegressorMixin, BaseRecurrentEstimator):
    """Recurrent neural network that reads numbers off texts: star ratings, prices, scores.

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
        return self._fit(X, y, sample_weight, going_on=self.warm_start and hasattr(self, "net_"))

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on a chunk of the data. Early stopping takes no part.

        The linear model goes on counting words and pairs of neighbours, and the targets are
        standardised by the mean and spread of all chunks so far: it matters little how a stream
        is cut.

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
        return self._fit(X, y, sample_weight, going_on=hasattr(self, "net_"), one_epoch=True)

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

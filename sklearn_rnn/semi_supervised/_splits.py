"""Cross-validation where most texts have no label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import check_cv

from ._labels import labels_of

__all__ = ["LabelledSplit"]


class LabelledSplit:
    """Splits for cross-validation, in which all texts without a label are training texts.

    A text without a label tells nothing about a model that is evaluated on it: any other splitter
    would put most of them into the folds that are held out, where their marker counts as a class.

    Parameters
    ----------
    cv : int, cross-validation generator or iterable, default=5
        How the texts that have a label are split, as in scikit-learn's searches: a number of
        folds is stratified by label.

    Examples
    --------
    >>> from sklearn_rnn.semi_supervised import LabelledSplit
    >>> y = [0, 1, -1, 0, 1, -1]
    >>> for train, test in LabelledSplit(2).split(y, y):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 2 5] [3 4]
    """

    def __init__(self, cv: Any = 5) -> None:
        self.cv = cv

    def split(
        self, X: Any, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield indices of training texts and of texts held out, fold by fold.

        Parameters
        ----------
        X : object
            Ignored: labels decide.
        y : array-like of shape (n_texts,)
            The labels, with markers.
        groups : array-like of shape (n_texts,), default=None
            Groups of the texts, for splitters that keep them together.

        Yields
        ------
        train : ndarray of int
            Indices of training texts, all those without a label included.
        test : ndarray of int
            Indices of texts held out; each has a label.

        Raises
        ------
        ValueError
            If there are fewer texts of some class than folds.
        """
        mask, labels = labels_of(y, "LabelledSplit")
        labelled, others = np.flatnonzero(mask), np.flatnonzero(~mask)
        groups = None if groups is None else np.asarray(groups)[labelled]
        splitter = check_cv(self.cv, labels, classifier=True)
        for train, test in splitter.split(np.zeros((len(labels), 1)), labels, groups):
            yield np.sort(np.concatenate([labelled[train], others])), labelled[test]

    def get_n_splits(
        self, X: Any = None, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Those of `split`.

        Returns
        -------
        int
            The number.
        """
        if y is None:
            splitter, labels, rows = check_cv(self.cv), None, None
        else:
            mask, labels = labels_of(y, "LabelledSplit")
            rows = np.zeros((len(labels), 1))
            splitter = check_cv(self.cv, labels, classifier=True)
            groups = None if groups is None else np.asarray(groups)[mask]
        n_splits: int = splitter.get_n_splits(rows, labels, groups)
        return n_splits

    def __repr__(self) -> str:
        return f"LabelledSplit(cv={self.cv!r})"

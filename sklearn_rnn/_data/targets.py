"""Targets: labels and numbers as the loss reads them, and logits as labels and numbers.

One class for each kind of `y`. It encodes `y`, has the loss, and turns logits into predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_expit, log_softmax, softmax
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "BinaryTarget",
    "ClassTarget",
    "MulticlassTarget",
    "MultilabelTarget",
    "NumericTarget",
    "Score",
    "SelectedLogits",
    "Target",
]

Score = Callable[[Tensor, Tensor], Tensor]
"""Scores a batch, from its logits and targets."""

_ROWS_AT_ONCE = 256


def _binary_cross_entropy(
    logits: Tensor, target: Tensor, *, reduction: str, label_smoothing: float = 0.0
) -> Tensor:
    smooth = target * (1 - label_smoothing) + label_smoothing / 2
    return F.binary_cross_entropy_with_logits(logits, smooth, reduction=reduction)


class SelectedLogits(NamedTuple):
    """One logit of each text: that of a label, or of a column of numbers."""

    columns: NDArray[np.intp]
    """The column of the logit, by text, (N,)."""

    sign: float
    """-1 for the first of two classes, whose logit is that of the second, negated."""

    names: list[Any]
    """The label, by text; None for numbers."""


class Target:
    """One kind of target."""

    owner: str
    """The estimator that error messages name."""

    n_outputs: int
    loss: Callable[..., Tensor]

    @property
    def table_rate(self) -> float:
        """Factor by which steps of plain gradient descent may be larger than for one logit."""
        return 1.0

    def encode(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return targets as the loss reads them, (N,) or (N, n_outputs)."""
        raise NotImplementedError

    def with_chunk(self, y: NDArray[Any]) -> Target:
        """Return the target of a stream that continues with `y`."""
        return self

    def in_fixed_units(self) -> Target:
        """Return the target with units that no chunk changes, for weights that are set by hand."""
        return self

    @property
    def scores(self) -> dict[str, Score]:
        """Scores that training records for each batch, by name."""
        return {}

    def indicators(self, encoded: NDArray[Any]) -> sparse.csr_array:
        """Return 1 where a text has a label, (N, n_outputs)."""
        raise NotImplementedError

    def strata(self, encoded: NDArray[Any]) -> NDArray[Any]:
        """Return the values whose distribution a split preserves, (N,)."""
        return encoded

    def predict(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return predictions in the terms of `y`."""
        raise NotImplementedError

    def select_logits(self, logits: NDArray[np.float64], target: Any) -> SelectedLogits:
        """Return the logits of a label, or of a column of numbers."""
        columns = np.full(len(logits), _column(target, self.n_outputs))
        return SelectedLogits(columns, 1.0, self._names(columns))

    def _names(self, columns: NDArray[np.intp]) -> list[Any]:
        return [None] * len(columns)


class ClassTarget(Target):
    """Labels: each logit, or the softmax of all, gives the probability of one."""

    owner = "RNNTextClassifier"
    classes: NDArray[Any]

    @property
    def scores(self) -> dict[str, Score]:
        return {"accuracy": self.accuracy}

    def indicators(self, encoded: NDArray[Any]) -> sparse.csr_array:
        return sparse.csr_array(encoded, dtype=np.int64)

    def accuracy(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the share of texts whose label is predicted."""
        raise NotImplementedError

    def decision_values(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `predict` compares, (N, len(classes)), or (N,) for two classes."""
        return logits

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each label, (N, len(classes))."""
        raise NotImplementedError

    def log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return their logarithms, finite also where a probability rounds to 0."""
        raise NotImplementedError

    def _names(self, columns: NDArray[np.intp]) -> list[Any]:
        return list(self.classes[columns])


class _OneLabel(ClassTarget):
    """One label for each text."""

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes = classes

    def _codes(self, y: NDArray[Any]) -> NDArray[np.int64]:
        if y.ndim != 1:
            raise ValueError(
                f"{self.owner}: was fitted on one label per text, got an indicator matrix "
                f"of shape {y.shape}. Fit a new classifier to it."
            )
        codes = np.searchsorted(self.classes, y).clip(max=len(self.classes) - 1)
        unknown = np.unique(y[self.classes[codes] != y])
        if len(unknown):
            raise ValueError(
                f"{self.owner}: y contains labels that the first fit did not know, "
                f"{unknown.tolist()}: expected some of {self.classes.tolist()}. Name all labels "
                "in the first fit, or in partial_fit's classes."
            )
        return codes.astype(np.int64)


class BinaryTarget(_OneLabel):
    """Two classes: one logit, for the second of them."""

    n_outputs = 1
    loss = staticmethod(_binary_cross_entropy)

    def encode(self, y: NDArray[Any]) -> NDArray[np.float32]:
        return self._codes(y).astype(np.float32)[:, None]

    def strata(self, encoded: NDArray[Any]) -> NDArray[np.int64]:
        return encoded[:, 0].astype(np.int64)

    def accuracy(self, logits: Tensor, target: Tensor) -> Tensor:
        return ((logits > 0) == (target > 0)).float().mean()

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([expit(-logits), expit(logits)], axis=1)

    def log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([log_expit(-logits), log_expit(logits)], axis=1)

    def decision_values(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return logits[:, 0]

    def predict(self, logits: NDArray[Any]) -> NDArray[Any]:
        return self.classes[(logits[:, 0] > 0).astype(np.intp)]

    def select_logits(self, logits: NDArray[np.float64], target: Any) -> SelectedLogits:
        """By default those of the second class."""
        index = 1 if target is None else _index(self.classes, target)
        columns = np.zeros(len(logits), np.intp)
        return SelectedLogits(columns, 2.0 * index - 1, [self.classes[index]] * len(logits))


class MulticlassTarget(_OneLabel):
    """Three classes or more: one logit each."""

    loss = staticmethod(F.cross_entropy)

    def __init__(self, classes: NDArray[Any]) -> None:
        super().__init__(classes)
        self.n_outputs = len(classes)

    def encode(self, y: NDArray[Any]) -> NDArray[np.int64]:
        return self._codes(y)

    def indicators(self, encoded: NDArray[Any]) -> sparse.csr_array:
        columns_and_starts = encoded, np.arange(len(encoded) + 1)
        shape = len(encoded), self.n_outputs
        return sparse.csr_array((np.ones_like(encoded), *columns_and_starts), shape)

    def accuracy(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits.argmax(dim=1) == target).float().mean()

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = softmax(logits, axis=1)
        return shares

    def log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        logarithms: NDArray[np.float64] = log_softmax(logits, axis=1)
        return logarithms

    def predict(self, logits: NDArray[Any]) -> NDArray[Any]:
        return self.classes[logits.argmax(axis=1)]

    def select_logits(self, logits: NDArray[np.float64], target: Any) -> SelectedLogits:
        """By default those of the labels that are predicted."""
        columns = logits.argmax(axis=1)
        if target is not None:
            columns = np.full_like(columns, _index(self.classes, target))
        return SelectedLogits(columns, 1.0, self._names(columns))


class MultilabelTarget(ClassTarget):
    """Any number of labels for each text: one logit for each label, yes or no."""

    loss = staticmethod(_binary_cross_entropy)

    def __init__(self, n_labels: int) -> None:
        self.classes = np.arange(n_labels)
        self.n_outputs = n_labels

    def encode(self, y: NDArray[Any]) -> NDArray[np.float32]:
        if y.shape[1:] != (self.n_outputs,):
            raise ValueError(
                f"{self.owner}: was fitted on an indicator matrix of {self.n_outputs} "
                f"columns, got y of shape {y.shape}. Fit a new classifier to it."
            )
        return y.astype(np.float32)

    def strata(self, encoded: NDArray[Any]) -> NDArray[np.float64]:
        return encoded.sum(axis=1, dtype=np.float64)  # number of labels

    def accuracy(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the share of texts with all labels right, as `score` does."""
        return ((logits > 0) == (target > 0)).all(dim=1).float().mean()

    @property
    def table_rate(self) -> float:
        return float(self.n_outputs)  # the loss is a mean over outputs

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = expit(logits)
        return shares

    def log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        logarithms: NDArray[np.float64] = log_expit(logits)
        return logarithms

    def predict(self, logits: NDArray[Any]) -> NDArray[np.int64]:
        return (logits > 0).astype(np.int64)

    def packed(self, logits: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the predictions, one bit each: (N, C) -> (N, ceil(C / 8))."""
        return np.packbits(logits > 0, axis=1)

    def are_right(self, packed: NDArray[np.uint8], y: Any) -> NDArray[np.bool_]:
        """Return which texts have all labels right, by an indicator matrix that may be sparse."""
        right = np.empty(len(packed), np.bool_)
        for start in range(0, len(packed), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            labels = y[rows].toarray() if sparse.issparse(y) else y[rows]
            decided = np.unpackbits(packed[rows], axis=1, count=self.n_outputs)
            right[rows] = (labels == decided).all(axis=1)
        return right


class NumericTarget(Target):
    """Numbers, standardised: the network's outputs start around 0, in any unit of `y`."""

    owner = "RNNTextRegressor"
    loss = staticmethod(F.mse_loss)

    n_texts: int | None = None
    """Number of texts behind mean and spread; None if chunks do not change them."""

    def __init__(self, y: NDArray[np.float64]) -> None:
        columns = y.reshape(len(y), -1)
        self.one_dimensional = y.ndim == 1
        self.n_outputs = columns.shape[1]
        self.n_texts = len(columns)
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean, spread = columns.mean(axis=0), columns.std(axis=0)
        if not np.isfinite(self.mean + spread).all():
            raise ValueError(
                f"{self.owner}: the numbers in y are too large for their spread to be a "
                f"number: the largest is {np.abs(columns).max():g}. Scale y."
            )
        self.spread = spread
        self.scale = np.where(spread > 0, spread, 1.0)

    def with_chunk(self, y: NDArray[Any]) -> NumericTarget:
        """Return the target with the mean and spread of all texts so far.

        The network keeps its logits, which are then read in the new units: those of the first
        few texts may be far off.

        References
        ----------
        Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance".
        """
        if self.n_texts is None or len(y) == 0:
            return self
        chunk = NumericTarget(y)
        self._check_columns(chunk.n_outputs, y.shape)
        merged = copy(self)
        merged.n_texts = self.n_texts + len(y)
        share = len(y) / merged.n_texts
        apart = chunk.mean - self.mean
        merged.mean = self.mean + share * apart
        variance = (1 - share) * self.spread**2 + share * chunk.spread**2
        merged.spread = np.sqrt(variance + share * (1 - share) * apart**2)
        merged.scale = np.where(merged.spread > 0, merged.spread, 1.0)
        return merged

    def in_fixed_units(self) -> NumericTarget:
        fixed = copy(self)
        fixed.n_texts = None
        return fixed

    @property
    def table_rate(self) -> float:
        # The mean over outputs divides each gradient. The squared error's second derivative is
        # 2, that of a logit's cross-entropy at most 1/4: steps have to be eight times shorter.
        return self.n_outputs / 8

    def encode(self, y: NDArray[Any]) -> NDArray[np.float32]:
        columns = y.reshape(len(y), -1)
        self._check_columns(columns.shape[1], y.shape)
        return ((columns - self.mean) / self.scale).astype(np.float32)

    def _check_columns(self, n_columns: int, shape: tuple[int, ...]) -> None:
        if n_columns != self.n_outputs:
            raise ValueError(
                f"{self.owner}: was fitted on y of {self.n_outputs} columns, got shape "
                f"{shape}. Fit a new regressor to it."
            )

    def strata(self, encoded: NDArray[Any]) -> NDArray[np.float64]:
        return encoded[:, 0].astype(np.float64)

    def predict(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            numbers = logits * self.scale + self.mean
        if not np.isfinite(numbers).all():
            raise ValueError(f"{self.owner}: a prediction is too large to be a finite number.")
        return numbers[:, 0] if self.one_dimensional else numbers


def _column(target: Any, n_outputs: int) -> int:
    if target is None and n_outputs > 1:
        raise ValueError(f"target: give the index of a column, from 0 to {n_outputs - 1}.")
    return _index(range(n_outputs), 0 if target is None else target)


def _index(choices: Any, target: Any) -> int:
    listed = np.asarray(choices).tolist()
    if not np.isscalar(target) or target not in listed:
        raise ValueError(f"target must be one of {listed}, got {target!r}.")
    return listed.index(target)

"""How far back a trained network remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base import final_estimator
from .._utils.pipelines import transform_until_last
from ._jacobians import OUTPUTS, norms_by_distance

__all__ = ["MemoryProfile", "memory_profile"]


@dataclass(frozen=True)
class MemoryProfile:
    """How much a network's output depends on inputs that it read earlier.

    Parameters
    ----------
    distances : ndarray of int64 of shape (n_distances,)
        Steps between an input and the last one.
    norms : ndarray of float64 of shape (n_distances,)
        Mean norm of the gradient with respect to the input at each distance.
    n_texts : ndarray of int64 of shape (n_distances,)
        Number of texts that are long enough.
    of : str
        What the gradient is of.
    """

    distances: NDArray[np.int64]
    norms: NDArray[np.float64]
    n_texts: NDArray[np.int64]
    of: str


def memory_profile(
    estimator: Any, X: Any, *, of: str = "state", verbose: int = 0
) -> MemoryProfile:
    """Measure how much of each input is left at the end of a text.

    The lecture's claim: the gradient of a simple RNN's hundredth state with respect to its
    first input is almost zero, that of an LSTM is not. Norms are Frobenius norms of the whole
    Jacobian matrix, computed exactly by automatic differentiation.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier or regressor of this library, or a pipeline that ends with one.
    X : sequences or texts
        What the estimator, or the pipeline, predicts from.
    of : {"state", "logit"}, default="state"
        What the gradient is of: the forward state of the last layer after the last token, or
        the logits of the recurrent layers. Takes a backward pass for each number in it.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    MemoryProfile
        Mean norms by distance from the end.

    Raises
    ------
    ValueError
        If `of` is neither.

    References
    ----------
    Y. Bengio, P. Simard and P. Frasconi (1994), "Learning Long-Term Dependencies with Gradient
    Descent is Difficult".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.inspection import memory_profile
    >>> X = np.random.default_rng(0).integers(2, 9, (20, 12))
    >>> model = RNNTextClassifier(hidden_size=4, max_epochs=1, random_state=0)
    >>> profile = memory_profile(model.fit(X, X[:, 0] > 4), X)
    >>> profile.distances[-1], profile.n_texts[-1]
    (np.int64(11), np.int64(20))
    """
    if of not in OUTPUTS:
        raise ValueError(f"memory_profile: of must be one of {sorted(OUTPUTS)}, got {of!r}.")
    final = final_estimator("memory_profile", estimator)
    values = final._check_known(transform_until_last(estimator, X)).values
    norms, n_texts = norms_by_distance(
        final._network, OUTPUTS[of], values, final._device, bool(verbose)
    )
    return MemoryProfile(np.arange(len(norms)), norms, n_texts, of)

"""What a recurrent matrix does to a state when it is applied again and again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._base import final_estimator

__all__ = ["Spectrum", "recurrent_spectrum"]


class Spectrum(NamedTuple):
    """The largest absolute eigenvalue of one square block of a recurrent matrix.

    Parameters
    ----------
    layer : int
        Index of the layer, from 0.
    direction : {"forward", "backward"}
        Direction in which it reads.
    gate : str
        What the block computes.
    radius : float
        The absolute eigenvalue: applied repeatedly, the matrix shrinks a state if it is below
        1, and stretches it if it is above.
    """

    layer: int
    direction: str
    gate: str
    radius: float


def recurrent_spectrum(estimator: Any) -> list[Spectrum]:
    """Return the largest absolute eigenvalue of each recurrent matrix.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier or regressor of this library, or a pipeline that ends with one.

    Returns
    -------
    list of Spectrum
        One for each layer, direction and gate; none for a minimal GRU, which has no recurrent
        matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.inspection import recurrent_spectrum
    >>> X = np.random.default_rng(0).integers(2, 9, (20, 12))
    >>> model = RNNTextClassifier(cell="rnn", bidirectional=False, random_state=0)
    >>> [(s.layer, s.direction, s.gate) for s in recurrent_spectrum(model.fit(X, X[:, 0] > 4))]
    [(0, 'forward', 'state')]
    """
    layers: Any = final_estimator("recurrent_spectrum", estimator)._network.layers
    return [
        Spectrum(index, direction, gate, float(np.abs(np.linalg.eigvals(block)).max()))
        for index, layer in enumerate(layers)
        for direction, cell in zip(("forward", "backward"), layer.directions, strict=False)
        for gate, block in _blocks(cell)
    ]


def _blocks(cell: Any) -> list[tuple[str, NDArray[np.float32]]]:
    """Return the gates of a cell and their square blocks of its recurrent matrix."""
    if cell.recurrent_weight is None:
        return []
    matrix = cell.recurrent_weight.detach().cpu().numpy()
    return list(zip(cell.gates, np.split(matrix, len(cell.gates)), strict=True))

"""Activation functions as compiled code that the compiler vectorizes, accurate to the last bits.

Only loops over hidden units are vectorized: so inner loops run over these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiler import inlined

__all__ = ["sigmoid", "tanh"]

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
_LARGEST = np.float32(87)  # exp(88.8) overflows
_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# Coefficients of exp(r) on [-ln 2 / 2, ln 2 / 2] (Moshier, Cephes library, expf).
_P = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5]
_P0, _P1, _P2, _P3, _P4, _P5 = map(np.float32, _P)


@inlined
def _expm1(x: Any) -> Any:
    """Return e ** x - 1 = 2 ** n * (e ** r - 1) + 2 ** n - 1, with |r| <= ln 2 / 2."""
    x = min(max(x, -_LARGEST), _LARGEST)
    n = np.floor(x * _LOG2_E + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    power_of_two = np.int32((np.int32(n) + 127) << 23).view(np.float32)
    return power_of_two * (p * r * r + r) + (power_of_two - _ONE)


@inlined
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e ** -x).

    Parameters
    ----------
    x : float32
        A number.

    Returns
    -------
    float32
        The result.
    """
    return _ONE / (_TWO + _expm1(-x))


@inlined
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    x : float32
        A number.

    Returns
    -------
    float32
        The result.
    """
    m = _expm1(_TWO * x)
    return m / (m + _TWO)

"""Arrays: checks of those that users pass, and digests."""

from __future__ import annotations

import math
from hashlib import blake2b
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .padding_margin import PaddingMargin

__all__ = ["as_array", "check_numbers", "update_digest", "whole_numbers"]

_LARGEST_HALF = 2**11

_DIGESTED_BYTES = 2**22
"""How many bytes of an array are digested at a time: it may be a memory map."""


def as_array(who: str, X: Any) -> NDArray[Any]:
    """Return an array-like as an array, or raise.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    X : array-like
        What the user passed.

    Returns
    -------
    ndarray
        An array of any shape and dtype.
    """
    if np.ma.is_masked(X):
        raise ValueError(
            f"{who}: expected an array without gaps, got a masked one: the values under its mask "
            "would be read. X.filled(0) makes them padding."
        )
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"{who}: expected rows of one length, got X that cannot be made an array ({error}). "
            "Pad shorter rows with 0."
        ) from error
    except (TypeError, RuntimeError) as error:  # a tensor of bfloat16, or with a gradient
        dtype = getattr(X, "dtype", type(X).__name__)
        raise TypeError(
            f"{who}: expected an array of numbers, got {type(X).__name__} of {dtype}, which NumPy "
            f"cannot convert ({error}). Of a tensor, pass X.detach().cpu().float().numpy()."
        ) from error


def check_numbers(who: str, values: NDArray[Any]) -> None:
    """Raise if an array contains anything but numbers. Complex ones are left to scikit-learn."""
    if values.dtype.kind in "iufc":
        return
    got = f"dtype {values.dtype}"
    if values.dtype == object:
        others = ((p, x) for p, x in np.ndenumerate(values) if not _is_real(x))
        place, other = next(others, (None, None))
        if place is None:
            return
        got = f"{type(other).__name__} in row {place[0]}" if place else type(other).__name__
    raise TypeError(
        f"{who}: the X argument must be numeric, without strings, dates, booleans or gaps: token "
        "ids as whole numbers, 0 where there is none, or sequences of vectors as floats in three "
        f"dimensions, got {got}."
    )


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def whole_numbers(who: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return ids as integers; floats are accepted if all of them are whole numbers."""
    if values.dtype.kind in "iu":
        return values
    bad = np.argwhere(values != np.rint(values))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{who}: a two-dimensional X must contain token ids, whole numbers below 2**31, got "
            f"{values[row, column]} in row {row}. Sequences of numbers have shape "
            "(n_texts, n_steps, n_dimensions)."
        )
    _check_exact(who, values)
    # Clipped: ids that do not fit into int64 are beyond any table, and refused later.
    return values.astype(np.float64).clip(-(2.0**62), 2.0**62).astype(np.int64)


def _check_exact(who: str, values: NDArray[Any]) -> None:
    """Raise if half-precision floats may stand for several ids: 2049 is rounded to 2048."""
    if values.dtype == np.float16 and values.max() > _LARGEST_HALF:
        raise ValueError(
            f"{who}: ids above {_LARGEST_HALF} are not exact in float16, got {values.max():.0f}. "
            "Pass integers."
        )


def update_digest(
    digest: blake2b, array: NDArray[Any], margin: PaddingMargin | None = None
) -> None:
    """Add an array to a hash: dtype, shape and values.

    Parameters
    ----------
    digest : hashlib.blake2b
        The hash.
    array : ndarray
        The array, which may be a memory map.
    margin : PaddingMargin, default=None
        The columns of padding that are digested with token ids, although they are not stored.
    """
    shape = array.shape if margin is None else (len(array), margin.n_tokens)
    digest.update(f"{array.dtype} {shape}".encode())
    rows = np.atleast_1d(array)
    row_bytes = array.dtype.itemsize * math.prod(shape[1:])
    n_rows = _DIGESTED_BYTES // max(row_bytes, 1) + 1
    for start in range(0, len(rows), n_rows):
        part = rows[start : start + n_rows]
        digest.update(np.ascontiguousarray(part if margin is None else margin.pad(part)).data)

"""How much of a vocabulary, and of the running text, has vectors."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..sequences import UNKNOWN, TokenSequences
from .base import token_counts

__all__ = ["coverage_of", "warn_if_few"]

_MOST_FREQUENT = 20
"""Number of missing words listed in `coverage_`."""


def coverage_of(sequences: TokenSequences, found: NDArray[np.bool_]) -> Bunch:
    """Return the shares of words and tokens found, and the most frequent missing words."""
    counts = token_counts(sequences)
    counts[UNKNOWN] = 0
    words = sequences.vocabulary
    missing = [i for i in np.argsort(-counts, kind="stable") if not found[i] and i > UNKNOWN]
    most_frequent = missing[:_MOST_FREQUENT]
    return Bunch(
        tokens=float(counts[found].sum() / max(counts.sum(), 1)),
        words=float(found[UNKNOWN + 1 :].mean()),
        missing=[words[i] for i in most_frequent],
        missing_counts=counts[most_frequent].tolist(),
    )


def warn_if_few(who: str, coverage: Bunch) -> None:
    """Warn if fewer than half of the tokens were found: source and texts may not match."""
    if coverage.tokens < 0.5:
        warnings.warn(
            f"{who}: the source contains only {coverage.tokens:.0%} of the tokens; missing are "
            f"{', '.join(coverage.missing[:5])}, ... Likely causes: another language, words "
            "that are cased or split differently than in the source.",
            UserWarning,
            stacklevel=4,
        )

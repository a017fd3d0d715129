"""Plots of models, in scikit-learn's way: the numbers are computed once and kept.

Drawing needs matplotlib (``pip install "sklearn-rnn[plot]"``), which is imported only then.
"""

from ._attributions import TokenAttributionDisplay
from ._coverage import CoverageDisplay
from ._history import HistoryDisplay
from ._memory import MemoryDisplay

__all__ = ["CoverageDisplay", "HistoryDisplay", "MemoryDisplay", "TokenAttributionDisplay"]

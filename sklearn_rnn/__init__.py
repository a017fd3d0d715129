"""Recurrent text classifiers for scikit-learn."""

from importlib import import_module
from types import ModuleType

from .classifier import RNNTextClassifier
from .regressor import RNNTextRegressor
from .sequences import TokenSequences
from .text import SequenceVectorizer

__all__ = ["RNNTextClassifier", "RNNTextRegressor", "SequenceVectorizer", "TokenSequences"]

__version__ = "0.1.0.dev0"


def __getattr__(name: str) -> ModuleType:
    """Import `sklearn_rnn.datasets` when it is first asked for."""
    if name == "datasets":
        return import_module("sklearn_rnn.datasets")
    raise AttributeError(f"module 'sklearn_rnn' has no attribute {name!r}")

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
    """Import `sklearn_rnn.datasets` or `sklearn_rnn.embeddings` when it is first asked for."""
    if name in {"datasets", "embeddings"}:
        return import_module(f"sklearn_rnn.{name}")
    raise AttributeError(f"module 'sklearn_rnn' has no attribute {name!r}")

"""Recurrent text classifiers for scikit-learn."""

from .classifier import RNNTextClassifier
from .regressor import RNNTextRegressor
from .sequences import TokenSequences
from .text import SequenceVectorizer

__all__ = ["RNNTextClassifier", "RNNTextRegressor", "SequenceVectorizer", "TokenSequences"]

__version__ = "0.1.0.dev0"

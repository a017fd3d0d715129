"""Recurrent text classifiers for scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classifier import RNNTextClassifier
    from .regressor import RNNTextRegressor
    from .sequences import TokenSequences
    from .text import SequenceVectorizer

__all__ = ["RNNTextClassifier", "RNNTextRegressor", "SequenceVectorizer", "TokenSequences"]

__version__ = "0.1.0.dev0"

_HOMES = {
    "RNNTextClassifier": "classifier",
    "RNNTextRegressor": "regressor",
    "SequenceVectorizer": "text",
    "TokenSequences": "sequences",
}
_MODULES = {
    "cards",
    "corpora",
    "datasets",
    "displays",
    "distributed",
    "embeddings",
    "inspection",
    "persistence",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: processes that only read texts need no torch."""
    if name in _HOMES:
        found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})

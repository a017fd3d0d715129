"""Recurrent text classifiers for scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cards import model_card
    from .classifier import RNNTextClassifier
    from .corpora import TextFile
    from .datasets import fetch_imdb, make_reviews
    from .embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding
    from .mean_embedding import MeanEmbedding
    from .nbsvm import NBSVMClassifier
    from .persistence import load, save
    from .regressor import RNNTextRegressor
    from .semi_supervised import TeacherStudentClassifier
    from .sequences import TokenSequences
    from .text import SequenceVectorizer

__all__ = [
    "FastTextEmbedding",
    "MeanEmbedding",
    "NBSVMClassifier",
    "PretrainedEmbedding",
    "RNNTextClassifier",
    "RNNTextRegressor",
    "SequenceVectorizer",
    "TeacherStudentClassifier",
    "TextFile",
    "TokenSequences",
    "Word2VecEmbedding",
    "fetch_imdb",
    "load",
    "make_reviews",
    "model_card",
    "save",
]

__version__ = "0.1.0.dev0"

_HOMES = {
    "FastTextEmbedding": "embeddings",
    "MeanEmbedding": "mean_embedding",
    "NBSVMClassifier": "nbsvm",
    "PretrainedEmbedding": "embeddings",
    "RNNTextClassifier": "classifier",
    "RNNTextRegressor": "regressor",
    "SequenceVectorizer": "text",
    "TeacherStudentClassifier": "semi_supervised",
    "TextFile": "corpora",
    "TokenSequences": "sequences",
    "Word2VecEmbedding": "embeddings",
    "fetch_imdb": "datasets",
    "load": "persistence",
    "make_reviews": "datasets",
    "model_card": "cards",
    "save": "persistence",
}
_MODULES = {
    "cards",
    "corpora",
    "datasets",
    "displays",
    "distributed",
    "embeddings",
    "exceptions",
    "inspection",
    "persistence",
    "semi_supervised",
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

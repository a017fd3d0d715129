"""gensim's own format, ``.kv``, and its `KeyedVectors` in memory."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .file_source import FileStart, Source, VectorFormat, VectorRows

__all__ = ["GENSIM", "is_unpickled", "keyed_vectors_rows"]

_SUFFIXES = (".kv", ".kv.gz")
_PICKLE = b"\x80"


def keyed_vectors_rows(keyed_vectors: Any, error: Callable[[str], Exception]) -> VectorRows[str]:
    """Return the words of gensim's `KeyedVectors`, and how their vectors are read.

    Parameters
    ----------
    keyed_vectors : gensim.models.KeyedVectors
        The vectors.
    error : callable
        Makes an error from the description of a problem.

    Returns
    -------
    VectorRows
        A word stands for its own raw values: it is the key of its row.
    """
    row_of, table = keyed_vectors.key_to_index, keyed_vectors.vectors

    def vector(word: str) -> NDArray[np.float32]:
        values = np.asarray(table[row_of[word]], np.float32)
        if not np.isfinite(values).all():
            raise error(f"has values that are not finite for {word!r}. Is it damaged?")
        return values

    has_subwords = len(getattr(keyed_vectors, "vectors_ngrams", ())) > 0
    subword_vector = keyed_vectors.get_vector if has_subwords else None
    return VectorRows(zip(row_of, row_of, strict=True), vector, subword_vector)


def is_unpickled(path: str) -> bool:
    """Tell whether a file of this name would be opened by pickle, if it starts as one."""
    return path.lower().endswith(_SUFFIXES)


def _matches(start: FileStart) -> bool:
    # A byte order mark means text, whatever follows.
    return is_unpickled(start.path) and start.head.startswith(_PICKLE) and not start.offset


def _open(source: Source, start: FileStart) -> VectorRows[str]:
    return keyed_vectors_rows(_load_with_gensim(source), source.file_error)


GENSIM = VectorFormat(_matches, _open)


def _load_with_gensim(source: Source) -> Any:
    try:
        native = import_module("gensim.models").KeyedVectors
    except ImportError as error:
        raise ImportError(
            f"{source.who}: gensim is needed to read {source.name!r}: pip install gensim. "
            "Or save the vectors with save_word2vec_format where gensim is installed."
        ) from error
    mapping = None if source.has_checksum else "r"  # what is packed cannot be mapped
    try:
        loaded = native.load(source.name, mmap=mapping)
    # A damaged pickle raises whatever its bytes happen to ask for.
    except Exception as error:
        raise source.file_error(
            f"cannot be loaded by gensim ({type(error).__name__}: {error}). It is damaged, made "
            "by another version, or parted from the .npy files that were saved beside it."
        ) from error
    vectors = getattr(loaded, "wv", loaded)
    if getattr(vectors, "vectors", None) is None or not hasattr(vectors, "key_to_index"):
        raise source.file_error(
            f"contains {type(loaded).__name__}, expected gensim's KeyedVectors."
        )
    return vectors

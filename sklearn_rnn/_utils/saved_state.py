"""What a saved estimator contains, and the number of its format, by which later versions read it.

Whatever saves a model (joblib, pickle, skops) asks `__getstate__` for it. That is parameters,
numbers and NumPy arrays: no torch object, no optimizer, no training data. Recurrent estimators
(`_base.py`) add the network's configuration (`_network/config.py`), its weights
(`_network/weights.py`) and their target (`_data/saved_targets.py`). Names of attributes and
weights are part of the format.
"""

from __future__ import annotations

import json
import os
import pickle
import zlib
from functools import lru_cache
from types import MethodType
from typing import Any

import numpy as np

from .._tables import SharedTable
from ..exceptions import ModelFileError

__all__ = ["FORMAT", "VersionedState", "check_method"]

FORMAT = 2
"""Increases whenever the saved state of an estimator changes."""

_KEY = "_format"

_CALLBACK_CONTEXT = "_parent_callback_ctx"
"""Set by scikit-learn on each step while it fits a pipeline; refers to all of the pipeline."""

_VOCABULARIES = ("_entries", "vocabulary_")
"""Attributes that contain words by id, in a tuple."""


class VersionedState:
    """Estimators whose saved state has a format number, and contains their words as one text.

    Word by word, a vocabulary would take more space in a skops file than its vectors.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with its format."""
        state: dict[str, Any] = {**super().__getstate__(), _KEY: FORMAT}  # type: ignore[dict-item]
        state.pop(_CALLBACK_CONTEXT, None)
        for name in _VOCABULARIES:
            if isinstance(state.get(name), tuple):
                state[name] = _pack_words(state[name])
        # As str: a path would be one more type that whoever opens a file has to trust.
        return {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        format_number = state.get(_KEY, FORMAT)
        if format_number > FORMAT:
            raise ModelFileError(
                f"{type(self).__name__}: was saved by a later version of sklearn_rnn, in format "
                f"{format_number}; this version reads formats up to {FORMAT}. Update sklearn_rnn."
            )
        rest = {name: value for name, value in state.items() if name != _KEY}
        for name in _VOCABULARIES:
            if isinstance(rest.get(name), SharedTable):
                rest[name] = _unpack_words(_bytes_of(rest[name].array))
        super().__setstate__(rest)  # type: ignore[misc]


def _bytes_of(array: Any) -> bytes:
    if array.dtype != np.uint8:  # persistence.load has counted the words in such arrays only
        raise ModelFileError(f"Expected words as bytes, got {array.dtype}: the file was altered.")
    packed: bytes = array.tobytes()
    return packed


# Steps of a pipeline share one vocabulary. The caches turn equal ones into the same object, so
# that a file contains it once, and steps share it again when the file is opened.


@lru_cache(maxsize=2)
def _pack_words(words: tuple[str, ...]) -> SharedTable:
    # Not escaped: two lone surrogates, of two words, would be read as one character.
    text = json.dumps(words, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return SharedTable(np.frombuffer(zlib.compress(text), np.uint8))  # with a checksum


@lru_cache(maxsize=2)
def _unpack_words(text: bytes) -> tuple[str, ...]:
    words = tuple(json.loads(zlib.decompress(text).decode("utf-8", "surrogatepass")))
    if not all(isinstance(word, str) for word in words):
        raise ModelFileError("Not all of the vocabulary is words: the file was altered.")
    return words


def check_method(who: str, function: Any) -> None:
    """Raise if a function is a method of an object that cannot be saved.

    ``jieba.lcut`` is one, though it looks like a function: it belongs to an object with a lock.
    """
    if isinstance(function, MethodType):
        try:
            pickle.dumps(function)
        except Exception as error:
            raise TypeError(
                f"{who} is {function.__name__!r}, a method of an object that cannot be saved or "
                f"sent to another process ({error}). Define a function that calls it, at the top "
                "of a module, and pass that."
            ) from error

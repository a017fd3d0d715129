"""Which form of the state a saved model has, so that a later library can tell."""

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
"""Counts up whenever the state of an estimator changes its form."""

_KEY = "_format"

_OF_A_PIPELINES_FIT = "_parent_callback_ctx"
"""What scikit-learn lends to each step while it fits a pipeline, with all of that pipeline."""

_VOCABULARIES = ("_entries", "vocabulary_")
"""Attributes that hold words by id, in a tuple."""


class VersionedState:
    """Estimators whose saved state says which form it has, and holds their words as one text.

    Word by word, a vocabulary takes more room in a skops file than its vectors.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, and its form."""
        state: dict[str, Any] = {**super().__getstate__(), _KEY: FORMAT}  # type: ignore[dict-item]
        state.pop(_OF_A_PIPELINES_FIT, None)
        for name in _VOCABULARIES:
            if isinstance(state.get(name), tuple):
                state[name] = _as_table(state[name])
        # A path would be one more type that whoever opens a file has to trust.
        return {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        form = state.get(_KEY, FORMAT)
        if form > FORMAT:
            raise ModelFileError(
                f"{type(self).__name__}: was saved by a later version of sklearn_rnn, in format "
                f"{form}; this version reads formats up to {FORMAT}. Update sklearn_rnn."
            )
        rest = {name: value for name, value in state.items() if name != _KEY}
        for name in _VOCABULARIES:
            if isinstance(rest.get(name), SharedTable):
                rest[name] = _as_words(_packed(rest[name].array))
        super().__setstate__(rest)  # type: ignore[misc]


def _packed(array: Any) -> bytes:
    if array.dtype != np.uint8:  # in other arrays persistence.load has counted no words
        raise ModelFileError(f"Expected words as bytes, got {array.dtype}: the file was altered.")
    packed: bytes = array.tobytes()
    return packed


# Steps of a pipeline share one vocabulary. So that a file holds it once, and that it is one
# again when the file is opened, equal ones become the same object.


@lru_cache(maxsize=2)
def _as_table(words: tuple[str, ...]) -> SharedTable:
    # Not escaped: two lone surrogates, of two words, would come back as one character.
    text = json.dumps(words, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return SharedTable(np.frombuffer(zlib.compress(text), np.uint8))  # with a checksum


@lru_cache(maxsize=2)
def _as_words(text: bytes) -> tuple[str, ...]:
    words = tuple(json.loads(zlib.decompress(text).decode("utf-8", "surrogatepass")))
    if not all(isinstance(word, str) for word in words):
        raise ModelFileError("The vocabulary holds other things than words: the file was altered.")
    return words


def check_method(who: str, function: Any) -> None:
    """Raise if a function is a method of something that no file can hold.

    ``jieba.lcut`` is one, though it looks like a function: it belongs to an object with a lock.
    """
    if isinstance(function, MethodType):
        try:
            pickle.dumps(function)
        except Exception as error:
            raise TypeError(
                f"{who} is {function.__name__!r}, a method of an object that cannot be saved or "
                f"sent to another process ({error}). Define a function that calls it, at the top "
                "of a module, and give that."
            ) from error

"""The one type that flows between the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PADDING", "UNKNOWN", "TokenSequences"]

PADDING = 0
"""Id that stands for "no token here"."""

UNKNOWN = 1
"""Id of every token that the vocabulary does not hold."""


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Texts as rows of token ids, with the vocabulary that the ids index.

    A `TokenSequences` is what :class:`~sklearn_rnn.text.SequenceVectorizer` returns, what
    embedding steps add a table of vectors to, and what the final estimators read.
    It is immutable, and indexes by rows like an array, so that scikit-learn's splitters
    can cut it. Embedded texts are never stored: the shared table `vectors` is.

    Parameters
    ----------
    ids : array-like of int of shape (n_texts, n_tokens)
        Token ids, stored as int32. 0 is padding and 1 the unknown token.
    vocabulary : sequence of str
        Tokens by id; the first two entries are the padding and the unknown markers.
    vectors : ndarray of float32 of shape (len(vocabulary), n_dimensions), default=None
        One vector for each entry of the vocabulary, or None where no step has made any.

    Raises
    ------
    ValueError
        If `ids` is not two-dimensional, or `vectors` has not one row per vocabulary entry.
    TypeError
        If `ids` does not hold integers.

    Examples
    --------
    >>> from sklearn_rnn.sequences import TokenSequences
    >>> sequences = TokenSequences([[0, 2, 3], [2, 1, 2]], ("<pad>", "<unk>", "so", "good"))
    >>> sequences.shape
    (2, 3)
    >>> sequences[1:].ids
    array([[2, 1, 2]], dtype=int32)
    """

    ids: NDArray[np.int32]
    vocabulary: tuple[str, ...]
    vectors: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", _read_only_ids(self.ids))
        if not isinstance(self.vocabulary, tuple):
            object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        if self.vectors is not None:
            object.__setattr__(self, "vectors", _table(self.vectors, len(self.vocabulary)))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # NumPy does not copy or pickle the flag that makes an array read-only.
        vars(self).update(state)
        self.__post_init__()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of texts and of token places, `(n_texts, n_tokens)`."""
        n_texts, n_tokens = self.ids.shape
        return n_texts, n_tokens

    def __getitem__(self, key: Any) -> Any:
        """Return one row of ids for an integer key, else the `TokenSequences` of those rows."""
        rows = self.ids[key]
        return rows if rows.ndim == 1 else replace(self, ids=rows)

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return iter(self.ids)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.ids, dtype=dtype) if copy else np.asarray(self.ids, dtype=dtype)

    def __repr__(self) -> str:
        table = "" if self.vectors is None else f", {self.vectors.shape[1]}-d vectors"
        n_texts, n_tokens = self.shape
        return (
            f"<TokenSequences: {n_texts} texts x {n_tokens} tokens, "
            f"{len(self.vocabulary)} vocabulary entries{table}>"
        )


def _read_only_ids(ids: ArrayLike) -> NDArray[np.int32]:
    array = np.asarray(ids)
    if array.dtype.kind not in "iu":
        raise TypeError(f"TokenSequences: ids must be integers, got {array.dtype}.")
    if array.ndim != 2:
        raise ValueError(
            f"TokenSequences: ids must have shape (n_texts, n_tokens), got {array.shape}."
        )
    bounds = np.iinfo(np.int32)
    fits = array.size == 0 or np.can_cast(array.dtype, np.int32)
    if not fits and (array.max() > bounds.max or array.min() < bounds.min):
        raise ValueError(f"TokenSequences: ids must fit into int32, got {array.max()}.")
    return _read_only(array.astype(np.int32, copy=False))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view, so that the caller's own array stays as writeable as it was.

    What is read-only already stays the same object, so that a file holds it once.
    """
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _table(vectors: ArrayLike, n_entries: int) -> NDArray[np.float32]:
    table = np.asarray(vectors, dtype=np.float32)
    if table.ndim != 2 or len(table) != n_entries:
        raise ValueError(
            f"TokenSequences: vectors must have shape ({n_entries}, n_dimensions), one row for "
            f"each entry of the vocabulary, got {table.shape}."
        )
    return _read_only(table)

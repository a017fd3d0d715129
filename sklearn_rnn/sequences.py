"""The one type that flows between the steps of a pipeline."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._utils.arrays import as_array
from ._utils.padding_margin import PaddingMargin

__all__ = ["PADDING", "UNKNOWN", "TokenSequences"]

PADDING = 0
"""Id of positions without a token."""

UNKNOWN = 1
"""Id of every token that is not in the vocabulary."""


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """Texts as rows of token ids, with the vocabulary that the ids index.

    :class:`~sklearn_rnn.text.SequenceVectorizer` returns a `TokenSequences`, embedding steps add
    a table of vectors to it, and the final estimators read it. It is immutable, and its rows are
    indexed like those of an array, so that scikit-learn's splitters can select from them.
    Embedded texts are never stored, only the shared table `vectors`.

    Columns that are padding in all texts, as `SequenceVectorizer` makes them with a large
    `max_len`, take no memory until `ids` is accessed.

    ``np.concatenate`` joins the rows of sequences that share vocabulary and vectors; narrower
    ones are padded. Any other join is refused: an id is a word of its own vocabulary only.
    NumPy's other functions get the array of ids.

    Parameters
    ----------
    ids : array-like of int of shape (n_texts, n_tokens)
        Token ids, stored as int32. 0 is padding and 1 the unknown token.
    vocabulary : sequence of str
        Tokens by id; the first two entries are the padding and the unknown markers.
    vectors : ndarray of float32 of shape (len(vocabulary), n_dimensions), default=None
        One vector for each entry of the vocabulary, or None if no step has made any.

    Raises
    ------
    ValueError
        If `ids` is not two-dimensional, or `vectors` does not have one row per vocabulary entry.
    TypeError
        If `ids` does not contain integers.

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

    # If columns are padding in all texts: `ids` without these, and how to put them back.
    _rows: ClassVar[NDArray[np.int32]]
    _margin: ClassVar[PaddingMargin | None] = None

    def __post_init__(self) -> None:
        name = "ids" if self._margin is None else "_rows"
        object.__setattr__(self, name, _read_only_ids(getattr(self, name)))
        if not isinstance(self.vocabulary, tuple):
            object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        if self.vectors is not None:
            object.__setattr__(self, "vectors", _check_vectors(self.vectors, len(self.vocabulary)))

    @classmethod
    def _of_rows(
        cls,
        rows: NDArray[np.int32],
        vocabulary: tuple[str, ...],
        vectors: NDArray[np.float32] | None,
        margin: PaddingMargin,
    ) -> TokenSequences:
        """Return sequences that consist of rows and of a margin of padding."""
        if margin.n_tokens == rows.shape[1]:
            return cls(rows, vocabulary, vectors)
        sequences = cls.__new__(cls)
        vars(sequences).update(_rows=rows, _margin=margin, vocabulary=vocabulary, vectors=vectors)
        sequences.__post_init__()
        return sequences

    def _with(self, **changed: Any) -> TokenSequences:
        """Return a copy with other rows, or with vectors."""
        if self._margin is None:
            changed = {"ids" if name == "rows" else name: new for name, new in changed.items()}
            return replace(self, **changed)
        parts = {"rows": self._rows, "vocabulary": self.vocabulary, "vectors": self.vectors}
        return self._of_rows(**{**parts, **changed}, margin=self._margin)

    @property
    def _stored(self) -> NDArray[np.int32]:
        """The ids without what is padding in all texts: (n_texts, at most n_tokens)."""
        return self.ids if self._margin is None else self._rows

    def __getattr__(self, name: str) -> Any:
        # Called if there is no such attribute: `ids` is computed at the first access, and stays.
        if name != "ids" or self._margin is None:
            raise AttributeError(f"'TokenSequences' object has no attribute {name!r}")
        object.__setattr__(self, "ids", _read_only(self._margin.pad(self._rows)))
        return self.ids

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if self._margin is not None:
            state.pop("ids", None)
            state["_margin"] = tuple(self._margin)  # a pickle names no private class
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self._margin is not None:
            vars(self)["_margin"] = PaddingMargin(*self._margin)
        self.__post_init__()  # NumPy does not pickle the flag that makes an array read-only

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of texts and of tokens in each, `(n_texts, n_tokens)`."""
        n_texts, n_tokens = self._stored.shape
        return n_texts, n_tokens if self._margin is None else self._margin.n_tokens

    @property
    def ndim(self) -> int:
        """Number of axes, 2: texts and tokens."""
        return self._stored.ndim

    def __getitem__(self, key: Any) -> Any:
        """Return one row of ids for an integer key, else the `TokenSequences` of those rows."""
        if self._margin is not None and _selects_whole_rows(key):
            rows = self._rows[key]
            return self._margin.pad(rows[None])[0] if rows.ndim == 1 else self._with(rows=rows)
        rows = self.ids[key]
        return rows if rows.ndim == 1 else replace(self, ids=rows)

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        if self._margin is None:
            return iter(self.ids)
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if dtype is not None and np.dtype(dtype) == object:
            _refuse_join("an array of objects, as scipy.sparse.hstack makes one,")
        if self.vectors is not None:
            warnings.warn(_VECTORS_LEFT, stacklevel=2)
        ids = self.ids if self._margin is None else self._margin.pad(self._rows)
        ids = np.array(ids, dtype=dtype) if copy else np.asarray(ids, dtype=dtype)
        return ids.view(_Ids)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        if function in _JOINS:
            return _join(function, *_JOINS[function](*args, **kwargs))
        args = tuple(_ids_of(arg) for arg in args)
        kwargs = {name: _ids_of(arg) for name, arg in kwargs.items()}
        return self.ids.__array_function__(function, (), args, kwargs)

    def __repr__(self) -> str:
        table = "" if self.vectors is None else f", {self.vectors.shape[1]}-d vectors"
        n_texts, n_tokens = self.shape
        return (
            f"<TokenSequences: {n_texts} texts x {n_tokens} tokens, "
            f"{len(self.vocabulary)} vocabulary entries{table}>"
        )


# ---- Joins --------------------------------------------------------------------------------

_VECTORS_LEFT = (
    "TokenSequences: an array contains the ids alone, without their vectors. A network that is "
    "trained on it learns an embedding of its own. Where a sampler or a wrapper such as "
    "OneVsOneClassifier made the array, put the embedding step and the network into one "
    "pipeline inside it; to get the ids alone without this warning, use the attribute ids."
)

_ROWS = 0, -2
"""The numbers of the axis of texts."""

_JOINS: dict[Callable[..., Any], Callable[..., tuple[Sequence[Any], int | None]]] = {
    np.concatenate: lambda arrays, axis=0, *out, **to: (arrays, None if out or to else axis),
    np.vstack: lambda tup, **to: (tup, None if to else 0),
    np.append: lambda arr, values, axis=None: ((arr, values), axis),
    np.hstack: lambda tup, **to: (tup, None if to else 1),
    np.column_stack: lambda tup: (tup, 1),
    np.stack: lambda arrays, *_, **__: (arrays, None),
    np.dstack: lambda tup: (tup, None),
    np.block: lambda arrays: (arrays, None),
    np.insert: lambda arr, *_, **__: ((arr,), None),
}
"""From the arguments of each function to what it would join, and the axis; None: a new one."""


def _join(function: Callable[..., Any], parts: Sequence[Any], axis: int | None) -> TokenSequences:
    """Return the rows of all parts together; a single part is returned along either axis."""
    first = parts[0]
    same_words = axis is not None and all(_has_same_words(first, part) for part in parts)
    if not same_words or (len(parts) > 1 and axis not in _ROWS):
        _refuse_join(f"np.{function.__name__}")
    if len(parts) == 1:
        return first
    if first._margin is not None and all(part._margin == first._margin for part in parts):
        return first._with(rows=_stack(first._margin, [part._rows for part in parts]))
    width = max(part.shape[1] for part in parts)
    # Padded on the left, which makes no difference: no network reads padding.
    ids = [np.pad(part.ids, ((0, 0), (width - part.shape[1], 0))) for part in parts]
    return replace(first, ids=np.concatenate(ids))


def _stack(margin: PaddingMargin, parts: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Stack rows of several widths, padded to the widest."""
    width = max(rows.shape[1] for rows in parts)
    return np.concatenate([margin._replace(n_tokens=width).pad(rows) for rows in parts])


def _selects_whole_rows(key: Any) -> bool:
    """Return whether an index selects texts only, each with all its tokens."""
    if isinstance(key, int | np.integer | slice):
        return True
    return not isinstance(key, tuple) and np.ndim(key) == 1


def _has_same_words(first: Any, part: Any) -> bool:
    """Return whether two sequences have the same vocabulary and vectors."""
    if not isinstance(first, TokenSequences) or not isinstance(part, TokenSequences):
        return False
    if first.vectors is None or part.vectors is None:
        same_vectors = first.vectors is part.vectors
    else:
        same_vectors = np.array_equal(first.vectors, part.vectors)
    return same_vectors and first.vocabulary == part.vocabulary


def _refuse_join(joiner: str) -> NoReturn:
    raise ValueError(
        f"TokenSequences: {joiner} would mix token ids with other columns, or with ids that mean "
        "other words. np.concatenate joins rows of one vocabulary, with the same vectors. For "
        "several columns, join their texts before one SequenceVectorizer, or make one pipeline "
        'for each column and combine them: see "Several columns" in the recipes.'
    )


class _Ids(np.ndarray):
    """Ids that NumPy has asked for: `np.r_` and `np.c_` would join these arrays."""

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _JOINS:
            _refuse_join(f"np.{function.__name__}")
        return super().__array_function__(function, types, args, kwargs)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array  # results are not ids any more


# ---- Checks -------------------------------------------------------------------------------


def _ids_of(argument: Any) -> Any:
    return argument.ids if isinstance(argument, TokenSequences) else argument


def _read_only_ids(ids: ArrayLike) -> NDArray[np.int32]:
    array = as_array("TokenSequences", ids)
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
    """Return a read-only view, so that the caller's own array stays writeable.

    An array that is already read-only is returned itself, so that a file contains it once.
    """
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _check_vectors(vectors: ArrayLike, n_entries: int) -> NDArray[np.float32]:
    table = np.asarray(vectors, dtype=np.float32)
    if table.ndim != 2 or len(table) != n_entries:
        raise ValueError(
            f"TokenSequences: vectors must have shape ({n_entries}, n_dimensions), one row for "
            f"each entry of the vocabulary, got {table.shape}."
        )
    return _read_only(table)


# Pickles of former versions contain a `PaddingMargin` under the path that it had then.
_former = ModuleType("sklearn_rnn._margins")
vars(_former)["Margin"] = PaddingMargin
sys.modules.setdefault(_former.__name__, _former)

"""Documents that a user passes, checked one by one: texts, lists of tokens, or anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

import numpy as np
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

__all__ = ["Check", "as_given", "as_text", "as_tokens", "check_documents"]

Check = Callable[[str, int | None, Any], Any]
"""From the name of an estimator, a row (if it is known) and its content to a document."""


def check_documents(who: str, documents: Iterable[Any], check: Check) -> Iterator[Any]:
    """Return an iterator that checks documents one by one, or raise.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    documents : iterable
        The documents.
    check : callable
        The check of each: `as_text`, `as_tokens` or `as_given`.

    Returns
    -------
    iterator
        The documents; iterating raises a ValueError if there is none.
    """
    if isinstance(documents, str | bytes):
        cure = "[text]" if isinstance(documents, str) else '[text.decode("utf-8")]'
        raise ValueError(
            f"{who}: expected a sequence of texts, got one {type(documents).__name__}. "
            f"Wrap it: {cure}."
        )
    shape = getattr(documents, "shape", (None,))
    is_rows = len(shape) == 1 or (
        len(shape) == 2 and isinstance(documents, np.ndarray) and check is not as_text
    )
    if isinstance(documents, Mapping) or not isinstance(documents, Iterable) or not is_rows:
        of_shape = f" of shape {shape}" if len(shape) != 1 else ""
        cure = 'one column, such as frame["text"]' if len(shape) == 2 else "a list of str"
        raise TypeError(
            f"{who}: expected a one-dimensional sequence of texts, got {type(documents).__name__}"
            f"{of_shape}. Pass {cure}."
        )
    return _at_least_one(who, (check(who, row, each) for row, each in enumerate(documents)))


def _at_least_one(who: str, documents: Iterator[Any]) -> Iterator[Any]:
    for first in documents:
        yield first
        yield from documents
        return
    raise ValueError(f"{who}: expected at least one text, got none.")


# ---- Checks of one document ------------------------------------------------------------------


def as_text(who: str, row: int | None, document: Any) -> str:
    """Return a document that is a str, or raise."""
    if isinstance(document, str):
        return document
    _check_not_missing(who, "texts of type str", row, document)
    if isinstance(document, bytes):
        cure = 'Decode bytes first, for instance with text.decode("utf-8").'
    elif isinstance(document, Iterable) and not isinstance(document, Mapping):
        cure = 'Pass a one-dimensional sequence of str; analyzer="tokens" reads lists of tokens.'
    else:
        cure = "Pass a one-dimensional sequence of str."
    raise TypeError(_mismatch(who, "texts of type str", row, document, cure))


def as_tokens(who: str, row: int | None, document: Any) -> list[Any]:
    """Return a document that is a sequence of tokens, as a list, or raise."""
    expected = "a sequence of tokens for each text"
    _check_not_missing(who, expected, row, document)
    if isinstance(document, str | bytes):  # would be read letter by letter
        cure = 'For texts that are not cut into tokens, use analyzer="word".'
        raise TypeError(_mismatch(who, expected, row, document, cure))
    has_order = isinstance(document, Iterable) and not isinstance(document, Mapping | Set)
    if not has_order or len(getattr(document, "shape", (None,))) != 1:
        raise TypeError(_mismatch(who, expected, row, document, "Pass a list of str for each."))
    return list(document)


def as_given(who: str, row: int | None, document: Any) -> Any:
    """Return a document of any kind, or raise if it is missing."""
    _check_not_missing(who, "a document", row, document)
    return document


def _check_not_missing(who: str, expected: str, row: int | None, document: Any) -> None:
    if document is None or is_scalar_nan(document) or is_pandas_na(document):
        empty = "[]" if expected.startswith("a sequence") else '""'
        cure = f"Drop missing texts, or replace them by {empty}."
        raise TypeError(_mismatch(who, expected, row, document, cure))


def _mismatch(who: str, expected: str, row: int | None, document: Any, cure: str) -> str:
    place = f" in row {row}" if row is not None else f": {document!r:.60}"
    return f"{who}: expected {expected}, got {type(document).__name__}{place}. {cure}"

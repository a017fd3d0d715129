"""Texts and labels in a table: which columns contain them, and which rows are complete."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table import Table, join_names
from .terminal import as_argument

__all__ = [
    "complete_rows",
    "labelled_rows",
    "labels_in",
    "numbers_in",
    "text_column",
    "texts_in",
    "training_columns",
]

_LARGEST_LABEL = 2**63
"""NumPy does not take whole numbers from here on as labels."""

_INVISIBLE = {"Cc", "Cf"}
"""Unicode's categories of characters without a shape of their own: controls and formats."""

_VISIBLE_EFFECT = "\t\r\n\u200c\u200d"
"""Those of them that change where or how others are shown."""


def training_columns(table: Table, text: str | None, label: str | None) -> tuple[str, str]:
    """Return the names of the two columns: those given, or else "text" and "label"."""
    given = {"text": text, "label": label}
    unknown = [role for role in given if given[role] is None and role not in table.columns]
    if unknown:
        options = [f"--{role} {as_argument(table.similar(role) or 'COLUMN')}" for role in unknown]
        raise ValueError(
            f"which column of {table.source!r} contains the {' and which the '.join(unknown)}? "
            f"Add {' and '.join(options)}. The columns are {join_names(table.columns)}."
        )
    names = text or "text", label or "label"
    for name in names:
        table.column(name)
    if names[0] == names[1]:
        raise ValueError(f"text and label cannot be one column, {names[0]!r}.")
    return names


def text_column(table: Table) -> str:
    """Return "text" if there is such a column, or else the only one without numbers."""
    if "text" in table.columns:
        return "text"
    columns = zip(table.columns, zip(*table.rows, strict=True), strict=True)
    wordy = [name for name, cells in columns if name.strip() and not _contains_only_numbers(cells)]
    if len(wordy) == 1:
        return wordy[0]
    raise ValueError(
        f"which column of {table.source!r} contains the text? Add --text COLUMN. The columns are "
        f"{join_names(table.columns)}."
    )


def complete_rows(table: Table, names: Sequence[str], skip_missing: bool) -> list[int]:
    """Return the rows, counted from 0, in which none of these columns is empty."""
    columns = {name: table.column(name) for name in names}
    gaps = {
        row: name
        for row in range(len(table.rows))
        for name, cells in columns.items()
        if _is_missing(cells[row])
    }
    if gaps and not skip_missing:
        first, name = next(iter(gaps.items()))
        n_more = len(gaps) - 1
        rows = "row after it lacks" if n_more == 1 else "rows after it lack"
        others = f", and {n_more:,} {rows} something too" if n_more else ""
        raise ValueError(
            f"{table.source!r} {table.place(first)} has no {name!r}{others}. Fill it in, or add "
            "--skip-missing."
        )
    complete = [row for row in range(len(table.rows)) if row not in gaps]
    if not complete:
        raise ValueError(f"{table.source!r} has no row with {' and '.join(map(repr, names))}.")
    return complete


def labelled_rows(
    table: Table, text: str, label: str, skip_missing: bool
) -> tuple[list[int], list[int]]:
    """Return the rows with a label, and those whose label is empty: all have a text."""
    rows = complete_rows(table, [text], skip_missing)
    labels = table.column(label)
    labelled = [row for row in rows if not _is_missing(labels[row])]
    if not labelled:
        raise ValueError(f"{table.source!r} has no row with {label!r}.")
    if len(labelled) == len(rows):
        raise ValueError(
            f"{table.source!r} has no row without {label!r}, from which --unlabelled would learn."
        )
    return labelled, [row for row in rows if _is_missing(labels[row])]


def texts_in(table: Table, name: str, rows: Sequence[int]) -> list[str]:
    """Return the texts of some rows."""
    return [str(cell) for cell in _scalars(table, name, rows, "a text")]


def labels_in(table: Table, name: str, rows: Sequence[int]) -> NDArray[Any]:
    """Return the labels of some rows, without spaces around: those of a CSV file are str."""
    cells = [_stripped(cell) for cell in _scalars(table, name, rows, "one label")]
    _check_names_or_whole(table, name, cells, rows)
    kinds = sorted({type(cell).__name__ for cell in cells})
    if len(kinds) > 1:
        raise ValueError(
            f"{table.source!r}: {name!r} contains labels of several kinds, {' and '.join(kinds)}: "
            '1, true and "1" would become one label. Write all of them the same way.'
        )
    labels = np.array(cells)
    n_labels = len(np.unique(labels))
    if n_labels == 1:
        raise ValueError(
            f"{table.source!r}: {name!r} is {str(labels[0])!r} in every row: a classifier needs "
            "at least two labels to tell apart."
        )
    if 2 * n_labels > len(labels):
        raise ValueError(
            f"{table.source!r}: {len(labels):,} rows have {n_labels:,} different {name!r}: labels "
            "to learn occur in many rows each. Is it another column? To learn numbers, add "
            "--regression."
        )
    _check_no_lookalikes(table, name, cells, rows)
    return labels


def _stripped(cell: Any) -> Any:
    return cell.strip() if isinstance(cell, str) else cell


def _check_names_or_whole(table: Table, name: str, cells: list[Any], rows: Sequence[int]) -> None:
    """Raise at the first number that scikit-learn takes for an amount, or cannot represent."""
    for row, cell in zip(rows, cells, strict=True):
        is_whole = not isinstance(cell, float) or cell.is_integer()
        if not isinstance(cell, str) and not (is_whole and abs(cell) < _LARGEST_LABEL):
            raise ValueError(
                f"{table.source!r} {table.place(row)} has {_cut(repr(cell))} in {name!r}: labels "
                "are names or whole numbers of 64 bits. To learn amounts, add "
                "--regression; if such numbers are names, write them as texts, in quotation marks."
            )


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _check_no_lookalikes(table: Table, name: str, cells: list[Any], rows: Sequence[int]) -> None:
    """Raise if two labels look alike, such as an accented letter and a letter with an accent."""
    first = dict(zip(reversed(cells), reversed(rows), strict=True))
    seen: dict[str, str] = {}
    for label in sorted(
        filter(lambda label: isinstance(label, str), first), key=first.__getitem__
    ):
        other = seen.setdefault(_appearance(label), label)
        if other != label:
            raise ValueError(
                f"{table.source!r}: two labels in {name!r} look alike, {other!a} on "
                f"{table.place(first[other])} and {label!a} on {table.place(first[label])}. Write "
                "both the same way."
            )


def _appearance(label: str) -> str:
    """Return what a label looks like: spaces all of one kind, no characters without a shape."""
    shown = (
        char
        for char in label
        if char in _VISIBLE_EFFECT or unicodedata.category(char) not in _INVISIBLE
    )
    return " ".join(unicodedata.normalize("NFC", "".join(shown)).split())


def numbers_in(table: Table, name: str, rows: Sequence[int]) -> NDArray[np.float64]:
    """Return the numbers of some rows."""
    cells = table.column(name)
    for row in rows:
        if not _is_finite_number(cells[row]):
            raise ValueError(
                f"{table.source!r} {table.place(row)} has {cells[row]!r} in {name!r}: with "
                "--regression, this must be a finite number."
            )
    return np.array([float(cells[row]) for row in rows])


def _scalars(table: Table, name: str, rows: Sequence[int], expected: str) -> list[Any]:
    cells = table.column(name)
    for row in rows:
        if not isinstance(cells[row], str | bool | int | float):
            raise ValueError(
                f"{table.source!r} {table.place(row)} has a {type(cells[row]).__name__} in "
                f"{name!r}: expected {expected}."
            )
    return [cells[row] for row in rows]


def _contains_only_numbers(cells: Sequence[Any]) -> bool:
    return all(_is_missing(cell) or _is_finite_number(cell) for cell in cells)


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _is_finite_number(cell: Any) -> bool:
    try:
        return math.isfinite(float(cell))
    except (TypeError, ValueError, OverflowError):
        return False

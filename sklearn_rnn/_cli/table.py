"""Tables: rows of cells under named columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

__all__ = ["Row", "Table", "check_filled", "check_unique", "duplicates", "join_names"]

_MANY_CELLS = 10**7
_FEWEST_FILLED = 0.02

Row = list[Any]


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns, and where each row is in its file.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    columns : list of str
        Names of the columns.
    rows : list of list
        Cells, one per column in each row; None where there is nothing.
    numbers : list of int
        For each row, the line on which it begins, or its number, from 1.
    unit : {"line", "row"}, default="line"
        What `numbers` count.
    n_fields : dict of int to int, default={}
        Number of fields of rows (counted from 0) that end before the last columns.
    """

    source: str
    columns: list[str]
    rows: list[Row]
    numbers: list[int]
    unit: str = "line"
    n_fields: Mapping[int, int] = field(default_factory=dict)

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column, or raise and name the existing columns.

        Other columns do not matter: they may share a name, have none, or be missing at the end.
        """
        if name not in self.columns:
            raise ValueError(
                f"{self.source!r} has no column {name!r}.{_closest(name, self.columns)} Its "
                f"columns are {join_names(self.columns)}."
            )
        check_unique(self.source, [name], self.columns)
        place = self.columns.index(name)
        for row, n_fields in self.n_fields.items():
            if n_fields <= place:
                raise ValueError(
                    f"{self.source!r} {self.place(row)} has {_count(n_fields, 'field')}, but the "
                    f"first line names {_count(len(self.columns), 'column')}: {name!r} is "
                    "missing. Is a separator missing, or does a text contain a line break?"
                )
        return [row[place] for row in self.rows]

    def similar(self, name: str) -> str | None:
        """Return the column whose name differs only in spaces and case, if there is one."""
        found = [column for column in self.columns if _folded(column) == _folded(name)]
        return found[0] if len(found) == 1 else None

    def place(self, row: int) -> str:
        """Return where a row is: "line 7"."""
        return f"{self.unit} {self.numbers[row]}"

    def check_new(self, names: Sequence[str]) -> None:
        """Raise if a column already has one of these names."""
        for name in names:
            if name in self.columns:
                raise ValueError(
                    f"{self.source!r} has a column {name!r} already, and a column of that name "
                    "would be added: rename it."
                )

    def with_columns(self, new: Mapping[str, Sequence[Any]]) -> Table:
        """Return the table with further columns."""
        added = zip(*new.values(), strict=True)
        rows = [[*row, *cells] for row, cells in zip(self.rows, added, strict=True)]
        return replace(self, columns=[*self.columns, *new], rows=rows)


def _closest(name: str, columns: list[str]) -> str:
    by_folded = {_folded(column): column for column in columns}
    close = get_close_matches(_folded(name), by_folded, n=1)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


def _folded(name: str) -> str:
    """Return a name without what a reader easily overlooks."""
    return name.strip("\ufeff\"' \t").casefold()


def join_names(names: Sequence[str]) -> str:
    """Return names in one line, shortened: the first row may be texts and no header."""
    named = [name for name in names if name.strip()]
    shown = [repr(name if len(name) <= 40 else f"{name[:37]}...") for name in named[:20]]
    n_more, n_unnamed = len(named) - len(shown), len(names) - len(named)
    parts = [", ".join(shown), f"{n_more} more" * (n_more > 0)]
    parts.append(f"{n_unnamed} without a name" * (n_unnamed > 0))
    single = len(names) == 1 and re.search("[,;\t|]", names[0])
    note = " (only one; tabs separate those of .tsv files)" if single else ""
    return " and ".join(filter(None, parts)) + note


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def check_unique(source: str, names: Iterable[str], columns: Sequence[str]) -> None:
    """Raise if several columns have one of these names."""
    twice = duplicates(columns)
    for name in filter(twice.__contains__, names):
        raise ValueError(
            f"{source!r} has more than one column {name!r}: rename all but one of them."
        )


def duplicates(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for name, n_times in Counter(names).items() if n_times > 1]


def check_filled(source: str, n_filled: int, n_rows: int, n_columns: int) -> None:
    """Raise if nearly all cells of a large table would be empty.

    Rows may lack any number of columns, so a small file could ask for any amount of memory.
    """
    n_cells = n_rows * n_columns
    if n_cells > _MANY_CELLS and n_filled < _FEWEST_FILLED * n_cells:
        raise ValueError(
            f"{source!r} has {n_rows:,} rows and {n_columns:,} columns, and {n_filled:,} fields: "
            "nearly all cells would be empty. Leave out columns, or give fewer rows at a time."
        )

"""Tables in files: CSV, TSV, JSON lines and Parquet, each also gzipped.

CSV, TSV and JSON lines are UTF-8, with or without a byte order mark. Parquet needs pyarrow.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from ._files import replacing

__all__ = [
    "Table",
    "as_csv",
    "check_format",
    "lines_as_table",
    "listed",
    "read_table",
    "write_table",
]

_LONGEST_FIELD = 2**31 - 1
"""The most characters that the csv module can be told to accept, on any system."""

Row = list[Any]


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns, and where each row stands in its file.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    columns : list of str
        Names of the columns.
    rows : list of list
        Cells, as many in each row as there are columns; None where there is nothing.
    numbers : list of int
        For each row the line on which it begins, or its number, from 1.
    unit : {"line", "row"}, default="line"
        What `numbers` count.
    """

    source: str
    columns: list[str]
    rows: list[Row]
    numbers: list[int]
    unit: str = "line"

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column, or raise and name the columns that there are."""
        if name not in self.columns:
            raise ValueError(
                f"{self.source!r} has no column {name!r}.{_closest(name, self.columns)} Its "
                f"columns are {listed(self.columns)}."
            )
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def place(self, row: int) -> str:
        """Say where a row stands: "line 7"."""
        return f"{self.unit} {self.numbers[row]}"

    def check_new(self, names: Sequence[str]) -> None:
        """Raise if a column has one of these names."""
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
    by_folded = {column.strip().casefold(): column for column in columns}
    close = get_close_matches(name.strip().casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


def listed(names: Sequence[str]) -> str:
    """Return names in one line: cut where the first row is no header but texts."""
    shown = [name if len(name) <= 40 else f"{name[:37]}..." for name in names[:20]]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(map(repr, shown)) + more


def check_format(path: Path) -> str:
    """Return the ending that says in which format a file is, or raise."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending not in _READERS:
        raise ValueError(
            f"{str(path)!r} must end in {', '.join(_READERS)}, or in one of these and .gz: the "
            "ending says which format it has."
        )
    return ending


def read_table(path: Path) -> Table:
    """Read a file in the format that its ending names.

    Raises
    ------
    ImportError
        If the format is Parquet, and pyarrow is missing.
    OSError
        If the file cannot be read.
    ValueError
        If the ending names no format, or the file is not in this format or has no rows.
    """
    source, read, data = str(path), _READERS[check_format(path)], path.read_bytes()
    return _filled(read(source, _unpacked(source, data) if _is_packed(path) else data))


def lines_as_table(source: str, data: bytes) -> Table:
    """Return one text per line as a table of one column, "text"."""
    text = _decoded(source, data)
    lines = text.removesuffix("\n").split("\n") if text else []
    rows: list[Row] = [[line.removesuffix("\r")] for line in lines]
    return _filled(Table(source, ["text"], rows, _from_one(rows)))


def _from_one(rows: list[Row]) -> list[int]:
    return list(range(1, len(rows) + 1))


def _filled(table: Table) -> Table:
    if not table.rows:
        raise ValueError(f"{table.source!r} has no rows.")
    return table


def write_table(table: Table, path: Path) -> None:
    """Write a table in the format that the ending names: all of it, or nothing."""
    data = _WRITERS[check_format(path)](table)
    with replacing(path) as file:
        # Without a time in it, equal tables make equal files.
        file.write(gzip.compress(data, mtime=0) if _is_packed(path) else data)


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _unpacked(source: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{source!r} cannot be unpacked ({error}): it is damaged, or not gzipped."
        ) from error


def _decoded(source: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{source!r} line {line} is not UTF-8 ({error.reason}). Save it as UTF-8; "
            'spreadsheets call that "CSV UTF-8".'
        ) from error


# ---- CSV and TSV -----------------------------------------------------------------------------


def _read_csv(source: str, data: bytes) -> Table:
    text = _decoded(source, data)
    header = text.partition("\n")[0]
    # Where a comma is the decimal point, spreadsheets part the fields by semicolons.
    return _read_separated(source, text, ";" if ";" in header and "," not in header else ",")


def _read_tsv(source: str, data: bytes) -> Table:
    return _read_separated(source, _decoded(source, data), "\t")


def _read_separated(source: str, text: str, separator: str) -> Table:
    rows: list[Row] = []
    numbers: list[int] = []
    for number, row in _records(source, text, separator):
        if rows and len(row) != len(rows[0]):
            raise ValueError(
                f"{source!r} line {number} has {len(row)} fields, but the first line names "
                f"{len(rows[0])} columns. A text with {separator!r} in it must stand in "
                "quotation marks."
            )
        rows.append(row)
        numbers.append(number)
    columns = rows[0] if rows else []
    _check_columns(source, columns)
    return Table(source, columns, rows[1:], numbers[1:])


def _records(source: str, text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return each record that is not blank, with the line on which it begins."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    number, records = 1, []
    try:
        with _fields_of_any_length():
            for row in reader:
                if row:
                    records.append((number, row))
                number = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{source!r}: what begins on line {number} cannot be read ({error}). In a text that "
            "is in quotation marks, each quotation mark must stand twice."
        ) from error
    return records


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_columns(source: str, columns: list[str]) -> None:
    if not columns:
        raise ValueError(f"{source!r} is empty: expected a first line with names of columns.")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise ValueError(
            f"{source!r} has more than one column {listed(twice[:1])}: rename one of them."
        )


class _Lines(list[str]):
    """What csv writes, a line at a time.

    Told to end lines by a line feed alone, csv would leave carriage returns in texts unquoted.
    """

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def as_csv(table: Table, separator: str = ",") -> bytes:
    """Return a table as CSV, in UTF-8."""
    lines = _Lines()
    writer = csv.writer(lines, delimiter=separator)
    writer.writerow(table.columns)
    writer.writerows(map(_plain, row) for row in table.rows)
    return _encoded("".join(lines))


def _as_tsv(table: Table) -> bytes:
    return as_csv(table, "\t")


def _plain(cell: Any) -> Any:
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else cell


def _encoded(text: str) -> bytes:
    # Half a surrogate pair has no UTF-8. JSON, where alone it comes from, reads this back.
    return text.encode("utf-8", "backslashreplace")


# ---- JSON lines ------------------------------------------------------------------------------


def _read_json_lines(source: str, data: bytes) -> Table:
    records: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(_decoded(source, data).split("\n"), start=1):
        if line.strip():
            records[number] = _record(source, number, line)
    columns = list(dict.fromkeys(name for record in records.values() for name in record))
    rows = [[record.get(name) for name in columns] for record in records.values()]
    return Table(source, columns, rows, list(records))


def _record(source: str, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_constant=lambda _: None)  # NaN is nothing
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source!r} line {number} is not JSON ({error}).") from error
    if not isinstance(record, dict):
        raise ValueError(
            f"{source!r} line {number} holds a {type(record).__name__}: expected an object with "
            'names, such as {"text": "So good", "label": "positive"}.'
        )
    return record


def _as_json_lines(table: Table) -> bytes:
    records = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    lines = (json.dumps(record, ensure_ascii=False, default=str) for record in records)
    return _encoded("".join(f"{line}\n" for line in lines))


# ---- Parquet ---------------------------------------------------------------------------------


def _read_parquet(source: str, data: bytes) -> Table:
    pyarrow = _pyarrow(source)
    try:
        columns = pyarrow.parquet.read_table(BytesIO(data)).to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{source!r} cannot be read as Parquet ({error}).") from error
    rows = [
        [None if cell != cell else cell for cell in row]  # NaN is nothing
        for row in zip(*columns.values(), strict=True)
    ]
    return Table(source, list(columns), rows, _from_one(rows), "row")


def _as_parquet(table: Table) -> bytes:
    pyarrow, buffer = _pyarrow("Parquet"), BytesIO()
    cells = {name: table.column(name) for name in table.columns}
    pyarrow.parquet.write_table(pyarrow.table(cells), buffer)
    return buffer.getvalue()


def _pyarrow(source: str) -> Any:
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise ImportError(f"{source!r}: Parquet needs pyarrow: pip install pyarrow.") from error


_READERS: dict[str, Callable[[str, bytes], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}

_WRITERS: dict[str, Callable[[Table], bytes]] = {
    ".csv": as_csv,
    ".tsv": _as_tsv,
    ".jsonl": _as_json_lines,
    ".ndjson": _as_json_lines,
    ".parquet": _as_parquet,
}

"""Tables in files: CSV, TSV, JSON lines and Parquet, each also gzipped.

CSV, TSV and JSON lines are UTF-8, with or without a byte order mark, unless another encoding is
named. Parquet needs pyarrow.
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from .._utils.files import atomic_write, read_regular
from .delimited import Record, read_csv, read_tsv, without_formulas, write_csv, write_tsv
from .magic_bytes import check_content, is_gzipped, utf_16_in
from .table import Row, Table, check_filled, check_unique, duplicates

__all__ = [
    "as_csv",
    "check_encoding",
    "check_format",
    "check_writable",
    "lines_as_table",
    "may_contain_formulas",
    "read_table",
    "write_table",
]

_UNPACKED_BYTES, _UNPACKED_BYTES_OF_A_BYTE = 2**28, 50
"""How large a gzipped table may become: texts shrink to a third, or a tenth."""


def check_writable(table: Table, path: Path) -> None:
    """Raise if the format of a file to write cannot represent a table and its columns."""
    if may_contain_formulas(path):
        return
    check_unique(table.source, table.columns, table.columns)
    if check_format(path) == ".parquet":
        _as_parquet(table)


def may_contain_formulas(path: Path) -> bool:
    """Return whether a spreadsheet may evaluate texts in a file of this format."""
    return check_format(path) in _DELIMITED


def check_encoding(name: str) -> str:
    """Return the name of a text encoding, or raise."""
    try:
        "".encode(name)  # "base64" is a codec, too, but not of text
        known = codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise ValueError(f"{name!r} is not a text encoding that Python knows") from error
    return "utf-8-sig" if known == "utf-8" else known


def check_format(path: Path) -> str:
    """Return the extension that says which format a file has, or raise."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending not in _WRITERS:
        raise ValueError(
            f"{str(path)!r} must end in {', '.join(_WRITERS)}, or in one of these and .gz: the "
            "extension says which format it has."
        )
    return ending


def read_table(path: Path, encoding: str = "utf-8-sig") -> Table:
    """Read a file in the format that its extension names.

    Raises
    ------
    ImportError
        If the format is Parquet, and pyarrow is missing.
    OSError
        If the file cannot be read.
    ValueError
        If the extension names no format, or the file has another format or no rows.
    """
    source, ending, data = str(path), check_format(path), read_regular(path)
    with _as_value_errors(f"{source!r} cannot be read as {ending}"):
        if _is_gzip_name(path):
            data = _gunzip(source, data)
        check_content(source, data, ending)
        if ending == ".parquet":
            return _nonempty(_read_parquet(source, data))
        return _nonempty(_READERS[ending](source, _decode(source, data, encoding)))


@contextmanager
def _as_value_errors(problem: str) -> Iterator[None]:
    """Blame the table for any other error: its cells may be of any type."""
    try:
        yield
    except (ImportError, MemoryError, OSError, ValueError):
        raise
    except Exception as error:
        raise ValueError(f"{problem} ({error!r}).") from error


def lines_as_table(source: str, data: bytes, encoding: str = "utf-8-sig") -> Table:
    """Return one text per line as a table of one column, "text"."""
    text = _decode(source, data, encoding)
    end = "\n" if "\n" in text else "\r"  # which ended lines on old Macs
    lines = text.removesuffix(end).split(end) if text else []
    rows: list[Row] = [[line.removesuffix("\r")] for line in lines]
    return _nonempty(Table(source, ["text"], rows, _from_one(rows)))


def _from_one(rows: list[Row]) -> list[int]:
    return list(range(1, len(rows) + 1))


def _nonempty(table: Table) -> Table:
    if not table.rows:
        raise ValueError(f"{table.source!r} has no rows.")
    return table


def write_table(table: Table, path: Path, escape_formulas: bool = False) -> None:
    """Write a table in the format that the extension names: all of it, or nothing."""
    ending = check_format(path)
    if ending in _DELIMITED:
        data = _DELIMITED[ending](table, escape_formulas)
    else:
        check_unique(table.source, table.columns, table.columns)
        data = _WRITERS[ending](table)
    with atomic_write(path) as file:
        # Without a timestamp, equal tables make equal files.
        file.write(gzip.compress(data, mtime=0) if _is_gzip_name(path) else data)


def _is_gzip_name(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _gunzip(source: str, data: bytes) -> bytes:
    limit = _UNPACKED_BYTES + _UNPACKED_BYTES_OF_A_BYTE * len(data)
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            unpacked = file.read(limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        why = (
            "it is damaged or incomplete" if is_gzipped(data) else "its name should not end in .gz"
        )
        raise ValueError(f"{source!r} cannot be unpacked ({error}): {why}.") from error
    if len(unpacked) > limit:
        raise ValueError(
            f"{source!r} would become larger than {limit:,} bytes: texts hardly ever compress "
            "so well. Unpack it yourself if it is a table."
        )
    return unpacked


def _decode(source: str, data: bytes, encoding: str) -> str:
    utf_16 = utf_16_in(data)
    if encoding == "utf-8-sig" and utf_16:
        raise ValueError(f"{source!r} line 1 is not UTF-8 but UTF-16: add --encoding {utf_16}.")
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except UnicodeError as error:
        if not isinstance(error, UnicodeDecodeError):  # some encodings raise this
            raise ValueError(f"{source!r} is not {encoding} ({error}).") from error
        line = error.object.count(b"\n", 0, error.start) + 1
        name = "UTF-8" if encoding == "utf-8-sig" else encoding
        raise ValueError(
            f"{source!r} line {line} is not {name} ({error.reason}). Name its encoding, "
            "such as --encoding cp1252 (Windows in western Europe and America)."
        ) from error


# ---- CSV and TSV -----------------------------------------------------------------------------


def _read_csv(source: str, text: str) -> Table:
    return _from_records(source, read_csv(source, text))


def _read_tsv(source: str, text: str) -> Table:
    return _from_records(source, read_tsv(source, text))


def _from_records(source: str, records: list[Record]) -> Table:
    if not records:
        raise ValueError(f"{source!r} is empty: expected a first line with names of columns.")
    columns, records = records[0].cells, records[1:]
    n_filled = sum(len(cells) for _, cells in records)
    check_filled(source, n_filled, len(records), len(columns))
    rows: list[Row] = [[*cells, *[None] * (len(columns) - len(cells))] for _, cells in records]
    n_fields = {
        row: len(cells) for row, (_, cells) in enumerate(records) if len(cells) < len(columns)
    }
    return Table(source, columns, rows, [line for line, _ in records], n_fields=n_fields)


def as_csv(table: Table, escape_formulas: bool = False) -> bytes:
    """Return a table as CSV, in UTF-8; if asked, with no formula in it."""
    return _encode(write_csv(_with_header(table, "," if escape_formulas else None)))


def _as_tsv(table: Table, escape_formulas: bool = False) -> bytes:
    return _encode(write_tsv(_with_header(table, "\t" if escape_formulas else None)))


def _with_header(table: Table, escape: Literal[",", "\t"] | None) -> list[Row]:
    with _as_value_errors(f"{table.source!r} cannot be written"):
        rows = [table.columns, *([_as_cell(cell) for cell in row] for row in table.rows)]
    return rows if escape is None else without_formulas(rows, escape)


def _as_cell(cell: Any) -> Any:
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else cell


def _encode(text: str) -> bytes:
    # Half a surrogate pair has no UTF-8. It can only come from JSON, which reads this back.
    return text.encode("utf-8", "backslashreplace")


# ---- JSON lines ------------------------------------------------------------------------------


def _read_json_lines(source: str, text: str) -> Table:
    records: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            records[number] = _parse_object(source, number, line)
    columns = list(dict.fromkeys(name for record in records.values() for name in record))
    check_filled(source, sum(map(len, records.values())), len(records), len(columns))
    rows = [[record.get(name) for name in columns] for record in records.values()]
    return Table(source, columns, rows, list(records))


def _parse_object(source: str, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(
            line,
            parse_constant=lambda _: None,  # NaN is an empty cell
            object_pairs_hook=_object_of_pairs,
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{source!r} line {number} is not JSON ({error}): expected one object per line."
        ) from error
    if not isinstance(record, dict):
        raise ValueError(
            f"{source!r} line {number} contains a {type(record).__name__}: expected an object "
            'with names, such as {"text": "So good", "label": "positive"}.'
        )
    return record


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, or raise if a name occurs twice: Python would keep its last value."""
    record = dict(pairs)
    if len(record) < len(pairs):
        (twice, *_) = duplicates(name for name, _ in pairs)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return record


def _as_json_lines(table: Table) -> bytes:
    records = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    lines = (json.dumps(record, ensure_ascii=False, default=str) for record in records)
    with _as_value_errors(f"{table.source!r} cannot be written"):
        return _encode("".join(f"{line}\n" for line in lines))


# ---- Parquet ---------------------------------------------------------------------------------


def _read_parquet(source: str, data: bytes) -> Table:
    pyarrow = _pyarrow(source)
    try:
        table = pyarrow.parquet.read_table(BytesIO(data))
        names = list(table.column_names)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        raise ValueError(f"{source!r} cannot be read as Parquet ({error}).") from error
    columns = [
        _cells(source, name, column) for name, column in zip(names, table.columns, strict=True)
    ]
    rows = list(map(list, zip(*columns, strict=True)))
    return Table(source, names, rows, _from_one(rows), "row")


def _cells(source: str, name: str, column: Any) -> list[Any]:
    try:
        return [None if cell != cell else cell for cell in column.to_pylist()]  # NaN is empty
    except MemoryError:
        raise
    except Exception as error:  # Python has no date beyond the year 9999, among others
        raise ValueError(
            f"{source!r}: {name!r} has cells of type {column.type} that Python cannot "
            f"represent ({error}). Leave the column out, or write it as text."
        ) from error


def _as_parquet(table: Table) -> bytes:
    pyarrow, buffer = _pyarrow("Parquet"), BytesIO()
    cells = dict(zip(table.columns, map(list, zip(*table.rows, strict=True)), strict=True))
    try:
        pyarrow.parquet.write_table(pyarrow.table(cells), buffer)
    except MemoryError:
        raise
    except Exception as error:  # numbers too large, half surrogate pairs, mixed types
        raise ValueError(
            f"{table.source!r} cannot be written as Parquet ({error}). Write .jsonl or .csv."
        ) from error
    return buffer.getvalue()


def _pyarrow(source: str) -> Any:
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise ImportError(f"{source!r}: Parquet needs pyarrow: pip install pyarrow.") from error


_READERS: dict[str, Callable[[str, str], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
}

_DELIMITED: dict[str, Callable[[Table, bool], bytes]] = {".csv": as_csv, ".tsv": _as_tsv}

_WRITERS: dict[str, Callable[[Table], bytes]] = {
    ".csv": as_csv,
    ".tsv": _as_tsv,
    ".jsonl": _as_json_lines,
    ".ndjson": _as_json_lines,
    ".parquet": _as_parquet,
}

"""CSV and TSV: from text to records of cells, and back.

Reading CSV takes four steps. A field in quotation marks may contain separators, line breaks and,
doubled, quotation marks.

1. The separator is the first of four candidates that occurs in the header, outside quotes.
2. The csv module parses the text by it, strictly.
3. ``good, "pos"``: if quotes follow spaces, the text is parsed a second time without these
   spaces, and the second result is taken if only that makes the rows equally long, or if it
   removes quotes.
4. Not all programs that write CSV quote. In their files a lone quotation mark in one text and
   another one 50 rows later would join these 50 rows into one field, silently. So fields with
   line breaks are suspects: where the lines inside them look like rows (`_joins_rows`), in half
   of these fields or more, the file is refused. No row is lost.

A file in which every field but numbers is quoted skips 3 and 4: its program does quote.

In TSV a quotation mark is an ordinary character, and each line is a row, except where only one
meaning is possible:

- Every field but numbers is in quotation marks, as R, ``csv.QUOTE_ALL`` and `write_tsv` write.
- Lines have too few fields, and pairs of quotation marks join them to rows, as pandas writes
  texts with line breaks.

The patterns have possessive quantifiers (``*+``), so that they do not backtrack through a file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import islice, pairwise
from typing import Any, Literal, NamedTuple

__all__ = ["Record", "read_csv", "read_tsv", "without_formulas", "write_csv", "write_tsv"]

_SIGNS = "=+@\uff1d\uff0b\uff0d\uff20-"
"""What formulas begin with, including full-width signs, in a Japanese locale."""

_IGNORED = r"[ \x00-\x08\x0b\x0c\x0e-\x1f\x85\xa0\u2000-\u200b\u3000\ufeff]*"
"""What a spreadsheet may ignore before them."""

_LONGEST_FIELD = 2**31 - 1
"""The largest limit that the csv module accepts on every system."""

_SEPARATORS = ",;\t|"
"""What may separate the fields of a .csv file; a semicolon where a comma is the decimal point."""

_ENOUGH_RECORDS = 1_000
"""Texts with line breaks that suffice to tell whether the program that wrote a file quotes."""

_QUOTED = r'"[^"]*+(?:""[^"]*+)*+"'
_NUMBER = r"[-+]?[\d.]*+(?:[eE][-+]?\d++)?+"
_LINE_BREAK = re.compile(r"\r\n|\r|\n")

# No tabs between these quotation marks: a pair with a tab inside may belong to two texts.
_QUOTED_OVER_LINES = re.compile(
    r'(?:(?:[^"\t\r\n]*+|"[^"\t]*+(?:""[^"\t]*+)*+")(?:[\t\r\n]|\Z))*+'
)


class Record(NamedTuple):
    """One row of a file, and the line on which it begins, counted from 1."""

    line: int
    cells: list[str]


# ---- Read ------------------------------------------------------------------------------------


def read_csv(source: str, text: str) -> list[Record]:
    """Return the records of a CSV file that are not blank, its header first.

    Fields are separated as in the header: by commas, semicolons, tabs (then the file is read as
    TSV) or vertical bars.

    Raises
    ------
    ValueError
        If quotation marks are not in pairs, or seem not to be, or a row has too many fields.
    """
    separator = _separator(text)  # 1
    if separator == "\t":
        return read_tsv(source, text)
    records = _parse(source, text, separator)  # 2
    if not _quotes_every_text(text, separator):
        records = _without_spaces_before_quotes(source, text, separator, records)  # 3
        _check_no_row_is_swallowed(source, text, records, separator)  # 4
    hint = f"A text with {separator!r} in it must be quoted."
    return _cut_to_header(source, records, hint)


def read_tsv(source: str, text: str) -> list[Record]:
    """Return the records of a TSV file that are not blank, its header first.

    Raises
    ------
    ValueError
        If a row has too many fields.
    """
    if _quotes_every_text(text, "\t"):
        records = _parse(source, text, "\t")
    else:
        records = _split_at_tabs(text)
        if not _is_rectangular(records) and _QUOTED_OVER_LINES.fullmatch(text):
            joined = _parse(source, text, "\t")
            records = joined if _is_rectangular(joined) else records
    hint = "An unquoted field of a TSV file cannot contain a tab: use .csv or .jsonl."
    return _cut_to_header(source, records, hint)


def _separator(text: str) -> str:
    header = re.match(rf'[\r\n]*+((?:{_QUOTED}|[^"\r\n]|")*+)', text)
    names = re.sub(_QUOTED, "", header[1]) if header else ""
    return next((separator for separator in _SEPARATORS if separator in names), ",")


def _quotes_every_text(text: str, separator: str) -> bool:
    """Return whether the names in the header, and all fields but numbers, are in quotes."""
    field, end = f"(?:{_QUOTED}|{_NUMBER})", rf"(?:{re.escape(separator)}|[\r\n]++|\Z)"
    header = rf"[\r\n]*+{_QUOTED}(?:{re.escape(separator)}{_QUOTED})*+(?:[\r\n]|\Z)"
    return bool(re.match(header, text) and re.fullmatch(f"[\r\n]*+(?:{field}{end})*+", text))


def _parse(source: str, text: str, separator: str, skip_spaces: bool = False) -> list[Record]:
    """Return the records that the csv module reads."""
    # Old Macs end lines with a carriage return. In other files, one within a line ends no row.
    lines = StringIO(text, newline="\n" if "\n" in text else "")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=skip_spaces, strict=True)
    line, records = 1, []
    try:
        with _fields_of_any_length():
            for cells in reader:
                records.append(Record(line, cells))
                line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(_complaint(source, line, error)) from error
    return _not_blank(records)


def _complaint(source: str, line: int, error: csv.Error) -> str:
    if "new-line" in str(error):
        return (
            f"{source!r} line {line} contains a carriage return outside quotation marks. Quote "
            "the text, or end all lines alike."
        )
    return (
        f"{source!r}: what begins on line {line} cannot be read ({error}). In a text that is in "
        "quotation marks, each quotation mark must be doubled."
    )


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _split_at_tabs(text: str) -> list[Record]:
    """Return the lines as records, split at tabs."""
    lines = text.split("\n" if "\n" in text else "\r")
    bare = (line.rstrip("\r") for line in lines)
    rows = (line.split("\t") if line else [] for line in bare)
    return _not_blank([Record(number, row) for number, row in enumerate(rows, start=1)])


def _not_blank(records: list[Record]) -> list[Record]:
    """Leave out empty lines, and lines of spaces where there are several columns."""
    filled = [record for record in records if record.cells]
    if not filled or len(filled[0].cells) == 1:
        return filled
    return [record for record in filled if len(record.cells) > 1 or record.cells[0].strip()]


def _is_rectangular(records: list[Record]) -> bool:
    return len({len(record.cells) for record in records}) <= 1


def _cut_to_header(source: str, records: list[Record], hint: str) -> list[Record]:
    """Cut off cells beyond the header's, which must be empty."""
    width = len(records[0].cells) if records else 0
    for line, cells in records:
        if any(cell.strip() for cell in cells[width:]):
            raise ValueError(
                f"{source!r} line {line} has {len(cells)} fields, but the first line names "
                f"{width} {'column' if width == 1 else 'columns'}. {hint}"
            )
    return [Record(line, cells[:width]) for line, cells in records]


# ---- Quotation marks that may belong to texts ------------------------------------------------


def _without_spaces_before_quotes(
    source: str, text: str, separator: str, plain: list[Record]
) -> list[Record]:
    """Return the records, parsed again if quotes follow spaces: ``good film, "pos"``."""
    if not re.search(rf'(?:^|{re.escape(separator)}) +"', text, flags=re.MULTILINE):
        return plain
    try:
        spaced = _parse(source, text, separator, skip_spaces=True)
    except ValueError:
        return plain
    if not _is_rectangular(spaced):
        return plain
    if not _is_rectangular(plain):
        return spaced
    return spaced if _unquotes(plain, spaced) else plain


def _unquotes(plain: list[Record], spaced: list[Record]) -> bool:
    """Return whether as many records differ in more than spaces: quotes were removed."""
    return len(plain) == len(spaced) and any(
        new not in (old, old.lstrip(" "))
        for (_, before), (_, after) in zip(plain, spaced, strict=True)
        for old, new in zip(before, after, strict=True)
    )


def _check_no_row_is_swallowed(
    source: str, text: str, records: list[Record], separator: str
) -> None:
    """Raise if quotation marks that belong to texts seem to have joined rows.

    Only quoted texts can contain line breaks. A line of such a text may look like a row by
    chance, but where half of these texts have such lines, the program that wrote the file does
    not quote. Nor does it where an unquoted field contains a quotation mark: then every field
    with a line break is suspect.
    """
    quoted = (record for record in records[1:] if any(map(_LINE_BREAK.search, record.cells)))
    over_lines = list(islice(quoted, _ENOUGH_RECORDS))
    if not over_lines:
        return
    suspects = over_lines
    if _quotes_each_mark(text, separator):
        columns = _shapes(records)
        suspects = [it for it in over_lines if _joins_rows(it.cells, columns, separator)]
    if 2 * len(suspects) >= len(over_lines):
        raise ValueError(
            f"{source!r} line {suspects[0].line}: a quotation mark opens a field that contains "
            "the following lines, which look like rows. A field with a quotation mark in it must "
            "be quoted, and the mark doubled. If these lines are one text, quote every field of "
            "the file."
        )


def _quotes_each_mark(text: str, separator: str) -> bool:
    """Return whether all quotation marks are in quoted fields: the program may quote."""
    field, end = rf' *+{_QUOTED}|[^"{separator}\r\n]*+', rf"[{separator}\r\n]|\Z"
    return bool(re.fullmatch(f"(?:(?:{field})(?:{end}))*+", text))


def _shape(cell: str) -> str:
    """Return a cell with 0 for each number: all dates, numbers or codes have one shape."""
    return re.sub(r"\d+", "0", cell)


def _shapes(records: list[Record]) -> list[set[str]]:
    """Return for each column the shapes of its cells that are not blank."""
    width = len(records[0].cells)
    full = (cells for _, cells in records[1:] if len(cells) == width)
    return [set(map(_shape, filter(str.strip, cells))) for cells in zip(*full, strict=True)]


def _joins_rows(cells: list[str], columns: list[set[str]], separator: str) -> bool:
    """Return whether at half of the line breaks in a record, or more, a row could end or begin.

    If a mark in column 1 of four has swallowed rows, its cell is ``…text,pos,May⏎7,text…``: before
    the line break are the end of a text and the cells of columns 2 and 3, after it the cell of
    column 0 and the start of a text. It counts if one of these cells has a shape that its column
    has elsewhere.
    """
    breaks = []
    for place, cell in enumerate(cells):
        lines = [line.split(separator) for line in _LINE_BREAK.split(cell)]
        breaks += [
            _may_end_row(before, columns, place + 1) or _may_begin_row(after, columns, place)
            for before, after in pairwise(lines)
        ]
    return 2 * sum(breaks) >= len(breaks)


def _may_end_row(fields: list[str], columns: list[set[str]], start: int) -> bool:
    """Return whether a line could end with a text, then cells of the columns from `start` on.

    Only as many are compared as the line has: there may be many lines, and many columns.
    """
    places = range(start, len(columns))
    last = fields[len(fields) - len(places) :] if len(places) < len(fields) else []
    return len(last) == len(places) and _any_fits(last, map(columns.__getitem__, places))


def _may_begin_row(fields: list[str], columns: list[set[str]], stop: int) -> bool:
    """Return whether a line could begin with cells of the columns before `stop`, then a text.

    "1, cheap" could not, because of its space: it is a line of a list.
    """
    return (
        len(fields) > stop
        and not fields[stop].startswith(" ")
        and _any_fits(fields, islice(columns, stop))
    )


def _any_fits(fields: list[str], columns: Iterable[set[str]]) -> bool:
    return any(_shape(cell) in column for cell, column in zip(fields, columns, strict=False))


# ---- Write -----------------------------------------------------------------------------------


class _Lines(list[str]):
    """What the csv module writes, a line at a time, ended by a line feed alone.

    If csv itself were to end lines that way, it would leave carriage returns in texts unquoted.
    """

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def write_csv(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows, of which the first is the header, as CSV."""
    # Whatever could make a reader of these rows guess: then it must not have to.
    ambiguous_name = re.compile(rf"^\ufeff|[{re.escape(_SEPARATORS)}]")
    is_ambiguous = any(_LINE_BREAK.search(str(cell)) for row in rows for cell in row)
    is_ambiguous |= any(ambiguous_name.search(str(name)) for name in rows[0])
    return _format(rows, ",", csv.QUOTE_ALL if is_ambiguous else csv.QUOTE_MINIMAL)


def write_tsv(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows, of which the first is the header, as TSV.

    Nothing is quoted, or everything if a cell has a tab or a line break.
    """
    needs_quotes = re.compile(r"[\t\r\n]")
    quoted = any(needs_quotes.search(str(cell)) for row in rows for cell in row)
    quoted |= any(str(name).startswith(('"', "\ufeff")) for name in rows[0])
    quoted |= any(list(row) in ([""], [None]) for row in rows)  # it would be a blank line
    if quoted:
        return _format(rows, "\t", csv.QUOTE_ALL)
    lines = ("\t".join("" if cell is None else str(cell) for cell in row) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def without_formulas(
    rows: Iterable[Sequence[Any]], separator: Literal[",", "\t"]
) -> list[list[Any]]:
    """Return rows with an apostrophe before whatever a spreadsheet would evaluate as a formula.

    A spreadsheet with other settings may begin a cell after other separators and line breaks,
    too. Numbers stay as they are, including those that are texts.
    """
    # All readers of .csv know that commas separate: within quotation marks, they do not.
    ends = "[" + re.escape((_SEPARATORS if separator == "\t" else _SEPARATORS[1:]) + "\r\n") + "]"
    number = rf"[-+]?[.,]?\d+(?:[.,]\d+)*[.,]?(?:[eE][-+]?\d+)?%? *(?:\Z|{ends})"
    formula = rf"{_IGNORED}(?=[{_SIGNS}])(?!{number})"
    start = re.compile(rf"\A(?=[\t\r]|{formula})|(?<={ends})(?={formula})")
    return [[start.sub("'", it) if isinstance(it, str) else it for it in row] for row in rows]


def _format(rows: Iterable[Sequence[Any]], separator: str, quoting: Literal[0, 1]) -> str:
    lines = _Lines()
    csv.writer(lines, delimiter=separator, quoting=quoting).writerows(rows)
    return "".join(lines)

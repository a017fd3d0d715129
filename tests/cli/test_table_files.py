"""Tables in files: what is wrong with one is said in one line; none takes more than it holds."""

import datetime
import decimal
import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sklearn_rnn._cli import table as _table_rows
from sklearn_rnn._cli.table import Table, check_filled, check_unique
from sklearn_rnn._cli.table_columns import labels_in
from sklearn_rnn._cli.table_files import check_writable, read_table, write_table


def problem(read, *arguments):
    """Return what a ValueError says, or nothing if there is none."""
    try:
        read(*arguments)
    except ValueError as error:
        return str(error)
    return ""


# ---- Parquet ---------------------------------------------------------------------------------

FAR = 2**62  # beyond the year 9999 in any unit but nanoseconds


@pytest.mark.parametrize(
    "column",
    [
        pa.array([FAR], pa.timestamp("ms")),
        pa.array([FAR], pa.timestamp("us", tz="UTC")),
        pa.array([-FAR], pa.timestamp("ms")),
        pa.array([2**31 - 1], pa.date32()),
        pa.array([FAR], pa.date64()),
        pa.array([FAR], pa.duration("s")),
        pa.array([2**62], pa.time64("us")),
        pa.array([[FAR]], pa.list_(pa.timestamp("ms"))),
        pa.array([0], pa.timestamp("s", tz="Mars/Olympus")),
    ],
    ids=lambda column: str(column.type),
)
def test_dates_that_python_does_not_know_are_named_with_their_column(tmp_path, column):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["so good"], "when": column}), path)
    with pytest.raises(ValueError, match=r"t.parquet'(: 'when' has| cannot be read as)") as raised:
        read_table(path)
    assert "\n" not in str(raised.value)


def test_what_python_knows_is_read(tmp_path):
    path, now = tmp_path / "t.parquet", datetime.datetime(2024, 2, 29, 12)
    row = {"text": "so good", "when": now, "price": decimal.Decimal("1.50"), "raw": b"\x00"}
    pq.write_table(pa.Table.from_pylist([row]), path)
    assert read_table(path).rows == [list(row.values())]


@pytest.mark.parametrize(
    "cells", [[2**70, 1], ["\ud83d", "a"], [1, "a"], [[1], 2], [{"a": 1}, 3]], ids=str
)
def test_what_parquet_cannot_hold_is_said_before_anything_is_predicted(tmp_path, cells):
    table = Table("ours", ["text", "n"], [["so", cells[0]], ["good", cells[1]]], [1, 2])
    for write in (check_writable, write_table):
        with pytest.raises(ValueError, match="'ours' cannot be written as Parquet"):
            write(table, tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())


# ---- Whatever is in a file -------------------------------------------------------------------


def test_an_object_within_objects_within_objects_is_read_and_written_or_refused(tmp_path):
    for depth in (10, 200, 400, 600, 800, 950, 100_000):
        path = tmp_path / "deep.jsonl"
        path.write_text('{"text": "a", "n": ' + "[" * depth + "]" * depth + "}\n")
        said = problem(read_table, path)
        assert len(said.splitlines()) <= 1
        for ending in ("csv", "jsonl", "parquet") if not said else ():
            said = problem(write_table, read_table(path), tmp_path / f"out.{ending}")
            assert len(said.splitlines()) <= 1


@pytest.mark.parametrize("encoding", ["idna", "punycode", "utf-7", "unicode_escape", "utf-32"])
@pytest.mark.parametrize("data", [b"text\n" + b"\xff.." * 99, b"+AGE\\u\n\\N{none}", b".\n\xe4"])
@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
def test_any_encoding_fails_with_the_file_s_name(tmp_path, encoding, data):
    (tmp_path / "t.csv").write_bytes(data)
    assert "t.csv'" in (problem(read_table, tmp_path / "t.csv", encoding) or "t.csv'")


@pytest.mark.skipif(os.name != "posix", reason="has no such files")
def test_a_fifo_is_no_table_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(OSError, match="is a FIFO"):
        read_table(tmp_path / "t.csv")


# ---- Large tables ----------------------------------------------------------------------------


class Name(str):
    """Counts how often it is compared."""

    n_compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Name.n_compared += 1
        return str.__eq__(self, other)


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_names_of_columns_are_compared_a_few_times_each(tmp_path, ending, twice):
    names = [Name(f"column {i}") for i in range(400)]
    if twice:
        names.append(Name("column 399"))
    table = Table("ours", names, [[0] * len(names)], [1])
    Name.n_compared = 0
    said = problem(write_table, table, tmp_path / f"t{ending}")
    assert twice == ("more than one column 'column 399'" in said)
    assert Name.n_compared <= 10 * len(names)


def test_the_first_of_several_names_is_named():
    with pytest.raises(ValueError, match="more than one column 'b'"):
        check_unique("ours", ["a", "b", "c"], ["c", "b", "a", "b", "c"])


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("t.csv", [",".join(f"c{i}" for i in range(9_000)), *["x"] * 9_000]),
        ("t.tsv", ["\t".join(f"c{i}" for i in range(9_000)), *["x"] * 9_000]),
        ("t.jsonl", [json.dumps({f"c{i}": 1}) for i in range(9_000)]),
        ("t.csv.gz", [",".join(f"c{i}" for i in range(9_000)), *["x"] * 9_000]),
    ],
)
def test_a_small_file_is_not_made_a_table_of_empty_cells(tmp_path, name, lines):
    data = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(ValueError, match=r"9,000 rows and 9,000 columns, .* Leave out columns"):
        read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("n_filled", "n_rows", "n_columns"),
    [(1, 1_000, 10_000), (10**6, 10**5, 500), (400_000, 10**4, 2_000), (0, 0, 10**9)],
)
def test_large_and_sparse_tables_are_read(n_filled, n_rows, n_columns):
    check_filled("ours", n_filled, n_rows, n_columns)
    assert _table_rows._MANY_CELLS == 10**7


# ---- Labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [[1.5, 2], [1.0, 2.5], [1, 2.5], [1e-300, 1.0], [1.0, 1e999], [1e308, 1.0], [10**400, 1]],
)
def test_amounts_as_labels_name_the_option_that_learns_them(labels):
    table = Table("ours", ["text", "label"], [["a", label] for label in labels * 3], [*range(6)])
    with pytest.raises(ValueError, match=r"has .* in 'label': .* add --regression"):
        labels_in(table, "label", range(6))


@pytest.mark.parametrize(
    "labels", [[1.0, 2.0], [1, 2], ["1.5", "2.5"], [True, False], [2**63 - 1, 0]]
)
def test_names_and_whole_numbers_are_labels(labels):
    table = Table("ours", ["text", "label"], [["a", label] for label in labels * 3], [*range(6)])
    assert labels_in(table, "label", range(6)).tolist() == labels * 3

"""Tables in files: what is wrong with one is said in one line; none takes more than it holds."""

import csv
import datetime
import decimal
import gzip
import io
import json
import os
import sys

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command_line import FORMATS, TRICKY, failure, run, write_csv
from sklearn_rnn._cli.table import Table
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


# ---- Formats ---------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_table_comes_back_as_it_was(tmp_path, ending, packed):
    path = tmp_path / f"table.{ending}{packed}"
    rows = [[text, f"label {i}"] for i, text in enumerate(TRICKY)]
    write_table(Table("ours", ["text", "a, b"], rows, []), path)
    read = read_table(path)
    assert read.columns == ["text", "a, b"]
    assert read.rows == rows


def by_pandas(path):
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    if name.endswith("sv"):
        return pd.read_csv(path, sep="\t" if name.endswith(".tsv") else ",", dtype={"n": str})
    return pd.read_json(path, lines=True, dtype={"n": str})


@pytest.mark.parametrize("ending", [*FORMATS, "csv.gz", "jsonl.gz"])
def test_another_program_reads_the_answers(trained, tmp_path, ending):
    texts = [text for text in TRICKY if "\x00" not in text and "\r" not in text]
    table = write_csv(tmp_path / "in.csv", [("n", "text"), *enumerate(texts)])
    path = tmp_path / f"out.{ending}"
    assert run("predict", trained.path, table, "--out", path) == 0
    read, model = by_pandas(path), joblib.load(trained.path)
    assert list(read) == ["n", "text", "prediction", "probability"]
    assert read["n"].tolist() == [str(i) for i in range(len(texts))]
    assert read["text"].tolist() == texts
    assert read["prediction"].tolist() == model.predict(texts).tolist()
    probabilities = model.predict_proba(texts).max(axis=1)
    np.testing.assert_allclose(read["probability"], probabilities, atol=1e-6)


@pytest.mark.parametrize("ending", FORMATS)
def test_what_another_program_wrote_is_read(trained, tmp_path, capsys, ending):
    frame = pd.DataFrame({"stars": [1, 2], "text": ["так себе", 'a "good" film\n了']})
    path = tmp_path / f"in.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    elif ending.endswith("sv"):
        frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    else:
        frame.to_json(path, orient="records", lines=True)
    assert run("predict", trained.path, path) == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))]
    assert [row["text"] for row in answers] == frame["text"].tolist()
    assert [row["stars"] for row in answers] == ["1", "2"]


def read_bytes(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return read_table(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bom.csv", b"\xef\xbb\xbftext,n\ngood,1\n"),
        ("bom.jsonl", b'\xef\xbb\xbf{"text": "good", "n": "1"}\n'),
        ("semicolons.csv", b"text;n\r\ngood;1\r\n"),
        ("old.csv", b"text,n\rgood,1"),
        ("BIG.CSV.GZ", gzip.compress(b"text,n\ngood,1\n", mtime=0)),
        ("gaps.csv", b"\ntext,n\n\n\ngood,1\n\n"),
        ("gaps.ndjson", b'\n{"text": "good", "n": "1"}\r\n\r\n'),
    ],
)
def test_tables_are_read_as_programs_write_them(tmp_path, name, data):
    table = read_bytes(tmp_path, name, data)
    assert (table.columns, table.rows) == (["text", "n"], [["good", "1"]])


def test_the_line_of_a_row_counts_the_lines_of_texts(tmp_path):
    table = read_bytes(tmp_path, "t.csv", b'text,n\r\n"a\r\nb\nc",1\r\n\r\nd,2\n')
    assert [table.place(row) for row in (0, 1)] == ["line 2", "line 6"]


def test_a_text_may_be_longer_than_csv_s_own_limit(tmp_path):
    limit = csv.field_size_limit()
    table = read_bytes(tmp_path, "t.csv", b"text\n" + b"x" * (limit + 1))
    assert len(table.rows[0][0]) == limit + 1
    assert csv.field_size_limit() == limit


def test_json_lines_may_have_different_names_and_half_characters(tmp_path):
    lines = b'{"text": "\\ud83d", "n": NaN}\n{"text": "b", "m": [1]}\n'
    table = read_bytes(tmp_path, "t.jsonl", lines)
    assert table.columns == ["text", "n", "m"]
    assert table.rows == [["\ud83d", None, None], ["b", None, [1]]]
    write_table(table, tmp_path / "again.jsonl")
    assert read_table(tmp_path / "again.jsonl").rows == table.rows
    write_table(table, tmp_path / "again.csv")
    assert read_table(tmp_path / "again.csv").rows == [["\\ud83d", "", ""], ["b", "", "[1]"]]


def test_what_is_missing_in_parquet_is_nothing(tmp_path):
    pd.DataFrame({"text": ["a", None], "n": [1.5, np.nan]}).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.rows == [["a", 1.5], [None, None]]
    assert table.place(1) == "row 2"


# Files that cannot be read, and what is said of each.
DAMAGED = [
    ("t.csv", b"", "is empty: expected a first line with names of columns"),
    ("t.csv", b"text,label\n", "has no rows"),
    ("t.jsonl", b"\n", "has no rows"),
    ("t.csv", b"text,text\na,b\n", "has more than one column 'text'"),
    ("t.csv", b"text,label\na,b\nc,d,e\n", "line 3 has 3 fields, but the first line names 2"),
    ("t.csv", b'text,label\n"a,b\nc,d\n', "what begins on line 2 cannot be read (unexpected"),
    ("t.csv", b'text,label\n"a" b,c\n', "each quotation mark must be doubled"),
    ("t.csv", "text\nfin\nété\n".encode("latin-1"), "line 3 is not UTF-8"),
    ("t.csv", "text\nfin\n".encode("utf-16"), "line 1 is not UTF-8"),
    ("t.csv.gz", b"text\na\n", "cannot be unpacked (Not a gzipped file"),
    ("t.csv.gz", gzip.compress(b"text\na\n", mtime=0)[:-9], "cannot be unpacked"),
    ("t.csv.gz", gzip.compress(bytes(300 << 20), mtime=0), "hardly ever compress so well"),
    ("t.jsonl", b'{"text": "a"}\n{"text": }\n', "line 2 is not JSON (Expecting value"),
    ("t.jsonl", b"[" * 100_000, "line 1 is not JSON"),
    ("t.jsonl", b'["a"]\n', "line 1 contains a list: expected an object with names"),
    ("t.parquet", b"PAR1", "cannot be read as Parquet"),
    ("t.jsonl", b'{"text": ["a"], "label": 1}\n', "line 1 has a list in 'text': expected a te"),
    ("t.jsonl", b'{"text": "a", "label": {}}\n', "line 1 has a dict in 'label': expected one"),
]


@pytest.mark.parametrize(("name", "data", "message"), DAMAGED)
def test_a_file_that_cannot_be_read_says_where_it_is_wrong(
    tmp_path, out, capsys, name, data, message
):
    (tmp_path / name).write_bytes(data)
    assert message in failure(
        capsys, "train", tmp_path / name, "--label", "label", "--text", "text", "--out", out
    )


def test_parquet_without_pyarrow_says_what_to_install(trained, reviews, capsys, monkeypatch):
    table = reviews.with_suffix(".parquet")
    table.touch()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install pyarrow" in failure(capsys, "predict", trained.path, table)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_is_read_in_the_encoding_that_is_named(tmp_path, encoding):
    (tmp_path / "t.csv").write_bytes("text,label\ncafé,+\n".encode(encoding))
    assert read_table(tmp_path / "t.csv", encoding).rows == [["café", "+"]]


def test_columns_of_one_name_are_not_lost(tmp_path):
    table = Table("t.csv", ["a", "a"], [["1", "2"]], [])
    write_table(table, tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").rows == [["1", "2"]]
    for name in ("t.jsonl", "t.parquet"):
        with pytest.raises(ValueError, match="more than one column 'a'"):
            write_table(table, tmp_path / name)
        assert not (tmp_path / name).exists()

"""A file that is something else than its name says is known by how it begins."""

import gzip
import io
import zipfile

import pytest

from sklearn_rnn._cli.table_files import read_table


def archive(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name in names:
            packed.writestr(name, "text,label\ngood,+\n")
    return file.getvalue()


TABLE = "text,label\ngood,+\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.csv", gzip.compress(TABLE.encode(), mtime=0), "is gzipped. Rename it to end in .gz"),
        ("t.csv.gz", gzip.compress(gzip.compress(b"text", mtime=0), mtime=0), "is gzipped"),
        ("t.csv.gz", TABLE.encode(), "its name should not end in .gz"),
        ("t.csv.gz", gzip.compress(TABLE.encode(), mtime=0)[:-5], "it is damaged or incomplete"),
        ("t.csv", archive("t.csv"), "is a ZIP archive"),
        ("t.tsv", archive("[Content_Types].xml", "xl/workbook.xml"), "is an Excel workbook"),
        ("t.parquet", archive("xl/workbook.xml"), "is an Excel workbook"),
        ("t.csv", b"PAR1 PAR1", "is a Parquet file. Rename it to end in .parquet"),
        ("t.csv", b"\n<!DOCTYPE html>\n<html>", "is a web page"),
        ("t.jsonl", b"\xef\xbb\xbf<html lang='en'>", "is a web page"),
        ("t.csv", b'{"text": "good", "label": 1}\n', "contains JSON. Rename it to end in .jsonl"),
        ("t.jsonl", b'[{"text": "good"}]', "is a JSON array. Write one object per line"),
        ("t.jsonl", b'[\n  {\n"text": "good"}\n]', "is a JSON array"),
        ("t.jsonl", b'{\n  "text": "good"\n}', "line 1 is not JSON"),
        ("t.jsonl", b'{"text": "a", "text": "b"}', "the name 'text' occurs twice"),
        (
            "t.csv",
            b"version https://git-lfs.github.com/spec/v1\noid",
            'Fetch that with "git lfs pull"',
        ),
        ("t.csv", TABLE.encode("utf-16"), "not UTF-8 but UTF-16: add --encoding utf-16."),
        ("t.csv", TABLE.encode("utf-16-le"), "add --encoding utf-16-le."),
        ("t.tsv", TABLE.encode("utf-16-be"), "add --encoding utf-16-be."),
        ("t.csv", "text\ncafé\n".encode("cp1252"), "line 2 is not UTF-8 (invalid continuation"),
    ],
)
def test_a_file_of_another_kind_than_its_name_says_is_named(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"^'.*' ") as caught:
        read_table(path)
    assert message in str(caught.value)

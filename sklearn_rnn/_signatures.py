"""What a file is by its first bytes, where its name says something else."""

from __future__ import annotations

import re

__all__ = ["is_gzipped", "is_utf_16", "mistaken"]

_GZIP = b"\x1f\x8b"

# How files begin, what they are then, and what to do.
_NO_TEXT = [
    (rb"\x1f\x8b", "is gzipped", "Let its name end in .gz"),
    (rb"PAR1", "is a Parquet file", "Let its name end in .parquet"),
    (rb"PK\x03\x04.*xl/", "is an Excel workbook", 'Save it as "CSV UTF-8"'),
    (rb"\xd0\xcf\x11\xe0", "is an old Excel workbook", 'Save it as "CSV UTF-8"'),
    (rb"PK\x03\x04", "is a ZIP archive", "Unpack it, and give a table from it"),
    (rb"BZh[1-9]1AY&SY", "is compressed by bzip2", "Unpack it"),
    (rb"\xfd7zXZ\x00", "is compressed by xz", "Unpack it"),
    (rb"\x28\xb5\x2f\xfd", "is compressed by zstd", "Unpack it"),
    (rb"SQLite format 3\x00", "is an SQLite database", "Export a table from it as CSV"),
    (rb"%PDF-", "is a PDF document", "Give a table"),
    (
        rb"(?i:(\xef\xbb\xbf)?\s*<(!doctype html|html|head|\?xml)\b)",
        "is a web page or XML",
        "Download the table, not the page that shows it",
    ),
    (
        rb"version https://git-lfs\.github\.com/",
        "only stands for a file that Git LFS has",
        'Get the file by "git lfs pull"',
    ),
]
_ARRAY = (
    rb"(\xef\xbb\xbf)?\s*\[\s*(\{|$)",
    "is a JSON array",
    "Write one object per line, not in an array, and let the name end in .jsonl",
)
_OBJECT = (rb'(\xef\xbb\xbf)?\s*\{\s*"', "contains JSON", "Let its name end in .jsonl")

_UTF_16 = re.compile(rb"\xff\xfe|\xfe\xff|(?:[^\x00]\x00){4}|(?:\x00[^\x00]){4}", re.DOTALL)


def mistaken(data: bytes, ending: str) -> tuple[str, str] | None:
    """Return what a file is and what to do, where it is not what its ending says.

    Parameters
    ----------
    data : bytes
        The file.
    ending : str
        What its name ends in, such as ".csv".
    """
    kinds = [*_NO_TEXT, _ARRAY] + ([] if ending in {".jsonl", ".ndjson"} else [_OBJECT])
    for pattern, what, remedy in kinds:
        if re.match(pattern, data, flags=re.DOTALL | re.MULTILINE):
            return None if f"in {ending}" in remedy else (what, remedy)
    return None


def is_gzipped(data: bytes) -> bool:
    """Return whether data begin as gzip's do."""
    return data.startswith(_GZIP)


def is_utf_16(data: bytes) -> bool:
    """Return whether data begin as text in UTF-16 does: by a mark, or each second byte 0."""
    return bool(_UTF_16.match(data))

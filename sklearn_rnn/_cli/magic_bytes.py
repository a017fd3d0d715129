"""Files whose first bytes say that they are something else than their extension says."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["check_content", "is_gzipped", "utf_16_in"]


class _Signature(NamedTuple):
    """How files of a kind begin, what they are, what to do, and their proper extensions."""

    begin: bytes
    what: str
    remedy: str
    endings: tuple[str, ...] = ()


_MARK = rb"(?:\xef\xbb\xbf)?\s*"

_SIGNATURES = [
    _Signature(rb"\x1f\x8b", "is gzipped", "Rename it to end in .gz"),
    _Signature(rb"PAR1", "is a Parquet file", "Rename it to end in .parquet", (".parquet",)),
    _Signature(rb"PK\x03\x04.*xl/", "is an Excel workbook", 'Save it as "CSV UTF-8"'),
    _Signature(rb"\xd0\xcf\x11\xe0", "is an old Excel workbook", 'Save it as "CSV UTF-8"'),
    _Signature(rb"PK\x03\x04", "is a ZIP archive", "Unpack it, and give a table from it"),
    _Signature(rb"BZh[1-9]1AY&SY", "is compressed by bzip2", "Unpack it"),
    _Signature(rb"\xfd7zXZ\x00", "is compressed by xz", "Unpack it"),
    _Signature(rb"\x28\xb5\x2f\xfd", "is compressed by zstd", "Unpack it"),
    _Signature(rb"SQLite format 3\x00", "is an SQLite database", "Export a table from it as CSV"),
    _Signature(rb"%PDF-", "is a PDF document", "Give a table"),
    _Signature(
        _MARK + rb"<(?i:!doctype html|html|head|\?xml)\b",
        "is a web page or XML",
        "Download the table, not the page that shows it",
    ),
    _Signature(
        rb"version https://git-lfs\.github\.com/",
        "is only a Git LFS pointer to a file",
        'Fetch that with "git lfs pull"',
    ),
    _Signature(
        _MARK + rb"\[\s*[{\]]",
        "is a JSON array",
        "Write one object per line, without an array around them, to a file that ends in .jsonl",
    ),
    _Signature(
        _MARK + rb'\{\s*"', "contains JSON", "Rename it to end in .jsonl", (".jsonl", ".ndjson")
    ),
]


def check_content(source: str, data: bytes, ending: str) -> None:
    """Raise if a file is of another kind than its extension says.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    data : bytes
        The file.
    ending : str
        Its extension, such as ".csv".
    """
    for kind in _SIGNATURES:
        if re.match(kind.begin, data, flags=re.DOTALL):
            if ending not in kind.endings:
                raise ValueError(f"{source!r} {kind.what}. {kind.remedy}.")
            return


def is_gzipped(data: bytes) -> bool:
    """Return whether data begins as gzip's does."""
    return data.startswith(b"\x1f\x8b")


def utf_16_in(data: bytes) -> str | None:
    """Return the encoding of data that begins as text in UTF-16 does, or None."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if re.match(rb"(?:[^\x00]\x00){4}", data, flags=re.DOTALL):  # every second byte is 0
        return "utf-16-le"
    return "utf-16-be" if re.match(rb"(?:\x00[^\x00]){4}", data, flags=re.DOTALL) else None

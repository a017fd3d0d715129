"""Files that users mistake for word vectors: what each kind is, and what to do with it."""

from __future__ import annotations

import struct

from .file_source import FileStart, Source, VectorFormat, VectorRows

__all__ = ["FOREIGN", "foreign_members_hint"]

_FAST_TEXT = (
    "is a fastText model. Load it with gensim.models.fasttext.load_facebook_vectors, and pass "
    "what that returns."
)
_UNPACK = "Unpack it, or pack it with gzip."
_UTF_16 = "is text in UTF-16 or UTF-32. Write it again as UTF-8."
_AS_TABLE = "Read it with its own library, and pass a dict of words to vectors or (words, table)."

_BY_FIRST_BYTES = {
    b"\xba\x16\x4f\x2f": _FAST_TEXT,
    b"\x93NUMPY": "is a bare array, without its words. Pass the .kv file beside it, or "
    "(words, table) with what numpy.load returns.",
    b"\x80": "is a pickle, which can run code when it is opened. Only files named .kv are opened "
    "as gensim's own format: rename it if it is one and you trust it. Load a model (gensim's "
    ".model) with its own library, if you trust it, and pass what that returns.",
    b"BZh": f"is packed with bzip2. {_UNPACK}",
    b"\xfd7zXZ": f"is packed with xz. {_UNPACK}",
    b"\x28\xb5\x2f\xfd": f"is packed with zstandard. {_UNPACK}",
    b"7z\xbc\xaf\x27\x1c": f"is a 7z archive. {_UNPACK}",
    b"Rar!\x1a\x07": f"is a rar archive. {_UNPACK}",
    b"\x89HDF\r\n\x1a\n": f"is an HDF5 file (Keras' weights are one). {_AS_TABLE}",
    b"PAR1\x15": f"is a Parquet file. {_AS_TABLE}",
    b"ARROW1\0\0": f"is an Arrow file. {_AS_TABLE}",
    b"SQLite format 3\0": f"is an SQLite database (such as .magnitude). {_AS_TABLE}",
    b"version https://git-lfs": "is a pointer that Git LFS left in place of the file. Fetch the "
    "file itself: git lfs pull.",
    b"<!DOCTYPE": "is a web page. Fetch the file itself.",
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"\0\0\xfe\xff": _UTF_16,
}

_BY_MEMBER = {
    ".npy": "is a file of NumPy arrays (.npz). Pass (words, table) with what numpy.load returns.",
    "data.pkl": "is a torch file. Load it with torch, if you trust it, and pass (words, table).",
    "model.weights.h5": "is a Keras model. Load it with Keras, and pass (words, table) with the "
    "weights of its embedding.",
    "[Content_Types].xml": "is an office document. Save its table as UTF-8 text: a word and its "
    "values on each line, with spaces between them.",
}


def _matches(start: FileStart) -> bool:
    return _hint(start.head) is not None


def _open(source: Source, start: FileStart) -> VectorRows[bytes]:
    raise source.file_error(_hint(start.head) or "")


FOREIGN = VectorFormat(_matches, _open)
"""A format that reads nothing: it says what a file is instead, and what to do with it."""


def _hint(head: bytes) -> str | None:
    """Return the rest of a sentence that begins with the name of the file, or None.

    It says what kind of file this is and what to do. None: it may contain vectors.
    """
    for magic, hint in _BY_FIRST_BYTES.items():
        if head.startswith(magic):
            return hint
    if _is_old_fast_text(head):
        return _FAST_TEXT
    if head[257:262] == b"ustar":
        return f"is a tar archive. {_UNPACK}"
    if _is_safetensors(head):
        return f"is a safetensors file, which has no words. {_AS_TABLE}"
    return None


def foreign_members_hint(names: list[str]) -> str | None:
    """Return what kind of archive this is and what to do, or None if it may contain vectors.

    Parameters
    ----------
    names : list of str
        Names of its members.

    Returns
    -------
    str or None
        The rest of a sentence that begins with the name of the archive.
    """
    hints = (hint for end, hint in _BY_MEMBER.items() if any(n.endswith(end) for n in names))
    return next(hints, None)


def _is_old_fast_text(head: bytes) -> bool:
    """Return whether these are fastText's settings, without the signature of later versions."""
    if len(head) < 48:
        return False
    dim, ws, epoch, min_count, neg, word_ngrams, loss, model, bucket, min_n, max_n, rate = (
        struct.unpack_from("<12i", head)
    )
    counts = (min_count, neg, bucket, min_n, rate)
    return (
        0 < dim < 2**17
        and 0 < min(ws, epoch, word_ngrams) <= max(ws, word_ngrams) < 2**16
        and 1 <= min(loss, model) <= max(loss, model) <= 4
        and min(counts) >= 0
        and min_n <= max_n < 2**8
    )


def _is_safetensors(head: bytes) -> bool:
    """Return whether a JSON object follows its own length, in eight bytes."""
    return len(head) > 9 and head[8:9] == b"{" and 0 < struct.unpack_from("<Q", head)[0] < 2**32

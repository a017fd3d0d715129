"""Small files of word vectors in all formats, how they are read, and what they should say."""

import gzip
import os
import tempfile
import warnings
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

from paths import SHARED_DATA
from sklearn_rnn._vectors.files import read_vectors
from sklearn_rnn.exceptions import VectorFileError

REAL = SHARED_DATA / "vectors"


def real(name):
    path = REAL / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/vectors/{name}, seen from the project's root")
    return path


class Found(NamedTuple):
    """The words found, in the order of the file, and their vectors."""

    words: list[str]
    vectors: np.ndarray


def read(path, wanted):
    found = {}
    read_vectors("PretrainedEmbedding", path, wanted, found.setdefault)
    vectors = np.array(list(found.values()), np.float32)
    return Found(list(found), vectors.reshape(len(found), -1) if found else vectors)


def read_bytes(data, wanted, suffix=".txt"):
    """Read bytes through a file of their own."""
    handle, name = tempfile.mkstemp(suffix=suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return read(name, wanted)
    finally:
        os.unlink(name)


def read_or_refused(data, wanted, suffix=".txt"):
    """Return what bytes hold, or None if they are refused; words that are not UTF-8 are fine."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* words that are not UTF-8", UserWarning)
        try:
            return read_bytes(data, wanted, suffix)
        except VectorFileError:
            return None


def as_text(words, vectors, header=False, end=""):
    lines = [f"{len(words)} {vectors.shape[1]}"] if header else []
    for word, vector in zip(words, vectors, strict=True):
        lines.append(" ".join([word, *map(repr, vector.tolist())]) + end)
    return "".join(f"{line}\n" for line in lines).encode()


def as_binary(words, vectors, end=b""):
    rows = [
        word.encode() + b" " + vector.astype("<f4").tobytes() + end
        for word, vector in zip(words, vectors, strict=True)
    ]
    return f"{len(words)} {vectors.shape[1]}\n".encode() + b"".join(rows)


def as_zip(members):
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        file.seek(0)
        return file.read()


WORDS = ["the", "good", "film"]
VECTORS = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)
TEXT, TEXT_WITH_HEADER = as_text(WORDS, VECTORS), as_text(WORDS, VECTORS, header=True)
BINARY = as_binary(WORDS, VECTORS)
FORMATS = {
    "text": TEXT,
    "text with header": TEXT_WITH_HEADER,
    "text with spaces at line ends": as_text(WORDS, VECTORS, header=True, end=" "),
    "text with Windows line ends": TEXT.replace(b"\n", b"\r\n"),
    "text with tabs": TEXT.replace(b" ", b"\t"),
    "text with a byte order mark": b"\xef\xbb\xbf" + TEXT_WITH_HEADER,
    "text with blank lines at its end": TEXT + b"\n\n",
    "binary": BINARY,
    "binary with line breaks": as_binary(WORDS, VECTORS, end=b"\n"),
}
PACKED = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zip": lambda data: as_zip({"glove/glove.txt": data}),
}


def assert_is(found, words, vectors):
    assert found.words == list(words)
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors, vectors)


WORD = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), min_size=1, max_size=8
)
FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)

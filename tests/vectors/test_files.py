"""Files of word vectors are known by their contents and found in archives, within their size."""

import os
import re
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hostile
from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.exceptions import VectorFileError
from vector_files import (
    BINARY,
    FORMATS,
    PACKED,
    TEXT,
    VECTORS,
    WORDS,
    as_binary,
    as_text,
    as_zip,
    assert_is,
    read,
    read_bytes,
    read_or_refused,
    real,
)

TWITTER = "glove.twitter.27B.25d.12k.txt"
GOOGLE = "GoogleNews-vectors-negative300-8000.bin.gz"


# ---- What is read ----------------------------------------------------------------------------


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("suffix", [".txt", ".bin", ".kv"])
def test_a_format_is_known_by_content_whatever_the_name(form, packed, suffix):
    data = PACKED[packed](FORMATS[form])
    assert_is(read_bytes(data, WORDS, suffix), WORDS, VECTORS)


@pytest.mark.parametrize("form", FORMATS)
def test_only_wanted_words_are_kept_in_the_order_of_the_file(form):
    found = read_bytes(FORMATS[form], {"film", "absent", "the"})
    assert_is(found, ["the", "film"], VECTORS[[0, 2]])


@pytest.mark.parametrize("form", FORMATS)
def test_no_word_in_common_keeps_nothing(form):
    assert read_bytes(FORMATS[form], {"Film", "THE"}).words == []


@pytest.mark.parametrize("write", [as_text, as_binary])
def test_the_first_row_of_a_word_wins(write, tmp_path):
    (tmp_path / "twice").write_bytes(write(["a", "b", "a"], VECTORS))
    sequences = SequenceVectorizer().fit_transform(["a"])
    embedding = PretrainedEmbedding(tmp_path / "twice").fit(sequences)
    np.testing.assert_array_equal(embedding.vectors_[2], VECTORS[0])


def test_one_member_of_an_archive_can_be_named(tmp_path):
    archive = tmp_path / "glove.6B.zip"
    archive.write_bytes(as_zip({"50d.txt": TEXT, "bin/100d.bin": BINARY}))
    for member in ("50d.txt", "bin/100d.bin"):
        assert_is(read(f"{archive}!{member}", WORDS), WORDS, VECTORS)


def test_the_shadow_files_of_a_mac_do_not_count_as_members():
    data = as_zip({"__MACOSX/._glove.txt": b"\0", "glove.txt": TEXT})
    assert_is(read_bytes(data, WORDS), WORDS, VECTORS)


# ---- As gensim reads -------------------------------------------------------------------------


AS_GENSIM = [
    (TWITTER, {"no_header": True}),
    ("glove.6B.50d.9k.txt.gz", {"no_header": True}),
    ("fixtures/test_glove.txt", {"no_header": True}),
    (GOOGLE, {"binary": True}),
    ("fixtures/euclidean_vectors.bin", {"binary": True}),
    ("fixtures/crime-and-punishment.vec", {}),
    ("fixtures/lee_fasttext.vec", {}),
    ("fixtures/toy-model.vec", {}),
    ("fixtures/word2vec_pre_kv_c", {}),
]


# gensim leaves a file without a header open after its first pass.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(("name", "how"), AS_GENSIM, ids=[name for name, _ in AS_GENSIM])
def test_real_files_are_read_as_gensim_reads_them(name, how):
    path = real(name)
    models = pytest.importorskip("gensim.models")
    expected = models.KeyedVectors.load_word2vec_format(str(path), **how)
    assert_is(read(path, expected.index_to_key), expected.index_to_key, expected.vectors)


# ---- No file, no member ----------------------------------------------------------------------


def test_a_missing_file_is_a_file_not_found_error_that_says_who(tmp_path):
    message = f"PretrainedEmbedding: expected .* {re.escape(repr(str(tmp_path / 'no.txt')))}"
    with pytest.raises(FileNotFoundError, match=message):
        read(tmp_path / "no.txt", WORDS)


def test_a_missing_member_is_an_error_that_lists_the_others(tmp_path):
    archive = tmp_path / "glove.zip"
    archive.write_bytes(as_zip({"50d.txt": TEXT}))
    with pytest.raises(VectorFileError, match=r"the archive contains 1: 50d\.txt"):
        read(f"{archive}!100d.txt", WORDS)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(VectorFileError, match="is a directory"):
        read(tmp_path, WORDS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VectorFileError, match="is no regular file"):
        read(tmp_path / "pipe", WORDS)


# ---- Memory ----------------------------------------------------------------------------------


METHODS = {"bzip2": zipfile.ZIP_BZIP2, "LZMA": zipfile.ZIP_LZMA}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("said", [None, 100])
def test_a_member_that_may_inflate_without_limit_is_refused(method, said):
    data = hostile.zip_of([("a.txt", TEXT, 40 * hostile.MEGABYTE, METHODS[method], said)])
    peak, error = hostile.peak_of(read_bytes, data, WORDS)
    assert isinstance(error, VectorFileError)
    assert re.search(r"contains a\.txt compressed by .* Unpack it and pass the file", str(error))
    assert peak < 4 * hostile.MEGABYTE


def test_how_other_members_are_packed_is_nobodys_concern():
    members = [("notes", b"", 1000, zipfile.ZIP_BZIP2, None), ("a.txt", TEXT, 0, 8, None)]
    handle, name = tempfile.mkstemp(suffix=".zip")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hostile.zip_of(members))
        assert_is(read(f"{name}!a.txt", WORDS), WORDS, VECTORS)
    finally:
        os.unlink(name)


def test_an_archive_of_many_members_is_refused_before_they_are_listed():
    data = as_zip({f"{i:020}": b"" for i in range(40_000)})
    peak, error = hostile.peak_of(read_bytes, data, WORDS)
    assert isinstance(error, VectorFileError)
    assert peak < 8 * hostile.MEGABYTE


@pytest.mark.parametrize("member", ["x" * 60_000, "../" * 20_000, "red\x1b[31m.txt"])
def test_names_of_members_are_shown_in_part_and_in_plain_letters(member):
    data = as_zip({member: TEXT, f"{member}.": TEXT})
    with pytest.raises(VectorFileError) as caught:
        read_bytes(data, WORDS)
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).isprintable()


def test_any_archive_is_read_within_its_size():
    names = ["a.txt", "b.bin", "folder/", "../c.txt", "__MACOSX/a.txt"]
    starts = [b"", TEXT, BINARY, b"9999999 3\na 1 2 3\n", b"2 100000\na ", b"a 1\n"]

    @settings(max_examples=60)
    @given(hostile.zips(names, starts))
    def check(data):
        peak, error = hostile.peak_of(read_bytes, data, WORDS, ".zip")
        assert error is None or isinstance(error, VectorFileError)
        assert peak < hostile.allowed(data) / 2

    check()


BEGINNINGS = [
    b"",
    b"a 1 2\n",
    b"9000000000000000 2\n",
    b"20 30000\nb " + bytes(120_000),
    b"20 500\nb " + bytes(2_000),
    b"2 3\na \0\1\2\3",
]
PIECES = [
    *(sign * 3_000 for sign in (b"a", b" ", b"\0", b"1 ", b"9")),
    *(
        row * 5
        for row in (b"\n", b"a 1 2\n", b"\xff 1 2\n", b"a \1\2\3\4\1\2\3\4", b"a a b cd cd")
    ),
    b"a " + b" A@A" * 30_000,
    b"a " + b" A@A" * 500,
    b"a " + b" " * 120_000,
]


@settings(max_examples=40)
@given(st.sampled_from(BEGINNINGS), st.sampled_from(PIECES), st.sampled_from(sorted(PACKED)))
def test_any_file_is_read_within_its_size(beginning, piece, packed):
    data = PACKED[packed](beginning + piece * min(1_000, 2_500_000 // len(piece)))
    peak, error = hostile.peak_of(read_or_refused, data, {"c"})
    assert error is None
    assert peak < 32 * hostile.MEGABYTE + 3 * len(data)


MEASURE = """
import resource, sys
from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding
def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
path, oov = sys.argv[1:]
words = [f"w{row}" for row in range(66_000)]  # a tenth of them is not there
sequences = SequenceVectorizer(vocabulary=words).fit_transform([" ".join(words[:100])])
before = peak()
embedding = PretrainedEmbedding(path, oov=oov, random_state=0).fit(sequences)
assert embedding.found_.sum() == 60_000
print(peak() - before - embedding.vectors_.nbytes)
"""


@pytest.mark.parametrize(
    ("binary", "oov"), [(False, "zero"), (True, "zero"), (True, "mean"), (True, "random")]
)
def test_a_large_file_is_read_within_the_table_and_a_little(tmp_path, binary, oov):
    pytest.importorskip("resource")
    values = b" -0.123456" * 300 + b"\n"
    if binary:
        values = b" " + np.full(300, 0.1, "<f4").tobytes()
    path = tmp_path / "large"
    with path.open("wb") as file:
        if binary:
            file.write(b"60000 300\n")
        for row in range(60_000):
            file.write(b"w%d" % row + values)
    try:
        command = [sys.executable, "-c", MEASURE, str(path), oov]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        path.unlink()
    # The promise for any size is 200 MB beside the table, which has 79 MB here.
    assert int(ran.stdout) < 70e6

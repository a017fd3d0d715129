"""Files of word vectors: every format is read right, and no damaged file is read at all."""

import gzip
import os
import re
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paths import SHARED_DATA
from sklearn_rnn import SequenceVectorizer
from sklearn_rnn._vectors import binary_format as _vector_binary
from sklearn_rnn._vectors.files import read_vectors
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.exceptions import SklearnRNNError, VectorFileError

REAL = SHARED_DATA / "vectors"
TWITTER = "glove.twitter.27B.25d.12k.txt"
GOOGLE = "GoogleNews-vectors-negative300-8000.bin.gz"


def real(name):
    path = REAL / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/vectors/{name}, seen from the project's root")
    return path


def unpacked(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


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


def as_numpy(save, *arrays):
    with tempfile.TemporaryFile() as file:
        save(file, *arrays)
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


# ---- what is read --------------------------------------------------------------------------


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


@pytest.mark.parametrize("header", [False, True])
def test_words_with_spaces_are_split_from_the_right_even_in_the_first_row(header):
    words = [". . .", "at name@domain.com", "film", "7", "3.5"]
    vectors = np.ones((5, 4)) / 4
    found = read_bytes(as_text(words, vectors, header), words)
    assert_is(found, words, vectors)


def test_words_keep_spaces_that_are_not_ascii_and_those_at_their_ends():
    words = ["1\u00a01/2", "a\u3000b", "x\u2028y", "\x85", "a", "a ", " a", " ", "", "a\tb c"]
    found = read_bytes(as_text(words, np.ones((len(words), 3))), words)
    assert found.words == words


def test_one_member_of_an_archive_can_be_named(tmp_path):
    archive = tmp_path / "glove.6B.zip"
    archive.write_bytes(as_zip({"50d.txt": TEXT, "bin/100d.bin": BINARY}))
    for member in ("50d.txt", "bin/100d.bin"):
        assert_is(read(f"{archive}!{member}", WORDS), WORDS, VECTORS)


def test_the_shadow_files_of_a_mac_do_not_count_as_members():
    data = as_zip({"__MACOSX/._glove.txt": b"\0", "glove.txt": TEXT})
    assert_is(read_bytes(data, WORDS), WORDS, VECTORS)


def test_the_last_line_needs_no_line_break_in_a_packed_file():
    assert_is(read_bytes(gzip.compress(TEXT[:-1]), WORDS), WORDS, VECTORS)


WORD = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), min_size=1, max_size=8
)
FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)
TABLES = st.integers(2, 12).flatmap(
    lambda d: st.dictionaries(
        WORD, st.lists(FLOAT, min_size=d, max_size=d), min_size=1, max_size=8
    )
)


@given(TABLES, st.booleans())
def test_a_text_gives_back_what_was_written(table, header):
    words, vectors = list(table), np.array(list(table.values()), dtype=np.float32)
    assert_is(read_bytes(as_text(words, vectors, header), words), words, vectors)


# ---- words that may hold spaces in a binary -------------------------------------------------

ANY_WORD = st.text(st.one_of(st.sampled_from(" \n\ta0"), st.characters(codec="utf-8")), max_size=8)
ANY_TABLES = st.integers(1, 12).flatmap(
    lambda d: st.dictionaries(
        ANY_WORD, st.lists(FLOAT, min_size=d, max_size=d), min_size=1, max_size=6
    )
)
NORMAL_TABLES = st.tuples(
    st.lists(ANY_WORD, unique=True, min_size=1, max_size=6),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
)


def assert_refused_or_same(words, vectors, end):
    if end and any("\n" in word for word in words):
        return  # word2vec.c reads no line break into a word
    found = read_or_refused(as_binary(words, vectors, end), set(words))
    if found is not None:
        assert_is(found, words, vectors)


@given(ANY_TABLES, st.sampled_from([b"", b"\n"]))
def test_a_binary_of_any_words_is_read_as_written_or_refused(table, end):
    vectors = np.array(list(table.values()), dtype=np.float32)
    assert_refused_or_same(list(table), vectors, end)


@given(NORMAL_TABLES, st.sampled_from([b"", b"\n"]))
def test_a_binary_of_usual_numbers_is_read_as_written_or_refused(table, end):
    words, n_dimensions, seed = table
    vectors = np.random.default_rng(seed).normal(size=(len(words), n_dimensions))
    assert_refused_or_same(words, vectors.astype(np.float32), end)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize(
    "vectors", [np.arange(6).reshape(3, 2), VECTORS[:, :2], VECTORS[:, :3], VECTORS], ids=np.shape
)
@pytest.mark.parametrize("word", ["New York", "a ", " a", "a bcd", "a\u3000b c", "a 1 2 3 4 5 6"])
def test_a_binary_with_a_space_in_a_word_is_refused(word, vectors, end, place):
    words = ["the", "of", "and"]
    words[place] = word
    with pytest.raises(VectorFileError):
        read_bytes(
            as_binary(words, np.asarray(vectors, np.float32), end), [*words, "New", "a", ""]
        )


def test_the_message_shows_both_words_and_a_way_out():
    data = as_binary(["New York", "of"], np.float32([[1, 2], [3, 4]]))
    message = "row 1 may have the word 'New' or 'New York': a space .* Save the vectors as text"
    with pytest.raises(VectorFileError, match=message):
        read_bytes(data, ["of"])


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("n_dimensions", [2, 3, 5, 10, 300])
def test_numbers_that_begin_like_the_rest_of_a_word_are_numbers(n_dimensions, end):
    vectors = np.random.default_rng(0).normal(size=(50, n_dimensions)).astype("<f4")
    for row, start in enumerate([b" ", b"y ", b"\xc3\xa9 "]):
        vectors[row, :1] = np.frombuffer(start + b"\x12\xbf\xbe\xbf"[len(start) :], "<f4")
    words = [f"w{row}" for row in range(50)]
    assert_is(read_bytes(as_binary(words, vectors, end), words), words, vectors)


@pytest.mark.parametrize("n_dimensions", [2, 25, 300])
@pytest.mark.parametrize(
    "write", [np.zeros, np.ones, lambda shape: np.arange(np.prod(shape)).reshape(shape) % 12]
)
def test_round_numbers_are_numbers(write, n_dimensions):
    words, vectors = [f"w{row}" for row in range(20)], np.float32(write((20, n_dimensions)))
    for end in (b"", b"\n"):
        assert_is(read_bytes(as_binary(words, vectors, end), words), words, vectors)


@pytest.mark.parametrize("words", [["\nb"], ["a", "\nb"], ["a", "\nb", "\nc"], ["a", "b", "\nc"]])
def test_a_line_break_in_a_word_is_never_dropped(words):
    found = read_or_refused(as_binary(words, VECTORS[: len(words)]), {*words, "b", "c"})
    assert found is None or found.words == words


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_line_breaks_after_some_rows_only_are_refused(wrong):
    rows = [
        b"%b %b" % (word.encode(), v.tobytes()) for word, v in zip("abc", VECTORS, strict=True)
    ]
    rows = [row + b"\n" * (place != wrong) for place, row in enumerate(rows, 1)]
    with pytest.raises(
        VectorFileError, match="expected a line break after each row, or after non"
    ):
        read_bytes(b"3 20\n" + b"".join(rows), ["a", "b", "c"])


# ---- words that are not UTF-8 ---------------------------------------------------------------

CUT = "电影".encode()[:-1]  # as word2vec.c cuts a long word
ROWS = {
    "text": b"a 1 2\n%b 3 4\nb 5 6\n",
    "text with header": b"3 2\na 1 2\n%b 3 4\nb 5 6\n",
    "binary": as_binary(["a", "%b", "b"], np.float32([[1, 2], [3, 4], [5, 6]])),
    "binary with line breaks": as_binary(
        ["a", "%b", "b"], np.float32([[1, 2], [3, 4], [5, 6]]), b"\n"
    ),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", ROWS)
@pytest.mark.parametrize("word", [CUT, b"caf\xe9", b"\xed\xa0\x80", b"\xff"])
def test_a_row_whose_word_is_not_utf8_is_skipped_and_counted_once(form, packed, word):
    data = PACKED[packed](ROWS[form].replace(b"%b", word))
    shown = re.escape(repr(word.decode(errors="backslashreplace")))
    message = (
        rf"PretrainedEmbedding: .* has 1 of 3 words that are not UTF-8, .* (row|line) \d: {shown}"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        found = read_bytes(data, {"a", "b"})
    assert len(caught) == 1
    assert_is(found, ["a", "b"], [[1, 2], [5, 6]])


def test_the_first_row_may_be_the_one_that_is_not_utf8():
    with pytest.warns(UserWarning, match="has 1 of 3 words"):
        found = read_bytes(b"3 2\nS\xe3o Paulo 1 2\nNew York 3 4\nb 5 6\n", {"New York", "b"})
    assert_is(found, ["New York", "b"], [[3, 4], [5, 6]])


def test_the_warning_points_at_the_fit(tmp_path):
    (tmp_path / "cut").write_bytes(ROWS["text"].replace(b"%b", CUT))
    sequences = SequenceVectorizer(token_pattern=r"\w").fit_transform(["a b"])
    with pytest.warns(UserWarning, match="Their rows are skipped, the others are read") as caught:
        PretrainedEmbedding(tmp_path / "cut").fit(sequences)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("form", ROWS)
def test_other_damage_is_an_error_also_in_a_row_that_is_skipped(form):
    data = ROWS[form].replace(b"%b", CUT)
    cut = data[:-9] if "binary" in form else data.replace(b" 3 4", b" 3")
    with pytest.raises(VectorFileError):
        read_bytes(cut, {"a", "b"})


# ---- as gensim reads -----------------------------------------------------------------------

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


@pytest.fixture
def keyed_vectors():
    keyed = pytest.importorskip("gensim.models").KeyedVectors(20)
    keyed.add_vectors(WORDS, VECTORS)
    return keyed


@pytest.mark.parametrize("name", ["vectors.kv", "vectors.kv.gz"])
def test_gensims_own_format_is_read(tmp_path, keyed_vectors, name):
    keyed_vectors.save(str(tmp_path / name))
    assert_is(read(tmp_path / name, {"film", "the", "no"}), ["the", "film"], VECTORS[[0, 2]])
    assert read(tmp_path / name, {"no"}).words == []


def test_a_native_file_with_its_array_beside_it_is_read(tmp_path, keyed_vectors):
    path = tmp_path / "vectors.kv"
    keyed_vectors.save(str(path), separately=["vectors"])
    assert_is(read(path, WORDS), WORDS, VECTORS)
    with pytest.raises(VectorFileError, match=r"is a bare array.*Pass the \.kv file"):
        read(f"{path}.vectors.npy", WORDS)
    Path(f"{path}.vectors.npy").unlink()
    with pytest.raises(VectorFileError, match=r"parted from the \.npy files"):
        read(path, WORDS)


def test_what_gensim_saved_as_binary_is_read(tmp_path, keyed_vectors):
    path = tmp_path / "vectors.bin"
    keyed_vectors.save_word2vec_format(str(path), binary=True)
    assert path.read_bytes() == as_binary(WORDS, VECTORS)
    assert_is(read(path, WORDS), WORDS, VECTORS)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("suffix", [".txt", ".bin", ".vec", ".model", ".txt.gz", ".zip"])
@pytest.mark.parametrize("packed", PACKED)
def test_a_pickle_is_opened_under_no_name_but_kv(suffix, packed):
    import pickle

    data = PACKED[packed](pickle.dumps(Bomb()))
    with pytest.raises(VectorFileError, match="is a pickle, which can run code"):
        read_bytes(data, WORDS, suffix)


def test_a_damaged_native_file_is_an_error(tmp_path, keyed_vectors):
    path = tmp_path / "vectors.kv"
    keyed_vectors.save(str(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(VectorFileError, match="cannot be loaded by gensim"):
        read(path, WORDS)


def test_another_gensim_object_under_the_name_kv_is_an_error(tmp_path):
    path = tmp_path / "dictionary.kv"
    pytest.importorskip("gensim.corpora").Dictionary([["a"]]).save(str(path))
    with pytest.raises(VectorFileError, match="holds Dictionary, expected gensim's KeyedVectors"):
        read(path, WORDS)


def test_only_the_native_format_needs_gensim(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    assert read_bytes(TEXT, WORDS, ".kv").words == WORDS
    with pytest.raises(ImportError, match=r"PretrainedEmbedding: gensim is needed .* pip install"):
        read_bytes(b"\x80\x04N.", WORDS, ".kv")


# ---- what is refused -----------------------------------------------------------------------

ROW = b"0.1 " * 99 + b"0.1\n"
HUNDRED = [b"word%d %b" % (row, ROW) for row in range(1, 31)]
NAN = as_binary(WORDS, np.where(np.arange(20) == 4, np.nan, VECTORS))


def changed(row, line):
    return b"".join([*HUNDRED[: row - 1], line, *HUNDRED[row:]])


BAD = {
    "narrow row": (changed(17, b"word17 " + ROW[4:]), "line 17 has 99 values, line 1 had 100"),
    "wide row": (changed(17, b"word17 0.2 " + ROW), "line 17 has 101 values, line 1 had 100"),
    "narrow first row": (changed(1, b"word1 " + ROW[4:]), "line 1 has 99 values, line 2 had 100"),
    "narrow row under a header": (b"2 3\na 1 2 3\nb 1 2\n", "line 3 has 2 values, the header s"),
    "word alone": (changed(5, b"word5\n"), "line 5 has 0 values"),
    "blank row": (changed(5, b"\n"), "line 5 is blank, and rows follow"),
    "non-number": (changed(17, b"word17 x" + ROW), "line 17 has 'x0.1' where a number"),
    "non-number in Python's spelling": (b"a 1 2\nb 1_0 2\n", "line 2 has '1_0' where a number"),
    "nan in text": (changed(3, b"word3 nan" + ROW[3:]), "line 3 has nan as value 1: expected f"),
    "infinity in text": (b"a 1 -inf\n", "line 1 has -inf as value 2"),
    "too large for float32": (b"a 1 2\nb 1 1e39\n", "line 2 has inf as value 2"),
    "nan in binary": (NAN, "row 1 has nan as value 5: expected finite"),
    "words that are not UTF-8": (
        b"a 1 2\ncaf\xe9 1 2\n\xe9t\xe9 1 2\n",
        r"has 2 of 3 words that are not UTF-8, the first in line 2: 'caf.*write it again as UTF-8",
    ),
    "bytes that are not UTF-8": (b"a 1 2\nb 1 \xe9\n", "line 2 has '.*' where a number"),
    "words in binary not UTF-8": (
        BINARY.replace(b"good", b"g\xfc\xfcd").replace(b"film", b"f\xeflm"),
        "has 2 of 3 words that are not UTF-8, the first in row 2",
    ),
    "UTF-16": (TEXT.decode().encode("utf-16"), "is text in UTF-16 or UTF-32. Write it again as"),
    "UTF-16 without its mark": (
        TEXT.decode().encode("utf-16-le"),
        "line 1 holds no word followed",
    ),
    "nothing": (b"", "is empty"),
    "only blanks": (b" \n\n", "is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "is empty"),
    "empty gzip": (gzip.compress(b""), "is empty"),
    "prose": (b"Call me Ishmael.\nSome years ago\n", "line 1 holds no word followed by numbers"),
    "header alone": (b"3 5\n", "has 0 rows, its header says 3"),
    "header of no rows": (b"0 5\n", "header of 0 rows and 5 values"),
    "header of no values": (b"3 0\na\nb\nc\n", "header of 3 rows and 0 values"),
    "fewer rows": (b"3 2\na 1 2\nb 1 2\n", "has 2 rows, its header says 3"),
    "more rows": (b"1 2\na 1 2\nb 1 2\n", "has 2 rows, its header says 1"),
    "absurd count in text": (b"1000000000000 2\na 1 2\n", "has 1 rows, its header says 100000000"),
    "absurd count in binary": (
        BINARY.replace(b"3 20", b"%d 20" % 10**12),
        "row 4 ends early.*header says 1000000000000 rows",
    ),
    "absurd width": (BINARY.replace(b"3 20", b"3 %d" % 10**12), "3 rows and 1000000000000 val"),
    "more rows in binary": (BINARY.replace(b"3 20", b"2 20"), "row 2 is the last .* goes on"),
    "other width in binary": (BINARY.replace(b"3 20", b"3 21"), r"row \d (ends early|has a word)"),
    "binary cut in a vector": (BINARY[:-7], "row 3 ends early, with 73 of 80 bytes"),
    "binary cut in a word": (BINARY[:-83], "row 3 ends early, with no whole word"),
    "binary cut after its first row": (BINARY[:89], "row 2 ends early, with no whole word"),
    "text cut in its last number": (TEXT[:-3], "line 3 does not end with a line break"),
    "endless line": (b"a " + b"1" * 2**21, "line 1 is longer than 1,048,576 bytes"),
    "endless word": (b"2 1\na \0\1\2\3" + b"\0" * 2**17, "row 2 has no word that ends within 65"),
    "cut gzip": (gzip.compress(TEXT)[:-20], "cannot be unpacked"),
    "wrong checksum": (gzip.compress(TEXT)[:-8] + b"\0" * 8, "cannot be unpacked"),
    "something after gzip": (gzip.compress(TEXT) + b"tail", "cannot be unpacked"),
    "cut zip": (as_zip({"a.txt": TEXT})[:-30], "cannot be unpacked"),
    "zip of nothing": (as_zip({}), "expected one file .* holds 0: none"),
    "zip of several": (
        as_zip({"glove.50d.txt": TEXT, "glove.100d.txt": TEXT}),
        r"holds 2: glove\.50d\.txt, glove\.100d\.txt\. Name one, as in 'archive\.zip!member'",
    ),
    "zip with a way out": (as_zip({"../../glove.txt": TEXT}), r"outside its folder, '\.\./\.\./g"),
    "zip with a root": (as_zip({"/etc/glove.txt": TEXT}), "outside its folder, '/etc/glove.txt'"),
    "zip with a drive": (as_zip({"C:\\glove.txt": TEXT}), "outside its folder"),
    "fastText's model": (
        b"\xba\x16\x4f\x2f\x0c\0\0\0",
        "is a fastText model. .*load_facebook_vec",
    ),
    "bzip2": (b"BZh91AY&SY", "is packed with bzip2. Unpack it"),
    "fastText's model, old": (
        struct.pack("<12id", 10, 5, 5, 5, 5, 1, 2, 2, 1000, 3, 6, 10_000, 1e-4) + b"\0" * 99,
        "is a fastText model. .*load_facebook_vec",
    ),
    "array": (as_numpy(np.save, VECTORS), r"is a bare array, without its words.*\(words, table\)"),
    "packed arrays": (as_numpy(np.savez, VECTORS), "is a bare array, without its words"),
    "several packed arrays": (as_numpy(np.savez, VECTORS, VECTORS), r"is a file of .*\(\.npz\)"),
    "pickle": (b"\x80\x04N.", r"is a pickle.*gensim's \.model.* with its own library"),
    "torch": (as_zip({"a/data.pkl": b"\x80", "a/data/0": b"\0"}), "is a torch file. Load it wit"),
    "Keras": (as_zip({"config.json": "{}", "model.weights.h5": b"\x89HDF"}), "is a Keras model"),
    "office": (as_zip({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "an office document"),
    "HDF5": (b"\x89HDF\r\n\x1a\n\0\0", "is an HDF5 file"),
    "Parquet": (b"PAR1\x15\x04\x15\x20", "is a Parquet file. Read it with its own library"),
    "SQLite": (b"SQLite format 3\0\x10\0", r"is an SQLite database \(such as \.magnitude\)"),
    "safetensors": (b'\x40\0\0\0\0\0\0\0{"a":{}}', "is a safetensors file, which has no words"),
    "zstandard": (b"\x28\xb5\x2f\xfd\0\0", "is packed with zstandard. Unpack it"),
    "tar": (b"vectors.txt".ljust(257, b"\0") + b"ustar\0", "is a tar archive. Unpack it"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "web page": (b"<!DOCTYPE html><html>", "is a web page"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_an_error_that_says_who_and_where(tmp_path, kind):
    data, message = BAD[kind]
    path = tmp_path / "bad file.dat"
    path.write_bytes(data)
    with pytest.raises(VectorFileError, match=f"(?s){message}") as caught:
        read(path, {"a", "b", "café", *WORDS, *(f"word{row}" for row in range(31))})
    assert str(caught.value).startswith("PretrainedEmbedding: ")
    assert repr(str(path)) in str(caught.value)
    assert isinstance(caught.value, SklearnRNNError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_leaves_an_embedding_as_it_was(tmp_path, kind):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(TEXT)
    bad.write_bytes(BAD[kind][0])
    words = ["a", "b", "café", *WORDS, *(f"word{row}" for row in range(31))]
    sequences = SequenceVectorizer(vocabulary=words).fit_transform([WORDS[0]])
    embedding = PretrainedEmbedding(good).fit(sequences)
    before = embedding.vectors_
    with pytest.raises(VectorFileError):
        embedding.set_params(source=bad).fit(sequences)
    assert embedding.vectors_ is before


def test_damage_far_inside_a_gzip_names_its_line():
    data = as_text([f"w{row}" for row in range(9000)], np.full((9000, 25), 1 / 3))
    noise = np.random.default_rng(0).integers(33, 126, 2_000_000, dtype=np.uint8).tobytes()
    packed = gzip.compress(data + b"long" + b" 0.5" * 25 + b"\n" + noise)
    with pytest.raises(VectorFileError, match=r"line (9001|900\d) (cannot be unpacked|is longer)"):
        read_bytes(packed[: len(packed) - 400_000], {"w1"})


def test_damage_in_the_rows_of_other_words_shows_in_their_width_only():
    assert read_bytes(b"a 1 2\nb 1 x\nc nan 2\n", {"a"}).words == ["a"]
    with pytest.raises(VectorFileError, match="line 2 has 1 values"):
        read_bytes(b"a 1 2\nb 1\nc 1 2\n", {"a"})


def test_a_missing_file_is_a_file_not_found_error_that_says_who(tmp_path):
    message = f"PretrainedEmbedding: expected .* {re.escape(repr(str(tmp_path / 'no.txt')))}"
    with pytest.raises(FileNotFoundError, match=message):
        read(tmp_path / "no.txt", WORDS)


def test_a_missing_member_is_an_error_that_lists_the_others(tmp_path):
    archive = tmp_path / "glove.zip"
    archive.write_bytes(as_zip({"50d.txt": TEXT}))
    with pytest.raises(VectorFileError, match=r"the archive holds 1: 50d\.txt"):
        read(f"{archive}!100d.txt", WORDS)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(VectorFileError, match="is a directory"):
        read(tmp_path, WORDS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VectorFileError, match="is no regular file"):
        read(tmp_path / "pipe", WORDS)


REFUSED = {
    "pretrained.vec": "has 1 rows, its header says 3",
    "toy-model.bin": "is a fastText model",
    "lee_fasttext.bin": "is a fastText model",  # of the time before its files had a mark
    "crime-and-punishment.bin": "is a fastText model",
    "COPYING": "line 1 holds no word followed by numbers",
}


@pytest.mark.parametrize("name", REFUSED)
def test_real_files_that_are_damaged_or_no_vectors_are_refused(name):
    with pytest.raises(VectorFileError, match=REFUSED[name]):
        read(real(f"fixtures/{name}"), WORDS)


# ---- random damage: an error or the right table --------------------------------------------


def assert_refused_or_start_of(data, words, vectors, suffix=".txt"):
    """Whatever stands in `data`, it is refused, or is the table's first rows."""
    found = read_or_refused(data, words, suffix)
    if found is None:
        return
    assert_is(found, words[: len(found.words)], vectors[: len(found.words)])
    assert found.words


def assert_refused_or_finite(data, wanted):
    found = read_or_refused(data, wanted)
    if found is None:
        return
    assert set(found.words) <= set(wanted)
    assert len(found.words) == len(found.vectors)
    assert found.vectors.shape[1:] != (0,)
    assert np.isfinite(found.vectors).all()


STARTS = st.sampled_from([b"", b"2 3\n", b"a 1 2\n", b"\x1f\x8b\x08\0", b"PK\3\4"])


@given(STARTS, st.binary(max_size=200))
def test_random_bytes_give_an_error_or_finite_vectors(start, data):
    assert_refused_or_finite(start + data, {"a", "b", ""})


@given(STARTS, st.text("ab .-+0123456789e\n\té_", max_size=80))
def test_random_lines_give_an_error_or_finite_vectors(start, text):
    assert_refused_or_finite(start + text.encode(), {"a", "b", ""})


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", ["text", "text with header", "binary"])
def test_every_cut_of_a_small_file_gives_an_error_or_its_first_rows(form, packed):
    whole = PACKED[packed](FORMATS[form])
    for end in range(len(whole)):
        assert_refused_or_start_of(whole[:end], WORDS, VECTORS)
        if form != "text" or packed != "plain":
            # These formats say how much there is: no cut passes, but of line breaks at the end.
            with pytest.raises(VectorFileError):
                read_bytes(whole[:end], WORDS)


@pytest.fixture(scope="module")
def whole_files():
    files = {}
    for name in ("fixtures/test_glove.txt", "fixtures/lee_fasttext.vec"):
        data = unpacked(real(name))
        rows = [line.split() for line in data.decode().splitlines()]
        rows = rows[1:] if len(rows[0]) == 2 else rows
        table = np.array([row[1:] for row in rows]).astype(np.float64).astype(np.float32)
        files[name] = data, [row[0] for row in rows], table
    data = unpacked(real("fixtures/euclidean_vectors.bin"))
    found = read(real("fixtures/word2vec_pre_kv_c"), {"the"})
    assert found.words
    words, rows, place = [], [], data.index(b"\n") + 1
    while place < len(data):
        space = data.index(b" ", place)
        words.append(data[place:space].decode())
        rows.append(np.frombuffer(data, "<f4", 10, space + 1))
        place = space + 41
    files["fixtures/euclidean_vectors.bin"] = data, words, np.array(rows)
    return files


@given(st.data())
def test_random_cuts_of_real_files_give_an_error_or_their_first_rows(whole_files, data):
    name = data.draw(st.sampled_from(sorted(whole_files)))
    whole, words, vectors = whole_files[name]
    end = data.draw(st.integers(0, len(whole) - 1))
    assert_refused_or_start_of(whole[:end], words, vectors)


@given(st.data())
def test_bytes_that_flipped_give_an_error_or_a_table_of_finite_vectors(whole_files, data):
    whole, words, _ = whole_files[data.draw(st.sampled_from(sorted(whole_files)))]
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + data.draw(st.binary(min_size=1, max_size=4)) + whole[place + 1 :]
    assert_refused_or_finite(damaged, words)


@given(st.data())
def test_a_damaged_archive_gives_an_error_or_the_right_table(data):
    whole = PACKED[data.draw(st.sampled_from(["gzip", "zip"]))](TEXT)
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + data.draw(st.binary(min_size=1, max_size=2)) + whole[place + 1 :]
    assert_refused_or_start_of(damaged, WORDS, VECTORS)


# ---- memory --------------------------------------------------------------------------------

METHODS = {"bzip2": zipfile.ZIP_BZIP2, "LZMA": zipfile.ZIP_LZMA}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("said", [None, 100])
def test_a_member_that_may_inflate_without_limit_is_refused(hostile, method, said):
    data = hostile.zip_of([("a.txt", TEXT, 40 * hostile.MEGABYTE, METHODS[method], said)])
    peak, error = hostile.peak_of(read_bytes, data, WORDS)
    assert isinstance(error, VectorFileError)
    assert re.search(r"holds a\.txt compressed by .* Unpack it and pass the file", str(error))
    assert peak < 4 * hostile.MEGABYTE


def test_how_other_members_are_packed_is_nobodys_concern(hostile):
    members = [("notes", b"", 1000, zipfile.ZIP_BZIP2, None), ("a.txt", TEXT, 0, 8, None)]
    handle, name = tempfile.mkstemp(suffix=".zip")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hostile.zip_of(members))
        assert_is(read(f"{name}!a.txt", WORDS), WORDS, VECTORS)
    finally:
        os.unlink(name)


def test_an_archive_of_many_members_is_refused_before_they_are_listed(hostile):
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


def test_any_archive_is_read_within_its_size(hostile):
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
def test_any_file_is_read_within_its_size(hostile, beginning, piece, packed):
    data = PACKED[packed](beginning + piece * min(1_000, 2_500_000 // len(piece)))
    peak, error = hostile.peak_of(read_or_refused, data, {"c"})
    assert error is None
    assert peak < 32 * hostile.MEGABYTE + 3 * len(data)


def test_a_row_of_more_numbers_than_any_vector_has_is_refused():
    with pytest.raises(VectorFileError, match=r"line 1 has 200,000 values: expected from 1 to"):
        read_bytes(b"a" + b" 1" * 200_000 + b"\n", {"a"})


@given(st.data())
def test_the_ranges_of_exponents_behind_longer_words_are_those_of_the_numbers(data):
    n_values = data.draw(st.integers(1, 6))
    byte = st.sampled_from([0, 32, 65, 128]) | st.integers(0, 255)
    n_bytes = data.draw(st.integers(4 * n_values, 9 * n_values))
    both = bytes(data.draw(st.lists(byte, min_size=n_bytes, max_size=n_bytes)))
    starts = data.draw(st.sets(st.integers(1, 4 * n_values), min_size=1))
    pieces = [both[start : start + 4 * n_values] for start in sorted(starts)]
    ranges = [
        _vector_binary._Exponents.of(piece) for piece in pieces if len(piece) == 4 * n_values
    ]
    found = _vector_binary._narrowest(both, n_values, np.array(sorted(starts)))
    found = [_vector_binary._Exponents(*map(int, row)) for row in found]
    assert set(found) <= set(ranges)
    for exponents in ranges:
        assert any(map(exponents.contain, found))


def test_rows_that_can_be_read_in_two_ways_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(_vector_binary, "_MAX_DOUBTS", 100)
    lengths, doubt = [], _vector_binary._doubt

    def noted(*arguments):
        lengths.append(len(check.doubts))
        return doubt(*arguments)

    monkeypatch.setattr(_vector_binary, "_doubt", noted)
    check = _vector_binary._SpaceCheck(None)
    for number in range(1_000):
        check.add(_vector_binary._Row(number, b"", b"a", b"a \x3d\x3c\0\0\x3d\x3d"), b"")
    assert len(lengths) == 1_000
    assert max(lengths) < 100


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

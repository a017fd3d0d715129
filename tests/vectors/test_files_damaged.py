"""No damaged file of word vectors is read at all."""

import gzip
import struct
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.exceptions import SklearnRNNError, VectorFileError
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


def unpacked(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def as_numpy(save, *arrays):
    with tempfile.TemporaryFile() as file:
        save(file, *arrays)
        file.seek(0)
        return file.read()


# ---- Each kind of damage ---------------------------------------------------------------------


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
        "line 1 contains no word followed",
    ),
    "nothing": (b"", "is empty"),
    "only blanks": (b" \n\n", "is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "is empty"),
    "empty gzip": (gzip.compress(b""), "is empty"),
    "prose": (b"Call me Ishmael.\nSome years ago\n", "line 1 contains no word followed by"),
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
    "zip of nothing": (as_zip({}), "expected one file .* contains 0: none"),
    "zip of several": (
        as_zip({"glove.50d.txt": TEXT, "glove.100d.txt": TEXT}),
        r"contains 2: glove\.50d\.txt, glove\.100d\.txt\. Name one, as in 'archive\.zip!member'",
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


# ---- Random damage: an error or the right table ----------------------------------------------


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

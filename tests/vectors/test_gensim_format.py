"""Vectors in gensim's own format, which only gensim opens and only by its name."""

import sys
from pathlib import Path

import pytest

from sklearn_rnn.exceptions import VectorFileError
from vector_files import TEXT, VECTORS, WORDS, as_binary, assert_is, read, read_bytes


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


def test_a_damaged_native_file_is_an_error(tmp_path, keyed_vectors):
    path = tmp_path / "vectors.kv"
    keyed_vectors.save(str(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(VectorFileError, match="cannot be loaded by gensim"):
        read(path, WORDS)


def test_another_gensim_object_under_the_name_kv_is_an_error(tmp_path):
    path = tmp_path / "dictionary.kv"
    pytest.importorskip("gensim.corpora").Dictionary([["a"]]).save(str(path))
    with pytest.raises(
        VectorFileError, match="contains Dictionary, expected gensim's KeyedVectors"
    ):
        read(path, WORDS)


def test_only_the_native_format_needs_gensim(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    assert read_bytes(TEXT, WORDS, ".kv").words == WORDS
    with pytest.raises(ImportError, match=r"PretrainedEmbedding: gensim is needed .* pip install"):
        read_bytes(b"\x80\x04N.", WORDS, ".kv")

"""Corpora that are never held in memory: read from a file, learned from disk."""

import gzip
import os
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import hostile
from long_corpus import LABELS, TEXTS
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn.corpora import TextFile
from sklearn_rnn.embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding
from small_models import TWO_EPOCHS


@pytest.mark.parametrize(
    "content", [b"so good\n\nso b\xc3\xa4d", b"\xef\xbb\xbfso good\r\n\r\nso b\xc3\xa4d\r\n"]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_is_one_text_per_line_as_often_as_it_is_read(tmp_path, content, pack):
    (tmp_path / "texts").write_bytes(pack(content))
    texts = TextFile(str(tmp_path / "texts"))
    assert [list(texts) for _ in range(2)] == [["so good", "", "so bäd"]] * 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "UTF_8_SIG", "utf-8"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_byte_order_mark_is_dropped_at_the_start_of_a_file_only(tmp_path, encoding, pack):
    texts = ["\ufeffso good", "\ufeff", "\ufeffso \ufeffbad"]
    start = "\ufeff" if encoding != "utf-8" else ""
    (tmp_path / "texts").write_bytes(pack((start + "\n".join(texts)).encode()))
    assert list(TextFile(tmp_path / "texts", encoding)) == texts


def test_a_packed_line_without_end_is_refused_before_it_fills_the_memory(tmp_path):
    (tmp_path / "texts").write_bytes(gzip.compress(b"good\n" + b"a" * (100 * hostile.MEGABYTE)))
    peak, error = hostile.peak_of(list, TextFile(tmp_path / "texts"))
    assert isinstance(error, ValueError)
    assert "has a line of more than" in str(error)
    assert peak < 64 * hostile.MEGABYTE


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_long_line_is_a_text(tmp_path, pack):
    text = "so good " * 1_000_000
    (tmp_path / "texts").write_bytes(pack(f"{text}\nso bad\n".encode()))
    assert list(TextFile(tmp_path / "texts")) == [text, "so bad"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match=r"TextFile: .*fifo' is a FIFO: expected a regular file"):
        list(TextFile(tmp_path / "fifo"))


def test_a_file_of_another_encoding_is_read_where_it_is_named(tmp_path):
    (tmp_path / "texts").write_bytes("so bäd\n".encode("latin-1"))
    assert list(TextFile(tmp_path / "texts", "latin-1")) == ["so bäd"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good\nso bäd\n".encode("latin-1"), r"texts' line 2 is not utf-8-sig .*latin-1"),
        (gzip.compress(b"so good\n" * 1_000, mtime=0)[:-9], "cannot be unpacked after line"),
        (b"\x1f\x8b and no more", "cannot be unpacked after line 0"),
    ],
    ids=["encoding", "cut", "no gzip"],
)
def test_a_damaged_file_is_refused_by_name_and_line(tmp_path, content, message):
    (tmp_path / "texts").write_bytes(content)
    with pytest.raises(ValueError, match=f"(?s)TextFile: .*{message}"):
        list(TextFile(tmp_path / "texts"))


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        SequenceVectorizer().fit(TextFile(tmp_path / "nowhere"))


def test_word2vec_learns_the_same_from_disk(corpus, tmp_path):
    pytest.importorskip("gensim")
    embedding = Word2VecEmbedding(vector_size=8, epochs=2, random_state=0)
    in_memory = make_pipeline(SequenceVectorizer(max_len=40), embedding).fit(TEXTS)
    expected = in_memory[-1].vectors_
    on_disk = make_pipeline(SequenceVectorizer(max_len=40, memmap_dir=tmp_path / "ids"), embedding)
    np.testing.assert_array_equal(on_disk.fit(corpus)[-1].vectors_, expected)


class Endless:
    """A corpus that exists only while it is read, one text at a time."""

    def __init__(self, n_texts):
        self.n_texts = n_texts

    def __iter__(self):
        words = np.array([f"w{i}" for i in range(1_000)])
        rng = np.random.default_rng(0)
        return (" ".join(rng.choice(words, 100)) for _ in range(self.n_texts))


def peak_of_fitting(model, n_texts):
    tracemalloc.start()
    model.fit(Endless(n_texts))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_larger_corpus_takes_no_more_memory(tmp_path):
    pytest.importorskip("gensim")
    model = make_pipeline(
        SequenceVectorizer(max_len=100, memmap_dir=tmp_path),
        Word2VecEmbedding(vector_size=2, epochs=1, sg=False, random_state=0),
    )
    assert peak_of_fitting(model, 9_000) < 1.2 * peak_of_fitting(model, 3_000)


def test_a_streamed_corpus_teaches_a_model_with_a_vocabulary_of_its_own(corpus, tmp_path):
    pytest.importorskip("gensim")
    large = make_pipeline(
        SequenceVectorizer(memmap_dir=tmp_path / "ids"),
        Word2VecEmbedding(vector_size=4, epochs=1, random_state=0),
    ).fit(corpus)
    small = make_pipeline(
        SequenceVectorizer(max_len=40),
        PretrainedEmbedding(large),
        RNNTextClassifier(hidden_size=2, freeze_embedding=True, max_epochs=1, random_state=0),
    ).fit(TEXTS[:40], LABELS[:40])
    learned = dict(zip(large[-1].vocabulary_, large[-1].vectors_, strict=True))
    assert small[-1].vocabulary_ != large[-1].vocabulary_
    for row, word in enumerate(small[-1].vocabulary_[2:], 2):
        vector = small[-1].embedding_vectors_[row]
        np.testing.assert_array_equal(vector, learned[word])


def test_a_classifier_reads_ids_on_disk_as_those_in_memory(tmp_path):
    vectorizer = SequenceVectorizer(max_len=40, memmap_dir=tmp_path)
    model = RNNTextClassifier(hidden_size=3, max_epochs=2, random_state=0)
    on_disk = make_pipeline(vectorizer, model).fit(TEXTS, LABELS).predict_proba(TEXTS)
    vectorizer.set_params(memmap_dir=None)
    in_memory = make_pipeline(vectorizer, model).fit(TEXTS, LABELS).predict_proba(TEXTS)
    np.testing.assert_array_equal(on_disk, in_memory)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """The same sequences of 200 texts: in memory, and in a file."""
    in_memory = SequenceVectorizer(max_len=12).fit_transform(TEXTS[:200])
    path = tmp_path_factory.mktemp("ids") / "ids.npy"
    np.save(path, in_memory.ids)
    return in_memory, replace(in_memory, ids=np.load(path, mmap_mode="r"))


def assert_the_same_is_learned(model, twins, y):
    """From ids in a file as from those in memory: all weights, and all answers."""
    in_memory, on_disk = (clone(model).fit(X, y) for X in twins)
    weights = on_disk.net_.module_.state_dict()
    for name, expected in in_memory.net_.module_.state_dict().items():
        np.testing.assert_array_equal(weights[name], expected, err_msg=name)
    for ask in {"predict", "predict_proba", "transform"} & set(dir(model)):
        answers, expected = (getattr(on_disk, ask)(X) for X in twins[::-1])
        np.testing.assert_array_equal(answers, expected)


@pytest.mark.parametrize("linear", ["none", "words", "pairs"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_network_learns_from_disk_as_from_memory(twins, cell, linear):
    model = RNNTextClassifier(cell=cell, linear=linear, **TWO_EPOCHS)
    assert_the_same_is_learned(model, twins, LABELS[:200])


@pytest.mark.parametrize(
    "parameters",
    [{"term_weights": "naive_bayes"}, {"early_stopping": True}, {"class_weight": "balanced"}],
    ids=lambda parameters: next(iter(parameters)),
)
def test_every_way_of_training_reads_disk_as_memory(twins, parameters):
    model = RNNTextClassifier(**TWO_EPOCHS, **parameters)
    assert_the_same_is_learned(model, twins, LABELS[:200])


def test_a_regressor_learns_from_disk_as_from_memory(twins):
    assert_the_same_is_learned(RNNTextRegressor(**TWO_EPOCHS), twins, np.arange(200) % 7)


@pytest.mark.parametrize("kind", [Word2VecEmbedding, FastTextEmbedding])
@pytest.mark.parametrize("sg", [True, False])
def test_word_vectors_are_learned_from_disk_as_from_memory(twins, kind, sg):
    pytest.importorskip("gensim")
    embedding = kind(vector_size=4, epochs=2, sg=sg, random_state=0)
    in_memory, on_disk = (clone(embedding).fit(X).vectors_ for X in twins)
    np.testing.assert_array_equal(on_disk, in_memory)

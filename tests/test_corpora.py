"""Corpora that are never held in memory: read from disk, encoded on disk, learned from there."""

import gc
import gzip
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from paths import PACKAGE_HOME
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.corpora import TextFile
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding

TEXTS, LABELS = make_reviews(1_300, n_filler=(0, 1), random_state=0)  # more than one chunk


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return TextFile(path)


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


def test_a_packed_line_without_end_is_refused_before_it_fills_the_memory(hostile, tmp_path):
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


@given(
    texts=st.lists(st.text("ab c", max_size=12), min_size=1, max_size=20).filter("".join),
    max_len=st.none() | st.integers(1, 5),
    sides=st.tuples(*[st.sampled_from(["pre", "post"])] * 2),
    min_df=st.sampled_from([1, 2, 0.5]),
    max_features=st.none() | st.just(4),
)
def test_ids_on_disk_are_those_in_memory(
    tmp_path_factory, texts, max_len, sides, min_df, max_features
):
    parameters = {
        "max_len": max_len,
        "padding": sides[0],
        "truncating": sides[1],
        "min_df": min_df,
        "max_features": max_features,
    }
    in_memory = SequenceVectorizer(**parameters)
    on_disk = SequenceVectorizer(**parameters, memmap_dir=tmp_path_factory.mktemp("ids"))
    try:
        expected = in_memory.fit_transform(texts)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:40]):
            on_disk.fit_transform(texts)
        return
    for sequences in (on_disk.fit_transform(iter(texts)), on_disk.transform(iter(texts))):
        np.testing.assert_array_equal(sequences.ids, expected.ids)
        assert sequences.vocabulary == expected.vocabulary


def test_chunks_join_as_if_there_were_none(corpus, tmp_path):
    vectorizer = SequenceVectorizer(min_df=2)
    expected = vectorizer.fit_transform(TEXTS).ids
    on_disk = SequenceVectorizer(min_df=2, memmap_dir=tmp_path / "ids").fit_transform(corpus)
    np.testing.assert_array_equal(on_disk.ids, expected)
    np.testing.assert_array_equal(
        np.concatenate([vectorizer.transform([text]).ids for text in TEXTS]), expected
    )


def test_the_file_of_ids_goes_when_nothing_uses_it(tmp_path):
    sequences = SequenceVectorizer(memmap_dir=tmp_path / "ids").fit_transform(TEXTS)
    part = sequences[10:20]
    del sequences
    gc.collect()
    assert len(list((tmp_path / "ids").iterdir())) == 1
    assert part.ids.any()
    del part
    gc.collect()
    assert not list((tmp_path / "ids").iterdir())


@pytest.mark.parametrize("texts", [[*TEXTS, None], []], ids=["None", "no text"])
def test_bad_texts_leave_no_file_and_the_vectorizer_as_it_was(tmp_path, texts):
    vectorizer = SequenceVectorizer(memmap_dir=tmp_path).fit(["so good"])
    with pytest.raises((TypeError, ValueError), match=r"in row 1300|at least one text"):
        vectorizer.fit_transform(texts)
    with pytest.raises((TypeError, ValueError), match=r"in row 1300|at least one text"):
        vectorizer.transform(texts)
    gc.collect()
    assert vectorizer.vocabulary_ == {"good": 2, "so": 3}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_workers_return_what_they_encoded_and_leave_no_file(tmp_path, backend):
    folder = tmp_path / "ids"
    vectorizer = SequenceVectorizer(memmap_dir=folder).fit(TEXTS)
    parts = Parallel(2, backend=backend)(delayed(vectorizer.transform)(TEXTS) for _ in range(2))
    expected = vectorizer.set_params(memmap_dir=None).transform(TEXTS)
    for part in parts:
        np.testing.assert_array_equal(part.ids, expected.ids)
    assert not list(folder.iterdir())


def test_workers_read_ids_on_disk(tmp_path):
    sequences = SequenceVectorizer(memmap_dir=tmp_path).fit_transform(TEXTS)
    sums = Parallel(2)(delayed(np.sum)(sequences[i::2].ids) for i in range(2))
    assert sum(sums) == sequences.ids.sum()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_few_texts_stay_in_memory_so_that_a_model_in_use_writes_no_file(tmp_path):
    vectorizer = SequenceVectorizer(memmap_dir=tmp_path / "ids").fit(TEXTS)
    assert vectorizer.transform(TEXTS[:1]).shape == (1, 500)
    assert not list((tmp_path / "ids").glob("*") if (tmp_path / "ids").exists() else [])


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


SMALL = {"hidden_size": 3, "embedding_dim": 4, "max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize("linear", ["none", "words", "pairs"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_network_learns_from_disk_as_from_memory(twins, cell, linear):
    model = RNNTextClassifier(cell=cell, linear=linear, **SMALL)
    assert_the_same_is_learned(model, twins, LABELS[:200])


@pytest.mark.parametrize(
    "parameters",
    [{"term_weights": "naive_bayes"}, {"early_stopping": True}, {"class_weight": "balanced"}],
    ids=lambda parameters: next(iter(parameters)),
)
def test_every_way_of_training_reads_disk_as_memory(twins, parameters):
    model = RNNTextClassifier(**SMALL, **parameters)
    assert_the_same_is_learned(model, twins, LABELS[:200])


def test_a_regressor_learns_from_disk_as_from_memory(twins):
    assert_the_same_is_learned(RNNTextRegressor(**SMALL), twins, np.arange(200) % 7)


@pytest.mark.parametrize("kind", [Word2VecEmbedding, FastTextEmbedding])
@pytest.mark.parametrize("sg", [True, False])
def test_word_vectors_are_learned_from_disk_as_from_memory(twins, kind, sg):
    pytest.importorskip("gensim")
    embedding = kind(vector_size=4, epochs=2, sg=sg, random_state=0)
    in_memory, on_disk = (clone(embedding).fit(X).vectors_ for X in twins)
    np.testing.assert_array_equal(on_disk, in_memory)


@pytest.mark.parametrize("parameters", [{}, {"min_df": 2, "max_features": 50}])
def test_several_processes_read_the_same_as_one(tmp_path, parameters):
    one = SequenceVectorizer(**parameters, max_len=30)
    expected = one.fit_transform(TEXTS)
    two = SequenceVectorizer(**parameters, max_len=30, n_jobs=2)
    for sequences in (two.fit_transform(iter(TEXTS)), two.transform(TEXTS), one.transform(TEXTS)):
        np.testing.assert_array_equal(sequences.ids, expected.ids)
        assert sequences.vocabulary == expected.vocabulary
    two.set_params(memmap_dir=tmp_path, tokenizer=lambda text: text.split(), token_pattern=None)
    one.set_params(tokenizer=two.tokenizer, token_pattern=None)
    np.testing.assert_array_equal(two.fit_transform(TEXTS).ids, one.fit_transform(TEXTS).ids)


def test_an_error_among_processes_names_the_row_and_changes_nothing():
    vectorizer = SequenceVectorizer(n_jobs=2).fit(["so good"])
    with pytest.raises(TypeError, match="got NoneType in row 1300"):
        vectorizer.fit([*TEXTS, None])
    assert vectorizer.vocabulary_ == {"good": 2, "so": 3}


def test_processes_that_read_texts_load_no_torch():
    code = (
        "import sys; from sklearn_rnn import SequenceVectorizer; import sklearn_rnn.corpora\n"
        "SequenceVectorizer().fit_transform(['so good'])\n"
        "assert not {'torch', 'skorch', 'gensim'} & set(sys.modules)"
    )
    home = str(PACKAGE_HOME)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {home!r})\n{code}"]
    subprocess.run(command, check=True)

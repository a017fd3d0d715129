"""Models are saved and opened: the same to the last bit, from anywhere, whole or not at all."""

import copy
import gzip
import io as streams
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from processes import ENVIRONMENT
from sklearn_rnn import (
    RNNTextClassifier,
    SequenceVectorizer,
    persistence,
)
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.exceptions import ModelFileError
from sklearn_rnn.persistence import _reading as _model_reading
from sklearn_rnn.persistence import _save_load
from small_models import LABELS, MODELS, TEXTS, TWO_EPOCHS, assert_same_answers

pytest.importorskip("skops.io")

# ---- There and back --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_comes_back_as_it_was_to_the_last_bit(models, kind, path):
    persistence.save(models[kind], path)
    assert_same_answers(persistence.load(path), models[kind])


def test_a_model_of_vectors_from_a_model_comes_back(models, path):
    source = PretrainedEmbedding(models["word2vec"])
    model = make_pipeline(SequenceVectorizer(), source, RNNTextClassifier(**TWO_EPOCHS))
    model.fit(TEXTS, LABELS)
    persistence.save(model, path)
    assert_same_answers(persistence.load(path), model)


def test_words_of_lone_surrogates_stay_two_words(path):
    words = ["\ud83d\ude00", "\U0001f600", "\x00", '"', "é"]
    vectorizer = SequenceVectorizer(tokenizer=str.split, token_pattern=None, vocabulary=words)
    ids = vectorizer.fit([" "]).transform(words).ids
    for copied in (pickle.loads(pickle.dumps(vectorizer)), copy.deepcopy(vectorizer)):
        np.testing.assert_array_equal(copied.transform(words).ids, ids)


def test_a_model_that_was_not_fitted_comes_back(path):
    persistence.save(RNNTextClassifier(hidden_size=7), path)
    assert persistence.load(path).hidden_size == 7


# ---- Any device, any disk --------------------------------------------------------------------


@pytest.mark.parametrize("write", [persistence.save, joblib.dump])
@pytest.mark.parametrize("linear", ["none", "words", "pairs"])
def test_a_file_is_hardly_larger_than_the_weights(path, write, linear):
    """What a linear model counted is no weight, but it has to be known: its pairs come on top."""
    rng = np.random.default_rng(0)
    X = rng.integers(2, 300, (2_000, 30))
    words = ["".join(map(chr, rng.integers(97, 123, 7))) for _ in range(10_000)]
    classifier = RNNTextClassifier(max_epochs=1, hidden_size=8, linear=linear, random_state=0)
    model = make_pipeline(SequenceVectorizer(vocabulary=sorted(set(words))), classifier)
    model.fit([" ".join(words[i] for i in row) for row in X], np.arange(len(X)) % 2)
    counted = sum(buffer.nbytes for buffer in model[-1].net_.module_.buffers())
    write(model, path)
    ratio = (path.stat().st_size - counted) / (4 * model[-1].n_parameters_)
    print(f"{write.__module__}, linear={linear!r}: {ratio:.3f}, and {counted:,} bytes of counts")
    assert ratio < 1.05


def test_a_file_is_opened_where_there_is_no_room_for_a_copy_of_it(model, path, monkeypatch):
    persistence.save(model, path)
    monkeypatch.setattr(_save_load, "SPOOLED_BYTES", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(path.with_name("missing")))
    assert_same_answers(persistence.load(path), model)


def test_a_signed_file_cannot_be_swapped_while_it_is_opened(path, monkeypatch):
    """What is read is what was checked, also where somebody writes to the file meanwhile."""
    key = bytes(range(32))
    persistence.save(RNNTextClassifier(hidden_size=7), path, key=key)
    before, check = path.read_bytes(), _model_reading.check_signature
    persistence.save(RNNTextClassifier(hidden_size=8), path, key=key)
    after = path.read_bytes()
    path.write_bytes(before)

    def check_and_swap(file, key):
        wrong = check(file, key)
        path.write_bytes(after)
        return wrong

    monkeypatch.setattr(_model_reading, "check_signature", check_and_swap)
    assert persistence.load(path, key=key).hidden_size == 7
    assert path.read_bytes() == after


def test_a_missing_file_is_missing(path):
    with pytest.raises(FileNotFoundError):
        persistence.load(path)


# ---- Paths and open files --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_a_path_is_of_any_kind(path, kind):
    persistence.save(RNNTextClassifier(hidden_size=7), kind(path))
    assert persistence.load(kind(path)).hidden_size == 7


def test_open_files_take_and_give_a_model(model, path):
    with path.open("wb") as file:
        persistence.save(model, file)
    assert_same_answers(persistence.load(path), model)
    with path.open("rb") as file:
        assert_same_answers(persistence.load(file), model)
    buffer = streams.BytesIO()
    persistence.save(model, buffer)
    with pytest.raises(ModelFileError, match="the file is at its end"):
        persistence.load(buffer)
    buffer.seek(0)
    assert_same_answers(persistence.load(buffer), model)
    with gzip.open(path, "wb") as file:
        persistence.save(model, file)
    with gzip.open(path, "rb") as file:
        assert_same_answers(persistence.load(file), model)


TEXT_FILES = {
    "in memory": lambda path: streams.StringIO(),
    "on a disk": lambda path: path.open("w+"),
    "temporary": lambda path: tempfile.NamedTemporaryFile("w+"),  # noqa: SIM115 - entered
}


@pytest.mark.parametrize("kind", TEXT_FILES)
def test_files_of_text_are_refused(path, kind):
    with TEXT_FILES[kind](path) as file:
        with pytest.raises(TypeError, match=r'save: .* open for text. Open it with mode "wb"'):
            persistence.save(RNNTextClassifier(), file)
        with pytest.raises(TypeError, match=r'load: .* open for text. Open it with mode "rb"'):
            persistence.load(file)


@pytest.mark.parametrize("path", [None, 3, ["model.skops"]])
def test_what_is_no_path_is_refused(path):
    for use in (
        lambda: persistence.save(RNNTextClassifier(), path),
        lambda: persistence.load(path),
    ):
        with pytest.raises(TypeError, match=f"a path or a binary file, got {type(path).__name__}"):
            use()


def test_places_where_no_file_can_be_are_named(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Name a file in it"):
        persistence.save(RNNTextClassifier(), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"'.*missing' is not a folder"):
        persistence.save(RNNTextClassifier(), tmp_path / "missing" / "model.skops")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        persistence.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


SAVES_AND_DIES = """
import os, signal, sys
from sklearn_rnn import RNNTextClassifier, persistence
name, path = sys.argv[1:]
setattr(os, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
persistence.save(RNNTextClassifier(hidden_size=2), path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_kill_while_saving_leaves_the_old_file_whole(path, call):
    persistence.save(RNNTextClassifier(hidden_size=1), path)
    command = [sys.executable, "-c", SAVES_AND_DIES, call, str(path)]
    assert subprocess.run(command, env=ENVIRONMENT).returncode == -9
    assert persistence.load(path).hidden_size == 1


def test_a_full_disk_leaves_the_old_file_and_nothing_else(model, path, monkeypatch):
    persistence.save(RNNTextClassifier(hidden_size=1), path)

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        persistence.save(model, path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert persistence.load(path).hidden_size == 1


def test_without_skops_the_way_out_is_named(model, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[safe\]"'):
        persistence.save(model, path)

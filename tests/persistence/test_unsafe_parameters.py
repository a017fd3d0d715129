"""A model file does not reach beyond the model: to files, folders, processes, or for ever."""

import json
import os
import pickle
import re
import time
import zipfile
from io import BytesIO

import gensim
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_selector
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding
from sklearn_rnn.exceptions import ModelFileError
from sklearn_rnn.persistence._unsafe_parameters import _may_backtrack

skops = pytest.importorskip("skops.io")
from sklearn_rnn import persistence  # noqa: E402


def planted(model):
    """Return the file of a model as somebody writes it who does not use `save`."""
    return BytesIO(skops.dumps(model))


def with_attribute(estimator, name, value):
    setattr(estimator, name, value)
    return estimator


FOLDERS = [
    (SequenceVectorizer(memmap_dir="somewhere"), "memmap_dir"),
    (RNNTextClassifier(checkpoint_dir="somewhere"), "checkpoint_dir"),
    (Pipeline([("a", None)], memory="somewhere"), "memory"),
]


@pytest.mark.parametrize(("model", "name"), FOLDERS, ids=[name for _, name in FOLDERS])
def test_folders_in_a_file_are_left_out_with_a_warning_unless_they_are_named(model, name):
    """As those in files of earlier versions."""
    with pytest.warns(UserWarning, match=rf"folders of the machine .*'{name}=somewhere'"):
        loaded = persistence.load(planted(make_pipeline(model)))
    assert getattr(loaded[0], name) is None
    loaded = persistence.load(planted(make_pipeline(model)), trusted=[f"{name}=somewhere"])
    assert getattr(loaded[0], name) == "somewhere"


def test_a_folder_that_is_named_stays_where_another_is_left_out():
    model = RNNTextClassifier(checkpoint_dir="mine")
    pipeline = Pipeline([("a", model)], memory="theirs")
    with pytest.warns(UserWarning, match=r"left out: \['memory=theirs'\]"):
        loaded = persistence.load(planted(pipeline), trusted=["checkpoint_dir=mine"])
    assert (loaded.memory, loaded[0].checkpoint_dir) == (None, "mine")


def test_a_folder_beside_another_reach_is_refused():
    model = SequenceVectorizer(memmap_dir="somewhere", token_pattern="(a+)+$")
    with pytest.raises(ModelFileError, match=r"memmap_dir=somewhere.*token_pattern="):
        persistence.load(planted(model))


@pytest.mark.parametrize("name", ["__doc_link_template", "_doc_link_module", "__class__"])
def test_attributes_that_pages_show_as_they_are_cannot_be_planted(name):
    model = RNNTextClassifier()
    vars(model)[name] = '"><script>alert(1)</script>'
    with pytest.raises(ModelFileError, match="could run code"):
        persistence.load(planted(model))


@pytest.mark.parametrize("place", [-1, 2, 10**9, 0.5, "0", None, np.int64(7)])
def test_words_have_places_in_their_vocabulary(place):
    """SciPy would write where the file says."""
    model = CountVectorizer().fit(["good bad"])
    model.vocabulary_ = {"good": 0, "bad": place}
    with pytest.raises(ModelFileError, match="index out of range"):
        persistence.load(planted(model))
    model.vocabulary_ = {"good": 0, "bad": np.int64(1)}
    assert persistence.load(planted(model)).transform(["bad"]).toarray().tolist() == [[0, 1]]


REACHING = [
    (PretrainedEmbedding("vectors.kv"), "source=vectors.kv"),
    (PretrainedEmbedding("VECTORS.KV.GZ"), "source=VECTORS.KV.GZ"),
    (SequenceVectorizer(token_pattern="(a+)+$"), "token_pattern=(a+)+$"),
    (CountVectorizer(token_pattern=r"(\w+\s?)+$"), r"token_pattern=(\w+\s?)+$"),
    (CountVectorizer(input="filename"), "input=filename"),
    (TfidfVectorizer(input="file"), "input=file"),
    (HashingVectorizer(input="filename"), "input=filename"),
    (SequenceVectorizer(memmap_dir=b"somewhere"), "memmap_dir=another object"),
    (GridSearchCV(None, {"step__memory": ["somewhere"]}), "memory=somewhere"),
    (FeatureUnion([("a", None)], n_jobs="60"), "n_jobs=60"),
    (SequenceVectorizer(n_jobs=np.timedelta64(1000)), "n_jobs=another object"),
    (with_attribute(KMeans(), "_n_threads", 900), "_n_threads=900"),
    (SequenceVectorizer(n_jobs=100_000), "n_jobs=100000"),
    (SequenceVectorizer(n_jobs=np.int64(100_000)), "n_jobs=100000"),
    (Word2VecEmbedding(workers=100_000), "workers=100000"),
    (TfidfVectorizer(analyzer="char", ngram_range=(1, 10_000)), "ngram_range=10000"),
    (PretrainedEmbedding(np.str_("x.kv")), "source=x.kv"),
    (GridSearchCV(None, {"source": np.array(["x.kv"])}), "source=x.kv"),
    (GridSearchCV(None, {"source": np.array(["x" * 10**5])}), "source=(many texts)"),
    (make_column_selector(pattern="(a|a)*$"), "pattern=(a|a)*$"),
    (GridSearchCV(None, {"step__token_pattern": ["(a+)+$"]}), "token_pattern=(a+)+$"),
    (GridSearchCV(None, [{"a__b__source": [["x.kv"]]}]), "source=x.kv"),
    (GridSearchCV(None, {"source": np.array(["x.kv"], object)}), "source=x.kv"),
]


@pytest.mark.parametrize(("model", "named"), REACHING, ids=[named for _, named in REACHING])
@pytest.mark.parametrize("around", [lambda model: model, lambda model: Pipeline([("a", model)])])
def test_what_reaches_beyond_a_model_is_refused_unless_it_is_named(model, named, around):
    with pytest.raises(ModelFileError, match=rf"contains \[.*{re.escape(repr(named)[1:-1])}"):
        persistence.load(planted(around(model)))
    trusted = [named, "sklearn.compose._column_transformer.make_column_selector"]
    assert type(persistence.load(planted(around(model)), trusted)) is type(around(model))


@pytest.mark.parametrize(
    "model",
    [
        PretrainedEmbedding("vectors.txt"),
        PretrainedEmbedding("vectors.bin"),
        PretrainedEmbedding((["good", "bad"], np.eye(2))),
        CountVectorizer(),
        TfidfVectorizer(input="content"),
        SequenceVectorizer(n_jobs=-1),
        SequenceVectorizer(token_pattern=r"\w+", stop_words=["source", "memory"]),
        RNNTextClassifier(class_weight={"source": 1, "memory": 2, "input": 3}),
        GridSearchCV(None, {"lr": [1, 2], "n_jobs": [1, 2]}),
    ],
)
def test_what_does_not_is_read_without_being_named(model):
    assert type(persistence.load(planted(model))) is type(model)


def test_a_planted_pickle_does_not_run_when_the_model_is_fitted_again(tmp_path):
    """The payload is a real one: it runs where the file is opened by its name."""
    witness, path = tmp_path / "it_ran", tmp_path / "vectors.kv"

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(witness),)

    path.write_bytes(pickle.dumps(Payload()))
    model = make_pipeline(
        SequenceVectorizer(), PretrainedEmbedding(str(path)), RNNTextClassifier(max_epochs=1)
    )
    with pytest.raises(ModelFileError, match=r"source=.*vectors\.kv"):
        persistence.load(planted(model))
    assert not witness.exists()
    loaded = persistence.load(planted(model), trusted=[f"source={path}"])
    with pytest.raises(Exception, match=r"vectors\.kv"):
        clone(loaded).fit(["good film", "bad film"], [0, 1])
    assert witness.exists()


def test_keyed_vectors_are_read_again_where_they_are_named(tmp_path):
    vectors = gensim.models.KeyedVectors(2)
    vectors.add_vectors(["good", "bad"], np.eye(2, dtype=np.float32))
    vectors.save(str(tmp_path / "vectors.kv"))
    source = str(tmp_path / "vectors.kv")
    model = make_pipeline(SequenceVectorizer(), PretrainedEmbedding(source))
    file = BytesIO()
    persistence.save(model.fit(["good film", "bad film"]), file)
    loaded = persistence.load(file, trusted=[f"source={source}"]) if file.seek(0) == 0 else None
    again = clone(loaded).fit(["good film", "bad film"])
    np.testing.assert_array_equal(again[1].vectors_, model[1].vectors_)


# ---- Patterns --------------------------------------------------------------------------------

USUAL = [
    r"\w+",
    r"(?u)\b\w\w+\b",
    r"(?u)\b\w+\b",
    r"\b\w+(?:['’]\w+)*\b",
    r"\w+(?:-\w+)*",
    r"\S+",
    r"[a-z]+",
    r"[^\s]+",
    r"[A-Za-zÄÖÜäöüß]+",
    r"\w+|[^\w\s]",
    r"[一-龥]",
    r"(\w+)",
    r".",
    r"#\w+|\w+",
    r"\d\d\d\d",
    r"[a-z]{3,}",
    r"\b[a-zA-Z]{2,}",
    r"(?i)\b\w{2,20}\b",
]
ENDLESS = [
    "(a+)+$",
    "(a|a)*b",
    "(a|aa)+$",
    r"(\w+\s?)*$",
    r"\w*\w*\w*\w*\w*!",
    r"a*a*a*a*a*b",
    r"(?:a?){50}a{50}",
    r"(.*)\1\1b",
    r"(?=(a+))a*b\1",
    r"\w+\w+\w+\w+!",
    r"[a-z]+\b",
    r"\w+x",
    r"(x+x+)+y",
    r"\w+(?:-\w+)+",
    r"(?:a{1,30}){1,30}b",
]


@pytest.mark.parametrize("pattern", USUAL)
def test_the_usual_patterns_of_tokens_need_no_name(pattern):
    assert not _may_backtrack(pattern)


@pytest.mark.parametrize("pattern", ENDLESS)
def test_patterns_that_try_again_need_a_name(pattern):
    assert _may_backtrack(pattern)


@given(
    st.text(r"ab\w+*?|()[]^$.{}12,-:'b ", max_size=14).filter(lambda p: not _may_backtrack(p)),
    st.sampled_from(["a", "ab", "a-", "'", "a'b", "ab ", "-"]),
)
def test_patterns_without_a_name_take_time_in_proportion(pattern, part):
    """A search that tries again takes 4,096 times longer on 64 times the text."""
    try:
        find = re.compile(pattern).findall
    except re.error:
        return

    def seconds(n_parts):
        start = time.process_time()
        find(part * n_parts)
        return time.process_time() - start

    assert min(map(seconds, [64_000] * 3)) < 1_000 * (min(map(seconds, [1_000] * 3)) + 1e-4)


# ---- What save writes ------------------------------------------------------------------------


def test_a_text_that_is_also_a_folders_name_stays(tmp_path):
    """skops describes equal texts once: only the folder may go."""
    name = "somewhere"
    model = RNNTextClassifier(checkpoint_dir=name, cell=name)
    grid = {"memmap_dir_of_mine": name}
    search = GridSearchCV(model, grid, refit=name)
    persistence.save(search, tmp_path / "model.skops")
    loaded = persistence.load(tmp_path / "model.skops")
    assert loaded.estimator.checkpoint_dir is None
    assert loaded.estimator.cell == loaded.refit == loaded.param_grid["memmap_dir_of_mine"] == name


def test_no_folder_of_the_machine_is_in_a_file(tmp_path):
    path = tmp_path / "model.skops"
    persistence.save(SequenceVectorizer(memmap_dir="/home/somebody/secret"), path)
    with zipfile.ZipFile(path) as archive:
        assert "somebody" not in json.dumps(json.loads(archive.read("schema.json")))

"""Word vectors in pipelines and searches: learned on the way, or there already."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from processes import ENVIRONMENT
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding
from word_vectors import LABELS, NETWORK, SMALL_VECTORS, TEXTS, keyed_vectors

pytest.importorskip("gensim")


def pipeline(embedding, **parameters):
    quick = {"hidden_size": 4, "max_epochs": 2, "lr": 1e-2, "random_state": 0}
    return Pipeline(
        [
            ("sequences", SequenceVectorizer(max_len=40)),
            ("embedding", embedding),
            ("rnn", RNNTextClassifier(**{**quick, **parameters})),
        ]
    )


def test_a_frozen_table_stays_bit_identical_and_a_free_one_learns():
    for freeze in (True, False):
        model = pipeline(Word2VecEmbedding(**SMALL_VECTORS), freeze_embedding=freeze).fit(
            TEXTS, LABELS
        )
        same = np.array_equal(model[-1].embedding_vectors_, model["embedding"].vectors_)
        assert same == freeze


def test_a_grid_compares_learning_the_embedding_with_pretraining_it():
    search = GridSearchCV(
        pipeline("passthrough"),
        {
            "embedding": ["passthrough", Word2VecEmbedding(**SMALL_VECTORS)],
            "rnn__freeze_embedding": [True, False],
        },
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(TEXTS, LABELS)
    assert len(search.cv_results_["params"]) == 4


class CountingEmbedding(Word2VecEmbedding):
    """Writes a letter into a file for each fit, from whatever process."""

    def fit(self, X, y=None):
        with Path("fits").open("a") as fits:
            fits.write("x")
        return super().fit(X, y)


def test_a_pipeline_with_memory_trains_the_vectors_once_per_fold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = pipeline(CountingEmbedding(**SMALL_VECTORS)).set_params(memory=str(tmp_path / "cache"))
    grid = {"rnn__hidden_size": [2, 3, 4]}
    GridSearchCV(model, grid, cv=2, refit=False, error_score="raise").fit(TEXTS, LABELS)
    assert Path("fits").read_text() == "xx"


def test_a_saved_pipeline_opens_where_gensim_is_not_installed(tmp_path):
    model = pipeline(FastTextEmbedding(**SMALL_VECTORS, bucket=100), freeze_embedding=True)
    joblib.dump((model.fit(TEXTS, LABELS), TEXTS), tmp_path / "model")
    code = (
        "import sys; sys.modules['gensim'] = None\n"
        "import joblib; model, texts = joblib.load('model')\n"
        "joblib.dump(model.predict_proba(texts), 'answers')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, check=True)
    np.testing.assert_array_equal(joblib.load(tmp_path / "answers"), model.predict_proba(TEXTS))


@pytest.fixture(scope="module")
def trained():
    """The large data set's model, with another vocabulary than any that follows."""
    texts, labels = make_reviews(120, n_filler=(1, 2), random_state=1)
    return make_pipeline(
        SequenceVectorizer(max_len=60), RNNTextClassifier(**NETWORK, cell="gru")
    ).fit(texts, labels)


def test_the_lectures_transfer_keeps_only_the_embedding_word_by_word(trained):
    sequences = SequenceVectorizer(max_len=40).fit_transform(TEXTS[:20])
    embedding = PretrainedEmbedding(trained).fit(sequences)
    learned = dict(zip(trained[-1].vocabulary_, trained[-1].embedding_vectors_, strict=True))
    known = [word for word in sequences.vocabulary[2:] if word in learned]
    assert known
    for word in known:
        row = embedding.vectors_[sequences.vocabulary.index(word)]
        np.testing.assert_array_equal(row, learned[word])


def test_a_frozen_transfer_changes_only_what_lies_above_it(trained):
    X = SequenceVectorizer(max_len=40).fit_transform(TEXTS)
    X = PretrainedEmbedding(trained).fit(X).transform(X)
    new = RNNTextClassifier(**NETWORK | {"hidden_size": 3}, num_layers=2, freeze_embedding=True)
    start = (
        clone(new).set_params(lr=1e-30, table_lr=1e-30).fit(X, LABELS).net_.module_.state_dict()
    )
    end = new.fit(X, LABELS).net_.module_.state_dict()
    np.testing.assert_array_equal(new.embedding_vectors_, X.vectors)
    changed = {name for name in end if not np.array_equal(start[name], end[name])}
    assert changed == set(end) - {"embedding.weight", "linear.idf", "linear.pairs"}


def test_the_lectures_frozen_model_has_its_numbers_of_parameters():
    words = [f"w{i}" for i in range(9_998)]
    X = SequenceVectorizer(vocabulary=words, max_len=500).fit_transform(
        [" ".join(words[:400])] * 8
    )
    X = PretrainedEmbedding(keyed_vectors(words, 32)).fit(X).transform(X)
    model = RNNTextClassifier(
        hidden_size=32, pooling="last", linear="none", freeze_embedding=True, max_epochs=1
    )
    summary = model.fit(X, np.arange(8) % 2).summary()
    assert (summary.total, summary.trainable) == (336_705, 16_705)
    assert "Trainable parameters: 16,705" in str(summary)


@pytest.mark.parametrize("kind", ["pipeline", "gensim", "embedding"])
def test_clone_and_set_params_share_the_source(trained, kind):
    sources = {
        "pipeline": trained,
        "gensim": keyed_vectors(["so"]),
        "embedding": Word2VecEmbedding(vector_size=3),
    }
    embedding = PretrainedEmbedding(sources[kind])
    assert clone(embedding).source is sources[kind]
    assert clone(make_pipeline(embedding))[0].source is sources[kind]
    assert PretrainedEmbedding().set_params(source=sources[kind]).source is sources[kind]
    assert list(embedding.get_params()) == ["oov", "random_state", "source"]


def test_a_clone_of_a_large_source_takes_no_memory():
    source = keyed_vectors([str(i) for i in range(50_000)], n_dimensions=100)  # 20 MB
    tracemalloc.start()
    clones = [clone(PretrainedEmbedding(source)) for _ in range(100)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(clones) == 100
    assert peak < 1_000_000


def test_a_grid_compares_no_embedding_a_trained_and_a_ready_made_one(trained):
    search = GridSearchCV(
        Pipeline(
            [
                ("sequences", SequenceVectorizer(max_len=40)),
                ("embedding", "passthrough"),
                ("rnn", RNNTextClassifier(**NETWORK)),
            ]
        ),
        {
            "embedding": [
                "passthrough",
                Word2VecEmbedding(vector_size=4, epochs=1),
                PretrainedEmbedding(trained),
            ]
        },
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(TEXTS, LABELS)
    assert len(search.predict(TEXTS)) == len(TEXTS)


@pytest.mark.parametrize("oov", ["zero", "mean"])
def test_a_pipeline_with_memory_can_be_fitted_again_and_again(trained, tmp_path, oov):
    model = make_pipeline(
        SequenceVectorizer(max_len=40),
        PretrainedEmbedding(trained, oov=oov),
        RNNTextClassifier(**NETWORK),
        memory=str(tmp_path),
    )
    tables = [model.fit(TEXTS, LABELS)[1].vectors_ for _ in range(4)]
    for table in tables[1:]:
        np.testing.assert_array_equal(table, tables[0])


def test_a_search_and_a_pipeline_within_another_serve_as_sources(trained):
    sequences = SequenceVectorizer(max_len=40).fit_transform(TEXTS)
    expected = PretrainedEmbedding(trained).fit(sequences).vectors_
    search = GridSearchCV(trained, {"rnntextclassifier__lr": [1e-2]}, cv=2, refit=False)
    search.best_estimator_ = trained
    for source in (search, Pipeline([("inner", trained)])):
        np.testing.assert_array_equal(
            PretrainedEmbedding(source).fit(sequences).vectors_, expected
        )


def test_clones_do_not_share_a_generator():
    generator = np.random.RandomState(0)
    embedding = PretrainedEmbedding("file", oov="random", random_state=generator)
    assert clone(embedding).random_state is not generator

"""Word vectors learned on the way through a pipeline."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from paths import PACKAGE_HOME
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, Word2VecEmbedding

pytest.importorskip("gensim")

QUICK = {"vector_size": 8, "epochs": 2, "random_state": 0}
BOTH = pytest.mark.parametrize(
    "embedding",
    [Word2VecEmbedding(**QUICK), FastTextEmbedding(**QUICK, bucket=1_000)],
    ids=["word2vec", "fastText"],
)
ALL_UNKNOWN = TokenSequences(np.ones((3, 4), np.int32), ("<pad>", "<unk>", "word"))
TEXTS, LABELS = make_reviews(80, n_filler=(0, 1), random_state=0)


@pytest.fixture(scope="module")
def sequences():
    return SequenceVectorizer(max_len=40).fit_transform(TEXTS)


@BOTH
def test_one_table_goes_along_with_the_sequences(sequences, embedding):
    embedding = clone(embedding).fit(sequences)
    embedded = embedding.transform(sequences[:3])
    assert isinstance(embedded, TokenSequences)
    assert embedded.vectors is embedding.vectors_
    assert embedded.vectors.shape == (len(sequences.vocabulary), 8)
    assert embedded.vectors.dtype == np.float32
    assert not embedded.vectors[0].any()
    assert embedded.vectors[2:].any(axis=1).all()


@BOTH
@pytest.mark.parametrize("sg", [False, True])
def test_one_worker_repeats_every_bit(sequences, embedding, sg):
    first, second = (clone(embedding).set_params(sg=sg).fit(sequences) for _ in range(2))
    np.testing.assert_array_equal(first.vectors_, second.vectors_)
    other = clone(embedding).set_params(sg=sg, random_state=1).fit(sequences)
    assert (other.vectors_ != first.vectors_).any()


def test_words_used_alike_get_vectors_alike():
    rng = np.random.default_rng(0)
    texts = [
        f"the {rng.choice(pair)} {verb} loud"
        for pair, verb in [(("cat", "dog"), "barks"), (("car", "bus"), "drives")] * 300
    ]
    sequences = SequenceVectorizer(max_len=5).fit_transform(texts)
    embedding = Word2VecEmbedding(vector_size=16, epochs=20, sample=0, random_state=0)
    vectors = dict(zip(sequences.vocabulary, embedding.fit(sequences).vectors_, strict=True))

    def likeness(a, b):
        return vectors[a] @ vectors[b] / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])

    assert likeness("cat", "dog") > likeness("cat", "car")
    assert likeness("car", "bus") > likeness("bus", "dog")


def test_the_loss_of_each_epoch_is_kept_and_falls(sequences):
    embedding = Word2VecEmbedding(vector_size=8, epochs=10, random_state=0).fit(sequences)
    assert embedding.loss_.shape == (10,)
    assert embedding.loss_[-1] < embedding.loss_[0]


def test_fast_text_has_no_loss_to_show(sequences):
    assert np.isnan(FastTextEmbedding(**QUICK, bucket=100).fit(sequences).loss_).all()


def test_words_that_are_too_rare_get_zeros(sequences):
    embedding = Word2VecEmbedding(**QUICK, min_count=5).fit(sequences)
    counts = np.bincount(sequences.ids.ravel(), minlength=len(sequences.vocabulary))
    trained = embedding.vectors_.any(axis=1)
    np.testing.assert_array_equal(trained[2:], counts[2:] >= 5)


def test_a_text_longer_than_gensim_reads_is_read_to_its_end():
    text = " ".join(["a b"] * 5_500 + ["last words"])
    sequences = SequenceVectorizer(max_len=None).fit_transform([text])
    vectors = Word2VecEmbedding(**QUICK, sample=0).fit(sequences).vectors_
    untrained = Word2VecEmbedding(**QUICK | {"epochs": 1}, alpha=1e-12).fit(sequences).vectors_
    assert np.abs(vectors - untrained)[sequences.vocabulary.index("last")].max() > 1e-6


def test_global_generators_are_left_alone(sequences):
    before = np.random.get_state()[1].copy()
    Word2VecEmbedding(**QUICK | {"random_state": None}).fit(sequences)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@BOTH
def test_a_progress_bar_counts_epochs_only_when_asked(sequences, embedding, capfd):
    clone(embedding).fit(sequences)
    assert capfd.readouterr() == ("", "")
    clone(embedding).set_params(verbose=1).fit(sequences)
    assert "2/2" in capfd.readouterr().err


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
        model = pipeline(Word2VecEmbedding(**QUICK), freeze_embedding=freeze).fit(TEXTS, LABELS)
        same = np.array_equal(model[-1].embedding_vectors_, model["embedding"].vectors_)
        assert same == freeze


def test_a_grid_compares_learning_the_embedding_with_pretraining_it():
    search = GridSearchCV(
        pipeline("passthrough"),
        {
            "embedding": ["passthrough", Word2VecEmbedding(**QUICK)],
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
    model = pipeline(CountingEmbedding(**QUICK)).set_params(memory=str(tmp_path / "cache"))
    grid = {"rnn__hidden_size": [2, 3, 4]}
    GridSearchCV(model, grid, cv=2, refit=False, error_score="raise").fit(TEXTS, LABELS)
    assert Path("fits").read_text() == "xx"


@pytest.mark.parametrize("module", [pickle, joblib], ids=["pickle", "joblib"])
def test_a_file_holds_a_frozen_table_once(module, tmp_path):
    words = [f"word{i}" for i in range(9_998)]
    texts = [" ".join(words[i::40]) for i in range(40)]
    model = Pipeline(
        [
            ("sequences", SequenceVectorizer(max_features=10_000, max_len=250)),
            ("embedding", Word2VecEmbedding(vector_size=100, epochs=1, random_state=0)),
            ("rnn", RNNTextClassifier(linear="none", max_epochs=1, freeze_embedding=True)),
        ]
    ).fit(texts, [0, 1] * 20)
    n_bytes = 4 * sum(p.numel() for p in model["rnn"].net_.module_.parameters())
    with (tmp_path / "model").open("wb") as file:
        module.dump(model, file)
    assert (tmp_path / "model").stat().st_size < 1.05 * n_bytes  # the words included


def test_a_saved_pipeline_opens_where_gensim_is_not_installed(tmp_path):
    model = pipeline(FastTextEmbedding(**QUICK, bucket=100), freeze_embedding=True)
    joblib.dump((model.fit(TEXTS, LABELS), TEXTS), tmp_path / "model")
    code = (
        "import sys; sys.modules['gensim'] = None\n"
        "import joblib; model, texts = joblib.load('model')\n"
        "joblib.dump(model.predict_proba(texts), 'answers')"
    )
    package_home = PACKAGE_HOME
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(package_home)!r})\n{code}"],
        cwd=tmp_path,
        check=True,
    )
    np.testing.assert_array_equal(joblib.load(tmp_path / "answers"), model.predict_proba(TEXTS))


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda e, s: e.fit(TEXTS), TypeError, "expected TokenSequences, got list. Put a Seq"),
        (lambda e, s: e.fit(s.ids), TypeError, "expected TokenSequences, got ndarray"),
        (lambda e, s: e.fit(s[:0]), ValueError, "at least one text"),
        (lambda e, s: e.set_params(min_count=10**6).fit(s), ValueError, "Lower min_count"),
        (lambda e, s: e.fit(ALL_UNKNOWN), ValueError, "no word occurs in X"),
        (lambda e, s: e.set_params(epochs=0).fit(s), ValueError, "must be an int in the range"),
        (
            lambda e, s: e.fit(s).transform(SequenceVectorizer().fit_transform(["other"])),
            ValueError,
            "another vocabulary",
        ),
    ],
)
@BOTH
def test_bad_input_is_refused_by_name(sequences, embedding, act, error, message):
    with pytest.raises(error, match=f"(?s){type(embedding).__name__}.*{message}"):
        act(clone(embedding), sequences)


def test_fast_text_needs_parts_of_words(sequences):
    with pytest.raises(ValueError, match="FastTextEmbedding: min_n must not be above max_n"):
        FastTextEmbedding(min_n=6, max_n=3).fit(sequences)


def test_an_embedding_step_works_without_labels_and_with_feature_output_set():
    steps = make_pipeline(SequenceVectorizer(max_len=40), Word2VecEmbedding(**QUICK))
    steps.set_output(transform="pandas")
    assert steps.fit(TEXTS).transform(TEXTS).vectors is steps[-1].vectors_


INTERRUPTED = """
import os, signal, sys, threading
import numpy as np
from sklearn_rnn import TokenSequences, embeddings

def interrupt():
    while threading.active_count() < int(sys.argv[3]):
        pass
    os.kill(os.getpid(), signal.SIGINT)

ids = np.random.default_rng(0).integers(2, 60, (2_000, 50))
sequences = TokenSequences(ids, ["<pad>", "<unk>", *map(str, range(2, 60))])
embedding = getattr(embeddings, sys.argv[1])(vector_size=8, epochs=1, random_state=0)
expected = embedding.fit(sequences).vectors_
before = dict(vars(embedding.set_params(epochs=100_000, workers=int(sys.argv[2]))))
threading.Thread(target=interrupt).start()
try:
    embedding.fit(sequences)
except KeyboardInterrupt:
    print("interrupted")
print([thread.name for thread in threading.enumerate()])
print(dict(vars(embedding)) == before)
print(np.array_equal(embedding.set_params(epochs=1, workers=1).fit(sequences).vectors_, expected))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize(
    ("kind", "workers", "n_threads"),  # as training begins, and in the midst of it
    [("Word2VecEmbedding", 1, 5), ("FastTextEmbedding", 2, 3)],
)
def test_an_interrupt_leaves_no_thread_and_the_embedding_as_it_was(kind, workers, n_threads):
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INTERRUPTED, kind, str(workers), str(n_threads)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = ["interrupted", "['MainThread']", "True", "True"]
    assert child.stdout.splitlines() == lines, child.stderr
    assert child.returncode == 0

"""A saved model is configuration and arrays, and answers the same in a new process."""

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import sklearn_rnn
from processes import ENVIRONMENT
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from small_models import LABELS, TEXTS, TWO_EPOCHS

STARS = np.where(LABELS == "positive", 5.0, 1.0)

IN_A_NEW_PROCESS = """
import sys, joblib
models, texts = joblib.load(sys.argv[1])
answers = [[model.predict(texts), model.transform(texts)] for model in models]
joblib.dump(answers, sys.argv[2])
"""

KINDS = {
    "binary": (RNNTextClassifier(**TWO_EPOCHS), LABELS),
    "multiclass": (RNNTextClassifier(**TWO_EPOCHS, cell="gru"), np.arange(60) % 3),
    "multilabel": (
        RNNTextClassifier(**TWO_EPOCHS, num_layers=2),
        np.eye(3, dtype=int)[np.arange(60) % 3],
    ),
    "numbers": (RNNTextRegressor(**TWO_EPOCHS, cell="rnn", pooling="attention"), STARS),
}


@pytest.fixture(scope="module")
def all_fitted():
    return {
        kind: make_pipeline(SequenceVectorizer(max_len=40), clone(estimator)).fit(TEXTS, y)
        for kind, (estimator, y) in KINDS.items()
    }


@pytest.fixture(params=KINDS)
def fitted(all_fitted, request):
    return all_fitted[request.param]


def answers(model):
    return [model.predict(TEXTS), model.transform(TEXTS)]


def assert_same_answers(ours, theirs):
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_a_new_process_gives_the_same_answers_to_the_last_bit(all_fitted, tmp_path):
    joblib.dump([list(all_fitted.values()), TEXTS], tmp_path / "models.joblib")
    command = [sys.executable, "-c", IN_A_NEW_PROCESS, "models.joblib", "answers.joblib"]
    subprocess.run(command, check=True, cwd=tmp_path, env=ENVIRONMENT)
    theirs = joblib.load(tmp_path / "answers.joblib")
    for model, its in zip(all_fitted.values(), theirs, strict=True):
        assert_same_answers(answers(model), its)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_copy_gives_the_same_answers(fitted, copied):
    assert_same_answers(answers(fitted), answers(copied(fitted)))


def everything_in(thing):
    yield thing
    if isinstance(thing, dict):
        thing = list(thing.values())
    elif hasattr(thing, "__getstate__") and not isinstance(thing, type | np.ndarray):
        thing = thing.__getstate__()
        thing = list(thing.values()) if isinstance(thing, dict) else []
    if isinstance(thing, list | tuple):
        for part in thing:
            yield from everything_in(part)


def test_the_state_holds_no_torch_object(fitted):
    parts = list(everything_in(fitted[-1]))
    assert not [part for part in parts if type(part).__module__.startswith(("torch", "skorch"))]
    assert any(isinstance(part, np.ndarray) for part in parts)


def test_a_file_is_about_as_large_as_the_parameters_alone():
    X = np.random.default_rng(0).integers(2, 5_000, (20, 30))
    model = RNNTextClassifier(**TWO_EPOCHS | {"embedding_dim": 64}).fit(X, np.arange(20) % 2)
    n_bytes = 4 * sum(p.numel() for p in model.net_.module_.parameters())
    assert len(pickle.dumps(model)) < 1.05 * n_bytes


def test_a_memory_mapped_model_predicts_and_goes_on_learning(fitted, tmp_path):
    joblib.dump(fitted, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_same_answers(answers(fitted), answers(loaded))
    before = loaded[-1].n_iter_
    y = fitted.predict(TEXTS)
    loaded[-1].partial_fit(loaded[:-1].transform(TEXTS), y)
    assert loaded[-1].n_iter_ == before + 1


OPENS = """
import sys, joblib, numpy as np
def private():
    lines = [line.split() for line in open("/proc/self/smaps_rollup")]
    return sum(int(n) for key, n, *_ in lines[1:] if key.startswith("Private")) / 1024
joblib.load(sys.argv[1]).predict(np.full((4, 10), 2))  # the libraries are warm now
before = private()
model = joblib.load(sys.argv[2], mmap_mode=eval(sys.argv[3]))
model.predict(np.arange(2, 42).reshape(4, 10))
print(private() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_processes_share_the_table_of_a_memory_mapped_model(tmp_path):
    X = np.arange(2, 42).reshape(4, 10)
    words = tuple(map(str, range(100_000)))
    for n_words, name in ((100, "small"), (100_000, "large")):
        settings = TWO_EPOCHS | {"embedding_dim": 100, "max_epochs": 1}
        model = RNNTextClassifier(**settings)
        model.fit(sklearn_rnn.TokenSequences(X, words[:n_words]), np.arange(4) % 2)
        joblib.dump(model, tmp_path / name)
    own = {}
    for mode in (None, "r"):
        command = [sys.executable, "-c", OPENS, "small", "large", repr(mode)]
        done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True)
        own[mode] = float(done.stdout)  # MB that no other process shares
    n_megabytes = 4 * 100 * 100_000 / 2**20
    assert own[None] > 0.9 * n_megabytes
    assert own["r"] < 0.5 * n_megabytes


def test_a_frozen_embedding_is_still_frozen_after_loading():
    sequences = SequenceVectorizer(max_len=5).fit_transform(TEXTS)
    vectors = np.ones((len(sequences.vocabulary), 3), np.float32)
    vectors[0] = 0  # padding
    sequences = sklearn_rnn.TokenSequences(sequences.ids, sequences.vocabulary, vectors)
    model = RNNTextClassifier(**TWO_EPOCHS, freeze_embedding=True).fit(sequences, LABELS)
    loaded = pickle.loads(pickle.dumps(model))
    loaded.partial_fit(sequences, LABELS)
    np.testing.assert_array_equal(loaded.embedding_vectors_, vectors)


def test_a_model_made_on_a_gpu_opens_without_one():
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    model = RNNTextClassifier(**TWO_EPOCHS)
    model.fit(np.ones((10, 3), int), np.arange(10) % 2).set_params(device="cuda")
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.predict(np.ones((1, 3), int)).shape == (1,)


def test_skops_need_trust_only_types_of_this_library(fitted, tmp_path):
    io = pytest.importorskip("skops.io")
    data = io.dumps(fitted)
    untrusted = io.get_untrusted_types(data=data)
    assert all(name.startswith("sklearn_rnn.") for name in untrusted)
    assert_same_answers(answers(fitted), answers(io.loads(data, trusted=untrusted)))

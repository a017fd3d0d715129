"""Importing and predicting touch nothing outside: no network, no global state."""

import subprocess
import sys

import joblib
import pytest
from sklearn.pipeline import make_pipeline

from processes import ENVIRONMENT
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer

# The dependencies come first: what they change is theirs.
IMPORTS = """
import os, random, warnings
import joblib, numpy, scipy.sparse, sklearn.pipeline, skorch, torch, tqdm

def state():
    return [
        dict(os.environ), list(warnings.filters), torch.get_num_threads(), random.getstate(),
        str(numpy.random.get_state()), torch.get_rng_state().tolist(), torch.get_default_dtype(),
        numpy.geterr(), torch.is_grad_enabled(), os.getcwd(), sklearn.get_config(),
        torch.are_deterministic_algorithms_enabled(),
    ]

before = state()
import sklearn_rnn
from sklearn_rnn import *
from sklearn_rnn import corpora, datasets, embeddings, exceptions, persistence
changed = [i for i, (old, new) in enumerate(zip(before, state())) if old != new]
assert not changed, changed
"""

WITHOUT_NETWORK = """
import socket, sys

asked = []

def refused(*args, **kwargs):
    asked.append(args)
    raise OSError("the network was asked for")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refused
socket.getaddrinfo = refused
from sklearn_rnn import *
from sklearn_rnn import corpora, datasets, embeddings, persistence
import joblib
model, texts = joblib.load(sys.argv[1])
model.predict_proba(texts)
assert not asked, asked  # somebody may have caught the error
"""


def run(*command, **variables):
    return subprocess.run(
        [sys.executable, "-c", *command],
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
    )


def test_importing_changes_no_global_state():
    done = run(IMPORTS)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file with a model and texts."""
    texts = ["good", "bad", "good film", "bad film"]
    classifier = RNNTextClassifier(hidden_size=2, embedding_dim=2, max_epochs=1, random_state=0)
    model = make_pipeline(SequenceVectorizer(), classifier).fit(texts, [1, 0, 1, 0])
    path = tmp_path_factory.mktemp("model") / "model.joblib"
    joblib.dump([model, texts], path)
    return path


def test_importing_and_predicting_ask_for_no_network(saved):
    done = run(WITHOUT_NETWORK, str(saved))
    assert done.returncode == 0, done.stderr


FITS = """
from sklearn_rnn import *
from sklearn_rnn.datasets import make_reviews
from sklearn.pipeline import make_pipeline
texts, labels = make_reviews(60, random_state=0)
settings = dict(hidden_size=4, embedding_dim=4, max_epochs=2, random_state=0)
model = make_pipeline(SequenceVectorizer(), RNNTextClassifier(**settings)).fit(texts, labels)
print(model.predict_proba(texts).tobytes().hex())
"""


def test_no_hash_seed_changes_a_bit():
    """Strings hash differently in each process: sets and dicts must not decide anything."""
    done = [run(FITS, PYTHONHASHSEED=seed) for seed in ("0", "1", "random")]
    assert {process.returncode for process in done} == {0}
    assert len({process.stdout for process in done}) == 1

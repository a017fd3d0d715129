"""A corpus that no memory holds is read, laid out and predicted from."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from processes import ENVIRONMENT
from sklearn_rnn import RNNTextClassifier, TokenSequences

CORPUS_MB = int(os.environ.get("CORPUS_MB", 60))  # `make large` asks for 2,048
LIMIT_MB = int(
    os.environ.get("LIMIT_MB", 0)
)  # of all private memory; 0: 50 above what imports took

PRELUDE = f"""
import random, resource, sys
import numpy as np
from sklearn_rnn import SequenceVectorizer

class Corpus:
    '''Texts of 500 words each, made up as they are read; another pass gives the same.'''

    def __iter__(self):
        draw, n_letters = random.Random(0), 0
        while n_letters < {CORPUS_MB} * 2**20:
            words = [f"word{{int(50_000 ** draw.random())}}" for _ in range(500)]
            for start in range(0, 500, 10):  # in another order: it costs less than to draw anew
                text = " ".join(words[start:] + words[:start])
                n_letters += len(text)
                yield text

def private_megabytes():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmData"))
    return int(line.split()[1]) / 1024

def limit_memory():
    limit = {LIMIT_MB} or private_megabytes() + 50
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 2**20),) * 2)
"""

IN_MEMORY = """
limit_memory()
list(Corpus())
"""

STREAMED = """
limit_memory()
vectorizer = SequenceVectorizer(max_len=100, max_features=10_000, memmap_dir="ids")
X = vectorizer.fit_transform(Corpus())
assert X.shape[1] == 100 and len(X.vocabulary) == 10_000
again = vectorizer.transform(Corpus())
for start in range(0, len(X), 10_000):
    np.testing.assert_array_equal(X.ids[start : start + 10_000], again.ids[start : start + 10_000])
print(f"{len(X):,} texts, {private_megabytes():.0f} MB private")
"""

IDS_MB = max(CORPUS_MB, 250)  # one byte for each id would not fit, either

LEARNED = f"""
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences
from sklearn_rnn.embeddings import Word2VecEmbedding

ids = np.memmap("ids", np.int32, "w+", shape=({IDS_MB} * 2**20 // 8_000, 2_000))
rng = np.random.default_rng(0)
y = rng.integers(2, size=len(ids))
for start in range(0, len(ids), 1_000):  # short texts: their rows are what takes room
    texts = ids[start : start + 1_000, -8:]
    texts[:] = rng.integers(4, 300, texts.shape)
    texts[:, 3] = 2 + y[start : start + 1_000]  # a word that decides
X = TokenSequences(ids, [*map(str, range(300))])
word2vec = Word2VecEmbedding(vector_size=4, epochs=1, random_state=0)
classifier, regressor = (
    kind(hidden_size=2, embedding_dim=4, batch_size=512, max_epochs=1, random_state=0)
    for kind in (RNNTextClassifier, RNNTextRegressor)
)

def learn(X, y):
    vectors = word2vec.fit_transform(X)
    answers = classifier.fit(vectors, y).predict_proba(vectors)
    return answers, classifier.transform(vectors), regressor.fit(X, y).predict(X)

learn(X[:1_000], y[:1_000])  # what libraries take once
limit_memory()
try:
    np.array(ids)
except MemoryError:
    print(f"{{len(ids):,}} texts do not fit")
probabilities, states, numbers = learn(X, y)
assert len(probabilities) == len(states) == len(numbers) == len(X)
assert (probabilities.argmax(axis=1) == y).mean() > 0.9
print(f"{{private_megabytes():.0f}} MB private")
"""

FITTED_ON_LONG_TEXTS = """
import random
from threading import Event, Thread
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer

def anonymous_bytes():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

def peak_of(act):
    '''Return the most private memory that an act takes, as seen every few milliseconds.'''
    done, seen = Event(), [anonymous_bytes()]

    def watch():
        while not done.wait(0.005):
            seen.append(anonymous_bytes())

    watcher = Thread(target=watch)
    watcher.start()
    act()
    done.set()
    watcher.join()
    return max(seen) - seen[0]

draw = random.Random(0)
beginnings = [" ".join(draw.choices("abcdefghijklmnop", k=490)) for _ in range(20)]
ends = [" ".join(draw.choices("qrstuvwxyz", k=10)) for _ in range(21_000)]
texts = (f"{beginnings[i % 20]} {end}" for i, end in enumerate(ends))
vectorizer = SequenceVectorizer(max_len=500, memmap_dir="ids", token_pattern="[a-z]")
X = vectorizer.fit_transform(texts)[1_000:]
y = np.arange(len(X)) % 2
model = RNNTextClassifier(
    cell="rnn", hidden_size=2, embedding_dim=2, bidirectional=False, linear="none", batch_size=20,
    max_epochs=1, early_stopping=False, random_state=0,
)
model.fit(X[:1_000], y[:1_000])  # what libraries take once
n_bytes = 4 * len(X) * 500
taken = peak_of(lambda: model.fit(X, y))
print(f"{taken:,} bytes taken for {n_bytes:,} bytes of ids")
assert taken < n_bytes / 3
"""

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def run(code, folder):
    command = [sys.executable, "-c", PRELUDE + code]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)


@needs_linux
def test_the_corpus_is_larger_than_the_memory(tmp_path):
    """Or else the next test would show nothing."""
    assert "MemoryError" in run(IN_MEMORY, tmp_path).stderr


@needs_linux
def test_a_corpus_larger_than_memory_is_learned_and_laid_out(tmp_path):
    done = run(STREAMED, tmp_path)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "ids").iterdir())  # the file went with the array


@needs_linux
def test_models_and_word_vectors_learn_and_predict_from_ids_larger_than_memory(tmp_path):
    pytest.importorskip("gensim")
    done = run(LEARNED, tmp_path)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "do not fit" in done.stdout


@needs_linux
def test_long_texts_in_a_file_are_not_copied_into_memory_while_a_network_is_fitted(tmp_path):
    done = run(FITTED_ON_LONG_TEXTS, tmp_path)
    print(done.stdout)
    assert done.returncode == 0, done.stderr


def test_a_text_takes_less_than_60_bytes_while_a_network_is_fitted():
    """Besides ids, targets, and the memory of a batch, which does not grow with the texts."""
    ids = np.random.default_rng(0).integers(2, 50, (40_000, 8), dtype=np.int32)
    X, y = TokenSequences(ids, [*map(str, range(50))]), np.arange(40_000) % 2
    small = {"hidden_size": 2, "embedding_dim": 2, "max_epochs": 1, "random_state": 0}
    model = RNNTextClassifier(**small, batch_size=100)

    def peak(n_texts):
        tracemalloc.start()
        model.fit(X[:n_texts], y[:n_texts])
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what libraries take once
    assert peak(40_000) - peak(20_000) < 60 * 20_000

"""Training with gensim: repeatable, whole, silent, and interrupted without a trace."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.embeddings import FastTextEmbedding, Word2VecEmbedding
from word_vectors import BOTH, SMALL_VECTORS

pytest.importorskip("gensim")


@BOTH
@pytest.mark.parametrize("sg", [False, True])
def test_one_worker_repeats_every_bit(reviews, embedding, sg):
    first, second = (clone(embedding).set_params(sg=sg).fit(reviews) for _ in range(2))
    np.testing.assert_array_equal(first.vectors_, second.vectors_)
    other = clone(embedding).set_params(sg=sg, random_state=1).fit(reviews)
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


def test_the_loss_of_each_epoch_is_kept_and_falls(reviews):
    embedding = Word2VecEmbedding(vector_size=8, epochs=10, random_state=0).fit(reviews)
    assert embedding.loss_.shape == (10,)
    assert embedding.loss_[-1] < embedding.loss_[0]


def test_fast_text_has_no_loss_to_show(reviews):
    assert np.isnan(FastTextEmbedding(**SMALL_VECTORS, bucket=100).fit(reviews).loss_).all()


def test_a_text_longer_than_gensim_reads_is_read_to_its_end():
    text = " ".join(["a b"] * 5_500 + ["last words"])
    sequences = SequenceVectorizer(max_len=None).fit_transform([text])
    vectors = Word2VecEmbedding(**SMALL_VECTORS, sample=0).fit(sequences).vectors_
    untrained = (
        Word2VecEmbedding(**SMALL_VECTORS | {"epochs": 1}, alpha=1e-12).fit(sequences).vectors_
    )
    assert np.abs(vectors - untrained)[sequences.vocabulary.index("last")].max() > 1e-6


def test_global_generators_are_left_alone(reviews):
    before = np.random.get_state()[1].copy()
    Word2VecEmbedding(**SMALL_VECTORS | {"random_state": None}).fit(reviews)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@BOTH
def test_a_progress_bar_counts_epochs_only_when_asked(reviews, embedding, capfd):
    clone(embedding).fit(reviews)
    assert capfd.readouterr() == ("", "")
    clone(embedding).set_params(verbose=1).fit(reviews)
    assert "2/2" in capfd.readouterr().err


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

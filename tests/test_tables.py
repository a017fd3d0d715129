"""A table that several steps share is written once, and is one array again when it is read."""

import gc
import pickle

import joblib
import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn._tables import shared_table
from sklearn_rnn.embeddings import Word2VecEmbedding


def test_an_array_has_one_shared_table_and_each_other_array_its_own():
    array = np.zeros((2, 3))
    table = shared_table(array)
    assert shared_table(array) is table
    assert table.array is array
    assert shared_table(array.copy()) is not table


def test_a_shared_table_lives_as_long_as_somebody_refers_to_it():
    array = np.zeros((2, 3))
    table = shared_table(array)
    table.is_marked = True
    del table
    gc.collect()
    assert not hasattr(shared_table(array), "is_marked")


@pytest.mark.parametrize("module", [pickle, joblib], ids=["pickle", "joblib"])
def test_a_table_is_written_once_and_shared_again_when_it_is_read(module, tmp_path):
    array = np.arange(30_000.0)
    with (tmp_path / "tables").open("wb") as file:
        module.dump([shared_table(array), {"again": shared_table(array)}], file)
    assert (tmp_path / "tables").stat().st_size < 1.1 * array.nbytes
    with (tmp_path / "tables").open("rb") as file:
        first, second = module.load(file)
    assert second["again"] is first
    np.testing.assert_array_equal(first.array, array)


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

import random

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, TokenSequences
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._training import gradients

VOCABULARY = ("<pad>", "<unk>", *map(str, range(2, 20)))


def make_data(n_texts=40):
    generator = np.random.default_rng(0)
    ids = generator.integers(1, 20, (n_texts, 9), dtype=np.int32)
    ids *= np.arange(9) >= generator.integers(0, 9, n_texts)[:, None]
    return TokenSequences(ids, VOCABULARY), np.arange(n_texts) % 2


def make_model(**parameters):
    # Everything that draws random numbers: weights, both dropouts, the split, the order.
    defaults = {
        "hidden_size": 4,
        "embedding_dim": 4,
        "input_dropout": 0.3,
        "dropout": 0.3,
        "max_epochs": 3,
        "batch_size": 8,
        "lr": 0.01,
        "random_state": 0,
    }
    return RNNTextClassifier(**(defaults | parameters))


def everything_learned(model):
    weights = {name: w.numpy() for name, w in model.net_.module_.state_dict().items()}
    history = {name: figures for name, figures in model.history_.items() if name != "dur"}
    return {**weights, **history, "probabilities": model.predict_proba(make_data()[0])}


def assert_identical(one, other):
    one, other = everything_learned(one), everything_learned(other)
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def differ(one, other):
    return not np.array_equal(
        everything_learned(one)["probabilities"], everything_learned(other)["probabilities"]
    )


@pytest.fixture
def global_generators():
    """Give a function that tells where the global generators stand; put them back at the end."""

    def state():
        kind, keys, *rest = np.random.get_state()
        return random.getstate(), kind, keys.tolist(), rest, torch.get_rng_state().tolist()

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield state
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])


def seed_all(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_same_random_state_gives_the_same_bits(cell, pooling):
    X, y = make_data()
    model = make_model(cell=cell, pooling=pooling, num_layers=2)
    assert_identical(clone(model).fit(X, y), clone(model).fit(X, y))


def test_fitting_again_starts_anew():
    X, y = make_data()
    model = make_model()
    assert_identical(clone(model).fit(X, y), model.fit(X, 1 - y).fit(X, y))


@pytest.mark.parametrize("hidden_size", [4, 64])  # work on larger matrices is shared out
def test_the_number_of_torchs_threads_changes_no_bit(hidden_size, monkeypatch):
    monkeypatch.setattr(gradients, "_FEW_TOKENS", 0)  # small batches, too, are split
    X, y = make_data()
    before = torch.get_num_threads()
    models = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            models.append(make_model(hidden_size=hidden_size).fit(X, y))
    finally:
        torch.set_num_threads(before)
    for model in models[1:]:
        assert_identical(models[0], model)


def test_another_random_state_gives_another_model():
    X, y = make_data()
    assert differ(make_model(random_state=0).fit(X, y), make_model(random_state=1).fit(X, y))


def test_a_random_state_object_gives_one_model_after_another():
    X, y = make_data()
    state = np.random.RandomState(0)
    first, second = (make_model(random_state=state).fit(X, y) for _ in range(2))
    assert differ(first, second)
    assert_identical(first, make_model(random_state=np.random.RandomState(0)).fit(X, y))


def test_no_random_state_gives_another_model_each_time():
    X, y = make_data()
    one, other = (make_model(random_state=None).fit(X, y) for _ in range(2))
    assert differ(one, other)


@pytest.mark.parametrize("random_state", [0, None, pytest.param("object", id="object")])
def test_global_generators_are_not_moved(global_generators, random_state):
    X, y = make_data()
    if random_state == "object":
        random_state = np.random.RandomState(0)
    before = global_generators()
    model = make_model(random_state=random_state).fit(X, y)
    model.predict(X)
    model.predict_proba(X)
    model.transform(X)
    model.partial_fit(X, y)
    RNNTextRegressor(hidden_size=2, max_epochs=1, random_state=random_state).fit(X, y)
    assert global_generators() == before


@pytest.mark.usefixtures("global_generators")
def test_global_generators_are_not_read():
    X, y = make_data()
    models = []
    for seed in (1, 2):
        seed_all(seed)
        models.append(make_model().fit(X, y))
    assert_identical(*models)


@pytest.mark.usefixtures("global_generators")
def test_without_a_random_state_a_global_seed_decides_nothing():
    X, y = make_data()
    models = []
    for _ in range(2):
        seed_all(0)
        models.append(make_model(random_state=None).fit(X, y))
    assert differ(*models)


def test_predicting_leaves_the_model_as_it_is():
    X, y = make_data()
    model = make_model().fit(X, y)
    before = everything_learned(model)
    model.predict(X)
    model.transform(X)
    for name, now in everything_learned(model).items():
        np.testing.assert_array_equal(now, before[name], err_msg=name)


@pytest.mark.parametrize("hidden_size", [4, 64])
def test_cross_validation_in_processes_gives_the_scores_of_one_process(hidden_size):
    texts = ["so good", "not good at all", "bad", "so bad, so bad", "good"] * 8
    labels = ["+", "-", "-", "-", "+"] * 8
    model = make_pipeline(
        SequenceVectorizer(max_len=6), make_model(max_epochs=2, hidden_size=hidden_size)
    )
    here, there = (
        cross_val_score(model, texts, labels, cv=2, scoring="neg_log_loss", n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(here, there)

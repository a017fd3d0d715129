"""Data of unusual shape work, or get a clear error, in a memory that can be told before."""

import os
from contextlib import contextmanager

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from hostile import MEGABYTE, forget_peak, memory
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, TokenSequences
from small_models import TWO_EPOCHS

LIMIT = 400  # MB beyond what the process holds before


@pytest.fixture
def bounded():
    """Fail if the test takes more memory than it should."""
    with within(LIMIT):
        yield


@contextmanager
def within(limit):
    """Fail if the block takes more than so many megabytes."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        yield
        return
    forget_peak()
    before = memory("VmHWM")
    yield
    assert memory("VmHWM") - before < limit * MEGABYTE


def pipeline(**parameters):
    return make_pipeline(SequenceVectorizer(), RNNTextClassifier(**TWO_EPOCHS | parameters))


def test_a_text_of_a_million_words(bounded):
    long = "good film " * 500_000
    model = pipeline().fit([long, "bad film", "good film", "bad"], [1, 0, 1, 0])
    assert model.predict([long, "bad"]).shape == (2,)
    assert model[0].transform([long]).shape == (1, 500)


@pytest.mark.parametrize("parameters", [{}, {"min_df": 0.5, "stop_words": ["film"]}])
@pytest.mark.parametrize("end", ["", " \N{CYRILLIC SMALL LETTER YA}"])
def test_a_text_of_ten_megabytes_takes_a_few_bytes_for_each_word(parameters, end):
    text = "good, bad film of my own. " * 380_000 + end
    vectorizer = SequenceVectorizer(max_len=9, **parameters)
    with within(60 + len(end) * 10):
        fitted = vectorizer.fit_transform([text])
        found = vectorizer.transform([text])
    np.testing.assert_array_equal(fitted.ids, found.ids)
    short = SequenceVectorizer(max_len=9, vocabulary=found.vocabulary[2:], **parameters)
    np.testing.assert_array_equal(short.transform([text[-100:]]).ids, found.ids)


@pytest.mark.parametrize(("pooling", "limit"), [("max", 30), ("flatten", 250)])
def test_rows_take_the_memory_of_the_longest_text_that_is_there(pooling, limit):
    texts = [f"{['good', 'bad'][i % 2]} film number {i % 50}" for i in range(1_000)]
    pipeline().fit(texts, np.arange(1_000) % 2)  # what is made once
    model = pipeline(pooling=pooling).set_params(sequencevectorizer__max_len=10_000)
    with within(limit):
        sequences = model[0].fit_transform(texts)
        model[1].fit(sequences, np.arange(1_000) % 2)
        accuracy = model[1].score(sequences, np.arange(1_000) % 2)
    assert accuracy > 0.9
    assert sequences.shape == (1_000, 10_000)


def test_rows_on_disk_are_laid_out_some_at_a_time(tmp_path):
    texts = ["a film", "b film"] * 1_001
    vectorizer = SequenceVectorizer(max_len=10_000, memmap_dir=tmp_path).fit(texts)
    with within(40):
        sequences = vectorizer.transform(texts)
    assert sequences.ids.shape == (2_002, 10_000)
    np.testing.assert_array_equal(sequences.ids[::77], vectorizer.transform(texts[::77]).ids)


def test_a_sequence_of_a_hundred_thousand_tokens_is_read_whole(bounded):
    words = ("<pad>", "<unk>", "a", "b")
    X = TokenSequences(np.tile([2, 3], (4, 1)), words)
    model = RNNTextClassifier(**TWO_EPOCHS, bidirectional=False, pooling="last").fit(
        X, [0, 1, 0, 1]
    )
    long = TokenSequences(np.tile([2, 3], (1, 50_000)), words)
    assert model.transform(long).shape == (1, 4)


def test_a_hundred_thousand_empty_texts(bounded):
    model = pipeline().fit(["good", "bad"] * 5, [1, 0] * 5)
    shares = model.predict_proba([""] * 100_000)
    assert (shares == shares[0]).all()


def test_empty_texts_alone_teach_no_words():
    with pytest.raises(ValueError, match="no word is left for the vocabulary"):
        pipeline().fit([""] * 100, [0, 1] * 50)


def test_one_word_and_one_feature():
    X = np.array([[2], [3]] * 20)
    model = RNNTextClassifier(**TWO_EPOCHS | {"max_epochs": 30, "lr": 0.05}).fit(X, [0, 1] * 20)
    assert model.score(X, [0, 1] * 20) == 1


def test_texts_that_are_all_equal_give_the_shares_of_the_labels():
    texts, labels = ["the same film"] * 90, [0, 0, 1] * 30
    model = pipeline(max_epochs=40, lr=0.02, label_smoothing=0.0, branch_dropout=0.0)
    shares = model.fit(texts, labels).predict_proba(texts[:1])
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3]], atol=0.05)
    assert pipeline().fit(texts, labels).predict(texts[:1]) == [0]
    regressor = RNNTextRegressor(**TWO_EPOCHS | {"max_epochs": 10})  # as by default
    regressor.fit(np.full((9, 3), 2), np.ones(9))
    assert regressor.predict(np.full((1, 3), 2)) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("by", ["idf", "naive_bayes"])
def test_a_thousand_classes(bounded, by):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(1_000), 3)
    X = np.column_stack([2 + y, rng.integers(2, 1_002, (3_000, 3))])
    model = RNNTextClassifier(**TWO_EPOCHS | {"max_epochs": 10}, term_weights=by).fit(X, y)
    assert model.predict_proba(X[:5]).shape == (5, 1_000)
    assert model.score(X, y) > 0.5


@pytest.fixture(scope="module")
def of_many_classes():
    """Return a classifier of 4,000 classes, and 8,000 texts: their logits take 384 MB."""
    ids = np.random.default_rng(0).integers(2, 4_002, (8_000, 4))
    model = RNNTextClassifier(**TWO_EPOCHS, linear="none").initialize(
        ids, np.arange(8_000) % 4_000
    )
    model.predict(ids[:2_000])
    return model, ids


def test_labels_of_thousands_of_classes_take_the_memory_of_labels(of_many_classes):
    model, ids = of_many_classes
    with within(100):
        labels = model.predict(ids)
        accuracy = model.score(ids, labels)
    assert accuracy == 1
    part = slice(7_000, None)
    np.testing.assert_array_equal(labels[part], model.decision_function(ids[part]).argmax(axis=1))


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_answers_of_thousands_of_classes_take_little_beside_themselves(of_many_classes, method):
    model, ids = of_many_classes
    with within(100 + ids.shape[0] * 4_000 * 8 / 2**20):
        answer = getattr(model, method)(ids)
    assert answer.shape == (8_000, 4_000)
    np.testing.assert_allclose(answer[-9:], getattr(model, method)(ids[-9:]), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_fit_holds_its_weights_and_one_copy_of_each_epoch_to_keep(early_stopping):
    ids = np.arange(2, 30_002).reshape(2_000, 15)
    model = RNNTextClassifier(
        **TWO_EPOCHS | {"max_epochs": 3},
        linear="words",
        batch_size=100,
        early_stopping=early_stopping,
    )
    labels = np.arange(2_000) // 2
    model.fit(ids[:, :1] % 50 + 2, labels)  # what is made once
    weights = 30_002 * 1_000 * 4 / 2**20
    with within((2.75 + early_stopping) * weights):
        model.fit(ids, labels)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_thousands_of_labels_at_a_time_are_scored_in_little_memory(of_many_classes, is_sparse):
    ids = of_many_classes[1][:6_000]
    y = np.zeros((6_000, 4_000), np.int8)
    y[np.arange(6_000), ids[:, 0] - 2] = 1
    model = RNNTextClassifier(**TWO_EPOCHS, linear="none").initialize(ids[:50], y[:50])
    model.predict(ids[:2_000])
    truth = sparse.csr_array(y) if is_sparse else y
    with within(150):
        assert model.score(ids, truth) == 0
    some, weights = ids[:40], np.arange(40)
    truth = model.predict(some)
    truth[::3, 0] ^= 1
    expected = accuracy_score(truth, model.predict(some), sample_weight=weights)
    assert model.score(some, truth, weights) == expected
    with pytest.raises(ValueError, match="mix of"):
        model.score(some, weights)


@pytest.mark.parametrize("largest", [3_000_000, 2_000_000_000, 2**40])
def test_ids_of_hashes_are_refused_before_memory_is_asked_for(bounded, largest):
    X = np.array([[2, 3], [4, largest]] * 10)
    with pytest.raises(ValueError, match="ids must be numbered one after the other"):
        RNNTextClassifier(**TWO_EPOCHS).fit(X, [0, 1] * 10)


def test_one_text_of_each_class():
    X = np.arange(2, 12).reshape(5, 2)
    assert RNNTextClassifier(**TWO_EPOCHS).fit(X, list("abcde")).predict(X).shape == (5,)


def test_one_text_alone_has_no_classes():
    with pytest.raises(ValueError, match="expected at least 2 classes"):
        pipeline().fit(["a film"], ["good"])

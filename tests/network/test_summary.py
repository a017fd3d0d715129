"""The summary of a network: its layers and their numbers of parameters."""

import numpy as np
import pytest

from lecture import ONE_EPOCH, lecture_texts
from sklearn_rnn import RNNTextClassifier
from small_models import THREE_EPOCHS

MODELS = [
    pytest.param({"cell": "rnn"}, 322_113, id="SimpleRNN"),
    pytest.param({"cell": "rnn", "pooling": "flatten"}, 338_081, id="SimpleRNN, all states"),
    pytest.param({"cell": "lstm"}, 328_353, id="LSTM"),
    pytest.param({"cell": "lstm", "input_dropout": 0.2}, 328_353, id="LSTM, input dropout"),
    pytest.param({"cell": "lstm", "num_layers": 3}, 344_993, id="stacked LSTM"),
    pytest.param({"cell": "lstm", "bidirectional": True}, 336_705, id="bidirectional LSTM"),
]


@pytest.mark.parametrize(("parameters", "total"), MODELS)
def test_the_lectures_models_have_its_numbers_of_parameters(parameters, total):
    model = RNNTextClassifier(**(ONE_EPOCH | parameters)).fit(lecture_texts(), [0, 1, 0, 1])
    summary = model.summary()
    assert (summary.total, summary.trainable, summary.non_trainable) == (total, total, 0)
    assert sum(layer.n_parameters for layer in summary.layers) == total


def test_summary_shows_layers_output_shapes_parameters_and_totals():
    model = RNNTextClassifier(**(ONE_EPOCH | {"cell": "rnn", "pooling": "flatten"}))
    summary = model.fit(lecture_texts(), [0, 1, 0, 1]).summary()
    printed = str(summary)
    rows = [line.split("  ") for line in printed.splitlines()]
    assert [[cell.strip() for cell in row if cell] for row in rows] == [
        ["Layer", "Output shape", "Parameters"],
        [rows[1][0]],
        ["Embedding", "(None, 500, 32)", "320,000"],
        ["SimpleRNN", "(None, 500, 32)", "2,080"],
        ["Flatten", "(None, 16000)", "0"],
        ["Dense", "(None, 1)", "16,001"],
        [rows[1][0]],
        ["Total parameters: 338,081"],
        ["Trainable parameters: 338,081"],
        ["Non-trainable parameters: 0"],
    ]


def test_summary_of_a_stacked_bidirectional_network():
    model = RNNTextClassifier(**(ONE_EPOCH | {"bidirectional": True, "num_layers": 2}))
    layers = model.fit(lecture_texts(), [0, 1, 0, 1]).summary().layers
    assert layers == (
        ("Embedding", (None, 500, 32), 320_000),
        ("Bidirectional(LSTM)", (None, 500, 64), 16_640),
        ("Bidirectional(LSTM)", (None, 64), 24_832),  # the last layer hands on its last state
        ("Dense", (None, 1), 65),
    )


def test_a_frozen_embedding_is_counted_but_not_trained():
    vectors = np.random.default_rng(1).normal(size=(10_000, 32)).astype(np.float32)
    vectors[0] = 0  # padding
    parameters = {"bidirectional": True, "freeze_embedding": True}
    model = RNNTextClassifier(**(ONE_EPOCH | parameters))
    summary = model.fit(lecture_texts(vectors), [0, 1, 0, 1]).summary()
    assert (summary.total, summary.trainable) == (336_705, 16_705)
    assert summary.non_trainable == 320_000
    np.testing.assert_array_equal(model.embedding_vectors_, vectors)


def test_the_summary_counts_the_linear_models_weights(two_words):
    X, y = two_words
    summary = RNNTextClassifier(**THREE_EPOCHS).fit(X, y).summary()
    assert summary.layers[-1].name == "Linear model"
    assert summary.total == sum(layer.n_parameters for layer in summary.layers)

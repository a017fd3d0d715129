"""A prediction depends on the text alone, and is what the formulas say."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn._data.batches import left_align
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.dropout import LockedDropout
from sklearn_rnn._network.network import RecurrentNetwork
from sklearn_rnn._network.pooling import POOLINGS

# ---- The formulas, as a plain loop ----------------------------------------------------------


def rnn_step(x, state, W, U, b):
    (h,) = state
    return (np.tanh(W @ x + U @ h + b),)


def lstm_step(x, state, W, U, b):
    h, c = state
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


def gru_step(x, state, W, U, b):
    (h,) = state
    (Wr, Wz, Wn), (Ur, Uz, Un), (br, bz, bn) = (np.split(part, 3) for part in (W, U, b))
    r = expit(Wr @ x + Ur @ h + br)
    z = expit(Wz @ x + Uz @ h + bz)
    n = np.tanh(Wn @ x + bn + r * (Un @ h))
    return ((1 - z) * n + z * h,)


STEPS = {"rnn": (rnn_step, 1), "lstm": (lstm_step, 2), "gru": (gru_step, 1)}


def double(tensor):
    return tensor.detach().double().numpy()


def read_in_one_direction(name, cell, vectors):
    step, n_parts = STEPS[name]
    weights = [double(w) for w in (cell.input_weight, cell.recurrent_weight, cell.bias)]
    state = (np.zeros(weights[1].shape[1]),) * n_parts
    states = []
    for vector in vectors:
        state = step(vector, state, *weights)
        states.append(state[0])
    return np.array(states)


def read(name, network, vectors):
    """Return the states of the last layer: (T, D) -> (T, H)."""
    states = vectors
    for layer in network.layers:
        forward = read_in_one_direction(name, layer.directions[0], states)
        if len(layer.directions) == 1:
            states = forward
        else:
            backward = read_in_one_direction(name, layer.directions[1], states[::-1])[::-1]
            states = np.concatenate([forward, backward], axis=1)
    return states


def last(network, states):
    n_hidden = network.pooling.n_hidden
    return np.concatenate([states[-1, :n_hidden], states[0, n_hidden:]])


def attention(network, states):
    return softmax(np.tanh(states) @ double(network.pooling.query)) @ states


def flatten(network, states):
    before = np.zeros((network.pooling.n_steps - len(states), states.shape[1]))
    return np.concatenate([before, states]).ravel()


POOL = {
    "last": last,
    "max": lambda network, states: states.max(axis=0),
    "mean": lambda network, states: states.mean(axis=0),
    "attention": attention,
    "flatten": flatten,
}


def reference_features(name, pooling, network, texts):
    table = double(network.embedding.weight)
    return np.array([POOL[pooling](network, read(name, network, table[text])) for text in texts])


def reference_logits(name, pooling, network, texts):
    features = reference_features(name, pooling, network, texts)
    logits = features @ double(network.head.weight).T + double(network.head.bias)
    if network.linear is None:
        return logits
    evidence = np.array([reference_evidence(network.linear, text) for text in texts])
    return (1 - 2 * network.branch_dropout.p) * logits + evidence


def reference_evidence(linear, text):
    """Return the evidence of each word and pair of a text, each once: (C,)."""
    pairs = linear.pairs.tolist()
    keys = [first * PAIR + second for first, second in pairwise(text)]
    rows = sorted({*text, *(linear.n_ids + pairs.index(key) for key in keys if key in pairs)})
    idf = double(linear.idf)[rows]
    return (idf / (np.linalg.norm(idf) or 1)) @ double(linear.weight)[rows]


# ---- Networks -------------------------------------------------------------------------------


def make_network(cell="lstm", pooling="last", num_layers=1, bidirectional=False, **others):
    sizes = {
        "n_ids": 12,
        "n_dimensions": 4,
        "n_outputs": 2,
        "n_places": 9,
        "hidden_size": 5,
        "input_dropout": 0.0,
        "dropout": 0.0,
        "linear": "none",
        "n_pairs": 0,
        "branch_dropout": 0.0,
        "generator": torch.Generator().manual_seed(0),
    }
    return RecurrentNetwork(
        cell=cell,
        pooling=pooling,
        num_layers=num_layers,
        bidirectional=bidirectional,
        **(sizes | others),
    )


def unsettle(network):
    """Give every weight a value, also those that start at 0 and would hide a mistake."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.7, 0.7, generator=generator)
    return network.eval()


TEXTS = [[2, 5, 3, 11, 4, 6, 7], [8], [1, 9, 10], [3, 3, 3, 2, 9, 1, 8, 5]]


def batch(texts, width=9):
    ids, lengths = left_align(lay_out(texts, width, "pre"))
    return torch.from_numpy(ids), torch.from_numpy(lengths)


DEPTHS = [
    pytest.param(1, False, id="one layer"),
    pytest.param(2, False, id="stacked"),
    pytest.param(1, True, id="bidirectional"),
    pytest.param(2, True, id="stacked bidirectional"),
]


@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_network_equals_a_plain_loop_of_the_formulas(cell, pooling, num_layers, bidirectional):
    network = unsettle(make_network(cell, pooling, num_layers, bidirectional))
    features = reference_features(cell, pooling, network, TEXTS)
    logits = reference_logits(cell, pooling, network, TEXTS)
    for precision, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        network.to(precision)
        with torch.inference_mode():
            np.testing.assert_allclose(network.features(*batch(TEXTS)), features, atol=tolerance)
            np.testing.assert_allclose(network(*batch(TEXTS)), logits, atol=tolerance)


@pytest.mark.parametrize("cell", CELLS)
def test_states_of_every_step_equal_a_plain_loop_of_the_formulas(cell):
    network = unsettle(make_network(cell, num_layers=2, bidirectional=True)).double()
    ids, lengths = batch(TEXTS)
    states = network.embedding(ids.T)
    for layer in network.layers:
        states = layer(states, lengths)
    for place, text in enumerate(TEXTS):
        expected = read(cell, network, double(network.embedding.weight)[text])
        np.testing.assert_allclose(double(states[: len(text), place]), expected, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_training_mode_computes_the_same_as_prediction(cell):
    network = unsettle(make_network(cell, num_layers=2, bidirectional=True))
    predicted = network(*batch(TEXTS))
    torch.testing.assert_close(network.train()(*batch(TEXTS)), predicted, rtol=0, atol=1e-6)


# ---- Padding does not exist -----------------------------------------------------------------

N_IDS, WIDTH = 12, 14
VOCABULARY = ("<pad>", "<unk>", *(f"w{i}" for i in range(2, N_IDS)))


def lay_out(texts, width, where, seed=0):
    """Return texts as rows of ids with the padding in front, behind, or scattered."""
    generator = np.random.default_rng(seed)
    ids = np.zeros((len(texts), width), np.int32)
    for row, text in zip(ids, texts, strict=True):
        places = {
            "pre": np.arange(width - len(text), width),
            "post": np.arange(len(text)),
            "middle": np.sort(generator.permutation(width)[: len(text)]),
        }
        row[places[where]] = text
    return ids


def sequences(texts, width=WIDTH, where="pre", seed=0):
    return TokenSequences(lay_out(texts, width, where, seed), VOCABULARY)


@cache
def fitted(cell, pooling, num_layers=2, bidirectional=True):
    generator = np.random.default_rng(0)
    texts = [generator.integers(1, N_IDS, generator.integers(1, WIDTH)) for _ in range(24)]
    model = RNNTextClassifier(
        cell=cell,
        pooling=pooling,
        num_layers=num_layers,
        bidirectional=bidirectional,
        hidden_size=6,
        embedding_dim=5,
        max_epochs=3,
        batch_size=8,
        lr=0.1,
        early_stopping=False,
        random_state=0,
    )
    return model.fit(sequences(texts), np.arange(24) % 3)


def assert_same(probabilities, expected):
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)


some_texts = st.lists(st.lists(st.integers(1, N_IDS - 1), max_size=WIDTH), min_size=1, max_size=12)
every_model = pytest.mark.parametrize(
    ("cell", "pooling"), [(cell, pooling) for cell in CELLS for pooling in POOLINGS]
)
# The models above are stacked and bidirectional.
every_other_depth = pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS[:-1])


@every_model
def test_the_models_of_these_tests_tell_texts_apart(cell, pooling):
    texts = [[word] * n for word in (2, 5, 8) for n in (1, 10)]
    spread = np.ptp(fitted(cell, pooling).predict_proba(sequences(texts)), axis=0)
    assert spread.max() > 0.01  # tolerances below are 1e-6


@every_model
@given(texts=some_texts, more=st.integers(0, 40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=6)
def test_padding_changes_no_probability(cell, pooling, texts, more, seed):
    model = fitted(cell, pooling)
    width = WIDTH if pooling == "flatten" else WIDTH + more
    expected = model.predict_proba(sequences(texts))
    for where in ("pre", "post", "middle"):
        assert_same(model.predict_proba(sequences(texts, width, where, seed)), expected)


@every_model
@given(texts=some_texts, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=6)
def test_company_and_order_change_no_probability(cell, pooling, texts, seed):
    model = fitted(cell, pooling)
    X = sequences(texts)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[[row]]) for row in range(len(texts))])
    assert_same(alone, together)
    order = np.random.default_rng(seed).permutation(len(texts))
    assert_same(model.predict_proba(X[order]), together[order])


@every_other_depth
@pytest.mark.parametrize("cell", CELLS)
@given(texts=some_texts, more=st.integers(0, 40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=4)
def test_neither_matters_at_any_depth(cell, num_layers, bidirectional, texts, more, seed):
    model = fitted(cell, "last", num_layers, bidirectional)
    expected = model.predict_proba(sequences(texts))
    for where in ("pre", "post", "middle"):
        X = sequences(texts, WIDTH + more, where, seed)
        assert_same(model.predict_proba(X), expected)
        assert_same(model.predict_proba(X[[0]]), expected[[0]])


@every_model
def test_batch_size_changes_no_probability(cell, pooling, monkeypatch):
    model = fitted(cell, pooling)
    generator = np.random.default_rng(1)
    X = sequences([generator.integers(1, N_IDS, n % WIDTH) for n in range(40)])
    expected = model.predict_proba(X)
    for n_tokens in (20, 300):
        monkeypatch.setattr("sklearn_rnn._data.batches._TOKENS_AT_ONCE", n_tokens)
        assert_same(model.predict_proba(X), expected)


@every_model
def test_an_empty_text_equals_one_unknown_token(cell, pooling):
    empty, unknown = fitted(cell, pooling).predict_proba(sequences([[], [1]]))
    assert_same(empty, unknown)


@pytest.mark.parametrize("pooling", POOLINGS)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(["not", "so", "good", "bad", "strange"]), max_size=6),
        min_size=1,
        max_size=6,
    )
)
@settings(deadline=None, max_examples=10)
def test_the_vectorizers_padding_changes_no_probability(pooling, texts):
    texts = [" ".join(words) for words in texts]
    pipeline = fitted_pipeline(pooling)
    vectorizer, model = pipeline[0], pipeline[-1]
    expected = pipeline.predict_proba(texts)
    widths = [6] if pooling == "flatten" else [6, 11]
    for padding in ("pre", "post"):
        for width in widths:
            other = SequenceVectorizer(
                vocabulary=vectorizer.vocabulary_, max_len=width, padding=padding
            )
            assert_same(model.predict_proba(other.fit_transform(texts)), expected)
    for text, row in zip(texts, expected, strict=True):
        assert_same(pipeline.predict_proba([text])[0], row)
    assert_same(pipeline.predict_proba([""]), pipeline.predict_proba(["unheard"]))


@cache
def fitted_pipeline(pooling):
    model = RNNTextClassifier(
        pooling=pooling, hidden_size=4, embedding_dim=4, early_stopping=False, random_state=0
    )
    texts = ["good", "so good", "not bad", "bad", "so bad", "not good"] * 4
    return make_pipeline(SequenceVectorizer(max_len=6), model).fit(texts, [1, 1, 1, 0, 0, 0] * 4)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_of_a_fitted_classifier_follow_from_its_weights(cell, pooling):
    model = fitted(cell, pooling)
    logits = reference_logits(cell, pooling, model.net_.module_, TEXTS)
    np.testing.assert_allclose(
        model.predict_proba(sequences(TEXTS)), softmax(logits, axis=1), atol=1e-5
    )
    np.testing.assert_allclose(
        model.transform(sequences(TEXTS)),
        reference_features(cell, pooling, model.net_.module_, TEXTS),
        atol=1e-5,
    )


# ---- The lecture, to the parameter ----------------------------------------------------------

LECTURE = {
    "hidden_size": 32,
    "embedding_dim": 32,
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.0,
    "input_dropout": 0.0,
    "linear": "none",
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "table_lr": None,
    "lr_schedule": "constant",
    "label_smoothing": 0.0,
    "max_epochs": 1,
    "early_stopping": False,
    "random_state": 0,
}
MODELS = [
    pytest.param({"cell": "rnn"}, 322_113, id="SimpleRNN"),
    pytest.param({"cell": "rnn", "pooling": "flatten"}, 338_081, id="SimpleRNN, all states"),
    pytest.param({"cell": "lstm"}, 328_353, id="LSTM"),
    pytest.param({"cell": "lstm", "input_dropout": 0.2}, 328_353, id="LSTM, input dropout"),
    pytest.param({"cell": "lstm", "num_layers": 3}, 344_993, id="stacked LSTM"),
    pytest.param({"cell": "lstm", "bidirectional": True}, 336_705, id="bidirectional LSTM"),
]
LECTURE_VOCABULARY = ("<pad>", "<unk>", *(f"w{i}" for i in range(2, 10_000)))


def lecture_texts(vectors=None):
    ids = np.random.default_rng(0).integers(2, 10_000, (4, 500), dtype=np.int32)
    return TokenSequences(ids, LECTURE_VOCABULARY, vectors)


@pytest.mark.parametrize(("parameters", "total"), MODELS)
def test_the_lectures_models_have_its_numbers_of_parameters(parameters, total):
    model = RNNTextClassifier(**(LECTURE | parameters)).fit(lecture_texts(), [0, 1, 0, 1])
    summary = model.summary()
    assert (summary.total, summary.trainable, summary.non_trainable) == (total, total, 0)
    assert sum(layer.n_parameters for layer in summary.layers) == total


def test_summary_shows_layers_output_shapes_parameters_and_totals():
    model = RNNTextClassifier(**(LECTURE | {"cell": "rnn", "pooling": "flatten"}))
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
    model = RNNTextClassifier(**(LECTURE | {"bidirectional": True, "num_layers": 2}))
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
    model = RNNTextClassifier(**(LECTURE | parameters))
    summary = model.fit(lecture_texts(vectors), [0, 1, 0, 1]).summary()
    assert (summary.total, summary.trainable) == (336_705, 16_705)
    assert summary.non_trainable == 320_000
    np.testing.assert_array_equal(model.embedding_vectors_, vectors)


def test_vectors_that_are_not_frozen_are_learned_but_not_written_to():
    vectors = np.random.default_rng(1).normal(size=(10_000, 32)).astype(np.float32)
    before = vectors.copy()
    model = RNNTextClassifier(**LECTURE).fit(lecture_texts(vectors), [0, 1, 0, 1])
    assert not np.array_equal(model.embedding_vectors_, vectors)
    np.testing.assert_array_equal(vectors, before)


# ---- Dropout and initial weights ------------------------------------------------------------


def test_dropout_has_one_mask_for_all_steps_of_a_text():
    dropout = LockedDropout(0.3, torch.Generator().manual_seed(0))
    dropped = dropout(torch.ones(7, 50, 40))
    assert torch.equal(dropped, dropped[:1].expand(7, 50, 40))
    assert not torch.equal(dropped[0, 0], dropped[0, 1])  # each text its own


def test_dropout_drops_its_share_and_keeps_the_expected_scale():
    dropout = LockedDropout(0.3, torch.Generator().manual_seed(0))
    dropped = dropout(torch.ones(1, 400, 100))
    np.testing.assert_allclose(dropped.unique(), [0, 1 / 0.7], rtol=1e-6)
    # Four standard errors of the mean of 40,000 draws.
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.014)


def test_dropout_acts_in_training_only():
    dropout = LockedDropout(0.3, torch.Generator().manual_seed(0)).eval()
    inputs = torch.ones(3, 4, 5)
    assert dropout(inputs) is inputs


def inputs_of_layers(network):
    seen = []
    for layer in network.layers:
        layer.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].detach()))
    network(*batch(TEXTS))
    return seen


@pytest.mark.parametrize("cell", CELLS)
def test_input_dropout_drops_the_inputs_of_every_layer(cell):
    sizes = {"n_dimensions": 200, "hidden_size": 100, "bidirectional": True, "num_layers": 2}
    network = unsettle(make_network(cell, input_dropout=0.4, **sizes)).train()
    first, second = (inputs == 0 for inputs in inputs_of_layers(network))
    for dropped in (first, second):
        assert torch.equal(dropped.all(dim=0), dropped.any(dim=0))
        assert dropped.float().mean().item() == pytest.approx(0.4, abs=0.1)
    assert not torch.equal(first[0], second[0])
    assert not any((inputs == 0).any() for inputs in inputs_of_layers(network.eval()))


def test_dropout_of_the_pooled_vector_reaches_the_head():
    network = unsettle(make_network(dropout=0.5, hidden_size=200)).train()
    seen = []
    network.head.register_forward_pre_hook(lambda head, inputs: seen.append(inputs[0]))
    network(*batch(TEXTS))
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)


N_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@pytest.mark.parametrize("cell", CELLS)
def test_initial_weights_are_those_of_the_lectures_framework(cell):
    n_hidden = 32
    network = make_network(
        cell, n_dimensions=48, hidden_size=n_hidden, bidirectional=True, num_layers=2
    )
    for layer in network.layers:
        for direction in layer.directions:
            assert_within(double(direction.input_weight), glorot_bound(direction.input_weight))
            kernel = double(direction.recurrent_weight).T  # (H, gates * H), as Keras has it
            np.testing.assert_allclose(kernel @ kernel.T, np.eye(n_hidden), atol=1e-5)
            intercepts = double(direction.bias).reshape(N_GATES[cell], n_hidden)
            expected = [0, 1, 0, 0] if cell == "lstm" else [0] * N_GATES[cell]
            np.testing.assert_array_equal(intercepts, np.repeat([expected], n_hidden, 0).T)


def test_initial_head_and_embedding():
    network = make_network(n_ids=500, n_dimensions=48, hidden_size=32, n_outputs=3)
    assert_within(double(network.head.weight), glorot_bound(network.head.weight))
    assert not network.head.bias.any()
    assert_within(double(network.embedding.weight), 0.05)
    assert not network.embedding.weight[0].any()
    assert network.embedding.weight[1:].all()


def glorot_bound(weight):
    return np.sqrt(6 / sum(weight.shape))


def assert_within(weights, bound):
    """Check that weights fill the range from -bound to bound evenly."""
    assert 0.9 * bound < np.abs(weights).max() <= bound * (1 + 1e-6)
    assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.15)


def test_every_gate_and_layer_starts_with_weights_of_its_own():
    network = make_network("lstm", hidden_size=8, bidirectional=True, num_layers=2)
    blocks = [
        block
        for layer in network.layers
        for direction in layer.directions
        for block in np.split(double(direction.recurrent_weight), 4)
    ]
    assert len({block.tobytes() for block in blocks}) == 16


def test_the_row_of_padding_is_never_learned():
    model = fitted("lstm", "last")
    assert not model.embedding_vectors_[0].any()

"""A Keras model that was taken over says what Keras' own recurrences say, written in NumPy."""

import pickle
import runpy

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.pipeline import make_pipeline

from paths import ROOT
from sklearn_rnn import RNNTextRegressor, SequenceVectorizer, TokenSequences

EXAMPLE = ROOT / "examples" / "from_keras.py"
WORDS = ["", "[UNK]", *"abcdefghij"]
N_WORDS, D, H, N_TOKENS = len(WORDS), 3, 4, 9
N_GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


@pytest.fixture(scope="module")
def from_keras():
    return runpy.run_path(str(EXAMPLE))["from_keras"]


# ---- Layers with the attributes and the weights of Keras' ------------------------------------


def named(function_name):
    function = lambda: None  # noqa: E731 - Keras' activations are functions, known by name
    function.__name__ = function_name
    return function


def layer(class_name, weights=(), **attributes):
    made = type(class_name, (), {"get_weights": lambda self: list(weights)})()
    vars(made).update(attributes)
    return made


def drawn(*shapes):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def recurrent(class_name, n_inputs=D, units=H, seed=0, **attributes):
    width = N_GATES[class_name] * units
    matrix, states, bias = drawn((n_inputs + seed, width), (units, width), (width,))
    if class_name == "GRU":  # Keras' default: two intercepts
        bias = np.stack([bias, np.where(np.arange(width) < 2 * units, bias[::-1], 0)])
    return layer(
        class_name,
        [matrix[seed:], states, bias],
        **{
            "units": units,
            "activation": named("tanh"),
            "recurrent_activation": named("sigmoid"),
            "return_sequences": False,
            "go_backwards": False,
            "reset_after": True,
        }
        | attributes,
    )


def bidirectional(class_name, n_inputs=D, merge_mode="concat", **attributes):
    forward = recurrent(class_name, n_inputs, **attributes)
    backward = recurrent(class_name, n_inputs, seed=1, go_backwards=True, **attributes)
    return layer(
        "Bidirectional",
        forward_layer=forward,
        backward_layer=backward,
        merge_mode=merge_mode,
        return_sequences=forward.return_sequences,
    )


def dense(n_inputs, units=1, activation="sigmoid"):
    return layer(
        "Dense", drawn((n_inputs, units), (units,)), units=units, activation=named(activation)
    )


def keras_model(*middle, head=None, mask_zero=True, n_rows=N_WORDS):
    last = middle[-1] if middle[-1].__class__.__name__ not in POOLED else middle[-2]
    n_states = H * (2 if last.__class__.__name__ == "Bidirectional" else 1)
    n_features = n_states * N_TOKENS if middle[-1].__class__.__name__ == "Flatten" else n_states
    embedding = layer("Embedding", drawn((n_rows, D)), mask_zero=mask_zero)
    layers = [layer("InputLayer"), embedding, layer("SpatialDropout1D"), *middle]
    layers += [layer("Dropout"), head or dense(n_features)]
    model = layer("Sequential", layers=layers)
    model.input_shape = (None, N_TOKENS)
    return model


def stack(class_name, n_layers, both, **attributes):
    make = bidirectional if both else recurrent
    return [
        make(
            class_name,
            D if place == 0 else H * (1 + both),
            return_sequences=place < n_layers - 1,
            **attributes,
        )
        for place in range(n_layers)
    ]


# ---- What Keras makes of them ----------------------------------------------------------------


def run(cell, inputs):
    """Return the states of one direction after each step: (T, D) -> (T, H)."""
    matrix, recurrent, bias = (weight.astype(np.float64) for weight in cell.get_weights())
    state = memory = np.zeros(cell.units)
    states = []
    for x in inputs:
        match type(cell).__name__:
            case "SimpleRNN":
                state = np.tanh(x @ matrix + state @ recurrent + bias)
            case "LSTM":
                i, f, c, o = np.split(x @ matrix + state @ recurrent + bias, 4)
                memory = expit(f) * memory + expit(i) * np.tanh(c)
                state = expit(o) * np.tanh(memory)
            case "GRU":
                of_x = np.split(x @ matrix + bias[0], 3)
                of_state = np.split(state @ recurrent + bias[1], 3)
                z, r = expit(of_x[0] + of_state[0]), expit(of_x[1] + of_state[1])
                state = z * state + (1 - z) * np.tanh(of_x[2] + r * of_state[2])
        states.append(state)
    return np.array(states)


def states_of(part, inputs):
    if type(part).__name__ != "Bidirectional":
        return run(part, inputs)
    backward = run(part.backward_layer, inputs[::-1])[::-1]
    return np.concatenate([run(part.forward_layer, inputs), backward], axis=1)


POOLED = {
    "GlobalMaxPooling1D": lambda states: states.max(axis=0),
    "GlobalAveragePooling1D": lambda states: states.mean(axis=0),
    "Flatten": lambda states: np.concatenate(
        [np.zeros((N_TOKENS - len(states), states.shape[1])), states]
    ).ravel(),
}
ACTIVATIONS = {"sigmoid": expit, "softmax": softmax, "linear": lambda logits: logits}


def outputs_of(model, ids):
    """Return what Keras' model says of each row: (N, T) -> (N, C)."""
    embedding, *middle, head = [part for part in model.layers if part.get_weights() or vars(part)]
    (table,) = embedding.get_weights()
    outputs = []
    for row in ids:
        values = table[row[row > 0] if embedding.mask_zero else row].astype(np.float64)
        for part in middle:
            values = states_of(part, values)
        last = middle[-1]
        pooling = [type(p).__name__ for p in model.layers if type(p).__name__ in POOLED]
        if pooling:
            pooled = POOLED[pooling[0]](values)
        else:  # the backward direction ends at the first token
            n_units = getattr(last, "forward_layer", last).units
            pooled = np.concatenate([values[-1, :n_units], values[0, n_units:]])
        matrix, bias = head.get_weights()
        outputs.append(ACTIVATIONS[head.activation.__name__](pooled @ matrix + bias))
    return np.array(outputs)


@pytest.fixture
def ids():
    """Texts of 2 to 9 tokens, padded on the left or on the right."""
    rows = np.random.default_rng(0).integers(1, len(WORDS), (6, N_TOKENS))
    for row, n_padding in enumerate([0, 7, 3]):
        rows[row, :n_padding] = 0
        rows[row + 3, N_TOKENS - n_padding :] = 0
    return rows


def assert_says_the_same(model, theirs, ids):
    ours = model.predict_proba(TokenSequences(ids, model.vocabulary_))
    np.testing.assert_allclose(ours[:, 1], outputs_of(theirs, ids)[:, 0], atol=1e-6)


@pytest.mark.parametrize("both", [False, True], ids=["forward", "both directions"])
@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("class_name", N_GATES)
def test_every_cell_says_what_it_said_in_keras(from_keras, ids, class_name, n_layers, both):
    theirs = keras_model(*stack(class_name, n_layers, both))
    assert_says_the_same(from_keras(theirs, WORDS, ["-", "no"]), theirs, ids)


@pytest.mark.parametrize("pooling", ["GlobalAveragePooling1D", "Flatten"])
def test_pooling_without_padding_says_what_it_said_in_keras(from_keras, ids, pooling):
    theirs = keras_model(bidirectional("LSTM", return_sequences=True), layer(pooling))
    assert_says_the_same(from_keras(theirs, WORDS, [0, 1]), theirs, ids[:3])  # left


@pytest.mark.parametrize("pooling", ["last", *POOLED])
def test_without_a_mask_padding_is_read_as_the_word_that_keras_took_it_for(
    from_keras, ids, pooling
):
    pooled = pooling != "last"
    middle = [bidirectional("GRU", return_sequences=pooled), *[layer(pooling)] * pooled]
    theirs = keras_model(*middle, mask_zero=False)
    model = from_keras(theirs, WORDS, [0, 1])
    ours = model.predict_proba(TokenSequences(ids + 2, model.vocabulary_))
    np.testing.assert_allclose(ours[:, 1], outputs_of(theirs, ids)[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("units", "activation", "labels"),
    [
        (1, "sigmoid", ["a", "b"]),
        (1, "sigmoid", ["b", "a"]),
        (1, "linear", [1, 0]),
        (2, "softmax", ["yes", "no"]),
        (3, "softmax", ["pos", "mixed", "neg"]),
        (3, "linear", [7, 3, 5]),
        (30, "softmax", list(range(30))),
    ],
)
def test_a_probability_belongs_to_its_label_in_whatever_order_keras_had_them(
    from_keras, ids, units, activation, labels
):
    theirs = keras_model(recurrent("LSTM"), head=dense(H, units, activation))
    model = from_keras(theirs, WORDS, labels)
    outputs = outputs_of(theirs, ids)
    if activation == "linear":
        outputs = expit(outputs) if units == 1 else softmax(outputs, axis=1)
    if units == 1:
        outputs = np.column_stack([1 - outputs, outputs])
    probabilities = model.predict_proba(TokenSequences(ids, model.vocabulary_))
    for label, column in zip(labels, outputs.T, strict=True):
        ours = probabilities[:, list(model.classes_).index(label)]
        np.testing.assert_allclose(ours, column, atol=1e-6)


def test_several_labels_at_a_time_and_numbers_are_taken_over(from_keras, ids):
    theirs = keras_model(recurrent("GRU"), head=dense(H, 3))
    model = from_keras(theirs, WORDS)
    ours = model.predict_proba(TokenSequences(ids, model.vocabulary_))
    np.testing.assert_allclose(ours, outputs_of(theirs, ids), atol=1e-6)
    for units in (1, 2):
        theirs = keras_model(recurrent("GRU"), head=dense(H, units, "linear"))
        model = from_keras(theirs, WORDS)
        assert isinstance(model, RNNTextRegressor)
        ours = model.predict(TokenSequences(ids, model.vocabulary_)).reshape(len(ids), units)
        np.testing.assert_allclose(ours, outputs_of(theirs, ids), atol=1e-6)


def test_layers_without_intercepts_are_taken_over(from_keras, ids):
    cell, head = recurrent("LSTM"), dense(H)
    theirs = keras_model(cell, head=head)
    for part in (cell, head):
        part.get_weights()[-1][:] = 0
    expected = outputs_of(theirs, ids)
    for part in (cell, head):
        without = part.get_weights()[:-1]
        part.get_weights = lambda weights=without: weights
    model = from_keras(theirs, WORDS, [0, 1])
    ours = model.predict_proba(TokenSequences(ids, model.vocabulary_))
    np.testing.assert_allclose(ours[:, 1], expected[:, 0], atol=1e-6)


def test_texts_go_through_a_pipeline_with_keras_vocabulary(from_keras):
    theirs = keras_model(recurrent("LSTM"), n_rows=20)  # more rows than words
    vectorizer = SequenceVectorizer(vocabulary=WORDS[2:], max_len=N_TOKENS)
    pipeline = make_pipeline(vectorizer.fit(["a"]), from_keras(theirs, WORDS, ["bad", "good"]))
    texts, ids = ["b a d", "e new f"], np.array([[3, 2, 5], [6, 1, 7]])
    np.testing.assert_allclose(
        pipeline.predict_proba(texts)[:, 1], outputs_of(theirs, ids)[:, 0], atol=1e-6
    )


def test_what_was_taken_over_can_be_saved_and_trained_on(from_keras, ids):
    theirs = keras_model(bidirectional("LSTM"))
    model = from_keras(theirs, WORDS, [0, 1], random_state=0, lr=1e-2)
    X, y = TokenSequences(ids, model.vocabulary_), np.arange(6) % 2
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    before = model.predict_proba(X)
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.score(X, y) > (before.argmax(axis=1) == y).mean() or model.score(X, y) == 1


REFUSED = {
    "an activation other": lambda: keras_model(recurrent("LSTM", activation=named("relu"))),
    "gates other": lambda: keras_model(
        recurrent("LSTM", recurrent_activation=named("hard_sigmoid"))
    ),
    "reset_after=False": lambda: keras_model(bidirectional("GRU", reset_after=False)),
    "go_backwards": lambda: keras_model(recurrent("LSTM", go_backwards=True)),
    "merge_mode='sum'": lambda: keras_model(bidirectional("LSTM", merge_mode="sum")),
    "for each step": lambda: keras_model(recurrent("LSTM", return_sequences=True)),
    "reads the states of padding": lambda: keras_model(
        recurrent("LSTM", return_sequences=True), layer("GlobalMaxPooling1D")
    ),
    "several kinds or sizes": lambda: keras_model(
        recurrent("LSTM", return_sequences=True), recurrent("GRU", H)
    ),
    r"\['Dense'\] have no": lambda: keras_model(recurrent("LSTM"), dense(H, H, "relu")),
    "expected an Embedding": lambda: keras_model(layer("Conv1D"), recurrent("LSTM")),
    "3 labels for 1": lambda: keras_model(recurrent("LSTM")),
    "12 words for the 5 rows": lambda: keras_model(recurrent("LSTM"), n_rows=5),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_has_no_counterpart_is_refused(from_keras, message):
    labels = ["a", "b", "c"] if message.startswith("3 labels") else ["a", "b"]
    with pytest.raises(ValueError, match=message):
        from_keras(REFUSED[message](), WORDS, labels)


def test_a_second_intercept_of_a_candidate_is_refused(from_keras):
    cell = recurrent("GRU")
    cell.get_weights()[2][1, -1] = 0.1
    with pytest.raises(ValueError, match="second intercept, which its reset gate scales"):
        from_keras(keras_model(cell), WORDS, [0, 1])


def test_classes_without_labels_are_refused(from_keras):
    for head in (dense(H, 3, "softmax"), dense(H)):
        with pytest.raises(ValueError, match="give labels"):
            from_keras(keras_model(recurrent("LSTM"), head=head), WORDS)
    with pytest.raises(ValueError, match="give labels=None"):
        from_keras(keras_model(recurrent("LSTM"), head=dense(H, 2)), WORDS, ["a", "b"])

"""How closely this library matches Keras: trained from the same weights on the same batches.

    python benchmarks/keras_equal.py

Prints the largest differences after 50 steps of RMSprop for all cells, and in predictions of
trained Keras models that `examples/from_keras.py` converted; how both draw initial weights; how
many ids of `TextVectorization` differ; what Keras does with padding and with empty texts. It runs
in the environment of `make bench`, on JAX, or on the backend that KERAS_BACKEND names.
"""

from __future__ import annotations

import os
import string
import sys
import warnings
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import keras
import numpy as np
import torch
from from_keras import from_keras
from keras import layers
from numpy.typing import NDArray
from sklearn.base import clone

from sklearn_rnn import SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import make_reviews

N_WORDS, N_TOKENS, N_TEXTS, N_STEPS, SIZE = 200, 30, 32, 50, 16
LABELS = ["negative", "positive"]
VOCABULARY = ["", "[UNK]", *(f"word {i}" for i in range(2, N_WORDS))]
LECTURE_RULES = {
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "table_lr": None,
    "lr_schedule": "constant",
    "label_smoothing": 0.0,
    "input_dropout": 0.0,
    "dropout": 0.0,
    "max_grad_norm": None,
    "batch_size": N_TEXTS,
    "device": "cpu",
}
"""Keras' default behaviour, in this library's parameters."""

CELLS = {"SimpleRNN": layers.SimpleRNN, "LSTM": layers.LSTM, "GRU": layers.GRU}


@keras.saving.register_keras_serializable()
class OneIntercept(keras.constraints.Constraint):
    """Keep the second of a GRU's intercepts at zero, as this library has only the first."""

    def __call__(self, w: Any) -> Any:
        return w * keras.ops.convert_to_tensor([[1.0], [0.0]], w.dtype)


def main() -> None:
    warnings.filterwarnings("ignore", message="Layer .* was passed an input with a mask")
    keras.utils.set_random_seed(0)
    print(f"Keras {keras.__version__} on {keras.backend.backend()}\n")
    print("| trained for 50 steps by RMSprop | weights | probabilities |\n| --- | ---: | ---: |")
    for cell, n_layers, bidirectional in product(CELLS, (1, 2), (False, True)):
        name = f"{'bidirectional ' * bidirectional}{cell}{', two layers' * (n_layers - 1)}"
        print(f"| {name} | {differences(trained_alike(cell, n_layers, bidirectional))} |")
    clipped = {"global_clipnorm": 0.01}, {"max_grad_norm": 0.01}
    print(
        f"| LSTM, gradients clipped | {differences(trained_alike('LSTM', 1, False, *clipped))} |"
    )
    print("\n| converted from Keras | probabilities |\n| --- | ---: |")
    for name, difference in taken_over().items():
        print(f"| {name} | {difference:.0e} |")
    print()
    print("| cell | initial weight | Keras | here |\n| --- | --- | --- | --- |")
    for cell in CELLS:
        compare_initial_weights(cell)
    print()
    compare_ids()
    print()
    show_padding()


# ---- Training --------------------------------------------------------------------------------


def trained_alike(
    cell: str,
    n_layers: int,
    bidirectional: bool,
    theirs: dict[str, Any] | None = None,
    ours: dict[str, Any] | None = None,
) -> tuple[Any, Any, NDArray[np.int32]]:
    """Return a Keras model and ours, trained from the same weights on the same batches."""
    keras_model = build(cell, n_layers, bidirectional)
    optimizer = keras.optimizers.RMSprop(1e-3, **theirs or {})
    keras_model.compile(optimizer=optimizer, loss="binary_crossentropy")
    model = from_keras(keras_model, VOCABULARY, LABELS, **LECTURE_RULES | (ours or {}))
    batches = [batch(seed) for seed in range(N_STEPS)]
    for ids, y in batches:
        keras_model.train_on_batch(ids, y)
        model.partial_fit(TokenSequences(ids, model.vocabulary_), np.take(LABELS, y))
    return keras_model, model, batches[0][0]


def build(cell: str, n_layers: int = 1, bidirectional: bool = False, **head: Any) -> Any:
    more = {"bias_constraint": OneIntercept()} if cell == "GRU" else {}
    parts = [CELLS[cell](SIZE, return_sequences=i < n_layers - 1, **more) for i in range(n_layers)]
    return sequential(*map(layers.Bidirectional, parts) if bidirectional else parts, **head)


def sequential(*middle: Any, mask_zero: bool = True, units: int = 1, activation: str = "sigmoid"):
    return keras.Sequential(
        [
            keras.Input((N_TOKENS,), dtype="int32"),
            layers.Embedding(N_WORDS, SIZE, mask_zero=mask_zero),
            *middle,
            layers.Dense(units, activation=activation),
        ]
    )


def batch(seed: int, padding: str = "pre") -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return texts of 5 to 30 tokens, whose last five columns decide their label."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, N_WORDS, (N_TEXTS, N_TOKENS), dtype=np.int32)
    n_padding = rng.integers(0, N_TOKENS - 4, N_TEXTS)
    places = np.arange(N_TOKENS) if padding == "pre" else np.arange(N_TOKENS)[::-1]
    y = (ids[:, -5:] < N_WORDS // 2).mean(axis=1) > 0.5
    return np.where(places < n_padding[:, None], 0, ids), y.astype(np.int64)


def differences(models: tuple[Any, Any, NDArray[np.int32]]) -> str:
    keras_model, model, ids = models
    copy = from_keras(keras_model, VOCABULARY, LABELS)
    theirs = copy.net_.module_.state_dict()
    weights = max(
        (weight - theirs[name])[1 if name == "embedding.weight" else 0 :].abs().max().item()
        for name, weight in model.net_.module_.state_dict().items()
    )
    sequences = TokenSequences(ids, model.vocabulary_)
    probabilities = (
        model.predict_proba(sequences)[:, 1] - keras_model.predict(ids, verbose=0)[:, 0]
    )
    return f"{weights:.0e} | {np.abs(probabilities).max():.0e}"


# ---- Converted models ------------------------------------------------------------------------


def taken_over() -> dict[str, float]:
    """Return the largest difference in probabilities, by what was converted."""
    states = {"return_sequences": True}
    found = {
        f"{'bidirectional ' * bidirectional}{cell}{', two layers' * (n_layers - 1)}": alike(
            build(cell, n_layers, bidirectional)
        )
        for cell, n_layers, bidirectional in product(CELLS, (1, 2), (False, True))
    }
    no_mask = {"mask_zero": False}
    found["padding on the right"] = alike(build("LSTM", 2, True), padding="post")
    found["padding read as a word"] = alike(build("LSTM", 2, True, **no_mask))
    found["all states, flattened"] = alike(
        sequential(layers.LSTM(SIZE, **states), layers.Flatten())
    )
    found["all states, padding read"] = alike(
        sequential(layers.LSTM(SIZE, **states), layers.Flatten(), **no_mask), padding="post"
    )
    pooled = layers.LSTM(SIZE, **states), layers.GlobalAveragePooling1D()
    found["average of all states"] = alike(sequential(*pooled))
    pooled = layers.Bidirectional(layers.LSTM(SIZE, **states)), layers.GlobalMaxPooling1D()
    found["maximum of all states, padding read"] = alike(sequential(*pooled, **no_mask))
    softmax = {"units": 3, "activation": "softmax"}
    found["three classes"] = alike(build("LSTM", **softmax), ["pos", "mixed", "neg"])
    found["two classes by softmax"] = alike(
        build("LSTM", **softmax | {"units": 2}), ["pos", "neg"]
    )
    found["three labels at once"] = alike(build("LSTM", units=3), None)
    found["numbers"] = alike(build("LSTM", units=2, activation="linear"), None)
    return found


def alike(keras_model: Any, labels: Any = ("pos", "neg"), padding: str = "pre") -> float:
    """Train a Keras model briefly, convert it, and compare."""
    ids, y = batch(0, padding)
    n_outputs = keras_model.output_shape[1]
    softmax = keras_model.layers[-1].activation.__name__ == "softmax"
    keras_model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy" if softmax else "mse",
    )
    keras_model.fit(
        ids, y if softmax else np.repeat(y[:, None], n_outputs, 1), epochs=5, verbose=0
    )
    model = from_keras(keras_model, VOCABULARY, labels)
    shift = 0 if keras_model.layers[0].mask_zero else 2
    sequences = TokenSequences(ids + shift, model.vocabulary_)
    theirs = keras_model.predict(ids, verbose=0)
    if not hasattr(model, "predict_proba"):
        return float(np.abs(model.predict(sequences) - theirs).max())
    if labels is not None:
        both = np.column_stack([1 - theirs, theirs]) if n_outputs == 1 else theirs
        theirs = both[:, np.argsort(labels)]
    return float(np.abs(model.predict_proba(sequences) - theirs).max())


# ---- Initial weights -------------------------------------------------------------------------


def compare_initial_weights(cell: str) -> None:
    """Print the range and deviation of all weights, for layers large enough to compare."""
    keras_model = keras.Sequential(
        [
            keras.Input((N_TOKENS,), dtype="int32"),
            layers.Embedding(2_000, 48, mask_zero=True),
            CELLS[cell](96),
            layers.Dense(24, activation="softmax"),
        ]
    )
    words, labels = ["", "[UNK]", *map(str, range(2, 2_000))], np.arange(24)
    theirs = from_keras(keras_model, words, labels)
    y = np.repeat(labels, 3)
    one_word_each = TokenSequences(y[:, None] + 1, theirs.vocabulary_)
    drawn = [
        model.net_.module_.state_dict()
        for model in (theirs, clone(theirs).initialize(one_word_each, y))
    ]
    for name in drawn[0]:
        print(f"| {cell} | {name} | {' | '.join(spread(state[name]) for state in drawn)} |")
    for state in drawn:
        kernel = state["layers.0.directions.0.recurrent_weight"].T  # (H, gates * H)
        assert (kernel @ kernel.T - torch.eye(96)).abs().max() < 1e-5


def spread(weight: torch.Tensor) -> str:
    return f"{weight.min():.3f} to {weight.max():.3f}, deviation {weight.std(correction=0):.3f}"


# ---- Texts -----------------------------------------------------------------------------------

SIGNS = str.maketrans("", "", string.punctuation)
CAPITALS = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def standardize(text: str) -> str:
    """Lower-case ASCII letters and drop ASCII punctuation: "well-made" becomes "wellmade"."""
    return text.translate(CAPITALS).translate(SIGNS)


def compare_ids() -> None:
    texts, _ = make_reviews(500, random_state=0)
    texts += [
        "Don't, well-made! É_x",
        "one\u00a0two\u2003three\tfour",
        "",
        "...",
        "a\x1cb \u0130I",
    ]
    vectorization = layers.TextVectorization(max_tokens=150, output_sequence_length=20)
    vectorization.adapt(texts)
    vectorizer = SequenceVectorizer(
        preprocessor=standardize,
        token_pattern=r"[^ \t\n\v\f\r]+",
        vocabulary=vectorization.get_vocabulary()[2:],
        max_len=20,
        padding="post",
        truncating="post",
    )
    ours, theirs = vectorizer.fit_transform(texts).ids, np.asarray(vectorization(texts))
    print(f"ids of TextVectorization that differ: {(ours != theirs).sum()} of {ours.size:,}")


# ---- What Keras does with padding -------------------------------------------------------------


def show_padding() -> None:
    """Print what Keras makes of a text of one word with five zeros before or after it."""
    embedding = layers.Embedding(N_WORDS, SIZE, mask_zero=True)
    states = layers.LSTM(SIZE, return_sequences=True)
    maximum = keras.Sequential([embedding, states, layers.GlobalMaxPooling1D()])
    flattened = keras.Sequential([embedding, states, layers.Flatten()])
    mean = keras.Sequential([embedding, states, layers.GlobalAveragePooling1D()])
    last = keras.Sequential([embedding, layers.LSTM(SIZE)])
    text = np.array([[7]])
    ahead, behind = (np.pad(text, ((0, 0), sides)) for sides in ((5, 0), (0, 5)))
    empty = np.zeros((1, 6), np.int32)
    lowest = [maximum.predict(row, verbose=0).min() for row in (text, ahead)]
    print(f"GlobalMaxPooling1D: lowest maximum {lowest[0]:.4f}, after padding {lowest[1]:.4f}")
    rows = [flattened.predict(row, verbose=0).reshape(6, SIZE) for row in (ahead, behind)]
    repeats = np.allclose(rows[1], rows[1][0])
    print(f"Flatten: zeros before a text: {not rows[0][:5].any()}, its state after it: {repeats}")
    print(f"an empty text: last state zero: {not last.predict(empty, verbose=0).any()}, ", end="")
    print(f"average: {mean.predict(empty, verbose=0)[0, 0]}")


if __name__ == "__main__":
    main()

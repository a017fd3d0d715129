"""Convert a trained Keras model: the same probabilities, without Keras.

    python examples/from_keras.py

trains a bidirectional LSTM on made-up reviews in Keras, converts it, and compares the predictions
of both for unseen reviews. That needs Keras and one of its backends; the function `from_keras` is
what to copy, and needs neither.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

from sklearn_rnn import (
    RNNTextClassifier,
    RNNTextRegressor,
    SequenceVectorizer,
    TokenSequences,
)
from sklearn_rnn.datasets import make_reviews

CELLS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
POOLINGS = {"GlobalMaxPooling1D": "max", "GlobalAveragePooling1D": "mean", "Flatten": "flatten"}
IDLE = {"InputLayer", "Dropout", "SpatialDropout1D"}  # have no effect in prediction

Weights = dict[str, NDArray[np.float32]]


class Parts(NamedTuple):
    """The layers of a Keras model that have a counterpart here."""

    embedding: Any
    recurrent: list[Any]
    pooling: str
    head: Any


def from_keras(
    keras_model: Any,
    vocabulary: Sequence[str],
    labels: Sequence[Any] | None = None,
    **parameters: Any,
) -> Any:
    """Return an estimator with the weights and the predictions of a Keras model.

    Parameters
    ----------
    keras_model : keras.Model
        An embedding, recurrent layers of one kind and size, at most one layer of pooling or
        `Flatten`, and a dense layer; dropout anywhere between them.
    vocabulary : sequence of str
        Words by Keras' ids, from 0: those of padding and of the unknown word come first, as
        in ``TextVectorization.get_vocabulary()``.
    labels : sequence, default=None
        Labels in the order of Keras' outputs; two if there is one output. None: several labels
        at once if the outputs are sigmoids, numbers if they are linear.
    **parameters : object
        Further parameters of the estimator, used if it is trained further.

    Returns
    -------
    RNNTextClassifier or RNNTextRegressor
        If the embedding has ``mask_zero=True`` it reads Keras' ids, as produced by
        ``SequenceVectorizer(vocabulary=vocabulary[2:])``. Otherwise Keras has read padding as a
        word, so this model must too: pass it ``TokenSequences(ids + 2, model.vocabulary_)``, with
        ids padded as for Keras.

    Raises
    ------
    ValueError
        If a layer does something that has no counterpart here.
    """
    parts = parts_of(keras_model)
    table, words = table_of(parts.embedding, vocabulary)
    cells = [cell for layer in parts.recurrent for cell in directions(layer)]
    shape = {
        "cell": CELLS[kind(cells[0])],
        "hidden_size": cells[0].units,
        "num_layers": len(parts.recurrent),
        "bidirectional": len(cells) > len(parts.recurrent),
        "pooling": parts.pooling,
        "embedding_dim": table.shape[1],
        "linear": "none",
    }
    is_regressor = labels is None and parts.head.activation.__name__ == "linear"
    model = (RNNTextRegressor if is_regressor else RNNTextClassifier)(**shape | parameters)
    y = targets(parts.head, labels, is_regressor)
    n_tokens = keras_model.input_shape[1] or 1  # None where it may differ from text to text
    model.initialize(TokenSequences(np.ones((len(y), n_tokens), np.int32), words), y)

    weights = {"embedding.weight": table, **head_weights(parts.head, labels)}
    for place, cell in enumerate(cells):
        layer, direction = divmod(place, len(cells) // len(parts.recurrent))
        for name, array in cell_weights(cell).items():
            weights[f"layers.{layer}.directions.{direction}.{name}"] = array
    network = model.net_.module_
    network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    return model


def kind(layer: Any) -> str:
    return type(layer).__name__


def directions(layer: Any) -> list[Any]:
    return (
        [layer.forward_layer, layer.backward_layer] if kind(layer) == "Bidirectional" else [layer]
    )


def parts_of(keras_model: Any) -> Parts:
    """Return the layers by what they do, or raise if one has no counterpart."""
    layers = [layer for layer in keras_model.layers if kind(layer) not in IDLE]
    kinds = [kind(layer) for layer in layers]
    n_recurrent = sum(name in {*CELLS, "Bidirectional"} for name in kinds)
    recurrent, rest = layers[1 : n_recurrent + 1], kinds[n_recurrent + 1 : -1]
    poolings = [POOLINGS[name] for name in rest if name in POOLINGS]
    in_order = all(kind(layer) in {*CELLS, "Bidirectional"} for layer in recurrent)
    require(
        kinds[0] == "Embedding" and kinds[-1] == "Dense" and recurrent and in_order,
        f"expected an Embedding, recurrent layers, at most one of pooling, a Dense, got {kinds}",
    )
    require(len(rest) == len(poolings) < 2, f"{rest} have no counterpart")
    require(recurrent[-1].return_sequences == bool(poolings), "a label for each step")
    for layer in recurrent:
        check_recurrent(layer, recurrent[0])
    pooling = (*poolings, "last")[0]
    require(
        not (layers[0].mask_zero and pooling == "max"),
        "GlobalMaxPooling1D reads the states of padding, which does not exist here",
    )
    return Parts(layers[0], recurrent, pooling, layers[-1])


def check_recurrent(layer: Any, first: Any) -> None:
    """Raise if a recurrent layer does something that has no counterpart."""
    cell, like = directions(layer)[0], directions(first)[0]
    same = kind(layer) == kind(first) and kind(cell) == kind(like) and cell.units == like.units
    require(same, "recurrent layers of several kinds or sizes")
    merge_mode = getattr(layer, "merge_mode", "concat")
    require(merge_mode == "concat", f"merge_mode={merge_mode!r}")
    for part in directions(layer):
        require(part.activation.__name__ == "tanh", "an activation other than tanh")
        gates = getattr(part, "recurrent_activation", None)
        require(gates is None or gates.__name__ == "sigmoid", "gates other than sigmoids")
        require(getattr(part, "reset_after", True), "a GRU with reset_after=False")
    require(not cell.go_backwards, "go_backwards=True")


def cell_weights(layer: Any) -> Weights:
    """Return the weights of one direction: gates are rows here, columns in Keras."""
    matrix, recurrent, *bias = layer.get_weights()  # (D, gates * H), (H, gates * H)
    intercepts = bias[0] if bias else np.zeros(matrix.shape[1])
    if intercepts.ndim == 2:  # of a GRU: one beside the inputs, one beside the states
        require(
            not intercepts[1, 2 * layer.units :].any(),
            "a GRU whose candidate has a second intercept, which its reset gate scales",
        )
        intercepts = intercepts.sum(axis=0)
    arrays = {"input_weight": matrix.T, "recurrent_weight": recurrent.T, "bias": intercepts}
    if kind(layer) == "GRU":
        arrays = {name: reset_first(array) for name, array in arrays.items()}
    return {name: np.float32(array) for name, array in arrays.items()}


def reset_first(array: NDArray[Any]) -> NDArray[Any]:
    update, reset, candidate = np.split(array, 3)  # the order of Keras
    return np.concatenate([reset, update, candidate])


def table_of(embedding: Any, vocabulary: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
    """Return the vectors and the words that they belong to; padding has none here."""
    require(embedding.get_weights(), "a model that is not built")
    (table,) = embedding.get_weights()
    require(
        len(vocabulary) <= len(table),
        f"{len(vocabulary)} words for the {len(table)} rows of the embedding",
    )
    table = np.float32(table[: len(vocabulary)])
    if embedding.mask_zero:
        return np.concatenate([0 * table[:1], table[1:]]), ["<pad>", "<unk>", *vocabulary[2:]]
    nothing = np.zeros((2, table.shape[1]), np.float32)
    return np.concatenate([nothing, table]), ["<pad>", "<unk>", *vocabulary]


def targets(head: Any, labels: Sequence[Any] | None, is_regressor: bool) -> Any:
    """Return targets of a few texts, from which the estimator learns what its outputs mean."""
    if labels is not None:
        n_labels = max(2, head.units)
        require(len(labels) == n_labels, f"{len(labels)} labels for {head.units} outputs")
        is_one_of_several = head.units == 1 or head.activation.__name__ != "sigmoid"
        require(is_one_of_several, "labels of which several may apply: give labels=None")
        return np.repeat(labels, 3)  # if all were unique, scikit-learn would warn of a regression
    if is_regressor:  # of mean 0 and standard deviation 1: outputs are not scaled
        return np.array([[-1.0], [1.0]]).repeat(head.units, axis=1).squeeze()
    several = head.activation.__name__ == "sigmoid" and head.units > 1
    require(several, "classes without labels: give labels, in the order of Keras' outputs")
    return np.eye(head.units, dtype=int)


def head_weights(head: Any, labels: Sequence[Any] | None) -> Weights:
    """Return the dense layer's weights, by label in the order of `classes_`."""
    matrix, *bias = head.get_weights()  # (F, C)
    rows = np.column_stack([matrix.T, bias[0] if bias else np.zeros(head.units)])  # (C, F + 1)
    if labels is not None:
        if len(rows) == 1:  # the second label's; the first one's logit is 0
            rows = np.concatenate([0 * rows, rows])
        rows = rows[np.argsort(labels)]
        if len(rows) == 2:
            rows = rows[1:] - rows[:1]
    return {"head.weight": np.float32(rows[:, :-1]), "head.bias": np.float32(rows[:, -1])}


def require(condition: Any, what: str) -> None:
    if not condition:
        raise ValueError(f"from_keras: {what}: this has no counterpart in sklearn_rnn.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reviews", type=int, default=4_000)
    options = parser.parse_args()
    texts, labels = make_reviews(2 * options.reviews, random_state=0)
    vectorizer = SequenceVectorizer(max_len=60).fit(texts[: options.reviews])
    vocabulary = ["", "[UNK]", *vectorizer.vocabulary_]
    train, test = texts[: options.reviews], texts[options.reviews :]
    keras_model = trained(vectorizer.transform(train).ids, labels[: options.reviews], vocabulary)

    model = from_keras(keras_model, vocabulary, ["negative", "positive"])
    pipeline = make_pipeline(vectorizer, model)
    theirs = keras_model.predict(vectorizer.transform(test).ids, verbose=0)[:, 0]
    difference = np.abs(pipeline.predict_proba(test)[:, 1] - theirs).max()
    print(f"{np.mean(pipeline.predict(test) == labels[options.reviews :]):.1%} are right.")
    print(f"The largest difference to Keras' probabilities: {difference:.1e}")


def trained(ids: NDArray[np.int32], labels: Any, vocabulary: list[str]) -> Any:
    import keras

    keras_model = keras.Sequential(
        [
            keras.Input((ids.shape[1],), dtype="int32"),
            keras.layers.Embedding(len(vocabulary), 16, mask_zero=True),
            keras.layers.Bidirectional(keras.layers.LSTM(16)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    keras_model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy")
    keras_model.fit(ids, np.asarray(labels) == "positive", epochs=5, verbose=0)
    return keras_model


if __name__ == "__main__":
    main()

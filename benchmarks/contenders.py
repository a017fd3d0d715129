"""The work that is measured, one process each: this library and its peers on the same task.

`contest.py` starts this file with a list in JSON: the kind of work, the contender's name, the
model, the number of reviews, and the folder where `run.py` has written ids and labels. The
process prepares the work, prints "ready", and does it once for each line that it reads, answering
with the seconds that it took, or with what the work itself measures.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from own_figures import latencies, peak_megabytes

Work = Callable[[], Any]

VOCABULARY, STEPS, BATCH = 10_000, 500, 32


class Model(NamedTuple):
    """A network that all contenders build: embedding, recurrent layers, one logit."""

    cell: str = "lstm"
    units: int = 32
    dimensions: int = 32
    layers: int = 1
    bidirectional: bool = False


MODELS = {
    "LSTM 32": Model(),
    "bidirectional LSTM 32": Model(bidirectional=True),
    "three LSTM 32": Model(layers=3),
    "LSTM 128 on 100-d vectors": Model(units=128, dimensions=100),
    "SimpleRNN 32": Model(cell="rnn"),
    "GRU 32": Model(cell="gru"),
}


class Reviews(NamedTuple):
    """Reviews as ids, padded before the text: (N, 500), labels of 0 and 1: (N,), and texts."""

    ids: NDArray[np.int32]
    labels: NDArray[np.int64]
    texts: list[str]

    @classmethod
    def of(cls, folder: Path, n_reviews: int) -> Reviews:
        """Load that many reviews, repeated if there are not enough."""
        ids, labels = (np.load(folder / f"{name}.npy") for name in ("ids", "labels"))
        texts = json.loads((folder / "texts.json").read_text("utf-8"))
        rows = np.arange(n_reviews) % len(ids)
        return cls(ids[rows], labels[rows], [texts[row] for row in rows])

    def first(self, n_reviews: int) -> Reviews:
        """Return the first of them."""
        return Reviews(*(column[:n_reviews] for column in self))


# ---- this library --------------------------------------------------------------------------


def ours(model: Model, **parameters: Any) -> Any:
    from sklearn_rnn import RNNTextClassifier

    return RNNTextClassifier(
        cell=model.cell,
        hidden_size=model.units,
        embedding_dim=model.dimensions,
        num_layers=model.layers,
        bidirectional=model.bidirectional,
        pooling="last",
        input_dropout=0,
        dropout=0,
        linear="none",
        lr=1e-3,
        table_lr=None,
        lr_schedule="constant",
        label_smoothing=0,
        batch_size=BATCH,
        random_state=0,
        **parameters,
    )


def as_sequences(reviews: Reviews) -> Any:
    from sklearn_rnn import TokenSequences

    return TokenSequences(reviews.ids, tuple(map(str, range(VOCABULARY))))


def ours_epoch(model: Model, reviews: Reviews) -> Work:
    estimator, sequences = ours(model), as_sequences(reviews)
    return lambda: estimator.partial_fit(sequences, reviews.labels, classes=[0, 1])


def ours_predict(model: Model, reviews: Reviews) -> Work:
    sequences = as_sequences(reviews)
    estimator = ours(model, max_epochs=1).fit(sequences[:BATCH], reviews.labels[:BATCH])
    return lambda: estimator.predict_proba(sequences)


def ours_one_text(model: Model, reviews: Reviews) -> Work:
    from sklearn.pipeline import make_pipeline

    few, to_ids = reviews.first(BATCH), vectorizer(reviews)
    estimator = ours(model, max_epochs=1).fit(to_ids.transform(few.texts), few.labels)
    pipeline = make_pipeline(to_ids, estimator)
    return lambda: latencies(lambda text: pipeline.predict([text]), reviews.texts)


def ours_memory(model: Model, reviews: Reviews) -> Work:
    ours_epoch(model, reviews.first(BATCH))()  # triggers lazy imports
    estimator, sequences = ours(model, max_epochs=1), as_sequences(reviews)
    return lambda: peak_megabytes(lambda: estimator.fit(sequences, reviews.labels))


def ours_fit(model: Model, reviews: Reviews, cell: str = "lstm") -> Work:
    """Fit the default pipeline to raw texts."""
    from sklearn.pipeline import make_pipeline

    from sklearn_rnn import RNNTextClassifier, SequenceVectorizer

    pipeline = make_pipeline(SequenceVectorizer(), RNNTextClassifier(cell=cell, random_state=0))
    few = reviews.first(BATCH)
    pipeline.fit(few.texts, few.labels)  # triggers lazy imports, and compiles
    return lambda: pipeline.fit(reviews.texts, reviews.labels)


def tf_idf_fit(model: Model, reviews: Reviews) -> Work:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        LogisticRegression(C=10, max_iter=1000),
    )
    return lambda: pipeline.fit(reviews.texts, reviews.labels)


# ---- Keras, on the backend that KERAS_BACKEND names -----------------------------------------


def keras_model(model: Model) -> Any:
    import keras

    layers = keras.layers
    kind = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[model.cell]
    stack = [keras.Input((STEPS,)), layers.Embedding(VOCABULARY, model.dimensions)]
    for place in range(model.layers):
        layer = kind(model.units, return_sequences=place < model.layers - 1)
        stack.append(layers.Bidirectional(layer) if model.bidirectional else layer)
    network = keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
    network.compile(optimizer="adam", loss="binary_crossentropy")
    return network


def keras_epoch(model: Model, reviews: Reviews) -> Work:
    network = keras_model(model)
    return lambda: network.fit(reviews.ids, reviews.labels, batch_size=BATCH, verbose=0)


def keras_predict(model: Model, reviews: Reviews) -> Work:
    network = keras_model(model)
    return lambda: network.predict(reviews.ids, batch_size=256, verbose=0)


def keras_one_text(model: Model, reviews: Reviews) -> Work:
    network, to_ids = keras_model(model), vectorizer(reviews)

    def label(text: str) -> bool:
        return bool(network.predict(to_ids.transform([text]).ids, verbose=0)[0, 0] > 0.5)

    return lambda: latencies(label, reviews.texts)


def keras_memory(model: Model, reviews: Reviews) -> Work:
    keras_epoch(model, reviews.first(BATCH))()
    return partial(peak_megabytes, keras_epoch(model, reviews))


# ---- torch by hand ---------------------------------------------------------------------------


def torch_network(model: Model, packed: bool = False) -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, model.dimensions, padding_idx=0)
            self.recurrent = nn.LSTM(model.dimensions, model.units, batch_first=True)
            self.head = nn.Linear(model.units, 1)

        def forward(self, ids: Any) -> Any:
            vectors = self.embedding(ids)
            if packed:
                lengths = (ids != 0).sum(1)
                vectors = nn.utils.rnn.pack_padded_sequence(
                    vectors, lengths, batch_first=True, enforce_sorted=False
                )
                return self.head(self.recurrent(vectors)[1][0][-1])[:, 0]
            return self.head(self.recurrent(vectors)[0][:, -1])[:, 0]

    torch.manual_seed(0)
    return Network()


def torch_epoch(model: Model, reviews: Reviews, packed: bool = False) -> Work:
    import torch

    network = torch_network(model, packed)
    optimizer = torch.optim.Adam(network.parameters())
    loss = torch.nn.BCEWithLogitsLoss()
    ids = np.array([np.roll(row, (row != 0).sum()) for row in reviews.ids]) if packed else None
    inputs = torch.from_numpy(reviews.ids if ids is None else ids).long()
    data = torch.utils.data.TensorDataset(inputs, torch.from_numpy(reviews.labels).float())
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)

    def epoch() -> None:
        for batch, target in loader:
            optimizer.zero_grad()
            loss(network(batch), target).backward()
            optimizer.step()

    return epoch


def packed_epoch(model: Model, reviews: Reviews) -> Work:
    return torch_epoch(model, reviews, packed=True)


def skorch_epoch(model: Model, reviews: Reviews) -> Work:
    import torch
    from skorch import NeuralNetBinaryClassifier

    network = NeuralNetBinaryClassifier(
        torch_network(model),
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        max_epochs=1,
        verbose=0,
    )
    ids, labels = reviews.ids.astype(np.int64), reviews.labels.astype(np.float32)
    return lambda: network.partial_fit(ids, labels)


def torch_memory(model: Model, reviews: Reviews) -> Work:
    torch_epoch(model, reviews.first(BATCH))()
    return partial(peak_megabytes, torch_epoch(model, reviews))


def floor_epoch(model: Model, reviews: Reviews) -> Work:
    """Forward, loss, backward and step of the bare module on prepared batches, nothing else."""
    import torch

    from sklearn_rnn._data.batches import SequenceDataset, ShuffledBuckets

    sequences = as_sequences(reviews)
    network = ours(model, max_epochs=1).fit(sequences, reviews.labels).net_.module_.train()
    data = SequenceDataset(reviews.ids, reviews.labels.astype(np.float32)[:, None])
    batches = list(ShuffledBuckets(data, BATCH, np.random.default_rng(0)))
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    loss = torch.nn.BCEWithLogitsLoss()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)

    def epoch() -> None:
        for inputs, target in batches:
            optimizer.zero_grad()
            loss(network(**inputs).view_as(target), target).backward()
            optimizer.step()

    return epoch


# ---- from texts to numbers ---------------------------------------------------------------------


def vectorizer(reviews: Reviews, **parameters: Any) -> Any:
    from sklearn_rnn import SequenceVectorizer

    to_ids = SequenceVectorizer(max_features=VOCABULARY, max_len=STEPS, **parameters)
    return to_ids.fit(reviews.texts[:1_000])


def ours_texts(model: Model, reviews: Reviews, n_jobs: int | None = None) -> Work:
    to_ids = vectorizer(reviews, n_jobs=n_jobs)
    return lambda: to_ids.fit_transform(reviews.texts)


def sklearn_texts(model: Model, reviews: Reviews) -> Work:
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(max_features=VOCABULARY)
    return lambda: counter.fit_transform(reviews.texts)


CONTENDERS: dict[str, dict[str, Callable[[Model, Reviews], Work]]] = {
    "epoch": {
        "ours": ours_epoch,
        "ours, one thread": ours_epoch,
        "Keras on TensorFlow": keras_epoch,
        "Keras on JAX": keras_epoch,
        "Keras on torch": keras_epoch,
        "torch, padded": torch_epoch,
        "torch, packed": packed_epoch,
        "skorch": skorch_epoch,
        "the bare module, one thread": floor_epoch,
    },
    "predict": {
        "ours": ours_predict,
        "Keras on TensorFlow": keras_predict,
        "Keras on JAX": keras_predict,
        "Keras on torch": keras_predict,
    },
    "one text": {
        "ours": ours_one_text,
        "Keras on TensorFlow": keras_one_text,
        "Keras on JAX": keras_one_text,
        "Keras on torch": keras_one_text,
    },
    "texts": {
        "ours": ours_texts,
        "ours, n_jobs=2": partial(ours_texts, n_jobs=2),
        "CountVectorizer": sklearn_texts,
    },
    "fit": {
        "ours": ours_fit,
        "ours, mingru": partial(ours_fit, cell="mingru"),
        "TF-IDF + LR": tf_idf_fit,
    },
    "memory": {
        "ours": ours_memory,
        "Keras on JAX": keras_memory,
        "torch, padded": torch_memory,
    },
}


def environment(name: str) -> dict[str, str]:
    """Return the environment variables that a contender needs."""
    backend = name.rpartition(" ")[2].lower() if name.startswith("Keras") else "jax"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
    return quiet | ({"OMP_NUM_THREADS": "1"} if name.endswith("one thread") else {})


def main() -> None:
    kind, name, model, n_reviews, folder = json.loads(sys.argv[1])
    os.environ.update(environment(name))
    reviews = Reviews.of(Path(folder), n_reviews)
    work = CONTENDERS[kind][name](MODELS[model], reviews)
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not an answer
    if kind not in ("memory", "fit"):
        work()  # warms up whatever is compiled
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        measured = work()
        seconds = time.perf_counter() - start
        own = kind in ("memory", "one text")
        print(json.dumps(measured if own else [seconds]), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""The network's formulas as a plain loop, and small networks to compare with it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from sklearn_rnn._data.batches import left_align
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._network.config import NetworkConfig
from sklearn_rnn._network.network import RecurrentNetwork


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


def mingru_step(x, state, W, _, b):
    (h,) = state
    (Wz, Wn), (bz, bn) = (np.split(part, 2) for part in (W, b))
    z = expit(Wz @ x + bz)
    return ((1 - z) * h + z * np.tanh(Wn @ x + bn),)


STEPS = {
    "rnn": (rnn_step, 1),
    "lstm": (lstm_step, 2),
    "gru": (gru_step, 1),
    "mingru": (mingru_step, 1),
}


def double(tensor):
    return tensor.detach().double().numpy()


def read_in_one_direction(name, cell, vectors):
    step, n_parts = STEPS[name]
    matrices = (cell.input_weight, cell.recurrent_weight, cell.bias)
    weights = [None if matrix is None else double(matrix) for matrix in matrices]
    state = (np.zeros(len(cell.bias) // len(cell.gates)),) * n_parts
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


def make_network(cell="lstm", pooling="last", num_layers=1, bidirectional=False, **others):
    sizes = {
        "n_ids": 12,
        "n_dimensions": 4,
        "n_outputs": 2,
        "sequence_length": 9,
        "hidden_size": 5,
        "input_dropout": 0.0,
        "dropout": 0.0,
        "linear": "none",
        "n_pairs": 0,
        "branch_dropout": 0.0,
    }
    generator = others.pop("generator", None) or torch.Generator().manual_seed(0)
    config = NetworkConfig(
        cell=cell,
        pooling=pooling,
        num_layers=num_layers,
        bidirectional=bidirectional,
        **(sizes | others),
    )
    return RecurrentNetwork(config, generator)


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


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)

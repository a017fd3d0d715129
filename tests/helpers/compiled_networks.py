"""What compiled code is compared with: torch in double precision, and memory full of NaN."""

import sys
from functools import cache

import numpy as np
import torch

from plain_network import draw, make_network
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._network import compilation
from sklearn_rnn._training import fingerprint, optimizers

PAIRS = np.array([2 * PAIR + 3, 2 * PAIR + 9, 3 * PAIR + 2, 5 * PAIR + 5, 11 * PAIR + 4])
N_IDS = 12


def network_of(**changes):
    """Return a network in training mode, all of whose weights have a value: the same each time."""
    sizes = {"linear": "none", "n_ids": N_IDS, "sequence_length": 10, "n_outputs": 3} | changes
    if sizes["linear"] == "pairs":
        sizes["n_pairs"] = len(PAIRS)
    network = make_network(**sizes)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            bound = 1.2 / weight.shape[-1] ** 0.5  # states neither vanish nor saturate
            weight.uniform_(-bound, bound, generator=generator)
        if network.linear is not None:
            n_pairs = len(network.linear.pairs)
            idf = np.random.default_rng(0).uniform(1, 3, N_IDS + n_pairs).astype(np.float32)
            idf[[0, 1, 7]] = 0  # padding, the unknown token, and a word that says nothing
            network.linear.load_statistics(PAIRS[:n_pairs], idf)
    return network.train()


def ids_of(lengths, seed=0, width=None):
    """Return a batch of random ids."""
    rng, width = np.random.default_rng(seed), width or max(lengths)
    ids = np.zeros((len(lengths), width), np.int32)
    for row, n in zip(ids, lengths, strict=True):
        row[:n] = rng.integers(1, N_IDS, n)
    return torch.from_numpy(ids), torch.tensor(lengths)


def vectors_of(lengths, n_dimensions, seed=0):
    """Return a batch of random vectors; those past a text's end are numbers, too."""
    shape = len(lengths), max(lengths), n_dimensions
    return draw(*shape, seed=seed, dtype=torch.float32), torch.tensor(lengths)


def trained_once(network, forward, sequences, lengths):
    """Return the logits of a batch and all weights' gradients, always with the same masks."""
    network.generator.manual_seed(5)
    logits = forward(sequences, lengths)
    grad = draw(*logits.shape, seed=9).to(logits)
    gradients = torch.autograd.grad(logits, list(network.parameters()), grad)
    return [logits.detach(), *(gradient.to_dense() for gradient in gradients)]


def in_double_precision(sequences, lengths, **changes):
    """Return what torch computes for `network_of(**changes)`."""
    network = network_of(**changes).double()
    exact = sequences.double() if sequences.is_floating_point() else sequences
    return trained_once(network, network, exact, lengths)


def assert_accurate(actual, exact, rtol=1e-5):
    """Assert that no number is further away than a share of the largest of its tensor."""
    for ours, theirs in zip(actual, exact, strict=True):
        error = (ours.double() - theirs).abs().max().item()
        # A sum of terms that cancel out, such as a gradient that is 0, is exact up to rounding.
        assert error <= rtol * theirs.abs().max().item() + 1e-7


def with_nan_around(array, n_more=4):
    """Return a view with the same numbers and strides in memory that is NaN wherever it ends."""
    shape = [n + 2 * n_more for n in array.shape]
    order = "C" if array.strides[0] >= array.strides[-1] else "F"
    memory = np.full(shape, np.nan, array.dtype, order=order)
    inner = memory[tuple(slice(n_more, -n_more) for _ in shape)]
    inner[:] = array
    return inner


def hide_numba(monkeypatch):
    """Let imports of numba fail, as where it is not installed."""
    forget_compiled_modules(monkeypatch)
    monkeypatch.setitem(sys.modules, "numba", None)


def forget_compiled_modules(monkeypatch):
    """Let what imports a compiled module import it anew, and ask anew whether it can."""
    asked_anew = cache(compilation.can_compile.__wrapped__)
    for module in (compilation, fingerprint, optimizers):
        monkeypatch.setattr(module, "can_compile", asked_anew)
    for name in list(sys.modules):
        if name.startswith("sklearn_rnn._network.compiled.") or name.endswith(".compiled_steps"):
            monkeypatch.delitem(sys.modules, name)

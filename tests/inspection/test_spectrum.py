"""The eigenvalues of recurrent matrices."""

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from sklearn_rnn import RNNTextClassifier
from sklearn_rnn.inspection import recurrent_spectrum
from small_models import THREE_EPOCHS


@pytest.mark.parametrize(("cell", "n_gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_the_spectrum_is_that_of_each_square_block(cell, n_gates):
    X = np.arange(2, 42).reshape(20, 2)
    model = RNNTextClassifier(**THREE_EPOCHS | {"cell": cell, "num_layers": 2}).fit(
        X, np.arange(20) % 2
    )
    spectrum = recurrent_spectrum(model)
    assert len(spectrum) == 2 * 2 * n_gates
    for layer, direction, gate, radius in spectrum:
        part = model.net_.module_.layers[layer].directions[
            ["forward", "backward"].index(direction)
        ]
        start = 4 * part.gates.index(gate)
        block = part.recurrent_weight.detach().double()[start : start + 4]
        # Gelfand: the norm of a high power tells the radius.
        power = torch.linalg.matrix_power(block, 256).norm() ** (1 / 256)
        assert radius == pytest.approx(power.item(), rel=0.05)


@pytest.mark.parametrize(("cell", "n_gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_a_new_recurrent_matrix_is_orthogonal_and_its_gates_share_that(cell, n_gates):
    X = np.arange(2, 42).reshape(20, 2)
    model = RNNTextClassifier(**THREE_EPOCHS | {"cell": cell, "lr": 1e-9}).fit(
        X, np.arange(20) % 2
    )
    radii = [entry.radius for entry in recurrent_spectrum(model)]
    assert len(radii) == 2 * n_gates
    if n_gates == 1:
        assert radii == pytest.approx([1.0, 1.0], abs=1e-5)
    assert max(radii) < 1 + 1e-5


def test_a_cell_without_recurrent_matrices_has_no_spectrum():
    X = np.arange(2, 42).reshape(20, 2)
    model = RNNTextClassifier(**THREE_EPOCHS | {"cell": "mingru"}).fit(X, np.arange(20) % 2)
    assert recurrent_spectrum(model) == []


def test_a_frozen_estimator_is_looked_into_as_the_one_that_it_wraps():
    X = np.random.default_rng(0).integers(2, 9, (20, 5))
    model = RNNTextClassifier(hidden_size=2, max_epochs=1, random_state=0).fit(X, X[:, 0] > 4)
    assert recurrent_spectrum(FrozenEstimator(model)) == recurrent_spectrum(model)

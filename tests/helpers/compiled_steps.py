"""The steps of one direction, compiled, in torch, and text by text from a formula."""

import numpy as np
import torch

from plain_network import draw
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.compiled.buffers import Buffers
from sklearn_rnn._network.compiled.layer import STEPS
from sklearn_rnn._network.compiled.matrix_product import padded
from sklearn_rnn._network.compiled.packed import pack_vectors

N_ROWS = 6


class Run:
    """The steps of one direction over texts that share some rows of a projection."""

    def __init__(self, cell, lengths, n_hidden):
        self.cell, self.n_hidden = cell, n_hidden
        self.steps = STEPS[cell](Buffers(), "steps")
        self.n_gates = self.steps.n_gates * n_hidden
        self.packed = pack_vectors(np.array(lengths), max(lengths))
        n_places = len(self.packed.rows)
        self.rows = np.random.default_rng(1).integers(0, N_ROWS, n_places).astype(np.int32)
        self.projection = draw(N_ROWS, self.n_gates, dtype=torch.float32)
        self.weight = None
        if CELLS[cell].has_matrix:
            weight = draw(self.n_gates, n_hidden, seed=2, dtype=torch.float32)
            self.weight = 0.7 * n_hidden**-0.5 * weight
        self.grad = draw(n_places, n_hidden, seed=3, dtype=torch.float32)

    def forward(self):
        """Return the states (S, H)."""
        projected = np.zeros((N_ROWS, self.steps.n_gates, padded(self.n_hidden)), np.float32)
        by_gate = self.projection.view(N_ROWS, -1, self.n_hidden)
        projected[:, :, : self.n_hidden] = by_gate
        projected = projected.reshape(N_ROWS, -1)
        weight = None if self.weight is None else self.weight.numpy()
        return self.steps.forward(projected, self.rows, self.packed, self.n_hidden, weight)

    def backward(self):
        """Return the gradients of the projection and, if there is one, of the matrix."""
        shape = N_ROWS, self.steps.n_gates, padded(self.n_hidden)
        grad_projected = np.full(shape, np.nan, np.float32)
        of_weight = self.steps.backward(self.grad.numpy(), grad_projected.reshape(N_ROWS, -1))
        gradients = [grad_projected[:, :, : self.n_hidden].reshape(N_ROWS, -1), of_weight]
        return [torch.from_numpy(each) for each in gradients if each is not None]

    def in_torch(self):
        """Return states and gradients in double precision."""
        cell = CELLS[self.cell](self.n_gates, self.n_hidden, torch.Generator()).double()
        learned = [self.projection.double().requires_grad_()]
        with torch.no_grad():
            cell.input_weight.copy_(torch.eye(self.n_gates))
            cell.bias.zero_()
            if self.weight is not None:
                cell.recurrent_weight.copy_(self.weight)
                learned.append(cell.recurrent_weight)
        places = np.zeros((len(self.packed.batch_sizes), len(self.packed.lengths)), np.int64)
        for t, n in enumerate(self.packed.batch_sizes):
            places[t, :n] = self.packed.starts[t] + np.arange(n)
        is_step = np.arange(len(places))[:, None] < self.packed.lengths
        states = cell(learned[0][torch.from_numpy(self.rows[places])])[torch.from_numpy(is_step)]
        assert (places[is_step] == np.arange(len(states))).all()  # steps lie one after the other
        return states.detach(), torch.autograd.grad(states, learned, self.grad.double())

    def text_by_text(self, step):
        """Return the states in double precision, from step(gates, h, U, memory) -> h, memory."""
        projection = self.projection.double().numpy()
        weight = None if self.weight is None else self.weight.double().numpy()
        states = np.zeros((len(self.rows), self.n_hidden))
        for n, length in enumerate(self.packed.lengths):
            h = memory = np.zeros(self.n_hidden)
            for place in self.packed.starts[:length] + n:
                h, memory = step(projection[self.rows[place]], h, weight, memory)
                states[place] = h
        return states


def sigmoid(x):
    return 1 / (1 + np.exp(-x))

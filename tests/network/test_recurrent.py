"""A text is read backwards within its own length."""

import torch

from plain_network import draw
from sklearn_rnn._network.recurrent import _Mirror, _mirror_index


def test_mirror_reverses_each_text_within_its_own_length():
    lengths = torch.tensor([4, 2, 1])
    inputs = torch.arange(12.0).view(4, 3, 1)  # (T, N, 1)
    mirrored = _Mirror.apply(inputs, _mirror_index(lengths, 4))[..., 0].T.tolist()
    assert mirrored == [[9, 6, 3, 0], [4, 1, 7, 10], [2, 5, 8, 11]]


def test_mirror_is_its_own_inverse_and_its_gradients_are_exact():
    index = _mirror_index(torch.tensor([4, 1, 3]), 4)
    inputs = draw(4, 3, 2).requires_grad_()
    assert torch.equal(_Mirror.apply(_Mirror.apply(inputs, index), index), inputs)
    assert torch.autograd.gradcheck(_Mirror.apply, (inputs, index))
    assert torch.autograd.gradgradcheck(_Mirror.apply, (inputs, index))

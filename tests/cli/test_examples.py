"""Texts and labels stay together."""

import numpy as np

from sklearn_rnn._cli.examples import Examples


def test_some_examples_keep_their_labels():
    examples = Examples(["a", "b", "c"], np.array([1, 2, 3])).subset(np.array([2, 0]))
    assert examples.texts == ["c", "a"]
    assert examples.labels.tolist() == [3, 1]

"""A fit with checkpoints, run as a process of its own to be killed.

`ARGUMENTS`, which whoever runs this sets, are the folder where the checkpoint and, at the end, the
result go, and when the process kills itself: never (None), with a function of `os` and in which
of its calls (while a checkpoint is written), or after so many calls of functions of Python and C.
"""

import itertools
import os
import signal
import sys

import numpy as np

from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._utils.files import atomic_write


def dying(name, n_calls):
    """Return the function, which does not return from its so many-th call."""
    function, calls = getattr(os, name), []

    def called(*args, **kwargs):
        calls.append(args)
        if len(calls) == n_calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return called


def counting(count, n_calls):
    """Return what Python calls at each call and return, the last time for this process."""

    def called(*_):
        if next(count) > n_calls:
            os.kill(os.getpid(), signal.SIGKILL)

    return called


def fit(folder, dies_at):
    rng = np.random.default_rng(0)
    X = rng.integers(2, 40, (96, 12))
    # With noise in the labels, early epochs do better than late ones.
    y = (X == 2).any(axis=1) ^ (rng.random(len(X)) < 0.2)

    model = RNNTextClassifier(
        hidden_size=4,
        embedding_dim=4,
        max_epochs=20,
        early_stopping=True,
        n_iter_no_change=20,
        lr=1e-3,
        table_lr=10,
        random_state=0,
        checkpoint_dir=folder,
    )
    if isinstance(dies_at, tuple):
        setattr(os, dies_at[0], dying(*dies_at))
    count = itertools.count(1)
    if isinstance(dies_at, int | float):
        sys.setprofile(counting(count, dies_at))
    model.fit(X, y)
    sys.setprofile(None)
    (folder / "n_calls").write_text(str(next(count)), "ascii")
    with atomic_write(folder / "result.npz") as file:
        np.savez(file, probabilities=model.predict_proba(X), n_iter=model.n_iter_)


if "ARGUMENTS" in globals():
    fit(*globals()["ARGUMENTS"])

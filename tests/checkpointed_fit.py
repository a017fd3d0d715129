"""A fit with checkpoints, run as a process of its own to be killed.

`ARGUMENTS`, which whoever runs this sets, are the folder where the checkpoint and, at the end, the
result go, and None or a function of `os` and in which of its calls the process kills itself:
while a checkpoint is written.
"""

import os
import signal

import numpy as np

from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._files import replacing


def dying(name, n_calls):
    """Return the function, which does not return from its so many-th call."""
    function, calls = getattr(os, name), []

    def called(*args, **kwargs):
        calls.append(args)
        if len(calls) == n_calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return called


def fit(folder, dies_at):
    rng = np.random.default_rng(0)
    X = rng.integers(2, 40, (96, 12))
    y = (X == 2).any(axis=1).astype(int)

    model = RNNTextClassifier(
        hidden_size=4,
        embedding_dim=4,
        max_epochs=20,
        early_stopping=True,
        n_iter_no_change=20,
        random_state=0,
        checkpoint_dir=folder,
    )
    if dies_at is not None:
        setattr(os, dies_at[0], dying(*dies_at))
    model.fit(X, y)
    with replacing(folder / "result.npz") as file:
        np.savez(file, probabilities=model.predict_proba(X), n_iter=model.n_iter_)


if "ARGUMENTS" in globals():
    fit(*globals()["ARGUMENTS"])

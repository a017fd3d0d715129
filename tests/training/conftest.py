"""Fits that stop and go on, and small tasks."""

import runpy

import numpy as np
import pytest
from torch import distributed as dist

from checkpoints import DiskError
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn._training import checkpoint as _checkpoint
from sklearn_rnn.datasets import make_reviews
from small_models import FIVE_EPOCHS


@pytest.fixture
def task():
    rng = np.random.default_rng(0)
    X = rng.integers(2, 40, (80, 12))
    return X, (X == 2).any(axis=1).astype(int)


@pytest.fixture
def breaks_after(monkeypatch):
    """Have fits fail once they have written so many epochs; None: no more."""
    write = _checkpoint.SaveCheckpoint.on_epoch_end

    def breaks(n_epochs):
        def on_epoch_end(self, net, **kwargs):
            write(self, net, **kwargs)
            if len(net.history) == n_epochs:
                raise DiskError

        monkeypatch.setattr(_checkpoint.SaveCheckpoint, "on_epoch_end", on_epoch_end)

    return breaks


@pytest.fixture
def checkpoint(task, tmp_path):
    """The folder of a fit of `task`."""
    RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(*task)
    return tmp_path


@pytest.fixture(scope="session")
def reviews():
    texts, labels = make_reviews(400, n_filler=(0, 1), random_state=0)
    return SequenceVectorizer(max_len=50).fit_transform(texts), labels


@pytest.fixture(scope="session")
def order_task():
    """Whether a 2 stands before a 3 or behind it: only the order of tokens tells."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=640)
    X = rng.integers(4, 8, (640, 6))
    first, second = np.sort(rng.permuted(np.tile(np.arange(6), (640, 1)), axis=1)[:, :2]).T
    X[np.arange(640), first] = np.where(y, 2, 3)
    X[np.arange(640), second] = np.where(y, 3, 2)
    return X, y


@pytest.fixture(scope="session")
def forked(forks):
    """Start processes that train together."""
    from ranks import SCRIPT, TIMEOUT, environment

    def start(size, *arguments):
        # The place where they meet is this process's: nobody else can take its port.
        store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        given = [
            {"ENVIRONMENT": environment(rank, size, store.port), "ARGUMENTS": arguments}
            for rank in range(size)
        ]
        # Nothing of this module, which other processes may not be able to import.
        ranks = [
            forks.Process(target=runpy.run_path, args=(str(SCRIPT), globals_), daemon=True)
            for globals_ in given
        ]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(TIMEOUT)
        unfinished = [rank for rank in ranks if rank.is_alive()]
        for rank in unfinished:
            rank.kill()
        assert not unfinished, f"{len(unfinished)} of {size} processes hang"
        return [rank.exitcode for rank in ranks]

    return start

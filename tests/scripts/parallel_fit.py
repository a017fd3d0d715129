"""Fits that several processes share out among them, run in each of these processes.

A process gets `ARGUMENTS` (and an `ENVIRONMENT`) from whoever runs this, or its command line: the
folder for what came out, and the names of the fits. What came out is one file for each process
and fit.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch.distributed as dist
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from skorch.callbacks import Callback

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences
from sklearn_rnn._training import gradients, train
from sklearn_rnn.distributed import data_parallel

FOUR_EPOCHS = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 4, "batch_size": 16}
EXACT = {**FOUR_EPOCHS, "input_dropout": 0.0, "dropout": 0.0, "branch_dropout": 0.0}


def some_cut(fit):
    """Have batches of 60 tokens cut, which most have, and the others left to the main process."""

    def with_both(*args, **kwargs):
        with patch.object(gradients, "_FEW_TOKENS", 60):
            return fit(*args, **kwargs)

    return with_both


def sequences(n_texts=91):
    """Texts of 0 to 12 words, and whether they hold the word 2, with noise."""
    rng = np.random.default_rng(0)
    X = rng.integers(2, 40, (n_texts, 12)) * (np.arange(12) < rng.integers(0, 13, (n_texts, 1)))
    return X, (X == 2).any(axis=1) ^ (rng.random(n_texts) < 0.1)


def classifier(**parameters):
    X, y = sequences()
    return RNNTextClassifier(**{**FOUR_EPOCHS, "random_state": 0, **parameters}).fit(X, y)


def weighted():
    X, y = sequences()
    model = RNNTextClassifier(
        **FOUR_EPOCHS, random_state=0, table_lr=None, class_weight="balanced"
    )
    return model.fit(X, y + X[:, 0] % 2, sample_weight=1 + np.arange(len(y)) % 3)


def regressor():
    X, _ = sequences()
    return RNNTextRegressor(**FOUR_EPOCHS, random_state=0).fit(X, np.c_[X.sum(axis=1), X[:, 0]])


def thawing():
    X, y = sequences()
    vectors = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32)
    words = ("<pad>", "<unk>", *map(str, range(38)))
    model = RNNTextClassifier(**FOUR_EPOCHS, random_state=0, freeze_embedding=2)
    return model.fit(TokenSequences(X.astype(np.int32), words, vectors), y)


def continuing():
    X, y = sequences()
    model = RNNTextClassifier(**FOUR_EPOCHS, random_state=0, warm_start=True).fit(X, y)
    return model.fit(X, y).partial_fit(X[:20], y[:20])


def search():
    X, y = sequences()
    model = RNNTextClassifier(**FOUR_EPOCHS, random_state=0)
    found = GridSearchCV(model, {"lr": [1e-3, 1e-2]}, cv=StratifiedKFold(2), error_score="raise")
    return found.fit(X, y).best_estimator_


FITS = {
    "stopping early": lambda: classifier(early_stopping=True),
    "lstm": classifier,
    "gru": lambda: classifier(cell="gru", num_layers=2),
    "rnn": lambda: classifier(cell="rnn", bidirectional=False),
    "weighted": weighted,
    "regressor": regressor,
    "thawing": thawing,
    "continuing": continuing,
    "search": search,
    "unseeded": lambda: classifier(random_state=None),
    "exact": lambda: classifier(**EXACT),
    "batches of one": lambda: classifier(**EXACT | {"batch_size": 1, "max_epochs": 1}),
}


FITS = {name: some_cut(fit) for name, fit in FITS.items()}


def contents(model):
    """Return what a fit came to, but for the seconds it took."""
    weights = {f"weight {n}": w.numpy() for n, w in model.net_.module_.state_dict().items()}
    history = {n: values for n, values in model.history_.items() if n != "dur"}
    return {**weights, **history, "features": model.transform(sequences()[0])}


class Rounds(Callback):
    """Stands for a processor that rounds differently, in all processes but the first."""

    def on_batch_end(self, net, training=False, **kwargs):
        if os.environ["RANK"] == "0":
            return
        loss = "train_loss" if training else "valid_loss"
        net.history.record_batch(loss, net.history[-1, "batches", -1, loss] + 1)
        for weight in net.module_.parameters() if training else ():
            weight.data += 1e-4


FITS["rounding"] = some_cut(lambda: classifier(early_stopping=True, callbacks=[Rounds()]))


class Stops(Callback):
    """Ends training as Ctrl-C does, in all processes or in the last only."""

    def __init__(self, everywhere):
        self.everywhere = everywhere

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2 and (self.everywhere or os.environ["RANK"] != "0"):
            raise KeyboardInterrupt


# ---- Processes that come to grief ------------------------------------------------------------


class Dies(Callback):
    """Ends its process in an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


@some_cut
def kept(folder, rank, dies_in=None):
    """Fit with checkpoints, each process in a folder of its own; the last may be killed."""
    callbacks = train.training_callbacks

    def mortal(*args, **kwargs):
        return [*callbacks(*args, **kwargs), Dies(dies_in)]

    checkpoints = folder / f"checkpoint {rank}"
    model = RNNTextClassifier(
        **FOUR_EPOCHS, random_state=0, early_stopping=True, checkpoint_dir=checkpoints
    )
    with patch.object(train, "training_callbacks", mortal if dies_in and rank else callbacks):
        return model.fit(*sequences())


def unlike(rank, n_fewer=0, **changes):
    X, y = sequences(91 - n_fewer)
    model = RNNTextClassifier(**FOUR_EPOCHS, random_state=0)
    return model.set_params(**changes if rank else {}).fit(X, y)


def failing(rank):
    """Fit what fails in one process only, and go on."""
    with suppress(ArithmeticError):
        classifier(callbacks=[Fails()])
    return classifier()


class Fails(Callback):
    """Raises in all processes but the first."""

    def on_batch_end(self, net, **kwargs):
        if os.environ["RANK"] != "0":
            raise ArithmeticError


def alone(folder, rank):
    """Fit in the first process, while the other reads a pipe until that has failed."""
    if rank > 0:
        sys.exit((folder / "done").read_text() or 0)
    try:
        return classifier()
    finally:
        (folder / "done").write_text("")


def meet():
    """Wait until all processes have started, which a busy machine stretches."""
    store = dist.TCPStore("127.0.0.1", int(os.environ["MASTER_PORT"]), is_master=False)
    store.set(f"started {os.environ['RANK']}", "")
    store.wait([f"started {rank}" for rank in range(int(os.environ["WORLD_SIZE"]))])


def in_rank(folder, names, timeout=300):
    with data_parallel(timeout=timeout) as processes:
        rank = processes.rank
        troubles = {
            "kept": lambda: kept(folder, rank),
            "killed": lambda: kept(folder, rank, dies_in=3),
            "other data": lambda: unlike(rank, n_fewer=rank),
            "other parameters": lambda: unlike(rank, lr=0.5),
            "other folders": lambda: unlike(rank, checkpoint_dir=folder / "checkpoint"),
            "failing": lambda: failing(rank),
            "stopped by all": lambda: classifier(callbacks=[Stops(everywhere=True)]),
            "stopped by one": lambda: classifier(callbacks=[Stops(everywhere=False)]),
            "alone": lambda: alone(folder, rank),
        }
        for name in names:
            try:
                model = (FITS | troubles)[name]()
            except Exception as error:
                (folder / f"{name} {rank}.txt").write_text(f"{type(error).__name__}: {error}")
                raise
            np.savez(folder / f"{name} {rank}.npz", **contents(model))


os.environ |= globals().get("ENVIRONMENT", {})
if "ARGUMENTS" in globals():
    meet()
    in_rank(*globals()["ARGUMENTS"])
elif __name__ == "__main__":
    in_rank(Path(sys.argv[1]), sys.argv[2:])

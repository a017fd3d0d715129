"""A fit's state on disk after each epoch: what was killed goes on from there, bit by bit.

A checkpoint is one file of arrays and JSON. It says what it is a checkpoint of: data,
parameters and versions. Whatever training changes is in it, so that the epochs to come are the
same as without the interruption.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from io import BytesIO
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback
from skorch.history import History
from torch import Tensor

from ._files import check_replaceable, open_regular, read_regular, replacing
from ._format import FORMAT
from ._identity import Identity, differences, fit_identity
from ._processes import current_processes
from .batching import SequenceDataset
from .exceptions import CheckpointError

__all__ = ["Checkpoint", "open_checkpoint"]

Arrays = dict[str, NDArray[Any]]


class Saved(NamedTuple):
    """What stands in a checkpoint."""

    record: dict[str, Any]
    arrays: Arrays


@contextmanager
def open_checkpoint(
    estimator: Any, inputs: Any, data: SequenceDataset, going_on: bool, one_epoch: bool
) -> Iterator[Checkpoint | None]:
    """Give the checkpoint of a fit, whose folder is this fit's within the block.

    None if the estimator keeps none, or learns one epoch at a time. Of several processes the
    main one reads and writes, and tells the others what it has read.

    Raises
    ------
    CheckpointError
        If there is one already, of another fit, or another fit writes into the folder.
    """
    if one_epoch or estimator.checkpoint_dir is None:
        yield None
        return
    who, processes = type(estimator).__name__, current_processes()
    _check_parameters(who, estimator)
    path = Path(estimator.checkpoint_dir, "checkpoint.npz")
    identity = fit_identity("checkpoint_dir", estimator, inputs, data, going_on)
    with ExitStack() as folder:
        saved = processes.told(lambda: _saved_in(folder, who, path))
        if saved is not None:
            _check_same(who, path, identity, saved.record["identity"])
        yield Checkpoint(path, identity, saved, writes=processes.is_main)


def _saved_in(folder: ExitStack, who: str, path: Path) -> Saved | None:
    """Make a folder this fit's, and return what an earlier process has left in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder.enter_context(_locked(who, path.parent))
    for part in path.parent.glob(".checkpoint.npz.*.part"):  # of processes that were killed
        part.unlink()
    check_replaceable(path, who)  # now, and not when an epoch has been trained
    return _read(who, path) if path.exists() else None


def _check_same(who: str, path: Path, ours: Identity, theirs: Identity) -> None:
    """Raise if a checkpoint is another fit's, and say in what it differs."""
    differing = list(differences(ours, theirs))
    if differing:
        raise CheckpointError(
            f"{who}: {str(path)!r} is the checkpoint of another fit: {', '.join(differing)}. "
            "Go on with what it was made of, name another checkpoint_dir, or delete the file."
        )


def _check_parameters(who: str, estimator: Any) -> None:
    if estimator.callbacks:
        raise ValueError(
            f"{who}: checkpoint_dir needs callbacks=None: what callbacks remember is theirs, and "
            "a fit that goes on would go on without it."
        )
    if isinstance(estimator.random_state, np.random.RandomState):
        raise ValueError(
            f"{who}: checkpoint_dir needs random_state=None or an int, got a RandomState: a fit "
            "that is called again would find it moved on."
        )


class Checkpoint(Callback):
    """Writes a fit's state when an epoch ends, and begins with the one that was written.

    To stand behind all callbacks that remember something.
    """

    def __init__(
        self, path: Path, identity: Identity, saved: Saved | None, writes: bool = True
    ) -> None:
        self.path = path
        self.identity = identity
        self.saved = saved
        self.writes = writes

    @property
    def seed(self) -> int | None:
        """Where all that is random came from, in a fit that goes on."""
        return None if self.saved is None else self.saved.record["seed"]

    def attach(self, net: Any, order: np.random.Generator, seed: int) -> int:
        """Stand behind a net's callbacks; return how many of its epochs are behind us.

        Parameters
        ----------
        net : SequenceNet
            A net that is about to be trained.
        order : numpy.random.Generator
            Source of the order of its texts.
        seed : int
            Where its generators came from.
        """
        self.order, self.used_seed = order, seed
        net.callbacks_.append(("checkpoint", self))
        return 0 if self.saved is None else len(self.saved.record["history"])

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Put back what was saved."""
        if self.saved is not None:
            try:
                self._put_back(net, *self.saved)
            except Exception as error:
                raise CheckpointError(
                    f"{str(self.path)!r} does not hold what it should ({error!r}). Delete it to "
                    "train from the start."
                ) from error
            self.saved = None

    def _put_back(self, net: Any, record: dict[str, Any], arrays: Arrays) -> None:
        net.history_ = History(record["history"])
        self.order.bit_generator.state = record["order"]
        _give_counts(net, record["callbacks"])
        _give_arrays(net, arrays)
        _give_optimizer(net, record["optimizer"], arrays)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write all that the next epoch depends on."""
        if not self.writes:
            return
        record = {
            "format": FORMAT,
            "identity": self.identity,
            "seed": self.used_seed,
            "history": list(net.history),
            "order": self.order.bit_generator.state,
            "callbacks": _counts(net),
            "optimizer": _plain(net.optimizer_),
        }
        text = json.dumps(record, default=_plain_number)
        with replacing(self.path) as file:
            record_bytes = np.frombuffer(text.encode(), np.uint8)
            np.savez(file, allow_pickle=False, **{"record": record_bytes, **_arrays(net)})


# ---- What training changes -------------------------------------------------------------------


def _counts(net: Any) -> dict[str, dict[str, Real]]:
    """Return what callbacks have counted and found best so far, by their names."""
    return {
        name: {
            key: value
            for key, value in vars(callback).items()
            if key.endswith("_") and isinstance(value, Real)
        }
        for name, callback in net.callbacks_
    }


def _give_counts(net: Any, counts: dict[str, dict[str, Any]]) -> None:
    for name, callback in net.callbacks_:
        vars(callback).update(counts.get(name, {}))


def _tensors(net: Any) -> dict[str, Tensor]:
    """Return the tensors that change in their place, by names that a file may have."""
    tensors = {f"weights/{name}": tensor for name, tensor in net.module_.state_dict().items()}
    for i, sums in enumerate([] if net.tables_ is None else net.tables_.sums):
        tensors[f"tables/{i}"] = sums
    return tensors


def _arrays(net: Any) -> Arrays:
    tensors = _tensors(net)
    for weight, entries in net.optimizer_.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{weight}/{name}"] = value
    for keeper in _keepers_of_the_best(net):
        for name, tensor in (keeper.best_model_weights_ or {}).items():
            tensors[f"best/{name}"] = tensor
    tensors["masks"] = net.module_.generator.get_state()
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _give_arrays(net: Any, arrays: Arrays) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        for name, tensor in _tensors(net).items():
            if tensor.shape != tensors[name].shape or not tensors[name].isfinite().all():
                raise ValueError(f"{name} has another shape, or is not finite")
            tensor.copy_(tensors[name])
    net.module_.generator.set_state(tensors["masks"])
    for keeper in _keepers_of_the_best(net):
        keeper.best_model_weights_ = _below("best/", tensors) or None


def _plain(optimizer: Any) -> dict[str, Any]:
    """Return what an optimizer keeps beside tensors."""
    state = optimizer.state_dict()
    entries = {
        str(weight): {k: v for k, v in values.items() if not isinstance(v, Tensor)}
        for weight, values in state["state"].items()
    }
    return {"state": entries, "param_groups": state["param_groups"]}


def _give_optimizer(net: Any, plain: dict[str, Any], arrays: Arrays) -> None:
    for group in plain["param_groups"]:
        missing = set(net.optimizer_.defaults) - set(group)
        if missing:  # torch would take a group of another optimizer without a word
            raise ValueError(f"its optimizer has no {', '.join(sorted(missing))}")
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    state = {
        int(weight): {**entries, **_below(f"optimizer/{weight}/", tensors)}
        for weight, entries in plain["state"].items()
    }
    net.optimizer_.load_state_dict({"state": state, "param_groups": plain["param_groups"]})


def _plain_number(value: Any) -> Any:
    try:
        return value.item()
    except Exception as error:
        raise ValueError(
            f"checkpoint_dir: the optimizer keeps {type(value).__name__}, which no checkpoint "
            "holds. Choose another optimizer, or checkpoint_dir=None."
        ) from error


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _keepers_of_the_best(net: Any) -> list[Any]:
    """Return the callbacks that keep the best epoch's weights: early stopping, or none."""
    return [c for _, c in net.callbacks_ if hasattr(c, "best_model_weights_")]


# ---- The folder and its file -----------------------------------------------------------------


def _read(who: str, path: Path) -> Saved:
    try:
        arrays = dict(np.load(BytesIO(read_regular(path)), allow_pickle=False))
        record = json.loads(arrays.pop("record").tobytes())
        return Saved(record, arrays)
    except Exception as error:  # a damaged archive fails in many ways
        raise CheckpointError(
            f"{who}: {str(path)!r} is no checkpoint that can be read ({error!r}). Delete it to "
            "train from the start."
        ) from error


@contextmanager
def _locked(who: str, folder: Path) -> Iterator[None]:
    """Let one fit at a time write into a folder; a process that ends lets go of it."""
    with open_regular(folder / ".lock", "ab", who) as lock:
        try:
            if os.name == "posix":
                fcntl = import_module("fcntl")
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                msvcrt = import_module("msvcrt")
                msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise CheckpointError(
                f"{who}: another fit is writing its checkpoints into {str(folder)!r}. Give each "
                "fit a checkpoint_dir of its own."
            ) from error
        yield

"""A fit's state on disk after each epoch: what was killed goes on from there, bit by bit.

A checkpoint is one file of arrays and JSON. It says what it is a checkpoint of: data,
parameters and versions. Whatever training changes is in it, so that the epochs to come are the
same as without the interruption.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skorch.callbacks import Callback

from .._data.batches import SequenceDataset
from .._utils.archives import read_json, read_npz
from .._utils.files import atomic_write, check_replaceable, open_regular
from .._utils.versioned_state import FORMAT
from ..exceptions import CheckpointError
from .fingerprint import Fingerprint, differences, fit_fingerprint
from .processes import current_process_group
from .training_state import Arrays, put_back, taken_arrays, taken_record

__all__ = ["Checkpoint", "open_checkpoint"]


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
    who, processes = type(estimator).__name__, current_process_group()
    _check_parameters(who, estimator)
    path = Path(estimator.checkpoint_dir, "checkpoint.npz")
    identity = fit_fingerprint("checkpoint_dir", estimator, inputs, data, going_on)
    with _Folder(who, path.parent) as folder:
        saved = processes.broadcast_object(lambda: _saved_in(folder, who, path))
        if saved is not None:
            _check_same(who, path, identity, saved.record["identity"])
        yield Checkpoint(path, identity, saved, folder, writes=processes.is_main)


def _saved_in(folder: _Folder, who: str, path: Path) -> Saved | None:
    """Make a folder this fit's, and return what an earlier process has left in it."""
    folder.hold()
    for part in path.parent.glob(".checkpoint.npz.*.part"):  # of processes that were killed
        part.unlink(missing_ok=True)
    check_replaceable(path, who)  # now, and not when an epoch has been trained
    return _read(who, path) if path.exists() else None


def _check_same(who: str, path: Path, ours: Fingerprint, theirs: Fingerprint) -> None:
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
        self,
        path: Path,
        identity: Fingerprint,
        saved: Saved | None,
        folder: _Folder,
        writes: bool = True,
    ) -> None:
        self.path = path
        self.identity = identity
        self.saved = saved
        self.folder = folder
        self.writes = writes
        self.has_warned = False

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
                put_back(net, self.order, *self.saved)
            except Exception as error:
                raise CheckpointError(
                    f"{str(self.path)!r} does not hold what it should ({error!r}). Delete it to "
                    "train from the start."
                ) from error
            self.saved = None

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write all that the next epoch depends on."""
        if not self.writes:
            return
        record = {
            "format": FORMAT,
            "identity": self.identity,
            "seed": self.used_seed,
            **taken_record(net, self.order),
        }
        text = json.dumps(record, default=_plain_number)
        arrays = {"record": np.frombuffer(text.encode(), np.uint8), **taken_arrays(net)}
        try:
            self._write(arrays)
        except (OSError, CheckpointError) as error:
            self._warn(len(net.history), error)

    def _write(self, arrays: Arrays) -> None:
        self.folder.hold()
        with atomic_write(self.path) as file:
            np.savez(file, allow_pickle=False, **arrays)

    def _warn(self, n_epochs: int, error: Exception) -> None:
        """Say that a disk is full, or a folder gone: no reason to lose what was trained."""
        if self.has_warned:
            return
        self.has_warned = True
        warnings.warn(
            f"{self.folder.who}: the checkpoint of epoch {n_epochs} could not be written to "
            f"{str(self.path)!r} ({error}). Training goes on, and so do attempts to write one "
            "after each epoch.",
            RuntimeWarning,
            stacklevel=2,
        )


def _plain_number(value: Any) -> Any:
    try:
        return value.item()
    except Exception as error:
        raise ValueError(
            f"checkpoint_dir: the optimizer keeps {type(value).__name__}, which no checkpoint "
            "holds. Choose another optimizer, or checkpoint_dir=None."
        ) from error


# ---- The folder and its file -----------------------------------------------------------------


_BATCHES = re.compile(rb'"batches": \[[^][]*\]')

_RECORD_BYTES = 2**25
"""What the objects of a record may take, and as much again as the file has bytes."""


def _read(who: str, path: Path) -> Saved:
    try:
        with open_regular(path) as file:
            n_bytes = os.fstat(file.fileno()).st_size
            arrays = read_npz(file, n_bytes)
        record = _record(arrays.pop("record"), _RECORD_BYTES + n_bytes)
        return Saved(record, arrays)
    except Exception as error:  # a damaged archive fails in many ways
        raise CheckpointError(
            f"{who}: {str(path)!r} is no checkpoint that can be read ({error!r}). Delete it to "
            "train from the start."
        ) from error


def _record(text: NDArray[Any], limit: int) -> dict[str, Any]:
    """Return what is in a record, whose parts that are read before training are as they were.

    Without the figures of single batches, which versions before this one wrote: there is one
    for each batch of the last epoch, and nobody reads them.
    """
    record = read_json(_BATCHES.sub(b'"batches": []', text.data), limit)
    identity, seed = record["identity"], record["seed"]
    is_whole = (
        all(isinstance(digest, str) for digest, _ in identity["parameters"].values())
        and isinstance(identity["versions"], dict)
        and {"data", "start"} <= identity.keys()
        and isinstance(record["history"], list)
    )
    if not is_whole or not (type(seed) is int and 0 <= seed < 2**31):
        raise ValueError("a record of another kind")
    return dict(record)


class _Folder:
    """A folder that is one fit's, made anew where somebody has deleted it."""

    def __init__(self, who: str, path: Path) -> None:
        self.who = who
        self.path = path
        self._lock: BinaryIO | None = None
        self._held = ExitStack()

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def hold(self) -> None:
        """Let no other fit write into the folder, until the end of the block.

        Raises
        ------
        CheckpointError
            If another one does.
        OSError
            If the folder cannot be made, or not be written to.
        """
        if self._lock is not None and self._is_there(self._lock):
            return
        self._held.close()
        self._lock = None
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._held.enter_context(_locked(self.who, self.path))

    def _is_there(self, lock: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(lock.fileno()), os.stat(self.path / ".lock"))
        except OSError:
            return False


@contextmanager
def _locked(who: str, folder: Path) -> Iterator[BinaryIO]:
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
        yield lock

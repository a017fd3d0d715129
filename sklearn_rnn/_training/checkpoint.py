"""Checkpoints: the state of a fit on disk after each epoch, from which a killed fit resumes.

A checkpoint is one file of arrays and JSON. It contains the fingerprint of its fit (data,
parameters and versions), and all that training changes: the remaining epochs are bit-identical to
those of a fit that was not interrupted.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skorch.callbacks import Callback

from .._data.batches import SequenceDataset
from .._data.inputs import Inputs
from .._utils.archives import read_json, read_npz
from .._utils.files import atomic_write, check_replaceable, open_regular
from .._utils.saved_state import FORMAT
from ..exceptions import CheckpointError
from .checkpoint_state import Arrays, arrays_of, record_of, restore
from .fingerprint import Fingerprint, differences, fit_fingerprint
from .processes import current_process_group
from .settings import TrainingRun, TrainingSettings
from .starting_model import ModelState

__all__ = ["Checkpoint", "SaveCheckpoint", "open_checkpoint"]


class Saved(NamedTuple):
    """The contents of a checkpoint."""

    record: dict[str, Any]
    arrays: Arrays


@contextmanager
def open_checkpoint(
    settings: TrainingSettings,
    inputs: Inputs,
    data: SequenceDataset,
    start: ModelState | None,
    run: TrainingRun,
) -> Iterator[Checkpoint | None]:
    """Yield the checkpoint of a fit, whose folder is locked within the block.

    None if the estimator keeps none, or trains incrementally. Of several processes the main one
    reads and writes, and broadcasts what it has read.

    Parameters
    ----------
    settings, inputs, data, start
        What the fit depends on, as of `fit_fingerprint`.
    run : TrainingRun
        Which kind of fit this is.

    Yields
    ------
    Checkpoint or None
        The checkpoint.

    Raises
    ------
    CheckpointError
        If there is one already, of another fit, or another fit writes into the folder.
    """
    if run.incremental or settings.checkpoint_dir is None:
        yield None
        return
    who, processes = settings.who, current_process_group()
    _check_parameters(settings)
    path = Path(settings.checkpoint_dir, "checkpoint.npz")
    fingerprint = fit_fingerprint("checkpoint_dir", settings, inputs, data, start)
    with _Folder(who, path.parent) as folder:
        saved = processes.broadcast_object(lambda: _saved_in(folder, who, path))
        if saved is not None:
            _check_same(who, path, fingerprint, saved.record["identity"])
        checkpoint = Checkpoint(path, fingerprint, saved, folder, writes=processes.is_main)
        del saved
        yield checkpoint


def _saved_in(folder: _Folder, who: str, path: Path) -> Saved | None:
    """Lock a folder, and return what an earlier process has left in it."""
    folder.lock()
    for part in path.parent.glob(".checkpoint.npz.*.part"):  # of processes that were killed
        part.unlink(missing_ok=True)
    check_replaceable(path, who)  # now, not after the first epoch
    return _read(who, path) if path.exists() else None


def _check_same(who: str, path: Path, ours: Fingerprint, theirs: Fingerprint) -> None:
    """Raise if a checkpoint is another fit's, and say in what it differs."""
    differing = list(differences(ours, theirs))
    if differing:
        raise CheckpointError(
            f"{who}: {str(path)!r} is the checkpoint of another fit: {', '.join(differing)}. "
            "Resume with the same data, parameters and versions, name another checkpoint_dir, or "
            "delete the file."
        )


def _check_parameters(settings: TrainingSettings) -> None:
    if settings.callbacks:
        raise ValueError(
            f"{settings.who}: checkpoint_dir needs callbacks=None: the state of callbacks is not "
            "saved, so that a fit would resume without it."
        )
    if isinstance(settings.random_state, np.random.RandomState):
        raise ValueError(
            f"{settings.who}: checkpoint_dir needs random_state=None or an int, got a "
            "RandomState, which would draw other numbers when the fit is called again."
        )


@dataclass
class Checkpoint:
    """The checkpoint of a fit, as it was found on disk.

    Parameters
    ----------
    path : Path
        Its file.
    fingerprint : dict
        What the result of the fit depends on.
    saved : Saved or None
        What the file contains; None: there is none, and the fit starts anew.
    folder : _Folder
        The locked folder.
    writes : bool
        Whether this process writes.
    """

    path: Path
    fingerprint: Fingerprint
    saved: Saved | None
    folder: _Folder
    writes: bool

    @property
    def seed(self) -> int | None:
        """The random seed of the fit that is resumed; None: it starts anew."""
        return None if self.saved is None else self.saved.record["seed"]

    @property
    def n_epochs(self) -> int:
        """Epochs of the fit that is resumed."""
        return 0 if self.saved is None else len(self.saved.record["history"])

    def take_saved(self) -> Saved | None:
        """Return the contents of the file, and forget them: they are larger than the model."""
        saved, self.saved = self.saved, None
        return saved


class SaveCheckpoint(Callback):
    """Restores a fit's state when training begins, and saves it when an epoch ends.

    It has to come after all callbacks whose state it saves.

    Parameters
    ----------
    checkpoint : Checkpoint
        What was found on disk, and where to write.
    order : numpy.random.Generator
        Source of the order of the training texts.
    seed : int
        The random seed of the fit.
    """

    def __init__(self, checkpoint: Checkpoint, order: np.random.Generator, seed: int) -> None:
        self.checkpoint = checkpoint
        self.order = order
        self.seed = seed
        self.has_warned = False

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Restore the saved state, if there is one, the first time that training begins."""
        saved = self.checkpoint.take_saved()
        if saved is not None:
            try:
                restore(net, self.order, *saved)
            except Exception as error:
                raise CheckpointError(
                    f"{str(self.checkpoint.path)!r} does not contain what it should ({error!r}). "
                    "Delete it to train from the start."
                ) from error

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Save all that the next epoch depends on."""
        if not self.checkpoint.writes:
            return
        record = {
            "format": FORMAT,
            "identity": self.checkpoint.fingerprint,
            "seed": self.seed,
            **record_of(net, self.order),
        }
        text = json.dumps(record, default=_plain_number)
        arrays = {"record": np.frombuffer(text.encode(), np.uint8), **arrays_of(net)}
        try:
            self._write(arrays)
        except (OSError, CheckpointError) as error:
            self._warn(len(net.history), error)

    def _write(self, arrays: Arrays) -> None:
        self.checkpoint.folder.lock()
        with atomic_write(self.checkpoint.path) as file:
            np.savez(file, allow_pickle=False, **arrays)

    def _warn(self, n_epochs: int, error: Exception) -> None:
        """Warn of a full disk or a deleted folder: no reason to lose what was trained."""
        if self.has_warned:
            return
        self.has_warned = True
        warnings.warn(
            f"{self.checkpoint.folder.who}: the checkpoint of epoch {n_epochs} could not be "
            f"written to {str(self.checkpoint.path)!r} ({error}). Training continues, and so do "
            "attempts to write one after each epoch.",
            RuntimeWarning,
            stacklevel=2,
        )


def _plain_number(value: Any) -> Any:
    try:
        return value.item()
    except Exception as error:
        raise ValueError(
            f"checkpoint_dir: the optimizer keeps {type(value).__name__}, which no checkpoint "
            "can contain. Choose another optimizer, or checkpoint_dir=None."
        ) from error


# ---- The folder and its file -----------------------------------------------------------------


_BATCHES = re.compile(rb'"batches": \[[^][]*\]')

_RECORD_BYTES = 2**25
"""Memory for the objects of a record, beside as much as the file has bytes."""


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
    """Return a record, after a check of the parts that are read before training.

    Without the figures of the last epoch's batches, which former versions wrote, and which
    nobody reads.
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
        raise ValueError("not a record of training")
    return dict(record)


class _Folder:
    """A folder that is locked for one fit, and made again if somebody deletes it."""

    def __init__(self, who: str, path: Path) -> None:
        self.who = who
        self.path = path
        self._lock: BinaryIO | None = None
        self._stack = ExitStack()

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def lock(self) -> None:
        """Make the folder, and keep other fits from writing into it until the end of the block.

        Raises
        ------
        CheckpointError
            If another one does.
        OSError
            If the folder cannot be made, or not be written to.
        """
        if self._lock is not None and self._is_intact(self._lock):
            return
        self._stack.close()
        self._lock = None
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._stack.enter_context(_locked(self.who, self.path))

    def _is_intact(self, lock: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(lock.fileno()), os.stat(self.path / ".lock"))
        except OSError:
            return False


@contextmanager
def _locked(who: str, folder: Path) -> Iterator[BinaryIO]:
    """Lock a folder within the block; the lock ends with the process, too."""
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

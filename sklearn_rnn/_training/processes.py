"""The processes that train one network together, and their collective operations.

Hugging Face Accelerate finds out how they were launched and which device each of them uses; torch
exchanges their messages, through gloo on CPUs and NCCL on GPUs.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from ..exceptions import LostProcessError

__all__ = ["SINGLE_PROCESS", "ProcessGroup", "current_process_group", "process_group"]

Result = TypeVar("Result")


class MessageTag(IntEnum):
    """Which operation a message belongs to: processes at different ones must notice it."""

    BARRIER = 0
    ALL_GATHER = 1
    BROADCAST_OBJECT = 2
    GATHER_OBJECTS = 3
    BROADCAST = 4


@dataclass
class ProcessGroup:
    """The processes that train together, as one of them sees them.

    Every operation is an all-gather, even a broadcast: each process sends to all others the tag of
    the operation that it is at. So processes that are out of step raise, and do not wait forever.

    Attributes
    ----------
    rank : int
        Index of this process, from 0.
    size : int
        Number of processes.
    device : str or None
        The device of this process; None for that of the estimator.
    timeout : float
        Seconds of silence after which another process counts as lost.
    """

    rank: int = 0
    size: int = 1
    device: str | None = None
    timeout: float = 600.0
    _lost: str = field(default="", repr=False)

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def shard(self, n_items: int, rank: int | None = None) -> slice:
        """Return the slice of `n_items` items that a process gets, by default this one."""
        rank = self.rank if rank is None else rank
        return slice(-(-n_items * rank // self.size), -(-n_items * (rank + 1) // self.size))

    def barrier(self) -> None:
        """Wait until all processes get here."""
        if self.size > 1:
            self._objects(MessageTag.BARRIER, None)

    def wait(self) -> None:
        """Wait until all processes get here: the former name of `barrier`."""
        warnings.warn(
            "wait() is now called barrier(); the old name will be removed in version 0.3.",
            FutureWarning,
            stacklevel=2,
        )
        self.barrier()

    def broadcast_object(self, work: Callable[[], Result]) -> Result:
        """Call `work` in the main process; return its result, or raise its error, in all."""
        if self.size == 1:
            return work()
        outcome = _outcome(work) if self.is_main else None
        result, error = self._objects(MessageTag.BROADCAST_OBJECT, outcome)[0]
        if error is not None:
            raise error
        return result

    def all_gather_object(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        return [value] if self.size == 1 else self._objects(MessageTag.GATHER_OBJECTS, value)

    def all_gather(self, parts: Sequence[Tensor]) -> list[list[Tensor]]:
        """Return the tensors of all processes, flat and float32.

        Each process passes the same number of tensors, of any sizes.
        """
        own = [part.to(self._device, torch.float32).flatten() for part in parts]
        lengths = torch.tensor([len(part) for part in own], dtype=torch.int32)
        # One message: the lengths, reinterpreted bit by bit as float32, then all numbers.
        numbers = torch.cat([lengths.to(self._device).view(torch.float32), *own])
        messages = self._exchange(MessageTag.ALL_GATHER, numbers.view(torch.uint8))
        return [_split_message(message.view(torch.float32), len(own)) for message in messages]

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors with those of the main process."""
        if self.size == 1:
            return
        own = [tensor.detach().to(self._device).flatten() for tensor in tensors]
        numbers = torch.cat(own if self.is_main else [own[0][:0]])  # the others send nothing
        message = self._exchange(MessageTag.BROADCAST, numbers.view(torch.uint8))[0]
        pieces = message.view(torch.float32).split([tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, piece in zip(tensors, pieces, strict=True):
                tensor.copy_(piece.view_as(tensor))

    def _objects(self, tag: MessageTag, value: Any) -> list[Any]:
        content = pickle.dumps(value)
        padded = content + bytes(-len(content) % 4)  # to float32's size; pickle ignores the rest
        messages = self._exchange(tag, torch.frombuffer(bytearray(padded), dtype=torch.uint8))
        return [pickle.loads(message.cpu().numpy().tobytes()) for message in messages]

    def _exchange(self, tag: MessageTag, message: Tensor) -> list[Tensor]:
        """Return the messages of all processes, in bytes: multiples of four, of any lengths.

        Torch crashes if messages of one all-gather differ in length. So tags and lengths are
        exchanged first, and then the messages, padded to the longest.
        """
        if self._lost:
            raise LostProcessError(self._lost)
        headers = self._all_gather_equal(torch.tensor([tag, len(message)])).tolist()
        if len({other for other, _ in headers}) > 1:
            raise self._loss(
                "another one is at another operation: did one fail where others did not?"
            )
        longest = max(length for _, length in headers)
        messages = self._all_gather_equal(_padded(message.to(self._device), longest))
        return [row[:length] for row, (_, length) in zip(messages, headers, strict=True)]

    def _all_gather_equal(self, message: Tensor) -> Tensor:
        """Return the messages of all processes, all of one length: (n,) -> (size, n)."""
        message = message.to(self._device)
        messages = message.new_empty(self.size, len(message))
        try:
            work = dist.all_gather(list(messages), message, async_op=True)
            work.wait(timedelta(seconds=self.timeout))
        except RuntimeError as error:
            raise self._loss(f"another one did not answer: {_first_line(error)}") from error
        return messages

    def _loss(self, why: str) -> LostProcessError:
        """Return the error that this operation and all later ones raise."""
        self._lost = (
            f"data_parallel: process {self.rank} of {self.size} cannot continue, since {why} "
            "Start all of them again: a fit with checkpoint_dir resumes from its last epoch."
        )
        return LostProcessError(self._lost)

    @property
    def _device(self) -> torch.device:
        return torch.device(self.device or "cpu")


SINGLE_PROCESS = ProcessGroup()
_current: ContextVar[ProcessGroup] = ContextVar("process_group", default=SINGLE_PROCESS)


def current_process_group() -> ProcessGroup:
    """Return the processes that share the fits of this thread: one, or those of the block."""
    return _current.get()


@contextmanager
def process_group(device: str, timeout: float) -> Iterator[ProcessGroup]:
    """Share the fits in a block among all processes that were launched with this one."""
    state = _accelerate().PartialState(
        cpu=device == "cpu" or not torch.cuda.is_available(), timeout=timedelta(seconds=timeout)
    )
    if device == "cpu" and state.device.type != "cpu":
        raise ValueError(
            'data_parallel: device="cpu" was asked for, but the processes of this script are '
            f"connected already, on {state.device}. Use that device, or connect them on the CPU "
            "first."
        )
    own = None if state.num_processes == 1 and device == "auto" else _name(state.device)
    processes = ProcessGroup(state.process_index, state.num_processes, own, timeout)
    before = _current.set(processes)
    try:
        yield processes
    finally:
        _current.reset(before)


def _name(device: torch.device) -> str:
    return "cpu" if device.type == "cpu" else str(device)  # Accelerate numbers CPUs, too


def _outcome(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return work(), None
    except Exception as error:
        return None, error


def _padded(message: Tensor, length: int) -> Tensor:
    return torch.cat([message, message.new_zeros(length - len(message))])


def _split_message(numbers: Tensor, n_parts: int) -> list[Tensor]:
    """Return the tensors of a message that begins with their lengths."""
    lengths = numbers[:n_parts].view(torch.int32).tolist()
    ends = accumulate(lengths, initial=n_parts)
    return [numbers[start:stop] for start, stop in pairwise(ends)]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _accelerate() -> Any:
    try:
        return import_module("accelerate")
    except ImportError as error:
        raise ImportError(
            'data_parallel needs Accelerate: pip install "sklearn-rnn[parallel]".'
        ) from error

"""Processes that train one network together: which one this is, what they tell each other.

Hugging Face Accelerate finds out how they were launched and on which device each works; torch
carries their messages, through gloo on CPUs and NCCL on GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from .exceptions import LostProcessError

__all__ = ["ALONE", "Processes", "current_processes", "joined_processes"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Processes:
    """The processes that train together, as one of them sees them.

    Attributes
    ----------
    rank : int
        Which one this is, from 0.
    size : int
        How many they are.
    device : str or None
        The device that is this one's; None for whatever the estimator says.
    """

    rank: int = 0
    size: int = 1
    device: str | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes files and shows progress."""
        return self.rank == 0

    def part_of(self, n_items: int, rank: int | None = None) -> slice:
        """Return which of so many items are this process's, or another one's: even parts."""
        rank = self.rank if rank is None else rank
        return slice(-(-n_items * rank // self.size), -(-n_items * (rank + 1) // self.size))

    def told(self, work: Callable[[], Result]) -> Result:
        """Do work in the main process and return its result, or raise its error, in each."""
        if self.size == 1:
            return work()
        outcome: list[Any] = [None, None]
        if self.is_main:
            try:
                outcome[0] = work()
            except Exception as error:
                outcome[1] = error
        self._talk(dist.broadcast_object_list, outcome, src=0, device=self._device)
        if outcome[1] is not None:
            raise outcome[1]
        result: Result = outcome[0]
        return result

    def collected(self, value: Any) -> list[Any]:
        """Return what each process has, in their order."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        self._talk(dist.all_gather_object, values, value)
        return values

    def gathered(self, parts: Sequence[Tensor]) -> list[list[Tensor]]:
        """Return the flat tensors of each process, as many of each, of any lengths."""
        own = [part.to(self._device, torch.float32).flatten() for part in parts]
        lengths = self._all_equally_long(torch.tensor([len(part) for part in own]))
        messages = self._all_equally_long(_padded(torch.cat(own), int(lengths.sum(dim=1).max())))
        return [
            [message[start:stop] for start, stop in pairwise(accumulate(cuts, initial=0))]
            for message, cuts in zip(messages, lengths.tolist(), strict=True)
        ]

    def give_out(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors with those of the main process."""
        if self.size > 1:
            message = torch.cat([tensor.detach().flatten() for tensor in tensors])
            message = message.to(self._device)
            self._talk(dist.broadcast, message, src=0)
            with torch.no_grad():
                pieces = message.split([tensor.numel() for tensor in tensors])
                for tensor, piece in zip(tensors, pieces, strict=True):
                    tensor.copy_(piece.view_as(tensor))

    def wait(self) -> None:
        """Wait until each process is here."""
        if self.size > 1:
            self._talk(dist.barrier)

    def _all_equally_long(self, message: Tensor) -> Tensor:
        """Return the message of each process: (n,) -> (size, n)."""
        message = message.to(self._device)
        messages = message.new_empty(self.size, len(message))
        self._talk(dist.all_gather, list(messages), message)
        return messages

    def _talk(self, how: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        try:
            how(*args, **kwargs)
        except RuntimeError as error:
            raise LostProcessError(
                f"data_parallel: process {self.rank} of {self.size} waited in vain for another "
                f"one, which has ended or does something else: {_first_line(error)}. Start all "
                "of them again: a fit with checkpoint_dir goes on from its last epoch."
            ) from error

    @property
    def _device(self) -> torch.device:
        return torch.device(self.device or "cpu")


ALONE = Processes()
_current: ContextVar[Processes] = ContextVar("processes", default=ALONE)


def current_processes() -> Processes:
    """Return the processes that fits of this thread are shared out among: this one, or more."""
    return _current.get()


@contextmanager
def joined_processes(device: str, timeout: float) -> Iterator[Processes]:
    """Have fits within the block shared out among all processes that were launched with this."""
    state = _accelerate().PartialState(
        cpu=device == "cpu" or not torch.cuda.is_available(), timeout=timedelta(seconds=timeout)
    )
    processes = Processes(state.process_index, state.num_processes, str(state.device))
    before = _current.set(processes)
    try:
        yield processes
        processes.wait()  # not where an error ends this one: others may never come
    finally:
        _current.reset(before)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _padded(message: Tensor, length: int) -> Tensor:
    return torch.cat([message, message.new_zeros(length - len(message))])


def _accelerate() -> Any:
    try:
        return import_module("accelerate")
    except ImportError as error:
        raise ImportError(
            'data_parallel needs Accelerate: pip install "sklearn-rnn[parallel]".'
        ) from error

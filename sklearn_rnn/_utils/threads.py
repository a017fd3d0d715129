"""How this library's arithmetic runs on a CPU: one intra-op thread, no denormal numbers."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch
from threadpoolctl import ThreadpoolController

__all__ = [
    "all_finite",
    "init_worker_thread",
    "one_blas_thread",
    "single_threaded_math",
    "thread_map",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

_NUMBERS_AT_ONCE = 2**20

_lock = threading.Lock()
_n_inside = 0
_threads_outside = 1
_n_limited = 0
_limit: Any = None
_here = threading.local()


@contextmanager
def single_threaded_math() -> Iterator[int]:
    """Run the block on one intra-op thread, denormal numbers flushed to zero.

    One thread: recurrent steps are too small to share, torch's threads spin while they wait
    for each other, and the order of summation (so the last bits) depends on their number.

    No denormals: a gradient that vanishes over hundreds of steps ends as numbers below 1e-38,
    on which a CPU works several times slower (`benchmarks/denormals.py`: a step of an LSTM takes
    7 times as long), for a part of the sum that rounds to nothing.

    What the block gets is the number of threads that torch has outside of it, by which it may
    share out larger pieces of work.

    Both settings are put back afterwards. Several threads may be inside at a time: the
    first to enter remembers the number of threads, and each restores that one.
    """
    if getattr(_here, "steady", False):  # a block within a block, of a callback that predicts
        yield _threads_outside
        return
    flushed_before = _denormals_are_flushed()
    threads_before = _enter()
    try:
        _here.steady = True
        torch.set_flush_denormal(True)
        yield threads_before
    finally:
        _here.steady = False
        torch.set_flush_denormal(flushed_before)
        _leave(threads_before)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks at all loaded libraries, so only once


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run the block with one thread in NumPy's and SciPy's matrix products.

    The setting is the whole process's: the first to enter limits it, the last to leave puts
    it back.
    """
    global _n_limited, _limit
    with _lock:
        if _n_limited == 0:
            _limit = _blas().limit(limits=1, user_api="blas")
        _n_limited += 1
    try:
        yield
    finally:
        with _lock:
            _n_limited -= 1
            if _n_limited == 0:
                _limit.restore_original_limits()


def init_worker_thread() -> None:
    """Give a thread started within `single_threaded_math` the same settings."""
    _set_threads(1)
    torch.set_flush_denormal(True)


def thread_map(
    function: Callable[[Item], Result], items: Iterable[Item], n_threads: int
) -> Iterator[Result]:
    """Give function(item) for each item, in their order, some items ahead of who reads.

    Parameters
    ----------
    function : callable
        What is done to an item.
    items : iterable
        The items, taken as they are needed.
    n_threads : int
        Threads; with one, this is `map`.

    Yields
    ------
    object
        One result.
    """
    if n_threads == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads, initializer=init_worker_thread) as threads:
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) > n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _enter() -> int:
    global _n_inside, _threads_outside
    with _lock:
        if _n_inside == 0:
            _threads_outside = torch.get_num_threads()
        _n_inside += 1
        _set_threads(1)
        return _threads_outside


def _leave(threads_before: int) -> None:
    global _n_inside
    with _lock:
        _n_inside -= 1
        _set_threads(threads_before)


def _set_threads(number: int) -> None:
    if torch.get_num_threads() != number:
        torch.set_num_threads(number)


def _denormals_are_flushed() -> bool:
    smallest_normal = sys.float_info.min
    return smallest_normal / 2 == 0.0


def all_finite(tensor: torch.Tensor) -> bool:
    """Return whether all numbers are, looking at some at a time: torch makes copies of them."""
    blocks = tensor.detach().flatten().split(_NUMBERS_AT_ONCE)
    return all(bool(block.isfinite().all()) for block in blocks)

"""Threads of this library, and how arithmetic runs in them: single-threaded, without denormals.

Torch and BLAS have threads of their own, which split single operations. Those of a recurrent step
are too small for that, so they are switched off while this library computes; larger pieces of
work, such as batches, run in threads of this library instead.
"""

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

# Blocks may be active in several threads at a time. What the first of them found is kept until
# the last is left; the lock guards it.
_lock = threading.Lock()
_n_torch_blocks = 0
_n_torch_threads = 1  # outside of all blocks
_n_blas_blocks = 0
_blas_limit: Any = None

_this_thread = threading.local()  # is_in_block: whether it is in `single_threaded_math` already


@contextmanager
def single_threaded_math() -> Iterator[int]:
    """Run a block with one intra-op thread in torch, and denormal numbers flushed to zero.

    One thread: recurrent steps are too small to be split, torch's threads busy-wait for each
    other, and the order of summation, and so the last bits, depends on their number.

    No denormals: a gradient that vanishes over hundreds of steps ends in numbers below 1e-38, with
    which a CPU is several times slower (`benchmarks/denormals.py`: a step of an LSTM takes 7 times
    as long), for a part of the sum that rounds to nothing.

    Both settings are restored at the end. Blocks may be nested, as when a callback predicts.
    Several threads may be in one at a time: the first to enter remembers the number of torch's
    threads, and each restores it.

    Yields
    ------
    int
        The number of threads that torch has outside of the block. The block may spread larger
        pieces of work over as many threads.
    """
    if getattr(_this_thread, "is_in_block", False):
        yield _n_torch_threads
        return
    flushed_before = _denormals_are_flushed()
    n_threads = _enter_torch_block()
    try:
        _this_thread.is_in_block = True
        torch.set_flush_denormal(True)
        yield n_threads
    finally:
        _this_thread.is_in_block = False
        torch.set_flush_denormal(flushed_before)
        _leave_torch_block(n_threads)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # only once: it inspects all loaded libraries


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run a block with one thread in the matrix products of NumPy and SciPy.

    The setting belongs to the whole process: the first block that is entered limits it, the last
    one that is left restores it.
    """
    global _n_blas_blocks, _blas_limit
    with _lock:
        if _n_blas_blocks == 0:
            _blas_limit = _blas().limit(limits=1, user_api="blas")
        _n_blas_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _n_blas_blocks -= 1
            if _n_blas_blocks == 0:
                _blas_limit.restore_original_limits()


def init_worker_thread() -> None:
    """Give a new thread the settings of `single_threaded_math`, for as long as it runs."""
    _set_n_threads(1)
    torch.set_flush_denormal(True)


def thread_map(
    function: Callable[[Item], Result], items: Iterable[Item], n_threads: int
) -> Iterator[Result]:
    """Yield function(item) for each item, in their order, computed in threads.

    Parameters
    ----------
    function : callable
        The function.
    items : iterable
        The items, consumed only a few ahead of the results.
    n_threads : int
        Number of threads; with one, this is `map`.

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


def _enter_torch_block() -> int:
    global _n_torch_blocks, _n_torch_threads
    with _lock:
        if _n_torch_blocks == 0:
            _n_torch_threads = torch.get_num_threads()
        _n_torch_blocks += 1
        _set_n_threads(1)
        return _n_torch_threads


def _leave_torch_block(n_threads: int) -> None:
    global _n_torch_blocks
    with _lock:
        _n_torch_blocks -= 1
        _set_n_threads(n_threads)


def _set_n_threads(n_threads: int) -> None:
    if torch.get_num_threads() != n_threads:
        torch.set_num_threads(n_threads)


def _denormals_are_flushed() -> bool:
    smallest_normal = sys.float_info.min
    return smallest_normal / 2 == 0.0


def all_finite(tensor: torch.Tensor) -> bool:
    """Return whether all numbers are finite, by blocks: `isfinite` makes copies of them."""
    blocks = tensor.detach().flatten().split(_NUMBERS_AT_ONCE)
    return all(bool(block.isfinite().all()) for block in blocks)

"""How numba compiles this library's loops, and what a user sees while it does.

Functions are compiled when they are first called, and kept on disk: another process loads them.
Multiply-adds may be fused; sums keep their order, and numbers that are not finite stay so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numba
from numba.core import event

__all__ = ["add_row", "compiled", "copy_row", "inlined", "progress_line"]

_FASTMATH = {"contract", "nsz", "arcp"}
_PACKAGE, _, _ = __name__.partition(".")

if getattr(numba.config, "DISABLE_JIT", 0):  # a user's environment says so: torch computes
    raise RuntimeError("numba compiles nothing: NUMBA_DISABLE_JIT is set")

inlined: Callable[..., Any] = numba.njit(fastmath=_FASTMATH, inline="always")
"""Compile a function as a part of those that call it."""

compiled: Callable[..., Any] = numba.njit(
    fastmath=_FASTMATH, error_model="numpy", nogil=True, cache=True
)
"""Compile a function that releases the interpreter's lock while it runs."""


@inlined
def copy_row(source: Any, target: Any) -> None:
    """Copy an array of one dimension, in compiled code.

    An assignment would compare shapes first, and take several times as long to compile.

    Parameters
    ----------
    source, target : ndarray of shape (n,)
        From where, and where to.
    """
    for j in range(len(target)):
        target[j] = source[j]


@inlined
def add_row(source: Any, target: Any) -> None:
    """Add an array of one dimension to another, in compiled code.

    Parameters
    ----------
    source, target : ndarray of shape (n,) and (n or more,)
        What is added, and to what.
    """
    for j in range(len(source)):
        target[j] += source[j]


class _FirstCompilation(event.Listener):
    """Says once that something of this library is compiled, while any block is open."""

    def __init__(self) -> None:
        self.lock, self.n_blocks, self.has_begun = Lock(), 0, False

    def open_block(self) -> None:
        with self.lock:
            if self.n_blocks == 0:
                self.has_begun = False
                event.register("numba:compile", self)
            self.n_blocks += 1

    def close_block(self) -> None:
        with self.lock:
            self.n_blocks -= 1
            if self.n_blocks == 0:
                event.unregister("numba:compile", self)

    def on_start(self, started: Any) -> None:
        package, _, _ = started.data["dispatcher"].py_func.__module__.partition(".")
        if package == _PACKAGE and not self.has_begun:
            self.has_begun = True
            print(
                "sklearn_rnn: compiling the network, once on this machine (some seconds) …",
                file=sys.stderr,
                flush=True,
            )

    def on_end(self, ended: Any) -> None:
        pass


_LISTENER = _FirstCompilation()


@contextmanager
def progress_line() -> Iterator[None]:
    """Say so on standard error if something of this library has to be compiled in the block.

    Blocks in blocks, and those of several threads at once, say so once.
    """
    _LISTENER.open_block()
    try:
        yield
    finally:
        _LISTENER.close_block()

"""Figures that a piece of work measures itself."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_N_CALLS = 300
_PROCESS = Path("/proc/self")


def latencies(answer: Callable[[str], Any], texts: Sequence[str]) -> list[float]:
    """Return the median and the 99th percentile of the seconds per text."""
    seconds = []
    for text in texts[:_N_CALLS]:
        start = time.perf_counter()
        answer(text)
        seconds.append(time.perf_counter() - start)
    return [float(np.quantile(seconds, share)) for share in (0.5, 0.99)]


def peak_megabytes(work: Callable[[], Any]) -> list[float]:
    """Return by how much the process grows while it works, at its peak (Linux only)."""
    gc.collect()
    (_PROCESS / "clear_refs").write_text("5")  # resets the peak that imports and data reached
    before = _megabytes("VmRSS")
    work()
    return [_megabytes("VmHWM") - before]


def _megabytes(name: str) -> float:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1e3

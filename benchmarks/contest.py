"""Contenders that take turns: each in its own process, all in one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from contenders import environment

HERE = Path(__file__).parent


class Contender:
    """A process that does its work on request."""

    def __init__(self, kind: str, name: str, model: str, n_reviews: int, folder: Path) -> None:
        task = json.dumps([kind, name, model, n_reviews, str(folder)])
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, HERE / "contenders.py", task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment(name)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the process's input, so that it ends its own workers and exits."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.stdout.close()

    def answer(self) -> str:
        """Wait for the next line that the process prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name!r} has ended; its last output is above.")
        return line.strip()

    def figures(self) -> list[float]:
        """Do the work once; return its seconds, or whatever the work itself measures."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        figures: list[float] = json.loads(self.answer())
        return figures


def contest(
    kind: str, names: Sequence[str], model: str, n_reviews: int, folder: Path, rounds: int
) -> dict[str, list[float]]:
    """Return the medians of each contender's figures; they take turns in each round."""
    with ExitStack() as stack:
        contenders = []
        for name in names:  # one by one, so that compiling disturbs no other
            contender = stack.enter_context(Contender(kind, name, model, n_reviews, folder))
            if contender.answer() != "ready":
                raise RuntimeError(f"{name!r} is not ready.")
            contenders.append(contender)
        turns = [[contender.figures() for contender in contenders] for _ in range(rounds)]
    return {
        name: [statistics.median(column) for column in zip(*figures, strict=True)]
        for name, figures in zip(names, zip(*turns, strict=True), strict=True)
    }

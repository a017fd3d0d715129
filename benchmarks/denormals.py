"""What denormal numbers cost: one training step whose loss reads the last state alone.

    python benchmarks/denormals.py

The gradient vanishes over 220 steps, down to numbers below 1e-38. Keeping denormals and flushing
them to zero are timed in turn in one run, on one thread; medians of nine rounds.
"""

from __future__ import annotations

import statistics
import time

import torch

from sklearn_rnn._network.recurrent import RecurrentLayer

N_STEPS, N_TEXTS, SIZE, N_ROUNDS = 220, 32, 32, 9


def main() -> None:
    torch.set_num_threads(1)
    for cell in ("rnn", "lstm", "gru"):
        generator = torch.Generator().manual_seed(0)
        layer = RecurrentLayer(cell, SIZE, SIZE, False, generator)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.normal_(0, 0.1, generator=generator)
        inputs = torch.randn(N_STEPS, N_TEXTS, SIZE, generator=generator)
        timings = [
            (step(layer, inputs, False), step(layer, inputs, True)) for _ in range(N_ROUNDS)
        ]
        kept, flushed = (1e3 * statistics.median(column) for column in zip(*timings, strict=True))
        print(f"{cell:4}  kept {kept:6.1f} ms  flushed {flushed:6.1f} ms  {kept / flushed:.1f}x")


def step(layer: RecurrentLayer, inputs: torch.Tensor, flush: bool) -> float:
    """Return the seconds of one forward and backward pass."""
    torch.set_flush_denormal(flush)
    layer.zero_grad()
    start = time.perf_counter()
    layer(inputs, torch.full((N_TEXTS,), N_STEPS))[-1].square().sum().backward()
    seconds = time.perf_counter() - start
    torch.set_flush_denormal(False)
    return seconds


if __name__ == "__main__":
    main()

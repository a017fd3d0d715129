"""What training one network in two processes gains: against one process, in turn.

    python benchmarks/data_parallel.py --data FOLDER

FOLDER contains the IMDB reviews. Each process has one thread; one process with two threads, which
trains on the two halves of a batch, is timed as well. Bytes are those of the loopback interface,
so nothing else may use it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import psutil
import torch

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn._training.optimizers import TableOptimizer
from sklearn_rnn._training.processes import ProcessGroup
from sklearn_rnn.datasets import fetch_imdb
from sklearn_rnn.distributed import data_parallel

LAUNCHERS = {
    "one process, one thread": ([], 1),
    "one process, two threads": ([], 2),
    "two processes": (["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"], 1),
}


def main() -> None:
    options = parse_arguments()
    if options.here:
        figures = timed_fit(options)
        if figures["rank"] == 0:
            print(json.dumps(figures))
        return
    runs = [{name: launched(name) for name in LAUNCHERS} for _ in range(options.rounds)]
    alone = [run["one process, one thread"]["seconds"] for run in runs]
    losses = {str(figures["losses"]) for run in runs for figures in run.values()}
    assert len(losses) == 1, "not the same losses, to the last bit"
    for name in LAUNCHERS:
        times = [run[name]["seconds"] for run in runs]
        gain = median(one / some for one, some in zip(alone, times, strict=True))
        figures = runs[-1][name]
        print(
            f"{name}: {median(times):.1f} s, {gain:.2f} times faster, "
            f"{figures['tokens'] / median(times):,.0f} tokens a second, "
            f"{figures['bytes'] / figures['steps'] / 1e6:.2f} MB sent for each step"
        )
    print(f"by the model {figures['predicted bytes'] / figures['steps'] / 1e6:.2f} MB")
    one = runs[-1]["one process, one thread"]
    rate = figures["bytes a second"]
    print(f"tables take each process {1e6 * one['tables'] / one['tokens']:.2f} us a token")
    print(f"loopback: {rate / 1e9:.2f} GB a second; by the model,")
    for n_processes, network in ((2, rate), (64, 1.25e9), (64, 12.5e9)):
        gain = predicted_gain(one, figures, n_processes, network)
        print(f"  {n_processes} at {network / 1e9:.2f} GB a second: {gain:.1f} times faster")


def predicted_gain(one: dict, several: dict, n_processes: int, network: float) -> float:
    """Return the speed-up of `n_processes`, each with 32 texts of a batch.

    Work that is shared takes each process its share of the time. What is not shared: each process
    updates its tables with the gradients of all tokens, and receives them from all others.
    """
    per_token = one["seconds"] / one["tokens"]
    tables = one["tables"] / one["tokens"]
    received = several["predicted bytes"] / several["tokens"] * (n_processes - 1) / n_processes
    return per_token / ((per_token - tables) / n_processes + tables + received / network)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=2_000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", action="store_true", help="fit in this process")
    return parser.parse_args()


def launched(name: str) -> dict:
    """Fit in new processes; return what the main one measured."""
    launcher, n_threads = LAUNCHERS[name]
    done = subprocess.run(
        [sys.executable, *launcher, *sys.argv, "--here"],
        env={**os.environ, "OMP_NUM_THREADS": str(n_threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def timed_fit(options: argparse.Namespace) -> dict:
    reviews = fetch_imdb(options.data, subset=("train",)).train
    every = slice(None, None, len(reviews.data) // options.reviews)
    X = SequenceVectorizer(max_features=10_000).fit_transform(reviews.data[every])
    y = reviews.target[every]
    model = RNNTextClassifier(max_epochs=2, batch_size=options.batch_size, random_state=0)
    with data_parallel() as processes:
        model.fit(X[:64], np.arange(64) % 2)  # compiles kernels
        processes.barrier()
        rate = bytes_a_second(processes)
        sent, start = n_bytes_sent(), time.perf_counter()
        with timed_tables() as tables:
            model.fit(X, y)
        seconds = time.perf_counter() - start
        sent = n_bytes_sent() - sent
    n_tokens = model.max_epochs * int((X.ids > 0).sum())
    n_steps = model.max_epochs * -(-len(y) // options.batch_size)
    return {
        "rank": processes.rank,
        "seconds": seconds,
        "tables": sum(tables),
        "bytes": sent,
        "bytes a second": rate,
        "predicted bytes": n_bytes_of(model, n_tokens, n_steps * processes.size),
        "steps": n_steps,
        "tokens": n_tokens,
        "losses": model.history_["train_loss"].tolist(),
        "threads": torch.get_num_threads(),
    }


def n_bytes_of(model: RNNTextClassifier, n_tokens: int, n_parts: int) -> int:
    """Return the bytes of gradients: a row of each table per token, all other weights per part.

    The linear model has two rows per token, its word's and its pair's. A row is sent with its
    index. Padding within a part, and network overhead, are left out.
    """
    network = model.net_.module_
    tables = {id(table) for table in network.sparse_parameters}
    dense = sum(weight.numel() for weight in network.parameters() if id(weight) not in tables)
    (_, n_dimensions), (_, n_outputs) = (table.shape for table in network.sparse_parameters)
    return 4 * (n_tokens * (n_dimensions + 1 + 2 * (n_outputs + 1)) + n_parts * dense)


@contextmanager
def timed_tables() -> Iterator[list[float]]:
    """Collect the seconds of each update of the tables."""
    seconds = []
    step = TableOptimizer.step

    def timed(self: TableOptimizer, n_texts: int) -> None:
        start = time.perf_counter()
        step(self, n_texts)
        seconds.append(time.perf_counter() - start)

    with patch.object(TableOptimizer, "step", timed):
        yield seconds


def bytes_a_second(processes: ProcessGroup) -> float:
    """Return the rate at which a process receives messages as large as those of a step."""
    if processes.size == 1:
        return math.inf
    message = [torch.zeros(600_000)]
    processes.all_gather(message)
    start = time.perf_counter()
    for _ in range(20):
        processes.all_gather(message)
    return 20 * 4 * len(message[0]) * (processes.size - 1) / (time.perf_counter() - start)


def n_bytes_sent() -> int:
    return psutil.net_io_counters(pernic=True)["lo"].bytes_sent


if __name__ == "__main__":
    main()

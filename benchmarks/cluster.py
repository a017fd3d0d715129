"""What a cluster of two workers gains: a search, and predictions, beside one process, in turn.

    python benchmarks/cluster.py --data FOLDER

FOLDER holds the IMDB reviews. Each worker is a process with one thread; the process beside which
they are timed has one thread, too. Bytes are those of the loopback interface, so nothing else may
use it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import dask.bag
import joblib
import numpy as np
import psutil
import torch
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb
from sklearn_rnn.distributed import predict

# Dask has its workers give memory back at every opportunity, and they compute in a thread, whose
# memory glibc maps anew for each array: a fit takes 1.6 times as long. This keeps it.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": 1,
    "MALLOC_ARENA_MAX": 1,
    "MALLOC_MMAP_THRESHOLD_": 2**30,
    "MALLOC_TRIM_THRESHOLD_": 2**30,
}
N_WORKERS = 2
GRID = {"rnntextclassifier__hidden_size": [16, 24], "rnntextclassifier__lr": [1e-3, 2e-3, 3e-3]}
N_TASKS = 6 * 2  # candidates times folds


def main() -> None:
    options = parse_arguments()
    torch.set_num_threads(1)
    dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT})
    reviews = fetch_imdb(options.data, subset=("train",)).train
    every = slice(None, None, len(reviews.data) // options.reviews)
    texts, labels = reviews.data[every], reviews.target[every]
    with (
        LocalCluster(N_WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        assert set(client.run(torch.get_num_threads).values()) == {1}
        client.run(warm_up)
        warm_up()
        time_searches(texts, labels, options.rounds)
        time_predictions(texts, labels, options.rounds)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=2_000, help="reviews to search with")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def new_model() -> Any:
    return make_pipeline(
        SequenceVectorizer(max_features=10_000, max_len=200),
        RNNTextClassifier(max_epochs=3, random_state=0),
    )


def warm_up() -> None:
    """Load all libraries, and have kernels made."""
    new_model().fit(["good", "bad"] * 20, [1, 0] * 20).predict(["good"])


def time_searches(texts: list[str], labels: np.ndarray, rounds: int) -> None:
    def search() -> Any:
        folds = StratifiedKFold(2)
        return GridSearchCV(new_model(), GRID, cv=folds, refit=False).fit(texts, labels)

    def on_cluster() -> Any:
        with joblib.parallel_config("dask", scatter=[texts, labels]):
            return search()

    (alone, found_alone), (together, found) = in_turn([search, on_cluster], rounds)
    name = "mean_test_score"
    assert (found_alone.cv_results_[name] == found.cv_results_[name]).all()
    _, _, n_bytes, busy = measured(on_cluster)
    n_letters = sum(len(text.encode()) for text in texts)
    print(f"a search of {N_TASKS} fits on {len(texts):,} reviews of {n_letters / 1e6:.1f} MB")
    print(f"  one process {alone:.1f} s, {N_WORKERS} workers {together:.1f} s")
    print(f"  {alone / together:.2f} times faster, {busy:.2f} of {os.cpu_count()} cores busy")
    print(f"  {n_bytes / 1e6:.1f} MB sent: {n_bytes / N_TASKS / 1e6:.2f} MB for each fit")


def time_predictions(texts: list[str], labels: np.ndarray, rounds: int) -> None:
    model = new_model().fit(texts, labels)
    many = texts * max(1, 20_000 // len(texts))
    bag = dask.bag.from_sequence(many, npartitions=4 * N_WORKERS).persist()

    def alone() -> Any:
        return model.predict(many).tolist()

    def on_cluster() -> Any:
        return predict(model, bag).compute()

    (one, answers), (two, answers_there) = in_turn([alone, on_cluster], rounds)
    assert answers == answers_there
    print(f"predictions of {len(many):,} reviews that lie at the workers")
    each = len(many) / two / N_WORKERS
    print(f"  one process {len(many) / one:,.0f} a second, {N_WORKERS} workers {each:,.0f} each:")
    print(f"  {one / two / N_WORKERS:.2f} of the one process's")


def in_turn(works: list[Callable[[], Any]], rounds: int) -> list[tuple[float, Any]]:
    """Return the median seconds of each piece of work, and what it came to."""
    runs = [[measured(work)[:2] for work in works] for _ in range(rounds)]
    return [
        (median(seconds for seconds, _ in column), column[-1][1])
        for column in zip(*runs, strict=True)
    ]


def measured(work: Callable[[], Any]) -> tuple[float, Any, int, float]:
    """Return the seconds that work takes, its result, the bytes sent, and the cores busy."""
    sent, start = psutil.net_io_counters(pernic=True)["lo"].bytes_sent, time.perf_counter()
    busy = busy_seconds()
    result = work()
    seconds = time.perf_counter() - start
    n_bytes = psutil.net_io_counters(pernic=True)["lo"].bytes_sent - sent
    return seconds, result, n_bytes, (busy_seconds() - busy) / seconds


def busy_seconds() -> float:
    """Return the processor time of this process and its children so far."""
    process = psutil.Process()
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


if __name__ == "__main__":
    main()

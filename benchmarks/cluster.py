"""What a cluster of two workers gains: a search, and predictions, against one process, in turn.

    python benchmarks/cluster.py --data FOLDER [--engine ray]

FOLDER contains the IMDB reviews. Each worker is a process with one thread; the process against
which they are timed also has one thread, and default memory settings. With Ray, searches only.

Bytes are those of the loopback interface, so nothing else may use it. This creates a private one:

    unshare --user --map-root-user --net sh -c 'ip link set lo up; python benchmarks/cluster.py …'
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import dask.dataframe
import joblib
import numpy as np
import pandas as pd
import psutil
import torch
from dask.distributed import Client, LocalCluster, wait
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb
from sklearn_rnn.distributed import predict, resilient_dask_client

# What docs/scale.md tells users to set, and why.
SETTINGS = {
    "distributed.deploy.lost-worker-timeout": "5 minutes",
    "distributed.scheduler.no-workers-timeout": "5 minutes",
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1,
        "MALLOC_ARENA_MAX": 1,
        "MALLOC_MMAP_THRESHOLD_": 2**30,
        "MALLOC_TRIM_THRESHOLD_": 2**30,
    },
}
N_WORKERS = 2
GRID = {"rnntextclassifier__hidden_size": [16, 24], "rnntextclassifier__lr": [1e-3, 2e-3, 3e-3]}
N_TASKS = 6 * 2  # candidates times folds


class Measured(NamedTuple):
    """What a piece of work took, and its result."""

    seconds: float
    result: Any
    n_bytes: int
    busy_here: float  # cores, in this process
    busy_there: float  # cores, in all of its children


def main() -> None:
    options = parse_arguments()
    torch.set_num_threads(1)
    reviews = fetch_imdb(options.data, subset=("train",)).train
    every = slice(None, None, len(reviews.data) // options.reviews)
    texts, labels = reviews.data[every], reviews.target[every]
    warm_up()
    if options.engine == "ray":
        with ray_cluster() as backend:
            time_searches(texts, labels, options.rounds, backend)
        return
    with (
        dask.config.set({} if options.unset else SETTINGS),
        LocalCluster(N_WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        threads = client.run(torch.get_num_threads).values()
        print(f"threads of each worker: {list(threads)}")
        client.run(warm_up)
        backend = {
            "backend": "dask",
            "client": resilient_dask_client(client),
            "scatter": [texts, labels],
        }
        time_searches(texts, labels, options.rounds, backend)
        time_predictions(texts, labels, options.rounds, options.predictions)


@contextmanager
def ray_cluster() -> Iterator[dict[str, Any]]:
    import ray
    from ray.util.joblib import register_ray

    environment = {"env_vars": {"OMP_NUM_THREADS": "1"}}
    ray.init(num_cpus=N_WORKERS, include_dashboard=False, runtime_env=environment)
    register_ray()
    try:
        yield {"backend": "ray", "n_jobs": N_WORKERS}
    finally:
        ray.shutdown()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=2_000, help="reviews to search with")
    parser.add_argument("--engine", choices=["dask", "ray"], default="dask")
    parser.add_argument("--predictions", type=int, default=60_000, help="reviews to predict for")
    parser.add_argument("--unset", action="store_true", help="keep Dask's default settings")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def new_model() -> Any:
    return make_pipeline(
        SequenceVectorizer(max_features=10_000, max_len=200),
        RNNTextClassifier(max_epochs=3, random_state=0),
    )


def warm_up() -> None:
    """Load all libraries and compile kernels."""
    new_model().fit(["good", "bad"] * 20, [1, 0] * 20).predict(["good"])


def time_searches(
    texts: list[str], labels: np.ndarray, rounds: int, backend: dict[str, Any]
) -> None:
    def search() -> Any:
        folds = StratifiedKFold(2)
        return GridSearchCV(new_model(), GRID, cv=folds, refit=False).fit(texts, labels)

    def on_cluster() -> Any:
        with joblib.parallel_config(**backend):
            return search()

    alone, together = in_turn([search, on_cluster], rounds)
    name = "mean_test_score"
    assert (alone.result.cv_results_[name] == together.result.cv_results_[name]).all()
    n_letters = sum(len(text.encode()) for text in texts)
    print(f"a search of {N_TASKS} fits on {len(texts):,} reviews of {n_letters / 1e6:.2f} MB")
    print(f"  one process {alone.seconds:.1f} s, {N_WORKERS} workers {together.seconds:.1f} s:")
    print(f"  {alone.seconds / together.seconds:.2f} times faster")
    print(f"  cores busy: {together.busy_there:.2f} at the workers, {together.busy_here:.2f} here")
    if backend["backend"] == "ray":
        return  # what Ray sends is in memory that its processes share
    # To the scheduler, and to each worker.
    with_fits = together.n_bytes - (1 + N_WORKERS) * n_letters
    print(f"  {together.n_bytes / 1e6:.2f} MB sent: the texts {1 + N_WORKERS} times, and")
    print(f"  {with_fits / N_TASKS / 1e3:.0f} kB with each fit, heartbeats included")


def time_predictions(texts: list[str], labels: np.ndarray, rounds: int, n_texts: int) -> None:
    model = new_model().fit(texts, labels)
    many = texts * max(1, n_texts // len(texts))
    table = pd.DataFrame({"text": many})
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
        column = dask.dataframe.from_pandas(table, npartitions=8 * N_WORKERS)["text"].persist()
    wait(column)

    def alone() -> Any:
        return model.predict(many).tolist()

    def on_cluster() -> Any:
        return predict(model, column).compute().tolist()

    one, two = in_turn([alone, on_cluster], rounds)
    assert one.result == two.result
    each = len(many) / two.seconds / N_WORKERS
    print(f"predictions for {len(many):,} reviews that are at the workers")
    print(f"  one process {len(many) / one.seconds:,.0f} a second, workers {each:,.0f} each:")
    print(f"  {one.seconds / two.seconds / N_WORKERS:.2f} of the one process's")
    print(f"  cores busy: {two.busy_there:.2f} at the workers, {two.busy_here:.2f} here")


def in_turn(works: list[Callable[[], Any]], rounds: int) -> list[Measured]:
    """Return what each piece of work took, in the median round."""
    runs = [[measured(work) for work in works] for _ in range(rounds)]
    return [
        min(column, key=lambda run: abs(run.seconds - median(r.seconds for r in column)))
        for column in map(list, zip(*runs, strict=True))
    ]


def measured(work: Callable[[], Any]) -> Measured:
    sent, (here, there) = bytes_sent(), busy_seconds()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    here_after, there_after = busy_seconds()
    return Measured(
        seconds,
        result,
        bytes_sent() - sent,
        (here_after - here) / seconds,
        (there_after - there) / seconds,
    )


def bytes_sent() -> int:
    return psutil.net_io_counters(pernic=True)["lo"].bytes_sent


def busy_seconds() -> tuple[float, float]:
    """Return the processor time so far of this process, and of its children."""
    process = psutil.Process()
    spent = [sum(p.cpu_times()[:2]) for p in (process, *process.children(recursive=True))]
    return spent[0], sum(spent[1:])


if __name__ == "__main__":
    main()

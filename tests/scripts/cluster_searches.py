"""Searches on a cluster of two workers, run as a process of its own so that it can be ended.

    python cluster_searches.py ENGINE WORKS FILE MARKS

ENGINE is a function of this file, WORKS names what it searches, with commas between. What was
found goes into FILE, a pickle, with the threads of workers, and the bytes sent to them where they
can be counted. MARKS is a folder or "": a worker that fits a training set whose mark is not there
leaves it there and is killed.
"""

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import joblib
import numpy as np
import psutil
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews

START_LIMIT = 120
"""Seconds in which a worker must be there: each imports torch, perhaps on a busy machine."""

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
TEXTS, LABELS = make_reviews(400, n_filler=(0, 2), random_state=0)
# What is cut off makes the texts heavier than all else that is sent.
DATA = ["So much came before. " * 100 + text for text in TEXTS], LABELS
FOLDS = StratifiedKFold(2)
SETTINGS = {"cv": FOLDS, "scoring": "neg_log_loss", "error_score": "raise"}
GRID = {
    "rnntextclassifier__cell": ["lstm", "gru"],
    "rnntextclassifier__hidden_size": [4, 8],
}


class Deadly(TransformerMixin, BaseEstimator):
    """Kills the process in which it is fitted, once for each training set, but not its own."""

    def __init__(self, marks, own_pid):
        self.marks = marks
        self.own_pid = own_pid

    def fit(self, X, y=None):
        if self.marks and os.getpid() != self.own_pid:
            mark = Path(self.marks, hashlib.sha256(X.ids.tobytes()).hexdigest())
            with suppress(FileExistsError):
                mark.touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return self

    def transform(self, X):
        return X

    def __sklearn_is_fitted__(self):
        return True


def model(marks=None):
    return make_pipeline(
        SequenceVectorizer(max_len=40),
        Deadly(marks, os.getpid()),
        RNNTextClassifier(hidden_size=4, embedding_dim=4, max_epochs=2, random_state=0),
    )


def grid(model, data):
    return found(GridSearchCV(model, GRID, **SETTINGS), data)


def halving(model, data):
    rounds = {"factor": 2, "min_resources": 100, "random_state": 0}
    return found(HalvingGridSearchCV(model, GRID, **SETTINGS, **rounds), data)


def predictions(model, data):
    return cross_val_predict(model, *data, cv=FOLDS, method="predict_proba")


def results(works, marks=None, data=DATA):
    """Return what each of the ways of scikit-learn to fit many times comes to."""
    return {work: globals()[work](model(marks), data) for work in works}


def found(search, data):
    search.fit(*data)
    scores = {
        name: column
        for name, column in search.cv_results_.items()
        if name.endswith("_test_score") or name in ("iter", "n_resources")
    }
    return search.best_params_, scores, search.predict_proba(DATA[0])


# ---- Engines ---------------------------------------------------------------------------------


def dask(works, marks):
    with dask_cluster(n_workers=2) as client:
        return on_dask(client, works, marks)


def ray(works, marks):
    import ray
    from ray.util.joblib import register_ray

    from sklearn_rnn.distributed import ray_shared

    # An actor that died is started again, and does again what it was at. Not for ever: Ray counts
    # the end of an actor, after each search, as a death too.
    again = {"max_restarts": -1, "max_task_retries": 2}
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            runtime_env={"env_vars": ONE_THREAD},
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        try:
            register_ray()
            with joblib.parallel_config("ray", n_jobs=2, ray_remote_args=again):
                data = ray_shared(DATA[0]), DATA[1]
                outcome = {"found": results(works, marks, data)}
                outcome["bytes for texts"] = len(ray.cloudpickle.dumps(data[0]))
                threads = joblib.Parallel()(joblib.delayed(n_torch_threads)() for _ in range(2))
            return outcome | {"threads": threads}
        finally:
            ray.shutdown()


def addresses(works, marks):
    """Search with workers in network namespaces; what they receive is counted at their doors."""
    lay_cables()
    with dask_cluster(n_workers=0, host=address(0)) as client:
        workers = [start_worker(i, client.scheduler.address) for i in (1, 2)]
        try:
            client.wait_for_workers(2, timeout=START_LIMIT)
            before = n_bytes_received()
            outcome = on_dask(client, works, marks)
            return outcome | {"received": n_bytes_received() - before}
        finally:
            for worker in workers:
                worker.terminate()


@contextmanager
def dask_cluster(**settings):
    import dask.distributed

    limits = {
        "distributed.nanny.pre-spawn-environ": ONE_THREAD,
        # A local cluster gives a killed worker up for good if it is not back in 15 seconds.
        "distributed.deploy.lost-worker-timeout": f"{START_LIMIT} s",
        # A cluster without workers says so; by default it waits for ever.
        "distributed.scheduler.no-workers-timeout": f"{START_LIMIT} s",
    }
    with (
        dask.config.set(limits),
        dask.distributed.LocalCluster(
            threads_per_worker=1, dashboard_address=":0", **settings
        ) as cluster,
        dask.distributed.Client(cluster) as client,
    ):
        yield client


def on_dask(client, works, marks):
    from sklearn_rnn.distributed import resilient_dask_client

    held = {"client": resilient_dask_client(client), "scatter": list(DATA)}
    with joblib.parallel_config("dask", wait_for_workers_timeout=START_LIMIT, **held):
        outcome = {"found": results(works, marks)}
    client.wait_for_workers(2, timeout=START_LIMIT)
    return outcome | {"threads": list(client.run(n_torch_threads).values())}


def n_torch_threads():
    import torch

    return torch.get_num_threads()


# ---- Two network namespaces, within one that this process was started in ---------------------


def address(i):
    return f"10.77.0.{i + 1}"


def lay_cables():
    """Give two workers a network of their own each, and join them by a bridge."""
    commands = [
        "mount -t tmpfs tmpfs /run",  # nobody else sees it, as nobody sees the network
        "ip link set lo up",
        "ip link add bridge type bridge",
        f"ip address add {address(0)}/24 dev bridge",
        "ip link set bridge up",
    ]
    for i in (1, 2):
        commands += [
            f"ip netns add worker{i}",
            f"ip link add door{i} type veth peer name cable netns worker{i}",
            f"ip link set door{i} master bridge up",
            f"ip -n worker{i} address add {address(i)}/24 dev cable",
            f"ip -n worker{i} link set cable up",
            f"ip -n worker{i} link set lo up",
        ]
    for command in commands:
        subprocess.run(command.split(), check=True)


def start_worker(i, scheduler):
    at = ["ip", "netns", "exec", f"worker{i}"]
    options = ["--nthreads=1", f"--host={address(i)}", "--no-dashboard"]
    command = [*at, sys.executable, "-m", "distributed.cli.dask_worker", scheduler, *options]
    return subprocess.Popen(command, env=os.environ | ONE_THREAD)


def n_bytes_received():
    """Return the bytes that went out by each worker's door so far, as an array."""
    doors = psutil.net_io_counters(pernic=True)
    return np.array([doors[f"door{i}"].bytes_sent for i in (1, 2)])


if __name__ == "__main__":
    engine, works, file, marks = sys.argv[1:]
    outcome = globals()[engine](works.split(","), marks or None)
    Path(file).write_bytes(pickle.dumps(outcome))

"""Which pooling? The five ways to make one vector of all states, on held-out training texts.

    python examples/pooling.py FOLDER

FOLDER contains `imdb` and `trec`; what is missing is skipped. Everything else has its default.
`--linear none` leaves out the linear model, so that everything known about a text has to pass
through the pooling. A fifth of the training texts is held out; the test texts are never read.
Prints the mean and the standard deviation of the accuracy over the seeds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from baselines import TASKS, Task, tasks
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer

POOLINGS = ["last", "max", "mean", "attention", "flatten"]


def main() -> None:
    options = parse_arguments()
    print("| data | " + " | ".join(f'`"{pooling}"`' for pooling in options.poolings) + " |")
    print("| --- |" + " ---: |" * len(options.poolings))
    for task in tasks(options.folder, options.tasks, "validation"):
        cells = [
            measure(task, pooling, options.linear, options.seeds) for pooling in options.poolings
        ]
        print(f"| {task.title} | {' | '.join(cells)} |", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the data sets")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["imdb5k", "trec6"])
    parser.add_argument("--poolings", nargs="+", choices=POOLINGS, default=POOLINGS)
    parser.add_argument("--linear", choices=["none", "words", "pairs"], default="pairs")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds: 0, 1, 2 ...")
    return parser.parse_args()


def measure(task: Task, pooling: str, linear: str, n_seeds: int) -> str:
    """Return mean and standard deviation of the accuracy, and the seconds of one fit."""
    start = time.perf_counter()
    scores = [accuracy(task, pooling, linear, seed) for seed in range(n_seeds)]
    seconds = (time.perf_counter() - start) / n_seeds
    return f"{np.mean(scores):.1%} ± {100 * np.std(scores):.1f} ({seconds:.0f} s)"


def accuracy(task: Task, pooling: str, linear: str, seed: int) -> float:
    model = make_pipeline(
        SequenceVectorizer(),
        RNNTextClassifier(pooling=pooling, linear=linear, random_state=seed),
    )
    return float(model.fit(task.train, task.train_labels).score(task.test, task.test_labels))


if __name__ == "__main__":
    main()

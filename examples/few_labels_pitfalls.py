"""When texts without labels hurt: shares of classes that are wrong, and texts of another kind.

    python examples/few_labels_pitfalls.py FOLDER

FOLDER contains `sms_spam` and `trec`. Of the SMS, 13 % are spam; 200 of those to train on keep
their label. Each row is the mean recall of both classes on the SMS held out, in percent, with its
standard deviation over the draws, of TF-IDF with logistic regression on the labelled texts and of
teacher and student, if

- labels are drawn at random, the other SMS have none,
- half of the labelled SMS are spam, as someone picks them who wants to see enough of it,
- the same, and the share of spam is known: `class_prior`,
- labels are drawn at random, and the texts without a label are questions (TREC).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from baselines import Task, sms_spam, tf_idf, trec
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from sklearn_rnn import TeacherStudentClassifier

N_LABELS = 200
PRIOR = {"ham": 0.87, "spam": 0.13}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the data sets")
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    sms = sms_spam(options.folder / "sms_spam")
    questions = list(trec(options.folder / "trec", fine=False).train)
    print("| labelled | unlabelled | TF-IDF + LR | teacher and student |")
    print("| --- | --- | ---: | ---: |")
    for labelled, unlabelled, draw, others, prior in (
        ("at random", "SMS", at_random, None, None),
        ("half of each class", "SMS", half_of_each, None, None),
        ("half of each class", "SMS, their shares known", half_of_each, None, PRIOR),
        ("at random", "questions", at_random, questions, None),
    ):
        recalls = np.array(
            [recall(sms, draw(sms, seed), others, prior, seed) for seed in range(options.draws)]
        )
        means, deviations = (
            recalls.mean(axis=0),
            recalls.std(axis=0, ddof=min(1, len(recalls) - 1)),
        )
        cells = [f"{100 * m:.1f} ± {100 * d:.1f}" for m, d in zip(means, deviations, strict=True)]
        print(f"| {labelled} | {unlabelled} | " + " | ".join(cells) + " |", flush=True)


def at_random(task: Task, seed: int) -> NDArray[np.intp]:
    """Draw texts to label: the same share of each class."""
    rows = np.arange(len(task.train))
    return train_test_split(
        rows, train_size=N_LABELS, stratify=task.train_labels, random_state=seed
    )[0]


def half_of_each(task: Task, seed: int) -> NDArray[np.intp]:
    """Draw texts to label: as many of each class."""
    random = np.random.default_rng(seed)
    of_class = [
        np.flatnonzero(task.train_labels == label) for label in np.unique(task.train_labels)
    ]
    return np.concatenate([random.choice(rows, N_LABELS // 2, replace=False) for rows in of_class])


def recall(
    task: Task, rows: NDArray[np.intp], others: list[str] | None, prior: Any, seed: int
) -> list[float]:
    """Return the mean recall of the linear model, and of teacher and student."""
    labelled = [task.train[row] for row in rows]
    linear = tf_idf(task).fit(labelled, task.train_labels[rows])
    if others is None:
        others = [task.train[row] for row in np.setdiff1d(np.arange(len(task.train)), rows)]
    both = TeacherStudentClassifier(class_prior=prior, random_state=seed)
    both.fit([*labelled, *others], [*task.train_labels[rows], *[None] * len(others)])
    return [
        balanced_accuracy_score(task.test_labels, m.predict(task.test)) for m in (linear, both)
    ]


if __name__ == "__main__":
    main()

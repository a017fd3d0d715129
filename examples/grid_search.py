"""Which network? A grid over cells, directions, layers and sizes, two processes at a time."""

from __future__ import annotations

import argparse

from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews


def main(n_reviews: int) -> None:
    texts, labels = make_reviews(n_reviews, n_filler=(2, 4), random_state=0)
    pipeline = Pipeline(
        [
            ("sequences", SequenceVectorizer(max_features=5_000, max_len=150)),
            ("rnn", RNNTextClassifier(embedding_dim=16, lr=1e-2, max_epochs=5, random_state=0)),
        ]
    )
    search = GridSearchCV(
        pipeline,
        {
            "rnn__cell": ["rnn", "lstm"],
            "rnn__bidirectional": [False, True],
            "rnn__num_layers": [1, 2],
            "rnn__hidden_size": [8, 16],
        },
        cv=2,
        n_jobs=2,
    )
    search.fit(texts, labels)
    for rank, score, parameters in sorted(
        zip(
            search.cv_results_["rank_test_score"],
            search.cv_results_["mean_test_score"],
            map(str, search.cv_results_["params"]),
            strict=True,
        )
    ):
        print(f"{rank:2d}. {score:.3f}  {parameters}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=1_000)
    main(parser.parse_args().reviews)

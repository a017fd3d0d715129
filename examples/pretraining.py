"""What a pretrained embedding is worth, by the number of labelled reviews.

    python examples/pretraining.py --data FOLDER --glove glove.6B.50d.txt.gz

The lecture's last step: the embedding layer contains nearly all parameters and overfits a small
training set, so it is learned elsewhere, frozen, and only the rest is trained. A bidirectional
LSTM is trained on 250, 1,000, 4,000 and 20,000 reviews, three times each, with

- an embedding that it learns by itself,
- frozen word2vec vectors, learned from all 75,000 training and unlabelled reviews,
- frozen GloVe vectors from a file,
- a frozen embedding of another model for another problem (the lecture's transfer): a GRU that
  learned to predict the star ratings of the remaining 5,000 training reviews.

All of them share one vocabulary. Prints a table and plots it. FOLDER contains the IMDB reviews,
or they are downloaded into it; without ``--data`` the reviews are made up, for a quick look.
Early stopping sets aside a fifth of the training reviews; the test reviews are read once, by each
model, at its end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from sklearn_rnn import (
    RNNTextClassifier,
    RNNTextRegressor,
    SequenceVectorizer,
    TokenSequences,
)
from sklearn_rnn.datasets import fetch_imdb, make_reviews
from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding

LEARNED = "learned with the model"
MODEL: dict[str, Any] = {
    "cell": "lstm",
    "bidirectional": True,
    "hidden_size": 32,
    "embedding_dim": 32,  # if it is learned; a given table has its own
    "pooling": "max",
    "input_dropout": 0.0,
    "dropout": 0.2,
    "linear": "none",
    "lr": 2e-3,
    "table_lr": None,
    "lr_schedule": "constant",
    "label_smoothing": 0.0,
    "early_stopping": True,
    "batch_size": 32,
}


class Reviews(NamedTuple):
    """Texts with their labels and ratings."""

    texts: Sequence[str]
    labels: NDArray[np.int64]
    ratings: NDArray[Any]


class Corpus(NamedTuple):
    """Reviews by their use; none is used twice, except that all contribute words."""

    training: Reviews
    elsewhere: Reviews
    test: Reviews
    unlabelled: Sequence[str]


class Fit(NamedTuple):
    """One trained model's accuracy on the test reviews."""

    embedding: str
    n_reviews: int
    accuracy: float


def main() -> None:
    options = parse_arguments()
    corpus = made_up(2 * max(options.sizes)) if options.data is None else imdb(options.data)
    vectorizer = SequenceVectorizer(max_features=10_000, max_len=500)
    words = vectorizer.fit_transform(
        [*corpus.training.texts, *corpus.elsewhere.texts, *corpus.unlabelled]
    )
    n_training, n_elsewhere = len(corpus.training.texts), len(corpus.elsewhere.texts)
    training, elsewhere = words[:n_training], words[n_training : n_training + n_elsewhere]
    test = vectorizer.transform(corpus.test.texts)
    embeddings = {
        f"word2vec of {len(words):,} reviews": word2vec(words),
        f"transfer from {n_elsewhere:,} other reviews": transfer(
            elsewhere, corpus.elsewhere.ratings, training
        ),
    }
    if options.glove is not None:
        embeddings["GloVe"] = PretrainedEmbedding(options.glove).fit(training)
        print(f"GloVe covers {embeddings['GloVe'].coverage_.tokens:.1%} of the running words.")
    tasks = [
        (embedding, n_reviews, seed)
        for seed, n_reviews in product(range(options.seeds), options.sizes)
        for embedding in (None, *embeddings)
    ]
    fits = Parallel(n_jobs=options.jobs)(
        delayed(fit_and_test)(
            title or LEARNED,
            embeddings[title].transform(training) if title else training,
            corpus.training.labels,
            embeddings[title].transform(test) if title else test,
            corpus.test.labels,
            n_reviews=n_reviews,
            seed=seed,
        )
        for title, n_reviews, seed in tasks
    )
    print(as_table(fits))
    draw(fits, options.picture)
    print(f"\nFigure saved to {options.picture.resolve()}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the IMDB reviews")
    parser.add_argument("--glove", type=Path, help="file of GloVe vectors")
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 1_000, 4_000, 20_000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="models trained at a time")
    parser.add_argument("--picture", type=Path, default=Path("pretraining.png"))
    return parser.parse_args()


def imdb(data_home: Path) -> Corpus:
    """Return the real reviews; 5,000 of the training ones are for the other model."""
    data = fetch_imdb(data_home, verbose=1)
    parts = train_test_split(
        without_markup(data.train.data),
        data.train.target,
        data.train.rating,
        test_size=0.2,
        stratify=data.train.target,
        random_state=0,
    )
    return Corpus(
        training=Reviews(*parts[::2]),
        elsewhere=Reviews(*parts[1::2]),
        test=Reviews(without_markup(data.test.data), data.test.target, data.test.rating),
        unlabelled=without_markup(data.unsupervised.data),
    )


def without_markup(texts: Sequence[str]) -> list[str]:
    return [text.replace("<br />", " ") for text in texts]


def made_up(n_reviews: int) -> Corpus:
    """Return made-up reviews, whose rating is their label."""
    texts, sentiment = make_reviews(4 * n_reviews, random_state=0)
    labels = (sentiment == "positive").astype(int)
    quarters = [slice(i * n_reviews, (i + 1) * n_reviews) for i in range(4)]
    training, elsewhere, test = (
        Reviews(texts[quarter], labels[quarter], labels[quarter]) for quarter in quarters[:3]
    )
    return Corpus(training, elsewhere, test, texts[quarters[3]])


def word2vec(words: TokenSequences) -> Word2VecEmbedding:
    """Learn word vectors from all the reviews, labelled or not."""
    return Word2VecEmbedding(vector_size=100, epochs=3, random_state=0, verbose=1).fit(words)


def transfer(
    elsewhere: TokenSequences, ratings: NDArray[Any], training: TokenSequences
) -> PretrainedEmbedding:
    """Keep only the embedding of another model, trained for another problem."""
    other = RNNTextRegressor(cell="gru", hidden_size=16, embedding_dim=32, random_state=0)
    return PretrainedEmbedding(other.fit(elsewhere, ratings)).fit(training)


def fit_and_test(
    title: str,
    training: TokenSequences,
    labels: NDArray[np.int64],
    test: TokenSequences,
    test_labels: NDArray[np.int64],
    *,
    n_reviews: int,
    seed: int,
) -> Fit:
    """Train one model on some of the reviews, half of them positive, and test it."""
    rows = np.random.default_rng(seed).permutation(len(labels))
    positive, negative = (rows[labels[rows] == label][: n_reviews // 2] for label in (1, 0))
    chosen = np.concatenate([positive, negative])
    model = RNNTextClassifier(
        **MODEL,
        freeze_embedding=training.vectors is not None,
        **patience(n_reviews),
        random_state=seed,
    )
    model.fit(training[chosen], labels[chosen])
    fit = Fit(title, n_reviews, model.score(test, test_labels))
    print(f"{n_reviews:>6,} reviews, seed {seed}, {title}: {fit.accuracy:.4f}", flush=True)
    return fit


def patience(n_reviews: int) -> dict[str, int]:
    """Return how long to train: with fewer reviews, the same number of steps takes more epochs."""
    max_epochs = int(np.clip(40_000 // n_reviews, 8, 60))
    return {"max_epochs": max_epochs, "n_iter_no_change": max(2, max_epochs // 5)}


def accuracies(fits: Sequence[Fit]) -> tuple[list[int], dict[str, NDArray[np.float64]]]:
    """Return the numbers of reviews, and by embedding the accuracies: (n_sizes, n_seeds)."""
    sizes = sorted({fit.n_reviews for fit in fits})
    titles = dict.fromkeys(fit.embedding for fit in fits)
    return sizes, {
        title: np.array(
            [[f.accuracy for f in fits if f[:2] == (title, n_reviews)] for n_reviews in sizes]
        )
        for title in titles
    }


def as_table(fits: Sequence[Fit]) -> str:
    """Return mean and standard deviation over the seeds as a table in Markdown."""
    sizes, by_embedding = accuracies(fits)
    rows = [["embedding", *(f"{n:,}" for n in sizes)], ["---", *["---:"] * len(sizes)]]
    for title, values in by_embedding.items():
        rows.append([title, *(f"{row.mean():.1%} ± {100 * row.std():.1f}" for row in values)])
    return "\n".join(["", *(f"| {' | '.join(row)} |" for row in rows)])


def draw(fits: Sequence[Fit], path: Path) -> None:
    """Draw accuracy by the number of reviews, with bars from the worst to the best seed."""
    figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    sizes, by_embedding = accuracies(fits)
    for place, (title, values) in enumerate(by_embedding.items()):
        mean = values.mean(axis=1)
        reach = np.array([mean - values.min(axis=1), values.max(axis=1) - mean])
        beside = np.array(sizes) * 1.03**place  # so that bars do not hide each other
        ax.errorbar(beside, mean, yerr=reach, marker="o", capsize=3, label=title)
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.minorticks_off()
    ax.set_xlabel("labelled reviews to train on")
    ax.set_ylabel("accuracy on the test reviews")
    ax.grid(alpha=0.3)
    ax.legend(title="embedding", fontsize="small")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

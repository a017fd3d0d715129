"""What training vectors in a pipeline costs compared with gensim alone, on the same tokens.

    python benchmarks/word2vec.py --data FOLDER

Both are timed in turn in one run, each on one thread; the ratio of the medians is printed.
gensim gets lists of words prepared in advance. FOLDER contains the IMDB reviews; without it the
reviews are made up.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from gensim.models import Word2Vec

from sklearn_rnn import SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import fetch_imdb, make_reviews
from sklearn_rnn.embeddings import Word2VecEmbedding


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sequences, sentences = load(options.data, options.reviews)
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(seconds(lambda: Word2VecEmbedding(epochs=2, random_state=0).fit(sequences)))
        theirs.append(
            seconds(lambda: Word2Vec(sentences, min_count=1, sg=1, epochs=2, workers=1, seed=1))
        )
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"ours {statistics.median(ours):.2f} s, gensim {statistics.median(theirs):.2f} s")
    print(f"ratio of medians over {options.rounds} rounds: {ratio:.3f}")


def load(data_home: Path | None, n_reviews: int) -> tuple[TokenSequences, list[list[str]]]:
    """Return the same tokens in both forms: as sequences, and as lists of words."""
    if data_home is None:
        texts, _ = make_reviews(n_reviews, random_state=0)
    else:
        data = fetch_imdb(data_home, subset="train").train.data
        texts = data[:: max(1, len(data) // n_reviews)]
    vectorizer = SequenceVectorizer(max_features=10_000)
    sequences = vectorizer.fit_transform(texts)
    return sequences, vectorizer.inverse_transform(sequences)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

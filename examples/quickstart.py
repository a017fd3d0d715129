"""Five minutes with sklearn_rnn: train, inspect, save, load, predict.

Runs on made-up reviews, which need no data; on real ones with ``--data FOLDER``, where
FOLDER contains the IMDB reviews (they are downloaded into it if it does not).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import fetch_imdb, make_reviews
from sklearn_rnn.displays import HistoryDisplay


def main() -> None:
    options = parse_arguments()
    train_texts, train_labels, test_texts, test_labels = load(options.data, options.reviews)
    model = make_pipeline(
        SequenceVectorizer(max_features=10_000),
        RNNTextClassifier(max_epochs=6, early_stopping=True, random_state=0, verbose=1),
    )
    print(f"Training on {len(train_texts):,} reviews ...")
    model.fit(train_texts, train_labels)
    print(model[-1].summary())
    print_accuracies(model, train_texts, train_labels, test_texts, test_labels)
    predict_once_more(model, test_texts)
    HistoryDisplay.from_estimator(model).figure_.savefig(options.picture, dpi=120)
    print(f"\nLearning curves saved to {options.picture.resolve()}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=4_000, help="reviews to make up")
    parser.add_argument("--picture", type=Path, default=Path("quickstart.png"))
    return parser.parse_args()


def load(
    data_home: Path | None, n_made_up: int
) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    """Return training texts and labels, and held-out ones."""
    if data_home is None:
        texts, labels = make_reviews(n_made_up, random_state=0)
        train, test, train_y, test_y = train_test_split(texts, labels, random_state=0)
        return train, train_y, test, test_y
    imdb = fetch_imdb(data_home, subset=("train", "test"), verbose=1)
    names = np.array(imdb.target_names)
    train, test = imdb.train, imdb.test
    return train.data, names[train.target], test.data, names[test.target]


def print_accuracies(
    model: Pipeline,
    train_texts: list[str],
    train_labels: np.ndarray,
    test_texts: list[str],
    test_labels: np.ndarray,
) -> None:
    bag_of_words = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    bag_of_words.fit(train_texts, train_labels)
    print(f"\nAccuracy on {len(test_texts):,} held-out reviews")
    print(f"  TF-IDF + logistic regression  {bag_of_words.score(test_texts, test_labels):.3f}")
    print(f"  bidirectional LSTM            {model.score(test_texts, test_labels):.3f}")


def predict_once_more(model: Pipeline, texts: list[str]) -> None:
    """Save the model, load it, and compare the predictions of both."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(model, path)
        size, loaded = path.stat().st_size, joblib.load(path)
    before, after = model.predict_proba(texts[:100]), loaded.predict_proba(texts[:100])
    print(f"\nSaved ({size / 1e6:.1f} MB) and loaded: equal answers: {(before == after).all()}")
    print(f"  {texts[0][:70]}... -> {loaded.predict(texts[:1])[0]}")


if __name__ == "__main__":
    main()

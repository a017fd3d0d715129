"""From raw texts to predictions in one pipeline, and to a vector for each text."""

from __future__ import annotations

import argparse

from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews


def main(n_reviews: int) -> None:
    texts, labels = make_reviews(n_reviews, random_state=0)
    train, test, train_labels, test_labels = train_test_split(texts, labels, random_state=0)

    model = make_pipeline(
        SequenceVectorizer(max_features=10_000, max_len=200),
        RNNTextClassifier(hidden_size=32, embedding_dim=32, lr=5e-3, random_state=0),
    )
    model.fit(train, train_labels)
    print(f"Accuracy on {len(test)} held-out reviews: {model.score(test, test_labels):.3f}")

    texts = ["To my eyes the film was never dull.", "To my eyes the film was hardly moving."]
    for text, label, shares in zip(
        texts, model.predict(texts), model.predict_proba(texts), strict=True
    ):
        print(f"{shares.max():.3f} {label}: {text}")

    # The pooled state of the network: features for any other estimator.
    print(f"One vector for each text: {model.transform(texts).shape}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=3_000)
    main(parser.parse_args().reviews)

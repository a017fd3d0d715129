"""Chinese hotel reviews: words segmented by jieba, vectors by word2vec, read by an LSTM.

python examples/chinese.py path/to/ChnSentiCorp_htl_all.csv.gz
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import jieba
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.embeddings import Word2VecEmbedding


def main(path: Path) -> None:
    jieba.setLogLevel(logging.WARNING)
    reviews = pd.read_csv(path).dropna()
    train, test, train_labels, test_labels = train_test_split(
        reviews["review"],
        reviews["label"],
        test_size=0.2,
        stratify=reviews["label"],
        random_state=0,
    )
    model = make_pipeline(
        SequenceVectorizer(tokenizer=jieba.lcut, token_pattern=None, min_df=2, max_len=200),
        Word2VecEmbedding(vector_size=50, epochs=5, random_state=0),
        RNNTextClassifier(hidden_size=32, max_epochs=6, random_state=0),
    )
    model.fit(train, train_labels)
    print(f"Accuracy on {len(test):,} held-out reviews: {model.score(test, test_labels):.3f}")
    text = "房间很干净，服务也不错，下次还会来。"
    print(f"{text} -> {'positive' if model.predict([text])[0] else 'negative'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reviews", type=Path, help="CSV file with the columns label and review")
    main(parser.parse_args().reviews)

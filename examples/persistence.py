"""Save a trained pipeline, open it in a new process, and get the same predictions."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews

IN_A_NEW_PROCESS = """
import sys, joblib
model, texts = joblib.load(sys.argv[1]), joblib.load(sys.argv[2])
joblib.dump(model.predict_proba(texts), sys.argv[3])
"""


def main(n_reviews: int) -> None:
    texts, labels = make_reviews(n_reviews, random_state=0)
    model = make_pipeline(
        SequenceVectorizer(),
        RNNTextClassifier(hidden_size=16, embedding_dim=16, max_epochs=3, random_state=0),
    ).fit(texts, labels)

    with tempfile.TemporaryDirectory() as folder:
        saved, inputs, outputs = (Path(folder) / name for name in ("model", "texts", "answers"))
        joblib.dump(model, saved)
        joblib.dump(texts, inputs)
        subprocess.run(
            [sys.executable, "-c", IN_A_NEW_PROCESS, saved, inputs, outputs], check=True
        )
        print(f"The file has {saved.stat().st_size:,} bytes.")
        same = np.array_equal(joblib.load(outputs), model.predict_proba(texts))
    print(f"Equal answers to the last bit: {same}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=1_000)
    main(parser.parse_args().reviews)

"""Write the models that all later versions must open, once for each format.

    PYTHONPATH=. python tools/write_format_files.py tests/saved_models

Refuses to overwrite existing files: a released format does not change.
"""

import json
import sys
from pathlib import Path

import joblib
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, persistence
from sklearn_rnn._utils.saved_state import FORMAT
from sklearn_rnn.datasets import make_reviews

folder = Path(sys.argv[1])
paths = [folder / f"format-{FORMAT}{ending}" for ending in (".skops", ".joblib", ".json")]
if any(path.exists() for path in paths):
    sys.exit(f"The files of format {FORMAT} exist. If the state has changed, increment FORMAT.")

texts, labels = make_reviews(80, n_filler=(0, 1), random_state=0)
model = make_pipeline(
    SequenceVectorizer(max_len=30),
    RNNTextClassifier(hidden_size=4, embedding_dim=4, max_epochs=4, random_state=0),
).fit(texts, labels)

persistence.save(model, paths[0])
joblib.dump(model, paths[1])
answers = {
    "texts": texts[:10],
    "labels": model.predict(texts[:10]).tolist(),
    "probabilities": model.predict_proba(texts[:10]).tolist(),
}
paths[2].write_text(json.dumps(answers, indent=1) + "\n", "utf-8")

"""
A model card
============

What a model is, what it was trained on, how well it does and what its limits are: filled in by the
model as far as it knows, and by its author otherwise.
"""

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

from reviews import load_reviews
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.cards import model_card

reviews = load_reviews(1_000)
model = make_pipeline(
    SequenceVectorizer(max_features=10_000, max_len=200),
    RNNTextClassifier(hidden_size=32, max_epochs=5, early_stopping=True, random_state=0),
)
model.fit(reviews.train, reviews.train_labels)

with TemporaryDirectory() as folder:
    card = model_card(
        model,
        reviews.test,
        reviews.test_labels,
        description="Predicts whether the writer of a film review liked the film.",
        data=f"{len(reviews.train):,} reviews in English ({reviews.source}).",
        limits="English only. Irony, and reviews of anything but films, were not tested.",
        folder=folder,
    )
    card.save(Path(folder) / "README.md")
    text = (Path(folder) / "README.md").read_text(encoding="utf-8")

# %%
# It is Markdown. Its first half:
print(text[: len(text) // 2])
# sphinx_gallery_thumbnail_path = "_static/thumb_card.png"

"""
Words before and after unfreezing
=================================

word2vec puts words close together that occur among the same words, whether they praise or
criticise. A network that may train such vectors moves them by what they say about the label.
"""

# %%
# The vectors stay frozen for two epochs, then they are trained too.
import matplotlib.pyplot as plt
import numpy as np
from reviews import load_reviews
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.embeddings import Word2VecEmbedding
from sklearn_rnn.inspection import most_similar

reviews = load_reviews(2_000)
model = make_pipeline(
    SequenceVectorizer(max_features=10_000, max_len=200),
    Word2VecEmbedding(vector_size=50, epochs=10, random_state=0),
    RNNTextClassifier(
        hidden_size=32, linear="none", freeze_embedding=2, max_epochs=8, random_state=0
    ),
)
model.fit(reviews.train, reviews.train_labels)
embedding, classifier = model[1], model[2]

# %%
# The nearest words
# -----------------
word = "terrible" if "terrible" in model[0].vocabulary_ else "dull"
for title, step in {"before": embedding, "after": classifier}.items():
    print(f"{title}: {word} is near")
    print("   ", ", ".join(f"{near} {cosine:.2f}" for near, cosine in most_similar(step, word, 6)))

# %%
# The map
# -------
#
# Words of praise and of criticism that occur in the reviews, projected from fifty dimensions to
# the two in which they differ most.
GOOD = "good great excellent wonderful best perfect superb loved clever moving brilliant"
BAD = "bad terrible awful worst boring poor dull hated waste horrible tedious"

rows = {
    word: row for word, row in model[0].vocabulary_.items() if word in (GOOD + " " + BAD).split()
}
ids = np.array(list(rows.values()))
figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
tables = {"before": embedding.vectors_, "after": classifier.embedding_vectors_}
for ax, (title, table) in zip(axes, tables.items(), strict=True):
    places = PCA(n_components=2).fit_transform(table[ids])
    for (word, _), (x, y) in zip(rows.items(), places, strict=True):
        is_good = word in GOOD.split()
        ax.plot(x, y, "o" if is_good else "s", color="tab:blue" if is_good else "tab:red")
        ax.annotate(word, (x, y), xytext=(4, 4), textcoords="offset points", fontsize="small")
    ax.set(title=f"Word vectors {title} unfreezing", xticks=[], yticks=[])
print(f"reviews: {reviews.source}")

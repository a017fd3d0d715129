"""
A fitted pipeline in a notebook
===============================

scikit-learn draws a pipeline as boxes. Once fitted, this library's boxes show the size of the
vocabulary, the share of words that have vectors, the number of parameters and epochs.
"""

# %%
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding

texts, labels = make_reviews(400, random_state=0)
source = make_pipeline(SequenceVectorizer(), Word2VecEmbedding(vector_size=32, random_state=0))
source.fit(texts[:40])

model = make_pipeline(
    SequenceVectorizer(max_len=100),
    PretrainedEmbedding(source),
    RNNTextClassifier(hidden_size=16, max_epochs=3, random_state=0),
)
model.fit(texts, labels)

# %%
# The summary of the network is also a table:
model[-1].summary()
# sphinx_gallery_thumbnail_path = "_static/thumb_pipeline.png"

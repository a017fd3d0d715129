"""
What a file of vectors covers
=============================

Pretrained vectors help as far as they cover the words of the texts. The display shows the share of
words that was found, and the most frequent words that were not.
"""

# %%
# The vectors are GloVe's with 50 dimensions if available, otherwise word2vec's, learned from a few
# other reviews.
from reviews import data_home, load_reviews
from sklearn.pipeline import make_pipeline

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.displays import CoverageDisplay
from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding

source = data_home() / "vectors" / "glove.6B.50d.9k.txt.gz"
if not source.exists():
    others, _ = make_reviews(30, random_state=1)
    source = make_pipeline(SequenceVectorizer(), Word2VecEmbedding(random_state=0)).fit(others)

reviews = load_reviews(2_000)
X = SequenceVectorizer(min_df=2).fit_transform(reviews.train)
embedding = PretrainedEmbedding(source).fit(X)
CoverageDisplay.from_estimator(embedding, n_missing=20)

# %%
# If contractions head the list, as with GloVe, which splits "it's" in two, a ``token_pattern``
# that does the same finds them. The numbers behind the title (most words are rare, so a small
# share of the text is a larger share of the vocabulary):
coverage = embedding.coverage_
print(f"{coverage.words:.1%} of the {len(X.vocabulary) - 2:,} words have a vector,")
print(f"{coverage.tokens:.1%} of the running words (reviews: {reviews.source})")

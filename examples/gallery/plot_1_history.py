"""
Learning curves
===============

Loss and accuracy by epoch show when a network begins to memorise its texts: training figures keep
improving, validation figures do not. With ``early_stopping`` a tenth of the texts is set aside,
and the weights of the best epoch, which the display marks, are kept.
"""

# %%
# A network by itself, without the linear model beside it and with little dropout, overfits within
# a few epochs.
from reviews import load_reviews
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.displays import HistoryDisplay

reviews = load_reviews(2_000)
model = make_pipeline(
    SequenceVectorizer(max_features=10_000, max_len=200),
    RNNTextClassifier(
        embedding_dim=32,
        hidden_size=32,
        linear="none",
        dropout=0.1,
        input_dropout=0.0,
        lr_schedule="constant",
        table_lr=None,
        max_epochs=10,
        early_stopping=True,
        n_iter_no_change=4,
        random_state=0,
    ),
)
model.fit(reviews.train, reviews.train_labels)
display = HistoryDisplay.from_estimator(model)
display.figure_.suptitle(f"Learning curves of an LSTM (reviews: {reviews.source})")

# %%
# Accuracy on the held-out reviews agrees with validation:
accuracy = model.score(reviews.test, reviews.test_labels)
print(f"{accuracy:.1%} of {len(reviews.test)} held-out reviews right (reviews: {reviews.source})")

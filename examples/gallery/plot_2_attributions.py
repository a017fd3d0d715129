"""
What a network read in a text
=============================

Integrated gradients attribute the logit of a text to its tokens. Evidence for the class is shaded
in one colour, evidence against it in another; the values add up to the difference between the
text's logit and that of the same number of unknown words.
"""

# %%
# English
# -------
#
# These reviews are made up, so that the deciding words are known: "I" and "my friend" say whose
# opinion counts. The display draws a figure, and shows as HTML in a notebook, as here.
from itertools import product

from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.displays import TokenAttributionDisplay

texts, labels = make_reviews(2_000, n_filler=(1, 2), random_state=0)
model = make_pipeline(
    SequenceVectorizer(),
    RNNTextClassifier(hidden_size=32, lr=5e-3, random_state=0),
)
model.fit(texts, labels)

text = "The camera moves slowly. My friend found it dull, but I found it clever."
display = TokenAttributionDisplay.from_estimator(model, text, target="positive")
display.plot()

# %%
# Chinese
# -------
#
# If the vectorizer reads characters, a token is a character.
#
# In a notebook, as here, the browser provides the fonts. `plot` uses any installed font that has
# the letters, or says what to install. matplotlib looks for new fonts once its list,
# ``fontlist*.json`` in the folder ``matplotlib.get_cachedir()``, is deleted.


def praise_and_blame(things, good, bad):
    """Return short texts and their labels."""
    texts = [f"{thing} {word}" for thing, word in product(things, good + bad)]
    labels = ["good" if text.split(" ")[1] in good else "bad" for text in texts]
    return texts * 5, labels * 5


texts, labels = praise_and_blame(
    ["房间", "服务", "早餐", "位置", "前台"],
    ["很干净", "很不错", "非常好", "很方便"],
    ["很脏", "不好", "非常差", "太吵了"],
)
chinese = make_pipeline(
    SequenceVectorizer(analyzer="char"),
    RNNTextClassifier(hidden_size=32, lr=1e-2, random_state=0),
)
chinese.fit([text.replace(" ", "") for text in texts], labels)
TokenAttributionDisplay.from_estimator(chinese, "房间很干净，早餐非常差", target="good")

# %%
# From right to left
# ------------------
#
# The text keeps its own direction: "the room is clean, and the coffee is bad".
texts, labels = praise_and_blame(
    ["الغرفة", "الخدمة", "القهوة", "الحديقة", "الشرفة"],
    ["نظيفة", "ممتازة", "جميلة", "رائعة"],
    ["قذرة", "سيئة", "قبيحة", "رديئة"],
)
arabic = make_pipeline(
    SequenceVectorizer(), RNNTextClassifier(hidden_size=32, lr=1e-2, random_state=0)
)
arabic.fit(texts, labels)
TokenAttributionDisplay.from_estimator(arabic, "الغرفة نظيفة و القهوة سيئة", target="good")

# %%
# Markup stays text
# -----------------
#
# A review may contain anything. Whatever it is, a page shows it and never runs it.
hostile = make_pipeline(
    SequenceVectorizer(tokenizer=str.split, token_pattern=None),
    RNNTextClassifier(hidden_size=32, lr=1e-2, random_state=0),
)
hostile.fit(["good film", "bad <script>alert(1)</script> film"] * 40, ["good", "bad"] * 40)
TokenAttributionDisplay.from_estimator(
    hostile, "film <script>alert(1)</script> good", target="good"
)

"""Texts that repeat, share a template, or are few: the defaults learn what a linear model does."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews

CATEGORIES = ("food", "rent", "travel", "books", "health", "sport", "music", "tools")
FORM_LETTER = (
    "Dear customer, thank you for writing to us. We have received your request about {} and will "
    "answer within two working days. This message was sent by a machine: please do not reply to "
    "it. Our office is open from Monday to Friday, from nine to five."
)
SHOPS = {f"shop{i}": CATEGORIES[i % 8] for i in range(20)}
COMMANDS = ("lights on", "lights off", "music on", "music off", "volume up", "volume down")


def card_payments(n_copies):
    texts = [f"card payment to {shop}" for shop in SHOPS] * n_copies
    return texts, [*SHOPS.values()] * n_copies


def reviews_and_canned_messages():
    texts, labels = make_reviews(200, random_state=0)
    canned = ["thanks for shopping with us", "payment declined please retry"]
    signs = ["positive", "negative"]
    return list(texts) + canned * 50, list(labels) + signs * 50


CORPORA = {
    **{
        f"two texts, {n} times each": (["good film", "bad film"] * n, ["+", "-"] * n)
        for n in (1, 10, 100)
    },
    **{f"payments to 20 shops, {n} times each": card_payments(n) for n in (1, 5, 50)},
    "four sentences": (
        [
            "I love this movie",
            "I hate this movie",
            "This movie is great",
            "This movie is terrible",
        ],
        ["+", "-", "+", "-"],
    ),
    "six commands, 50 times each": ([*COMMANDS] * 50, [*COMMANDS] * 50),
    "a form letter for each of five subjects": (
        [FORM_LETTER.format(subject) for subject in CATEGORIES[:5]],
        [*CATEGORIES[:5]],
    ),
    "a class for each text": (["one", "two", "three four", "five"], [1, 2, 3, 4]),
    "a word for each class": (["yes"] * 3 + ["no"] * 3, [1] * 3 + [0] * 3),
    "one text of another class": (["ham and eggs"] * 40 + ["spam"], [0] * 40 + [1]),
    "several labels": (["a b", "a", "b", "c"] * 8, [[1, 1], [1, 0], [0, 1], [0, 0]] * 8),
}


def defaults(**parameters):
    return make_pipeline(SequenceVectorizer(), RNNTextClassifier(random_state=0, **parameters))


@pytest.mark.parametrize("name", CORPORA)
def test_the_defaults_learn_a_corpus_that_words_decide(name):
    texts, labels = CORPORA[name]
    labels = np.array(labels)
    assert (defaults().fit(texts, labels).predict(texts) == labels).all()


def test_canned_messages_among_reviews_are_learned():
    texts, labels = reviews_and_canned_messages()
    model = defaults().fit(texts, labels)
    assert model.predict(texts[-2:]).tolist() == labels[-2:]
    assert model.predict_proba(texts[-2:]).max(axis=1).min() > 0.8


def test_weights_do_for_two_texts_what_copies_do():
    texts, labels = ["good film", "bad film"], ["+", "-"]
    model = defaults().fit(texts, labels, rnntextclassifier__sample_weight=[100, 100])
    assert model.predict(texts).tolist() == labels


@pytest.mark.parametrize(("n_copies", "error"), [(1, 1.9), (10, 0.8), (100, 0.1)])
def test_a_regressor_tells_two_texts_apart(n_copies, error):
    """The nearer the more steps there are: ten epochs of two texts are ten steps."""
    texts, stars = ["good film", "bad film"], [5.0, 1.0]
    model = make_pipeline(SequenceVectorizer(), RNNTextRegressor(random_state=0))
    good, bad = model.fit(texts * n_copies, stars * n_copies).predict(texts)
    assert 5 - error < good < 5 + error
    assert 1 - error < bad < 1 + error


# ---- The law -----------------------------------------------------------------------------------


def words(rng, n):
    """Words as frequent as in a language."""
    share = 1 / np.arange(1, 151)
    return rng.choice([f"w{i}" for i in range(150)], n, p=share / share.sum())


def templates(rng):
    n_classes = rng.integers(2, 9)
    frame = words(rng, rng.choice([0, 3, 6, 30, 100]))
    slots = np.arange(rng.integers(n_classes, 5 * n_classes))
    texts = [" ".join([*frame, f"slot{slot}"]) for slot in slots]
    n_copies = rng.choice([1, 2, 5, 20])
    return texts * n_copies, np.tile(slots % n_classes, n_copies)


def copies(rng):
    n = rng.integers(2, 9)
    texts = [" ".join(words(rng, rng.integers(1, 9))) for _ in range(n)]
    n_copies = rng.choice([1, 2, 10, 50])
    return texts * n_copies, np.tile(rng.integers(rng.integers(2, n + 1), size=n), n_copies)


def few_texts(rng):
    n = rng.integers(2, 13)
    return [" ".join(words(rng, rng.integers(1, 30))) for _ in range(n)], rng.integers(2, size=n)


def many_classes(rng):
    labels = np.repeat(np.arange(rng.integers(3, 40)), rng.integers(1, 6))
    return [" ".join([*words(rng, 6), f"class{label}"]) for label in labels], labels


def one_class_is_rare(rng):
    n, n_urgent = rng.integers(30, 200), rng.integers(1, 6)
    texts = [" ".join(words(rng, 8)) for _ in range(n)]
    texts += [" ".join([*words(rng, 6), "urgent", "now"]) for _ in range(n_urgent)]
    return texts, np.repeat([0, 1], [n, n_urgent])


# scikit-learn's doubt whether so many labels are classes.
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater")
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("corpus", [templates, copies, few_texts, many_classes, one_class_is_rare])
def test_what_tf_idf_with_logistic_regression_fits_the_defaults_fit(corpus, seed):
    texts, labels = corpus(np.random.default_rng(seed))
    if len(set(labels)) < 2:
        return
    linear = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression())
    if linear.fit(texts, labels).score(texts, labels) == 1:
        assert defaults().fit(texts, labels).score(texts, labels) >= 0.99

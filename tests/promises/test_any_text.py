"""Any text gets its own prediction; what is no text gets the documented error."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews

N_TEXTS = int(os.environ.get("FUZZ_TEXTS", 100_000))  # `make fuzz` asks for more
AT_ONCE = 2_000

# Any code point, lone surrogates and unassigned ones among them.
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
no_text = st.one_of(st.none(), st.binary(), st.integers(), st.floats(), st.lists(st.text()))

STRANGE = [
    "😀👩‍👩‍👧‍👦🏳️‍🌈",  # emoji, joined ones too
    "\u202eحسن جدا\u202c شكرا",  # right to left, with marks that turn the direction
    "e\u0301\u0323 a\u0308" + "\u0300" * 500,  # combining marks
    "\ud800 lone \udfff",
    "nul\x00 in the midst \x00",
    "\ufeff\u200b\u00ad\u2028\u2029\x85",
    "ﬁ ﬂ ℌ ① ² ǅ İ ß",  # what changes its length when lowered or folded
    "<script>alert(1)</script>",
    "",
    " \t\n",
    "\U0010ffff\U000e0001",
]


@pytest.fixture(scope="module")
def model():
    texts, labels = make_reviews(200, random_state=0)
    texts += [f"good {text}" for text in STRANGE]
    labels = np.append(labels, ["positive", "negative"] * 5 + ["positive"])
    classifier = RNNTextClassifier(
        hidden_size=4, embedding_dim=8, max_epochs=2, table_lr=1e3, random_state=0
    )
    return make_pipeline(SequenceVectorizer(max_len=30), classifier).fit(texts, labels)


def assert_own_predictions(model, texts):
    """Each text's prediction is its own: alone, in company, and in another order."""
    together = model.predict_proba(texts)
    assert together.shape == (len(texts), 2)
    assert np.isfinite(together).all()
    backwards = model.predict_proba(texts[::-1])[::-1]
    np.testing.assert_allclose(together, backwards, atol=1e-6)
    for row in {0, len(texts) // 2, len(texts) - 1}:
        np.testing.assert_allclose(model.predict_proba([texts[row]])[0], together[row], atol=1e-6)


@settings(deadline=None)
@given(st.lists(any_text, min_size=1, max_size=20))
def test_every_text_gets_its_own_prediction(model, texts):
    assert_own_predictions(model, texts)


@settings(deadline=None)
@given(st.lists(any_text, max_size=5), no_text, st.integers(0, 5))
def test_what_is_no_text_is_named_with_its_place(model, texts, intruder, place):
    mixed = [*texts[:place], intruder, *texts[place:]]
    row = min(place, len(texts))
    for call in (model.predict, model[0].fit):
        with pytest.raises(TypeError, match=rf"SequenceVectorizer: .*\b{row}\b"):
            call(mixed)


def test_strange_texts_are_learned_and_predicted(model):
    assert_own_predictions(model, STRANGE)


def strange_text(rng):
    """Return a text of words, strange pieces and random code points, in random order."""
    n_pieces = int(rng.integers(0, 6))
    pieces = []
    for kind in rng.integers(4, size=n_pieces):
        if kind == 0:
            pieces.append(STRANGE[rng.integers(len(STRANGE))])
        elif kind == 1:
            pieces.append("".join(map(chr, rng.integers(0x110000, size=rng.integers(1, 8)))))
        elif kind == 2:
            pieces.append(("good", "bad", "not", "film")[rng.integers(4)])
        else:
            pieces.append(chr(rng.integers(0x20, 0x3000)) * int(rng.integers(1, 30)))
    return ("", " ", "\n")[rng.integers(3)].join(pieces)


def test_a_hundred_thousand_strange_texts_get_their_own_predictions(model):
    rng = np.random.default_rng(0)
    for start in range(0, N_TEXTS, AT_ONCE):
        texts = [strange_text(rng) for _ in range(min(AT_ONCE, N_TEXTS - start))]
        assert_own_predictions(model, texts)


@pytest.mark.parametrize("text", ["x" * 2**20, "é" * 2**20, "good " * 200_000, "\x00" * 2**20])
def test_a_text_of_a_megabyte_is_a_text(model, text):
    assert_own_predictions(model, [text, "good", "bad"])
    assert SequenceVectorizer(max_len=5).fit_transform([text, "good"]).shape == (2, 5)

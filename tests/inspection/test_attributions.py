"""What each token adds to a logit: complete, alike in any company, and of the model as it is."""

import sys

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from film_reviews import LABELS, TEXTS, fitted
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.inspection import token_attributions
from small_models import THREE_EPOCHS

METHODS = ["integrated_gradients", "occlusion"]


@pytest.fixture(scope="module")
def reader():
    """A model that is always right, by order alone: a linear model would live on hints too."""
    texts, labels = make_reviews(3_000, n_filler=(1, 3), random_state=0)
    classifier = RNNTextClassifier(
        cell="gru",
        hidden_size=24,
        embedding_dim=24,
        max_epochs=14,
        batch_size=64,
        table_lr=160.0,
        linear="none",
        random_state=0,
    )
    return make_pipeline(SequenceVectorizer(max_len=90), classifier).fit(texts, labels)


@pytest.mark.parametrize("method", METHODS)
def test_the_words_that_decide_rank_first(reader, method):
    pytest.importorskip("captum")
    texts, labels, spans = make_reviews(150, n_filler=(1, 3), return_spans=True, random_state=1)
    assert reader.score(texts, labels) > 0.98
    found = token_attributions(reader, texts, method=method)
    signs = np.where(reader.predict(texts) == "positive", 1, -1)
    hits = [
        decides(text, span, tokens, (sign * values).argmax())
        for text, span, tokens, values, sign in zip(
            texts, spans, found.tokens, found.values, signs, strict=True
        )
    ]
    print(f"{method}: {np.mean(hits):.1%}")
    assert np.mean(hits) >= 0.95


def decides(text, span, tokens, place):
    """Return whether the token at a place lies in the span of the deciding words."""
    start = 0
    for token in tokens[: place + 1]:
        start = text.lower().index(token, start) + len(token)
    return span[0] < start <= span[1]


@pytest.mark.parametrize("method", METHODS)
def test_a_text_is_explained_alike_in_any_company(model, method):
    pytest.importorskip("captum")
    together = token_attributions(model, TEXTS[:9], method=method, batch_size=4)
    for i, text in enumerate(TEXTS[:9]):
        alone = token_attributions(model, [text], method=method)
        assert alone.tokens[0] == together.tokens[i]
        np.testing.assert_allclose(alone.values[0], together.values[i], atol=2e-3)


def test_occlusion_is_what_the_logit_loses(model):
    pytest.importorskip("captum")
    text = TEXTS[0]
    found = token_attributions(model, [text], method="occlusion")
    words = found.tokens[0]
    for place, value in enumerate(found.values[0]):
        without = " ".join([*words[:place], "unheardof", *words[place + 1 :]])
        loss = logit(model, text) - logit(model, without)
        assert value == pytest.approx(loss, abs=1e-5)


def logit(model, text):
    share = model.predict_proba([text])[0, 1]
    return np.log(share / (1 - share))


def test_the_logits_are_those_of_the_prediction(model, many_classes):
    pytest.importorskip("captum")
    found = token_attributions(model, TEXTS[:5])
    np.testing.assert_allclose(found.logits, [logit(model, text) for text in TEXTS[:5]], atol=1e-5)
    found = token_attributions(many_classes, TEXTS[:5])
    assert found.targets == many_classes.predict(TEXTS[:5]).tolist()


def test_the_other_class_of_two_gets_the_opposite(model):
    pytest.importorskip("captum")
    first, second = (token_attributions(model, TEXTS[:3], target=c) for c in model.classes_)
    assert second.targets == ["positive"] * 3
    np.testing.assert_array_equal(first.values[1], -second.values[1])
    np.testing.assert_array_equal(first.logits, -second.logits)


def test_a_class_of_many_and_a_column_of_numbers_can_be_asked_about(many_classes):
    pytest.importorskip("captum")
    assert token_attributions(many_classes, TEXTS[:2], target="b").targets == ["b", "b"]
    two = fitted(RNNTextRegressor(**THREE_EPOCHS), np.stack([np.arange(120.0)] * 2, axis=1))
    assert token_attributions(two, TEXTS[:2], target=1).targets == [None, None]
    several = fitted(RNNTextClassifier(**THREE_EPOCHS), np.eye(3, dtype=int)[np.arange(120) % 3])
    assert token_attributions(several, TEXTS[:1], target=2).targets == [2]
    for model in (two, several):
        with pytest.raises(ValueError, match="give the index of a column"):
            token_attributions(model, TEXTS[:1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_tokens_are_those_of_the_text_where_it_is_cut_or_unknown(method, truncating):
    pytest.importorskip("captum")
    vectorizer = SequenceVectorizer(max_len=3, truncating=truncating, stop_words=["the"])
    model = make_pipeline(vectorizer, RNNTextClassifier(**THREE_EPOCHS)).fit(TEXTS, LABELS)
    found = token_attributions(model, ["The zzz film THE was good", ""], method=method)
    expected = ["film", "was", "good"] if truncating == "pre" else ["zzz", "film", "was"]
    assert found.tokens == [expected, []]
    assert [len(values) for values in found.values] == [3, 0]


def test_nothing_is_written_to_the_model(model):
    pytest.importorskip("captum")
    before = model.predict_proba(TEXTS)
    for method in METHODS:
        token_attributions(model, TEXTS[:2], method=method)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), before)
    assert all(parameter.grad is None for parameter in model[-1].net_.module_.parameters())


def test_what_cannot_be_explained_is_refused(model, monkeypatch):
    with pytest.raises(ValueError, match=r"method must be one of \['integrated_gradients', 'occ"):
        token_attributions(model, TEXTS[:1], method="magic")
    with pytest.raises(ValueError, match=r"target must be one of \['negative', 'positive'\]"):
        token_attributions(model, TEXTS[:1], target="neutral")
    with pytest.raises(TypeError, match="begins with a SequenceVectorizer, got RNNTextClassi"):
        token_attributions(model[-1], TEXTS[:1])
    with pytest.raises(ValueError, match="expected a sequence of texts, got one str"):
        token_attributions(model, TEXTS[0])
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[inspection\]"'):
        token_attributions(model, TEXTS[:1])

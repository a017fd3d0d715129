"""Attributions are shown as text and drawn as pictures, tested by their numbers."""

import html
import itertools

import matplotlib as mpl
import numpy as np
import pytest

from film_reviews import TEXTS
from pages import Reader
from sklearn_rnn.displays import TokenAttributionDisplay
from sklearn_rnn.displays._shading import colour
from sklearn_rnn.inspection import TokenAttributions, token_attributions

EVIL = '<script>alert("x")</script>'
SCRIPTS = {
    "english": ["so", "good", EVIL, "&amp;"],
    "chinese": ["房间", "很", "干净", "，"],
    "hebrew": ["הסרט", "היה", "נפלא", "מאוד"],
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_stays_text_in_a_notebook(script):
    tokens = SCRIPTS[script]
    display = TokenAttributionDisplay(tokens, np.array([0.1, 2, -1, 0]), EVIL, EVIL)
    page = Reader(display._repr_html_())
    assert page.tags == {"div", "strong", "p", "bdi", "span"}
    for token in tokens:
        assert token in page.text
    direction = dict(page.attributes)["dir"]
    assert direction == ("rtl" if script == "hebrew" else "ltr")


def test_a_display_holds_what_was_found(model):
    pytest.importorskip("captum")
    found = token_attributions(model, TEXTS[:2], target="negative")
    display = TokenAttributionDisplay.from_attributions(found, 1)
    assert display.tokens == found.tokens[1]
    np.testing.assert_array_equal(display.values, found.values[1])
    alone = TokenAttributionDisplay.from_estimator(model, TEXTS[1], target="negative")
    np.testing.assert_allclose(alone.values, display.values, atol=1e-3)
    assert f"logit of 'negative': {found.logits[1]:+.2f}" in html.unescape(display._repr_html_())


@pytest.mark.parametrize("script", ["english", "hebrew"])
def test_a_drawn_text_has_each_token_once_in_reading_order_and_within_its_page(script):
    tokens = SCRIPTS[script] * 20
    values = np.linspace(-1, 1, len(tokens))
    display = TokenAttributionDisplay(tokens, values, title="$x").plot()
    texts = [text for text in display.ax_.texts if text.get_alpha() != 0]
    assert [text.get_text() for text in texts] == tokens
    boxes = [text.get_window_extent() for text in texts]
    page = display.figure_.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 + 1 and page.y0 <= box.y0 for box in boxes)
    for text, value in zip(texts, values, strict=True):
        shade = mpl.colors.to_hex(text.get_bbox_patch().get_facecolor())
        assert shade == colour(value, 1.0)
    for before, after in itertools.pairwise(boxes):
        follows = after.x1 <= before.x0 if script == "hebrew" else after.x0 >= before.x1
        assert follows or after.y1 < before.y1  # beside it, or on the next line


def test_a_long_text_is_written_smaller_until_it_fits_into_the_axes_that_are_given(plt):
    tokens = SCRIPTS["english"] * 40
    _, ax = plt.subplots(figsize=(5, 3))
    TokenAttributionDisplay(tokens, np.ones(len(tokens))).plot(ax=ax)
    page = ax.get_window_extent()
    shown = [text for text in ax.texts if text.get_alpha() != 0]
    assert len(shown) == len(tokens)
    assert min(text.get_window_extent().y0 for text in shown) >= page.y0 - 3
    assert shown[0].get_fontsize() < 10


def test_numbers_have_no_class():
    found = TokenAttributions([["a"]], [np.ones(1)], [None], np.ones(1), np.zeros(1), "occlusion")
    display = TokenAttributionDisplay.from_attributions(found)
    assert display.title == "prediction: +1.00, of unknown words +0.00"
    assert "+1.00 higher" in display._repr_html_()


def test_an_empty_text_can_be_shown():
    display = TokenAttributionDisplay([], np.empty(0))
    assert display.plot().ax_ is not None
    assert "<p" in display._repr_html_()

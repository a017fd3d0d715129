"""Pictures are tested by their numbers; how they look is for eyes."""

import html
import itertools
import re
import sys
import warnings
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.displays import (
    CoverageDisplay,
    HistoryDisplay,
    MemoryDisplay,
    TokenAttributionDisplay,
)
from sklearn_rnn.displays._shading import colour
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.inspection import TokenAttributions, memory_profile, token_attributions

TEXTS, LABELS = make_reviews(120, n_filler=(0, 2), random_state=0)
QUICK = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 3, "random_state": 0}


@pytest.fixture(autouse=True)
def plt():
    mpl.use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def model():
    classifier = RNNTextClassifier(**QUICK, early_stopping=True)
    return make_pipeline(SequenceVectorizer(max_len=60), classifier).fit(TEXTS, LABELS)


# ---- History ---------------------------------------------------------------------------------


def test_the_curves_are_the_history_and_the_kept_epoch_is_marked(model):
    history = model[-1].history_
    display = HistoryDisplay.from_estimator(model)
    assert display.metrics == ["loss", "accuracy"]
    for ax, metric in zip(display.axes_, display.metrics, strict=True):
        training, validation, kept = ax.get_lines()
        np.testing.assert_array_equal(training.get_ydata(), history[f"train_{metric}"])
        np.testing.assert_array_equal(validation.get_ydata(), history[f"valid_{metric}"])
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
        assert set(kept.get_xdata()) == {model[-1].best_epoch_}
    assert display.best_epoch == 1 + np.argmin(history["valid_loss"])


def test_without_validation_the_last_epoch_is_kept(plt):
    regressor = RNNTextRegressor(**QUICK).fit(np.arange(2, 42).reshape(20, 2), np.arange(20.0))
    _, ax = plt.subplots()
    display = HistoryDisplay.from_estimator(regressor, metrics=["loss"], ax=ax)
    assert display.axes_.tolist() == [ax]
    assert len(ax.get_lines()) == 2  # training, and the mark
    assert display.best_epoch == regressor.n_iter_ == 3


def test_the_kept_epoch_counts_on_over_warm_starts():
    X, y = np.arange(2, 82).reshape(40, 2), np.arange(40) % 2
    model = RNNTextClassifier(**QUICK, early_stopping=True, warm_start=True).fit(X, y)
    assert model.best_epoch_ == 1 + np.argmin(model.history_["valid_loss"])
    model.fit(X, y)
    assert model.best_epoch_ == 4 + np.argmin(model.history_["valid_loss"][3:])
    model.partial_fit(X, y)
    assert model.best_epoch_ == model.n_iter_ == 7


def test_axes_are_one_for_each_metric(model, plt):
    _, ax = plt.subplots()
    with pytest.raises(
        ValueError, match=r"expected axes for \['loss', 'accuracy'\], one for each"
    ):
        HistoryDisplay.from_estimator(model, ax=ax)
    assert HistoryDisplay.from_estimator(model, metrics="loss", ax=ax).metrics == ["loss"]


def test_a_metric_that_there_is_not_is_refused(model):
    with pytest.raises(ValueError, match=r"no \['f1'\], only \['loss', 'accuracy'\]"):
        HistoryDisplay.from_estimator(model, metrics=["f1"])


# ---- Attributions ----------------------------------------------------------------------------

EVIL = '<script>alert("x")</script>'
SCRIPTS = {
    "english": ["so", "good", EVIL, "&amp;"],
    "chinese": ["房间", "很", "干净", "，"],
    "hebrew": ["הסרט", "היה", "נפלא", "מאוד"],
}


class Reader(HTMLParser):
    """Collects tags and text, as a browser sees them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.attributes = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


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


def test_the_shade_of_a_token_says_what_it_adds():
    display = TokenAttributionDisplay(["a", "b", "c"], np.array([0.0, 2.0, -1.0]), "yes")
    page = display._repr_html_()
    grounds = re.findall(r'<bdi style="background:(#\w+)', page)
    assert grounds == [colour(0, 2), colour(2, 2), colour(-1, 2)]
    assert grounds[0] == "#ffffff"
    assert re.findall(r'title="([^"]+)"', page) == ["+0.000", "+2.000", "-1.000"]
    assert "against yes -2.00" in page
    assert "+2.00 for yes" in page


@pytest.mark.parametrize("value", np.linspace(-1, 1, 21))
def test_black_letters_are_legible_on_every_shade(value):
    """WCAG asks for a contrast of 4.5."""
    parts = np.array([int(colour(value, 1)[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (luminance + 0.05) / 0.05 >= 7


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


@pytest.mark.parametrize("text", ["$x", r"$\frac$", "好", "a|b", "$5 to $10"])
def test_whatever_words_hold_is_drawn_as_it_is(text, tmp_path):
    ours = TokenAttributionDisplay([text], np.ones(1), text, title=text).plot()
    bars = CoverageDisplay(0.5, 0.5, [text], [1]).plot()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # where no font has the letter
        for display in (ours, bars):
            display.figure_.savefig(tmp_path / "picture.png")
    assert ours.ax_.get_title(loc="left") == text
    assert bars.ax_.get_yticklabels()[0].get_text() == text


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


# ---- Memory and coverage ---------------------------------------------------------------------


def test_several_memories_share_axes_on_a_scale_of_powers(model):
    profile = memory_profile(model, TEXTS[:9])
    first = MemoryDisplay.from_estimator(model, TEXTS[:9])
    second = MemoryDisplay.from_profiles({"again": profile}, ax=first.ax_)
    assert second.ax_ is first.ax_
    assert first.ax_.get_yscale() == "log"
    assert [text.get_text() for text in first.ax_.get_legend().get_texts()] == ["lstm", "again"]
    for line in first.ax_.get_lines():
        np.testing.assert_allclose(line.get_ydata(), profile.norms, rtol=1e-5)
        np.testing.assert_array_equal(line.get_xdata(), profile.distances)


def test_the_bars_of_the_coverage_are_the_missing_words(tmp_path):
    source = tmp_path / "vectors.txt"
    source.write_text("good 1 2\nfilm 3 4\n", encoding="utf-8")
    embedding = PretrainedEmbedding(source)
    texts = ["good film"] * 8 + ["odd odd night"]
    pipeline = make_pipeline(SequenceVectorizer(), embedding, RNNTextClassifier(**QUICK))
    pipeline.fit(texts, np.arange(9) % 2)
    display = CoverageDisplay.from_estimator(pipeline)
    assert (display.missing, display.counts) == (["odd", "night"], [2, 1])
    assert [bar.get_width() for bar in display.ax_.patches] == [2, 1]
    assert display.tokens == embedding_of(pipeline).token_coverage_ == pytest.approx(16 / 19)
    assert display.ax_.get_title() == "found: 84.2% of the tokens, 50.0% of the words"
    assert CoverageDisplay.from_estimator(pipeline, n_missing=1).missing == ["odd"]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in table_rows(pipeline)]
    assert ["token_coverage_", "float", "0.8421"] in rows


def table_rows(pipeline):
    return re.findall(r"<tr.*?</tr>", pipeline._repr_html_(), flags=re.DOTALL)


def embedding_of(pipeline):
    return pipeline.named_steps["pretrainedembedding"]


def test_what_has_no_coverage_is_refused(model):
    with pytest.raises(TypeError, match="expected a fitted PretrainedEmbedding, or a pipeline"):
        CoverageDisplay.from_estimator(model)


# ---- In notebooks ----------------------------------------------------------------------------


def test_the_summary_is_a_table_in_a_notebook(model):
    summary = model[-1].summary()
    page = Reader(summary._repr_html_())
    assert "table" in page.tags
    for name, shape, n in summary.layers:
        assert {name, str(shape), f"{n:,}"} <= set(page.text)
    assert f"{summary.total:,}" in page.text


def test_the_diagram_of_a_pipeline_tells_its_size(model):
    cells = [re.sub(r"<[^>]+>", " ", row).split() for row in table_rows(model)]
    told = {row[0]: row[-1] for row in cells if row}
    assert told["vocabulary_size_"] == str(model[0].vocabulary_size_)
    assert told["n_parameters_"] == str(model[-1].n_parameters_)
    assert told["n_iter_"] == "3"
    assert told["best_epoch_"] == str(model[-1].best_epoch_)


def test_without_matplotlib_the_way_out_is_named(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[plot\]"'):
        HistoryDisplay.from_estimator(model)
    assert "<p" in TokenAttributionDisplay(["a"], np.ones(1))._repr_html_()

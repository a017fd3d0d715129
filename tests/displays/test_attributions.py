"""Pictures are tested by their numbers; how they look is for eyes."""

import html
import itertools
import re
import sys
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
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
from sklearn_rnn.inspection import (
    MemoryProfile,
    TokenAttributions,
    memory_profile,
    token_attributions,
)

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


PROFILE = MemoryProfile(np.arange(3), np.ones(3), np.array([9, 9, 9]), "state")


def text_as_tokens(text):
    display = TokenAttributionDisplay([text, "film"], np.ones(2), text, title=text).plot()
    assert display.ax_.get_title(loc="left") == display.ax_.texts[1].get_text() == text
    return display.figure_


def text_as_missing_word(text):
    display = CoverageDisplay(0.5, 0.5, [text], [1]).plot()
    assert display.ax_.get_yticklabels()[0].get_text() == text
    return display.figure_


def text_as_name_of_a_model(text):
    display = MemoryDisplay.from_profiles({text: PROFILE})
    assert display.ax_.get_legend().get_texts()[0].get_text() == text
    return display.figure_


def text_as_metric(text):
    display = HistoryDisplay({f"valid_{text}": np.ones(2)}, 1, [text]).plot()
    assert display.axes_[0].get_ylabel() == text
    return display.figure_


WAYS = [text_as_tokens, text_as_missing_word, text_as_name_of_a_model, text_as_metric]


def saved(figure):
    """Save a figure as users do, after the display has returned: a warning is an error here."""
    for form in ("png", "pdf"):
        figure.savefig(BytesIO(), format=form, bbox_inches="tight", dpi=40)


@pytest.fixture
def own_fonts(monkeypatch):
    """The fonts that matplotlib brings, and no others: what a fresh machine has."""
    manager = font_manager.fontManager
    brought = [e for e in manager.ttflist if Path(e.fname).is_relative_to(mpl.get_data_path())]
    monkeypatch.setattr(manager, "ttflist", brought)
    return manager


def font_with(letters, family, folder):
    """Make a font in which all of some letters are the same square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in [(0, 700), (700, 700), (700, 0)]:
        pen.lineTo(corner)
    pen.closePath()
    font, glyphs = FontBuilder(1000, isTTF=True), [".notdef", "square"]
    font.setupGlyphOrder(glyphs)
    font.setupCharacterMap({ord(letter): "square" for letter in letters})
    font.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (800, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(folder / "font.ttf")
    return folder / "font.ttf"


ODD = [r"$\frac$", "$x", "a|b", "$5 to $10", "naïve", "\x07", "a\nb"]


@pytest.mark.parametrize(
    ("way", "text"), [(WAYS[0], text) for text in ODD] + [(way, ODD[0]) for way in WAYS[1:]]
)
def test_whatever_words_hold_is_drawn_as_it_is(way, text, own_fonts):
    saved(way(text))


NO_FONT = {
    "好": ("Chinese", "Noto Sans CJK"),
    "𠀀": ("rare Chinese", "Noto Sans CJK or BabelStone Han"),
    "Ａ，": ("Chinese", "Noto Sans CJK"),
    "とても": ("Japanese", "Noto Sans CJK"),
    "좋은": ("Korean", "Noto Sans CJK"),
    "अच्छी": ("Devanagari", "Noto Sans Devanagari"),
    "நல்ல": ("Tamil", "Noto Sans Tamil"),
    "ดี": ("Thai", "Noto Sans Thai"),
    "བཟང": ("Tibetan", "Noto Serif Tibetan"),
    "ᏣᎳᎩ": ("Cherokee", "Noto Sans Cherokee"),
    "🧵": ("emoji or symbols", "Noto Emoji"),
    "👨\u200d👩": ("emoji or symbols", "Noto Emoji"),
    "\ue000\u0378\uffff": ("private or unassigned", "a font of your own"),
    "\U0001fae8": ("emoji or symbols", "Noto Emoji"),  # younger than Python 3.11
    "good 好，நல்ல": ("Chinese, Tamil", "Noto Sans CJK, Noto Sans Tamil"),
}


@pytest.mark.parametrize(
    ("way", "text"), [(WAYS[0], text) for text in NO_FONT] + [(way, "好") for way in WAYS[1:]]
)
def test_letters_that_no_font_has_are_one_warning_of_scripts_and_what_to_install(
    way, text, own_fonts
):
    script, font = NO_FONT[text]
    with pytest.warns(UserWarning, match=f"no installed font .* boxes: {script}") as caught:
        saved(way(text))
    (warning,) = caught
    assert f"Install {font}, and delete fontlist*.json in " in str(warning.message)
    assert re.match(r"\w+Display: ", str(warning.message))


def test_the_warning_names_the_line_that_drew(own_fonts):
    with pytest.warns(UserWarning, match="no installed font") as caught:
        TokenAttributionDisplay(["好"], np.ones(1)).plot()
    assert caught[0].filename == __file__


@pytest.mark.parametrize("text", ["جيد", "טוב", "хорошо", "καλό", "a\u200eb", "☺\ufe0f"])
def test_what_matplotlibs_own_fonts_have_needs_no_others(text, own_fonts):
    saved(text_as_tokens(text))


def test_any_installed_font_that_has_the_letters_is_taken(own_fonts, tmp_path):
    own_fonts.addfont(font_with("好影", "Some Font of 1999", tmp_path))
    for way in WAYS:
        saved(way("好影"))
    with pytest.warns(UserWarning, match="boxes: Thai"):
        saved(text_as_tokens("好 ดี"))


def test_the_font_of_the_users_settings_comes_first(own_fonts, tmp_path):
    own_fonts.addfont(font_with("好", "Chosen Font", tmp_path))
    with mpl.rc_context({"font.family": ["Chosen Font"]}):
        display = TokenAttributionDisplay(["好"], np.ones(1)).plot()
    assert display.ax_.texts[-1].get_fontfamily()[0] == "Chosen Font"


def test_a_font_that_was_set_and_is_missing_hides_no_letters(own_fonts, caplog):
    with mpl.rc_context({"font.family": ["No Such Font"]}):
        saved(text_as_tokens("good"))
        with pytest.warns(UserWarning, match="boxes: Chinese"):
            saved(text_as_tokens("好"))
    assert "'No Such Font' not found" in caplog.text


@pytest.mark.parametrize("family", ["Any Color Emoji", ".LastResort"])
def test_fonts_that_draw_nothing_that_can_be_read_are_not_taken(family, own_fonts, tmp_path):
    own_fonts.addfont(font_with("好", family, tmp_path))
    with pytest.warns(UserWarning, match="boxes: Chinese"):
        saved(text_as_tokens("好"))


def test_a_font_that_was_removed_since_matplotlib_listed_it_is_not_taken(own_fonts, tmp_path):
    path = font_with("好", "Removed Font", tmp_path)
    own_fonts.addfont(path)
    path.unlink()
    with pytest.warns(UserWarning, match="boxes: Chinese"):
        saved(text_as_tokens("好"))


def test_a_list_of_fonts_that_lacks_matplotlibs_boxes_gets_them_back(own_fonts, monkeypatch):
    letters = [entry for entry in own_fonts.ttflist if entry.name.startswith("DejaVu")]
    monkeypatch.setattr(own_fonts, "ttflist", letters)
    with pytest.warns(UserWarning, match="boxes: Korean") as caught:
        saved(text_as_tokens("좋은"))
    assert len(caught) == 1


def test_half_a_surrogate_pair_is_drawn_as_a_replacement_character(own_fonts):
    display = TokenAttributionDisplay(["a\ud83d"], np.ones(1), title="\udce9").plot()
    bars = CoverageDisplay(0.5, 0.5, ["\ud83d"], [1]).plot()
    saved(display.figure_)
    saved(bars.figure_)
    assert display.ax_.texts[-1].get_text() == "a\ufffd"
    assert display.tokens == ["a\ud83d"]


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

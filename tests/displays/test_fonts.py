"""Any text can be drawn: letters are looked for in all fonts, and what none has is told."""

import re
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from sklearn_rnn.displays import (
    CoverageDisplay,
    HistoryDisplay,
    MemoryDisplay,
    TokenAttributionDisplay,
)
from sklearn_rnn.inspection import MemoryProfile

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

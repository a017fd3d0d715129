"""Explaining a text from the command line."""

import re
import sys

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from command_line import failure, run
from sklearn_rnn import RNNTextRegressor, SequenceVectorizer

TEXT = "The film was never dull, I loved it"
BAR = re.compile(r"^ *([+-]\d+\.\d\d)  (\+*|-*) +(\S+)$", flags=re.MULTILINE)


@pytest.fixture
def with_captum():
    pytest.importorskip("captum")


@pytest.mark.usefixtures("with_captum")
def test_each_token_stands_in_its_place_with_what_it_adds(trained, capsys):
    from sklearn_rnn.inspection import token_attributions

    assert run("explain", trained.path, TEXT) == 0
    printed = capsys.readouterr().out
    model = joblib.load(trained.path)
    (label,) = model.predict([TEXT])
    assert re.search(rf"^prediction   {label}\nprobability  0\.\d+\n", printed)
    assert f"How much each token speaks for (+) or against (-) {label}, compared" in printed
    rows = BAR.findall(printed)
    assert " ".join(token for _, _, token in rows) == "the film was never dull i loved it"
    values = token_attributions(model, [TEXT], target=label).values[0]
    np.testing.assert_allclose([float(value) for value, _, _ in rows], values, atol=0.0051)
    lengths = [len(bar) for _, bar, _ in rows]
    np.testing.assert_allclose(lengths, 20 * np.abs(values) / np.abs(values).max(), atol=0.51)
    assert all(bar in ("", value[0] * len(bar)) for value, bar, _ in rows)
    assert "\x1b" not in printed


@pytest.mark.usefixtures("with_captum")
@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("", True), ("1", False)])
def test_colours_are_for_terminals(trained, capsys, monkeypatch, no_color, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("explain", trained.path, TEXT) == 0
    assert ("\x1b[" in capsys.readouterr().out) == coloured


@pytest.mark.usefixtures("with_captum")
def test_a_page_shows_the_text_as_text(trained, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert run("explain", trained.path, "so good <script>房间</script>", "--html", page) == 0
    assert f"Saved to {page}" in capsys.readouterr().out
    html = page.read_text("utf-8")
    assert html.startswith('<!doctype html>\n<meta charset="utf-8">')
    assert "房间" in html
    assert "<script" not in html


@pytest.mark.usefixtures("with_captum")
def test_a_token_cannot_drive_the_terminal(tmp_path, capsys):
    model = make_pipeline(
        SequenceVectorizer(analyzer="char"),
        RNNTextRegressor(max_epochs=1, hidden_size=2, random_state=0),
    )
    joblib.dump(model.fit(["a", "b\x1b ", "c"] * 3, range(9)), tmp_path / "m.joblib")
    assert run("explain", tmp_path / "m.joblib", "b\x1b[31m 了") == 0
    printed = capsys.readouterr().out
    assert "How much each token speaks for a higher (+) or lower (-) number, compared" in printed
    assert "\x1b" not in printed
    tokens = [line[31:] for line in printed.splitlines()[-8:]]
    assert tokens == ["b", r"'\x1b'", "[", "3", "1", "m", "' '", "了"]


def test_an_empty_text_cannot_be_explained(trained, capsys):
    assert "expected a text, got an empty one" in failure(capsys, "explain", trained.path, " ")


def test_without_captum_the_way_out_is_named(trained, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    line = failure(capsys, "explain", trained.path, TEXT)
    assert 'pip install "sklearn-rnn[inspection]"' in line

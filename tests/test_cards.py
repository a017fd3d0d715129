"""A card says what a model is, how good it is, and what nobody has filled in yet."""

import re
import sys

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from film_reviews import LABELS, TEXTS
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor
from small_models import THREE_EPOCHS

pytest.importorskip("skops.card")
from sklearn_rnn.cards import model_card

WORDS = {
    "description": "Tells praise from blame.",
    "data": "120 made-up reviews.",
    "limits": "Nothing but films.",
}


@pytest.fixture
def model(stopped_early):
    mpl.use("Agg")
    return stopped_early


def rows(page):
    """Return the cells of all tables, row by row."""
    lines = (line for line in page.splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_card_holds_the_words_and_the_numbers(model):
    page = model_card(model, TEXTS, LABELS, **WORDS).render()
    for sentence in WORDS.values():
        assert sentence in page
    predicted = model.predict(TEXTS)
    table = rows(page)
    assert ["accuracy", f"{accuracy_score(LABELS, predicted):.4f}"] in table
    assert ["macro F1", f"{f1_score(LABELS, predicted, average='macro'):.4f}"] in table
    assert ["parameters", f"{model[-1].n_parameters_:,}"] in table
    assert ["vocabulary", f"{len(model[0].vocabulary_):,} words"] in table
    assert ["classes", "negative, positive"] in table
    assert ["rnntextclassifier__hidden_size", "4"] in table
    assert any(row[0] == "negative" and row[-1] == "60" for row in table)


def test_a_card_has_the_curves(model, tmp_path):
    card = model_card(model, folder=tmp_path)
    page = card.render()
    losses = [f"{loss:.4f}" for loss in model[-1].history_["valid_loss"]]
    assert all(any(loss in row for row in rows(page)) for loss in losses)
    assert f"weights of epoch {model[-1].best_epoch_}" in page
    (alt, picture) = re.search(r"!\[(.+?)\]\((.+?)\)", page).groups()
    assert "by epoch" in alt
    assert (tmp_path / picture).stat().st_size > 5_000
    card.save(tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text("utf-8") == page


def test_what_nobody_said_is_to_be_filled_in(model):
    page = model_card(model).render()
    assert page.count("To be filled in") == 3
    assert "Evaluation" not in page


def test_numbers_and_several_labels_have_their_own_scores():
    X = np.arange(2, 82).reshape(40, 2)
    regressor = RNNTextRegressor(**THREE_EPOCHS).fit(X, np.arange(40.0))
    names = [row[0] for row in rows(model_card(regressor, X, np.arange(40.0)).render())]
    assert {"mean absolute error", "R2"} <= set(names)
    labels = np.eye(3, dtype=int)[np.arange(40) % 3]
    several = RNNTextClassifier(**THREE_EPOCHS).fit(X, labels)
    assert "macro F1" in model_card(several, X, labels).render()


def test_a_class_with_a_bar_in_its_name_stays_in_its_cell():
    X = np.arange(2, 82).reshape(40, 2)
    y = np.array(["a|b", "c"])[np.arange(40) % 2]
    page = model_card(RNNTextClassifier(**THREE_EPOCHS).fit(X, y), X, y).render()
    assert "a\\|b" in page
    assert "## In numbers" in page


def test_half_of_what_is_needed_is_refused(model, monkeypatch):
    with pytest.raises(ValueError, match="pass both X and y"):
        model_card(model, TEXTS)
    with pytest.raises(TypeError, match="model_card: expected a fitted classifier or regressor"):
        model_card(model[0])
    monkeypatch.setitem(sys.modules, "skops.card", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[safe\]"'):
        model_card(model)

"""Which columns are learned from: those that are asked for, with labels that tell something."""

import csv
import io
import json
import re

import joblib
import numpy as np
import pytest

from command_line import COLUMNS, LABELS, REVIEWS, SPAM, Fitted, failure, run, write_csv
from sklearn_rnn._cli import commands as _commands
from sklearn_rnn._cli.table import Table
from sklearn_rnn._cli.table_columns import labels_in

# ---- Columns and labels that tell nothing ----------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "contains the text and which the label? Add --text COLUMN and --label COLUMN. The "),
        (["--text", "review"], "contains the label? Add --label COLUMN. The columns are 'id', "),
        (["--text", "Reviews", "--label", "id"], "no column 'Reviews'. Did you mean 'review'?"),
        (["--text", "review", "--label", "SENTIMENT"], "Did you mean 'sentiment'? Its columns"),
        (["--text", "xyz", "--label", "id"], "'xyz'. Its columns are 'id', 'review', 'sentiment'"),
        (["--text", "id", "--label", "id"], "text and label cannot be one column, 'id'"),
        (["--text", "review", "--label", "id"], "60 rows have 60 different 'id'"),
        (
            ["--text", "review", "--label", "sentiment", "--regression"],
            f"line 2 has '{LABELS[0]}' in 'sentiment': with --regression, this must be a finite",
        ),
    ],
)
def test_columns_that_cannot_be_learned_from_are_named(
    reviews, out, fits, capsys, options, message
):
    assert message in failure(capsys, "train", reviews, *options, "--out", out)
    assert not fits


def test_a_table_without_a_header_does_not_flood_the_terminal(tmp_path, out, capsys):
    table = write_csv(tmp_path / "t.csv", [[f"{'x' * 5_000}{i}" for i in range(500)]] * 2)
    line = failure(capsys, "train", table, "--text", "text", "--out", out)
    assert len(line) < 2_000
    assert "and 480 more" in line


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["+"] * 6, "'label' is '+' in every row: a classifier needs at least two labels"),
        (["a", "b", "c", "a"], "4 rows have 3 different 'label'"),
    ],
)
def test_labels_that_tell_nothing_are_refused(tmp_path, out, fits, capsys, labels, message):
    rows = [("so good", label) for label in labels]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    assert message in failure(capsys, "train", table, "--out", out)
    assert not fits


def test_amounts_are_learned_as_labels_by_another_option(tmp_path, out, fits, capsys):
    rows = [{"text": text, "label": i % 3 + 0.5} for i, text in enumerate(REVIEWS)]
    table = tmp_path / "t.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    line = failure(capsys, "train", table, "--out", out)
    assert "line 1 has 0.5 in 'label': labels are names or whole numbers of" in line
    assert "add --regression" in line
    assert not fits


@pytest.mark.parametrize("number", ["nan", "inf", "many", "1,5"])
def test_what_is_no_finite_number_is_named_with_its_line(tmp_path, out, fits, capsys, number):
    rows = [("so good", 1), ("so\nbad", 2), ("fine", number)]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    line = failure(capsys, "train", table, "--regression", "--out", out)
    assert f"line 5 has '{number}' in 'label'" in line


def columns_learned(*arguments):
    """Return the texts and labels that a command would train on."""
    encoded = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_commands, "_new_model", lambda options, texts: encoded.extend(texts))
        patch.setattr(_commands, "_announce", lambda *_: None)
        patch.setattr(
            _commands, "_hold_out", lambda labels, options: (np.arange(len(labels)),) * 2
        )
        patch.setattr(_commands, "_fit", stop)
        with pytest.raises(Fitted) as fitted:
            run("train", *arguments)
    assert list(fitted.value.args[0].texts) == encoded
    return encoded, fitted.value.args[0].labels.tolist()


def stop(model, training):
    raise Fitted(training)


def test_spaces_around_a_label_are_no_part_of_it(tmp_path, out, fits):
    data = 'text,label\ngood film, "pos"\nbad,neg \nfine, pos\nso so,"neg"\n'
    (tmp_path / "t.csv").write_text(data)
    _, labels = columns_learned(tmp_path / "t.csv", "--out", out)
    assert labels == ["pos", "neg", "pos", "neg"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\xe9", "cafe\u0301"),
        ("very good", "very\xa0good"),
        ("very good", "very  good"),
        ("good", "go\u200bod"),
        ("good", "good\x00"),
    ],
)
def test_labels_that_look_alike_are_named_with_their_lines(
    tmp_path, out, fits, capsys, one, other
):
    rows = [("so", one), ("no", "bad"), ("yes", other), *[("ok", "bad"), ("fine", one)] * 4]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    line = failure(capsys, "train", table, "--out", out)
    assert f"{one!a} on line 2 and {other!a} on line 4. Write both the same way" in line


@pytest.mark.parametrize("labels", [["C", "c"], ["a b", "ab"], ["é", "e"], ["+", "-"]])
def test_labels_that_can_be_told_apart_are_learned(tmp_path, out, fits, labels):
    rows = [("so good", label) for label in labels * 4]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    assert columns_learned(table, "--out", out)[1] == labels * 4


# ---- Only the columns that are asked for matter ----------------------------------------------


def test_columns_without_a_name_do_not_matter(tmp_path, out, fits, capsys):
    (tmp_path / "spam.csv").write_bytes(SPAM.encode("cp1252"))
    options = ["--text", "v2", "--label", "v1", "--out", out]
    line = failure(capsys, "train", tmp_path / "spam.csv", *options)
    assert "line 2 is not UTF-8" in line
    assert "--encoding cp1252" in line
    options += ["--encoding", "cp1252"]
    texts, labels = columns_learned(tmp_path / "spam.csv", *options)
    assert texts == ["Go, caf\xe9", 'Win "now"', "Oh", "Free"]
    assert labels == ["ham", "spam", "ham", "spam"]
    assert capsys.readouterr().err == ""
    options = ["--out", out]
    line = failure(capsys, "train", tmp_path / "spam.csv", "--encoding", "cp1252", *options)
    assert "The columns are 'v1', 'v2' and 3 without a name." in line


def test_a_column_named_twice_is_refused_where_it_is_asked_for(tmp_path, out, fits, capsys):
    header, rows = ("text", "label", "n", "n"), [("so", "+", 1, 2), ("no", "-", 3, 4)] * 2
    table = write_csv(tmp_path / "t.csv", [header, *rows])
    assert columns_learned(table, "--out", out)[1] == ["+", "-", "+", "-"]
    line = failure(capsys, "train", table, "--label", "n", "--out", out)
    assert "has more than one column 'n': rename" in line


def test_a_row_that_ends_early_is_told_of_or_refused(tmp_path, out, fits, capsys):
    header, rows = ("text", "label", "date"), [("so", "+"), ("no", "-", "May"), ("ok", "+")]
    table = write_csv(tmp_path / "t.csv", [header, *rows, ("hm", "-")])
    assert columns_learned(table, "--out", out)[1] == ["+", "-", "+", "-"]
    assert capsys.readouterr().err == (
        f"sklearn_rnn train: warning: {str(table)!r} line 2 and 2 later rows end before "
        "'date': the missing fields are taken to be empty.\n"
    )
    table = write_csv(tmp_path / "t.csv", [header, *rows, ("hm",)])
    line = failure(capsys, "train", table, "--skip-missing", "--out", out)
    assert "line 5 has 1 field, but the first line names 3 columns: 'label' is missing" in line


def test_columns_that_differ_by_spaces_or_case_are_proposed(tmp_path, out, fits, capsys):
    table = write_csv(tmp_path / "t.csv", [("Text", "the label "), ("so", "+")])
    line = failure(capsys, "train", table, "--label", "The Label", "--text", "Text", "--out", out)
    assert "Did you mean 'the label '?" in line
    assert "Add --text Text." in failure(capsys, "train", table, "--label", "x", "--out", out)


def test_a_wrong_separator_is_suspected(tmp_path, out, capsys):
    table = write_csv(tmp_path / "t.tsv", [("text", "label"), ("so", "+")])
    line = failure(capsys, "train", table, "--out", out)
    assert "'text,label' (only one; tabs separate those of .tsv files)" in line


def test_the_sms_collection_is_read_with_a_line_of_names(sms_spam_home, tmp_path, out, fits):
    collection = (sms_spam_home / "SMSSpamCollection").read_text(encoding="utf-8")
    lines = collection.removesuffix("\n").split("\n")
    for name in ("sms.tsv", "sms.csv"):
        table = tmp_path / name
        table.write_text(f"label\ttext\n{collection}", encoding="utf-8")
        texts, labels = columns_learned(table, "--out", out)
        assert [f"{label}\t{text}" for label, text in zip(labels, texts, strict=True)] == lines


# ---- Rows where something is missing ---------------------------------------------------------


def test_a_row_without_text_or_label_is_named_with_its_line(gaps, out, fits, capsys):
    line = failure(capsys, "train", gaps, *COLUMNS, "--out", out)
    assert "line 10 has no 'review', and 2 rows after it lack something too" in line
    assert "--skip-missing" in line
    assert not fits


def test_rows_where_something_is_missing_are_skipped_when_asked(gaps, out, capsys):
    options = ["--skip-missing", "--epochs", 1, "--out", out]
    assert run("train", gaps, *COLUMNS, *options) == 0
    assert re.search(r"texts  +57 read from .*, 3 skipped", capsys.readouterr().out)


def test_a_table_where_every_row_lacks_something_says_so(tmp_path, out, capsys):
    table = write_csv(tmp_path / "t.csv", [("text", "label"), ("", "+"), ("good", "")])
    line = failure(capsys, "train", table, "--skip-missing", "--out", out)
    assert "has no row with 'text' and 'label'" in line


# ---- The column of texts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "row", "found"),
    [
        (["id", "text", "author"], ["1", "never dull", "Kim"], "text"),
        (["id", "body"], ["1", "never dull"], "body"),
        (["body", "stars", "empty"], ["never dull", "4.5", ""], "body"),
    ],
)
def test_the_column_of_texts_is_found(trained, tmp_path, capsys, columns, row, found):
    table = write_csv(tmp_path / "t.csv", [columns, row])
    assert run("predict", trained.path, table) == 0
    (answer,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert answer[found] == "never dull"
    assert answer["prediction"] in LABELS
    probability = joblib.load(trained.path).predict_proba(["never dull"]).max()
    assert float(answer["probability"]) == pytest.approx(probability, abs=1e-6)


@pytest.mark.parametrize("columns", [["title", "body"], ["1", "2"]])
def test_where_it_is_not_clear_the_columns_are_listed(trained, tmp_path, capsys, columns):
    table = write_csv(tmp_path / "t.csv", [columns, columns])
    line = failure(capsys, "predict", trained.path, table)
    assert f"contains the text? Add --text COLUMN. The columns are '{columns[0]}', " in line


# ---- Labels ----------------------------------------------------------------------------------


def test_labels_of_several_kinds_are_refused(tmp_path, out, fits, capsys):
    rows = [{"text": "good", "label": 1}, {"text": "bad", "label": "1"}] * 4
    table = tmp_path / "t.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    line = failure(capsys, "train", table, "--out", out)
    assert "'label' contains labels of several kinds, int and str" in line
    assert not fits


@pytest.mark.parametrize(
    "labels",
    [[1.5, 2], [1.0, 2.5], [1, 2.5], [1e-300, 1.0], [1.0, 1e999], [1e308, 1.0], [10**400, 1]],
)
def test_amounts_as_labels_name_the_option_that_learns_them(labels):
    table = Table("ours", ["text", "label"], [["a", label] for label in labels * 3], [*range(6)])
    with pytest.raises(ValueError, match=r"has .* in 'label': .* add --regression"):
        labels_in(table, "label", range(6))


@pytest.mark.parametrize(
    "labels", [[1.0, 2.0], [1, 2], ["1.5", "2.5"], [True, False], [2**63 - 1, 0]]
)
def test_names_and_whole_numbers_are_labels(labels):
    table = Table("ours", ["text", "label"], [["a", label] for label in labels * 3], [*range(6)])
    assert labels_in(table, "label", range(6)).tolist() == labels * 3

"""Predicting from the command line: which texts get answers, and from which models."""

import csv
import io
import os
import sys

import joblib
import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import hostile_archives
from command_line import COLUMNS, FORMATS, LABELS, REVIEWS, SPAM, TRICKY, failure, run, write_csv
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, persistence
from sklearn_rnn._cli import commands as _commands
from sklearn_rnn._cli.table import Table
from sklearn_rnn._cli.table_files import read_table, write_table

# ---- Only the columns that are asked for matter ----------------------------------------------


def test_answers_stand_beside_columns_without_a_name(trained, tmp_path):
    (tmp_path / "spam.csv").write_text(SPAM, encoding="utf-8")
    options = ["--text", "v2", "--out", tmp_path / "answers.csv"]
    assert run("predict", trained.path, tmp_path / "spam.csv", *options) == 0
    table = read_table(tmp_path / "answers.csv")
    assert table.columns == ["v1", "v2", "", "", "", "prediction", "probability"]
    assert [row[:5] for row in table.rows][2:] == [
        ["ham", "Oh", " dear", "", ""],
        ["spam", "Free", "", "", ""],
    ]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_columns_that_a_format_cannot_hold_are_refused_before_reading_texts(
    trained, tmp_path, capsys, monkeypatch, ending
):
    monkeypatch.setattr(_commands, "_load_model", None)
    (tmp_path / "spam.csv").write_text(SPAM, encoding="utf-8")
    options = ["--text", "v2", "--out", tmp_path / f"answers.{ending}"]
    line = failure(capsys, "predict", trained.path, tmp_path / "spam.csv", *options)
    assert "has more than one column ''" in line
    assert not (tmp_path / f"answers.{ending}").exists()


# ---- Rows where something is missing ---------------------------------------------------------


def test_a_text_that_is_missing_gets_no_answer(trained, gaps, capsys):
    options = ["--text", "review"]
    assert "line 10 has no 'review'" in failure(capsys, "predict", trained.path, gaps, *options)
    assert run("predict", trained.path, gaps, *options, "--skip-missing") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))]
    assert len(answers) == 60
    empty = [i for i, row in enumerate(answers) if not row["prediction"]]
    assert empty == [i for i, row in enumerate(answers) if not row["probability"]] == [7, 11]


# ---- Predict ---------------------------------------------------------------------------------


def test_lines_of_the_standard_input_are_texts(trained, capsys, monkeypatch):
    lines = "\ufeffnever dull\r\n房间很干净, 也不错\nso bad".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert run("predict", trained.path, "-") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [row["text"] for row in answers] == ["never dull", "房间很干净, 也不错", "so bad"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [(b"", "'standard input' has no rows"), (b"good\n\nbad\n", "line 2 has no 'text'")],
)
def test_a_standard_input_without_texts_says_so(trained, capsys, monkeypatch, lines, message):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert message in failure(capsys, "predict", trained.path, "-")


def test_the_standard_input_may_have_another_encoding(trained, capsys, monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode("cp1252"))))

    give("so good\nun caf\xe9\n")
    line = failure(capsys, "predict", trained.path, "-")
    assert "'standard input' line 2 is not UTF-8" in line
    assert "--encoding cp1252" in line
    assert "ave it" not in line
    give("so good\nun caf\xe9\n")
    assert run("predict", trained.path, "-", "--encoding", "cp1252") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [row["text"] for row in answers] == ["so good", "un caf\xe9"]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_table_with_answers_is_read_as_it_was_written(trained, tmp_path, ending):
    rows = [[text, f"label {i}"] for i, text in enumerate(TRICKY)]
    table, answers = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    write_table(Table("ours", ["text", "a, b"], rows, []), table)
    assert run("predict", trained.path, table, "--out", answers) == 0
    assert [row[:2] for row in read_table(answers).rows] == rows


def test_answers_do_not_take_the_place_of_a_column(trained, tmp_path, capsys):
    table = write_csv(tmp_path / "t.csv", [["text", "prediction"], ["good", "+"]])
    line = failure(capsys, "predict", trained.path, table)
    assert "has a column 'prediction' already" in line


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    trained, reviews, tmp_path, capsys, monkeypatch, command
):
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / ("model.joblib" if command == "train" else "answers.csv")
    path.write_bytes(b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    if command == "train":
        arguments = [reviews, *COLUMNS, "--epochs", 1, "--quiet"]
    else:
        arguments = [trained.path, reviews, "--text", "review"]
    line = failure(capsys, command, *arguments, "--out", path)
    assert "No space left on device" in line
    assert [(entry.name, entry.read_bytes()) for entry in folder.iterdir()] == [
        (path.name, b"old")
    ]


FORMULAS = ["=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", "\tso", "\rso"]
NUMBERS = ["-5", "+5", "6", "-7.5", "8e-3", "9"]


@pytest.mark.parametrize("place", ["csv", "tsv", "csv.gz", "standard output"])
@pytest.mark.parametrize("escapes", [False, True])
def test_answers_hold_no_formulas_where_that_is_asked_for(
    trained, tmp_path, capsysbinary, place, escapes
):
    header = ["@n", "text"]
    table = write_csv(tmp_path / "t.csv", [header, *zip(NUMBERS, FORMULAS, strict=True)])
    path = tmp_path / f"out.{place}"
    options = ["--text", "text", "--out", path]
    if place == "standard output":
        options, path = options[:2], tmp_path / "out.csv"
    assert run("predict", trained.path, table, *options, *["--escape-formulas"] * escapes) == 0
    if place == "standard output":
        path.write_bytes(capsysbinary.readouterr().out)
    mark = "'" if escapes else ""
    read = read_table(path)
    assert read.columns == [f"{mark}@n", "text", "prediction", "probability"]
    assert [row[1] for row in read.rows] == [mark + formula for formula in FORMULAS]
    assert [row[0] for row in read.rows] == NUMBERS
    assert all(0 <= float(row[3]) <= 1 for row in read.rows)


def test_a_label_may_be_a_formula_too(tmp_path, capsys):
    labels = np.where(LABELS == "positive", "=1+1", "@b")
    joblib.dump(
        make_pipeline(CountVectorizer(), LogisticRegression()).fit(REVIEWS, labels),
        tmp_path / "m.joblib",
    )
    table = write_csv(tmp_path / "t.csv", [["text"], *([text] for text in REVIEWS)])
    assert run("predict", tmp_path / "m.joblib", table, "--escape-formulas") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert {row["prediction"] for row in answers} == {"'=1+1", "'@b"}


# ---- Models in files -------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_that_a_model_is_a_program_is_said_once_before_it_runs(
    trained, reviews, tmp_path, capsys, command
):
    (tmp_path / "m.joblib").write_bytes(b"no model")
    arguments = [reviews, "--text", "review"] if command == "predict" else ["so good"]
    assert run(command, tmp_path / "m.joblib", *arguments) == 2
    notice, error = capsys.readouterr().err.splitlines()
    assert notice == (
        f"sklearn_rnn {command}: {str(tmp_path / 'm.joblib')!r} is a program, which runs now. "
        "Open only files from people you trust (--trust silences this)."
    )
    assert "is not a model that can be read" in error
    assert run(command, tmp_path / "m.joblib", *arguments, "--trust") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "is not a model that can be read" in error


def test_of_files_that_run_nothing_nothing_is_said(trained, reviews, tmp_path, capsys):
    pytest.importorskip("skops")
    persistence.save(joblib.load(trained.path), tmp_path / "m.skops")
    options = ["--text", "review", "--out", tmp_path / "out.csv"]
    assert run("predict", tmp_path / "m.skops", reviews, *options) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "made",
    ["lists of twice the list below", "a generator with a large pool", "words that inflate"],
)
def test_a_model_file_made_to_exhaust_a_machine_is_refused_in_one_line(
    reviews, tmp_path, capsys, made
):
    pytest.importorskip("skops")
    (tmp_path / "m.skops").write_bytes(hostile_archives.MAKERS[made]())
    assert "'" + str(tmp_path / "m.skops") + "'" in failure(
        capsys, "predict", tmp_path / "m.skops", reviews, "--text", "review"
    )


def test_a_skops_file_is_written_and_read(reviews, tmp_path, capsys):
    pytest.importorskip("skops")
    model = tmp_path / "model.skops"
    assert run("train", reviews, *COLUMNS, "--epochs", 1, "--quiet", "--out", model) == 0
    assert run("predict", model, reviews, "--text", "review") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))]
    expected = persistence.load(model).predict(REVIEWS).tolist()
    assert [row["prediction"] for row in answers] == expected


def several_labels():
    model = make_pipeline(SequenceVectorizer(), RNNTextClassifier(max_epochs=1, hidden_size=2))
    return model.fit(REVIEWS, np.eye(2, dtype=int)[(LABELS == "positive").astype(int)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: {"a": 1}, "contains a dict: expected a model that predicts"),
        (several_labels, "the model gives several answers per text"),
        (lambda: RNNTextClassifier(), "not fitted yet"),
    ],
)
def test_a_file_that_holds_no_such_model_says_so(tmp_path, reviews, capsys, content, message):
    joblib.dump(content(), tmp_path / "m.joblib")
    options = [tmp_path / "m.joblib", reviews, "--text", "review"]
    assert message in failure(capsys, "predict", *options)


@pytest.mark.parametrize("ending", ["joblib", "skops"])
def test_a_damaged_model_says_so(trained, reviews, tmp_path, capsys, ending):
    pytest.importorskip("skops")
    path = tmp_path / f"m.{ending}"
    path.write_bytes(trained.path.read_bytes()[:2_000])
    line = failure(capsys, "predict", path, reviews, "--text", "review")
    assert "is not a model that can be read" in line


def test_any_model_of_texts_predicts(tmp_path, reviews, capsys):
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(REVIEWS, LABELS)
    joblib.dump(model, tmp_path / "m.joblib")
    assert run("predict", tmp_path / "m.joblib", reviews, "--text", "review") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))]
    assert [row["prediction"] for row in answers] == model.predict(REVIEWS).tolist()

"""Training on a table whose label column is empty for most rows."""

import json
import re

import joblib
import pytest

from command_line import COLUMNS, LABELS, REVIEWS, failure, run, write_csv


def table(tmp_path, labels):
    rows = [("review", "sentiment"), *zip(REVIEWS, labels, strict=True)]
    return write_csv(tmp_path / "few.csv", rows)


@pytest.fixture
def few(tmp_path):
    """A table with ten labels of each kind."""
    rest = dict.fromkeys(LABELS, 10)
    labels = []
    for label in LABELS:
        labels.append(label if rest[label] else "")
        rest[label] = max(0, rest[label] - 1)
    return table(tmp_path, labels)


OPTIONS = [*COLUMNS, "--unlabelled", "--epochs", 1, "--out"]


def test_rows_without_label_are_read_and_what_they_gain_is_said(few, tmp_path, capsys):
    out = tmp_path / "model.joblib"
    assert run("train", few, *OPTIONS, out) == 0
    printed = capsys.readouterr()
    rows = dict(re.findall(r"^(\S.*?)  +(.*)$", printed.out, flags=re.MULTILINE))
    assert rows["texts"].startswith(f"{len(REVIEWS)} read from ")
    assert rows["without label"] == "40 of them"
    assert rows["labels"] == "negative (10), positive (10)"
    assert re.match(r"\d+\.\d% of 2 held-out texts", rows["accuracy"])
    assert re.match(r"\d+\.\d%, from the texts with a label alone", rows["linear model"])
    assert "the teacher learns from 18 texts" in printed.err
    model = joblib.load(out)
    assert [type(step).__name__ for step in model] == [
        "SequenceVectorizer",
        "Word2VecEmbedding",
        "RNNTextClassifier",
    ]
    assert set(model.predict(REVIEWS)) <= {"negative", "positive"}


def test_a_seed_gives_the_same_model(few, tmp_path):
    models = []
    for name in "ab":
        assert run("train", few, *OPTIONS, tmp_path / f"{name}.joblib", "--quiet") == 0
        models.append(joblib.load(tmp_path / f"{name}.joblib"))
    assert (models[0].predict_proba(REVIEWS) == models[1].predict_proba(REVIEWS)).all()


def test_without_a_row_of_either_kind_there_is_nothing_to_learn(tmp_path, capsys):
    out = tmp_path / "model.joblib"
    line = failure(capsys, "train", table(tmp_path, LABELS), *OPTIONS, out)
    assert "has no row without 'sentiment'" in line
    line = failure(capsys, "train", table(tmp_path, [""] * len(REVIEWS)), *OPTIONS, out)
    assert "has no row with 'sentiment'" in line
    labels = [("-1", "1", "", "")[i % 4] for i in range(len(REVIEWS))]
    assert run("train", table(tmp_path, labels), *OPTIONS, out) == 2
    assert "-1 cannot be a label" in capsys.readouterr().err
    assert not out.exists()


def test_minus_one_is_no_label_as_a_floating_point_number_either(tmp_path, capsys):
    rows = [
        {"review": review, "sentiment": (-1.0, 1.0, None)[i % 3]}
        for i, review in enumerate(REVIEWS)
    ]
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert run("train", path, *OPTIONS, tmp_path / "model.joblib") == 2
    assert "-1 cannot be a label" in capsys.readouterr().err


def test_numbers_are_not_learned_so(few, tmp_path, capsys):
    run("train", few, *OPTIONS, tmp_path / "model.joblib", "--regression")
    assert "--unlabelled is for labels" in capsys.readouterr().err

"""Wrong arguments are refused before anything is trained, opened or predicted."""

import itertools
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from command_line import COLUMNS, failure, run
from processes import needs_proc
from sklearn_rnn._cli import arguments as _arguments
from sklearn_rnn._cli import commands as _commands

# Arguments that are wrong, and what is said of each.
REFUSED = [
    ("--out model.pkl", "--out: 'model.pkl' must end in .joblib or .skops"),
    ("--out model", "must end in .joblib or .skops"),
    ("--out nowhere/model.joblib", "--out: the folder 'nowhere' does not exist"),
    ("--out folder.joblib", "'folder.joblib' is a folder"),
    ("", "required: --out"),
    ("--out m.joblib --test-fraction 1", "--test-fraction: expected a fraction from 0 to"),
    ("--out m.joblib --test-fraction x", "such as 0.1, got 'x'"),
    ("--out m.joblib --epochs 0", "--epochs: expected a whole number of at least 1, got '0'"),
    ("--out m.joblib --epochs 1.5", "got '1.5'"),
    ("--out m.joblib --max-features 2", "expected a whole number of at least 3"),
    ("--out m.joblib --seed -1", "--seed"),
    ("--out m.joblib --analyzer jieba", "invalid choice: 'jieba'"),
    ("--out m.joblib --epoch 3", "unrecognized arguments: --epoch 3"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_wrong_arguments_are_refused_before_training(
    reviews, fits, capsys, monkeypatch, arguments, message
):
    monkeypatch.chdir(reviews.parent)
    Path("folder.joblib").mkdir()
    line = failure(capsys, "train", reviews, *COLUMNS, *arguments.split())
    assert message in line
    assert line.endswith("See python -m sklearn_rnn train --help")
    assert not fits


# Nobody can make files in /proc, or names of 256 bytes anywhere.
@needs_proc
@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--out", "/proc/model.joblib"),
        ("--out", f"{'n' * 249}.joblib"),
        ("--out", "loop.joblib"),
        ("--out", "fifo.joblib"),
        ("--out", "reviews.csv/model.joblib"),
        ("--checkpoint-dir", "/proc/checkpoints"),
        ("--checkpoint-dir", "n" * 256),
        ("--checkpoint-dir", "new/folders/" + "n" * 256),
        ("--checkpoint-dir", "reviews.csv"),
        ("--checkpoint-dir", "loop.joblib/x"),
        ("--checkpoint-dir", "taken"),
    ],
)
def test_what_cannot_be_written_is_refused_before_training(
    reviews, fits, capsys, monkeypatch, option, name
):
    monkeypatch.chdir(reviews.parent)
    Path("loop.joblib").symlink_to("loop.joblib")
    os.mkfifo("fifo.joblib")
    Path("taken/checkpoint.npz").mkdir(parents=True)
    before = sorted(Path().rglob("*"))
    options = {"--out": "model.joblib", option: name}
    line = failure(capsys, "train", reviews, *COLUMNS, *itertools.chain(*options.items()))
    assert f"argument {option}: " in line
    assert "cannot be written to" in line or "does not exist" in line
    assert not fits
    assert sorted(Path().rglob("*")) == before


@needs_proc
@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "m.joblib", "reviews.csv", "--out", "/proc/answers.csv"],
        ["predict", "m.joblib", "reviews.csv", "--out", f"{'n' * 252}.csv"],
        ["predict", "m.joblib", "reviews.csv", "--out", "fifo.csv"],
        ["explain", "m.joblib", "so good", "--html", "/proc/page.html"],
        ["explain", "m.joblib", "so good", "--html", "n" * 256],
    ],
)
def test_answers_that_cannot_be_written_are_refused_before_a_model_is_opened(
    reviews, capsys, monkeypatch, arguments
):
    monkeypatch.chdir(reviews.parent)
    Path("m.joblib").write_bytes(b"never opened")
    os.mkfifo("fifo.csv")
    line = failure(capsys, *arguments)
    assert "cannot be written to" in line
    assert "argument --" in line


def test_a_name_as_long_as_names_may_be_is_trained(reviews, tmp_path):
    out = tmp_path / f"{'n' * 248}.joblib"
    options = ["--epochs", 1, "--test-fraction", 0, "--quiet", "--out", out]
    assert run("train", reviews, *COLUMNS, *options) == 0
    assert out.stat().st_size


def test_parquet_without_pyarrow_is_refused_before_predicting(
    trained, reviews, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(_arguments, "find_spec", lambda name: None)
    options = ["--text", "review", "--out", tmp_path / "answers.parquet"]
    assert "pip install pyarrow" in failure(capsys, "predict", trained.path, reviews, *options)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
@pytest.mark.parametrize("kind", ["FIFO", "socket", "character device"])
@pytest.mark.parametrize("place", ["model", "table"])
def test_what_is_no_regular_file_is_named_and_not_waited_for(reviews, capsys, kind, place):
    with tempfile.TemporaryDirectory() as folder:  # a short name, for a socket
        paths = {"model": f"{folder}/m.joblib", "table": f"{folder}/t.csv"}
        Path(paths["model"]).touch()
        if kind == "FIFO":
            os.mkfifo(f"{folder}/it")
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as unused:
                unused.bind(f"{folder}/it")
        else:
            Path(f"{folder}/it").symlink_to(os.devnull)
        path = Path(f"{folder}/it{Path(paths[place]).suffix}")
        Path(f"{folder}/it").rename(path)
        line = failure(capsys, "predict", *(paths | {place: str(path)}).values())
        assert f"{str(path)!r} is a {kind}: expected a regular file" in line


@pytest.mark.parametrize("name", ["n" * 256, "loop", "reviews.csv/x"])
def test_what_cannot_even_be_looked_at_is_refused_in_one_line(reviews, capsys, monkeypatch, name):
    monkeypatch.chdir(reviews.parent)
    Path("loop").symlink_to("loop")
    for arguments in (["train", name, "--out", "m.joblib"], ["predict", name, reviews]):
        assert name in failure(capsys, *arguments)


def test_a_skops_file_without_skops_is_refused(reviews, tmp_path, fits, capsys, monkeypatch):
    monkeypatch.setattr(_arguments, "find_spec", lambda name: None)
    line = failure(capsys, "train", reviews, *COLUMNS, "--out", tmp_path / "m.skops")
    assert 'pip install "sklearn-rnn[safe]"' in line
    assert not fits


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.csv", "'missing.csv' does not exist"),
        ("folder.csv", "'folder.csv' is a folder"),
        ("table.xlsx", "must end in .csv, .tsv, .jsonl, .ndjson, .parquet, or in one of these"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, capsys, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    Path("table.xlsx").touch()
    assert message in failure(capsys, "train", name, "--out", "m.joblib")


@pytest.mark.parametrize("name", ["klingon", "base64", "a\x00b"])
def test_an_unknown_encoding_is_refused(trained, reviews, capsys, name):
    line = failure(capsys, "predict", trained.path, reviews, "--encoding", name)
    assert f"{name!r} is not a text encoding that Python knows" in line


@pytest.mark.parametrize("name", ["answers.xlsx", "nowhere/answers.csv"])
def test_answers_go_only_where_they_can(trained, reviews, capsys, monkeypatch, name):
    monkeypatch.chdir(reviews.parent)
    monkeypatch.setattr(_commands, "_load_model", None)
    assert "argument --out" in failure(capsys, "predict", trained.path, reviews, "--out", name)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_formulas_are_for_tables_that_spreadsheets_read(
    trained, reviews, tmp_path, capsys, ending
):
    options = ["--text", "review", "--escape-formulas", "--out", tmp_path / f"out.{ending}"]
    line = failure(capsys, "predict", trained.path, reviews, *options)
    assert "--escape-formulas is for .csv and .tsv" in line

"""The command line does the main job with no code written, and says in one line what is wrong."""

import contextlib
import csv
import gzip
import io
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import hostile_archives
import sklearn_rnn
from paths import PACKAGE_HOME
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, persistence
from sklearn_rnn._cli import arguments as _arguments
from sklearn_rnn._cli import commands as _commands
from sklearn_rnn._cli import main as cli
from sklearn_rnn._cli.table import Table
from sklearn_rnn._cli.table_files import read_table, write_table
from sklearn_rnn._training import callbacks as _callbacks
from sklearn_rnn.datasets import make_reviews

REVIEWS, LABELS = make_reviews(60, n_filler=(0, 1), random_state=0)
FORMATS = ["csv", "tsv", "jsonl", "ndjson", "parquet"]
# Quotes, separators, line ends, markup, both directions of writing, two scripts, an emoji, NUL.
TRICKY = [
    'She said "so good", twice',
    "two\nlines, one\r\nreview\rand a third",
    "a\ttab; a \\ and 'quotes'",
    "<script>alert(1)</script>",
    "הסרט היה נהדר، الفيلم رائع",
    "房间很干净，服务也不错。",
    "so good 🎬\u2028so bad\x85",
    "\x00 inside \x00",
    "=1+1",
    " spaces ",
]


def run(*arguments):
    """Return the exit code of a command."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


def failure(capsys, *arguments):
    """Return the one line in which a command says why it failed."""
    capsys.readouterr()
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = without_notice(printed.err).splitlines()
    assert line.startswith(f"sklearn_rnn {arguments[0]}: ")
    return line


def without_notice(err):
    """Return what was printed without the line that says that a model runs code."""
    return re.sub(r"^sklearn_rnn .*\.joblib' is a program, which runs now\. .*\n", "", err)


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def reviews(tmp_path):
    rows = zip(range(60), REVIEWS, LABELS, strict=True)
    return write_csv(tmp_path / "reviews.csv", [["id", "review", "sentiment"], *rows])


COLUMNS = ["--text", "review", "--label", "sentiment"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that the command line trained, and what it printed."""
    folder = tmp_path_factory.mktemp("trained")
    rows = zip(REVIEWS, LABELS, strict=True)
    table = write_csv(folder / "reviews.csv", [["review", "sentiment"], *rows])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        options = ["--epochs", "2", "--out", folder / "my model.joblib"]
        assert run("train", table, *COLUMNS, *options) == 0
    return SimpleNamespace(path=folder / "my model.joblib", out=out.getvalue(), err=err.getvalue())


class Fitted(Exception):  # noqa: N818
    """Training has begun."""


@pytest.fixture
def fits(monkeypatch):
    """End each training before it begins; give what would have been trained, and on what."""
    begun = []

    def fit(self, X, y):
        begun.append((self, X, y))
        raise Fitted

    monkeypatch.setattr(RNNTextClassifier, "fit", fit)
    monkeypatch.setattr(RNNTextRegressor, "fit", fit)
    return begun


@pytest.fixture
def out(tmp_path):
    return tmp_path / "model.joblib"


# ---- Train -----------------------------------------------------------------------------------


def test_training_ends_with_a_table_and_the_next_command(trained):
    rows = dict(re.findall(r"^(\S.*?)  +(.*)$", trained.out, flags=re.MULTILINE))
    model = joblib.load(trained.path)
    assert rows["texts"].startswith("60 read from ")
    assert rows["labels"] == "negative (30), positive (30)"
    assert rows["vocabulary"] == f"{len(model[0].vocabulary_)} words"
    with contextlib.redirect_stdout(None):
        assert rows["parameters"] == f"{model[-1].summary().total:,}"
    assert rows["epochs"] == "2"
    assert float(rows["seconds"]) > 0
    assert re.fullmatch(r"\d+\.\d% of 6 held-out texts", rows["accuracy"])
    assert rows["baseline"].startswith("50.0%, by always answering '")
    assert f"Saved to {trained.path}. Next:" in trained.out
    assert f"python -m sklearn_rnn predict '{trained.path}' new.csv --text review" in trained.out


def test_training_shows_a_bar_for_each_epoch(trained):
    assert "Training on 54 texts, 6 held out." in trained.err
    assert "epoch 2/2: 100%" in trained.err


def test_the_model_is_a_pipeline_with_the_library_s_defaults(trained):
    expected = make_pipeline(SequenceVectorizer(), RNNTextClassifier(max_epochs=2, random_state=0))
    assert repr(joblib.load(trained.path)) == repr(expected)


def test_epochs_and_lengths_not_named_are_the_library_s(reviews, out, fits):
    with pytest.raises(Fitted):
        run("train", reviews, *COLUMNS, "--out", out)
    ((model, _, _),) = fits
    assert repr(model) == repr(RNNTextClassifier(random_state=0, verbose=1))


def test_options_reach_the_model(reviews, out, tmp_path):
    options = ["--max-features", 20, "--max-len", 7, "--epochs", 1, "--seed", 5]
    folder = tmp_path / "state"
    options += ["--test-fraction", 0, "--checkpoint-dir", folder, "--out", out]
    assert run("train", reviews, *COLUMNS, *options) == 0
    model = joblib.load(out)
    assert repr(model) == repr(
        make_pipeline(
            SequenceVectorizer(max_features=20, max_len=7),
            RNNTextClassifier(max_epochs=1, random_state=5),
        )
    )
    assert (folder / "checkpoint.npz").exists()
    assert len(model[0].vocabulary_) == 18


def test_the_same_seed_makes_the_same_model_and_quiet_is_quiet(reviews, tmp_path, capfd):
    answers = []
    for name in ("one.joblib", "two.joblib"):
        options = ["--epochs", 1, "--seed", 3, "--quiet", "--out", tmp_path / name]
        assert run("train", reviews, *COLUMNS, *options) == 0
        answers.append(joblib.load(tmp_path / name).predict_proba(REVIEWS))
    np.testing.assert_array_equal(*answers)
    assert capfd.readouterr() == ("", "")


def test_of_each_label_its_share_is_held_out(tmp_path, out, fits):
    labels = ["rare"] * 10 + ["frequent"] * 40 + ["once"]
    rows = [(f"text {i}", label) for i, label in enumerate(labels)]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    with pytest.raises(Fitted):
        run("train", table, "--out", out, "--test-fraction", "0.19")
    ((_, X, y),) = fits
    assert len(X) == len(y) == 41
    assert dict(zip(*np.unique(y, return_counts=True), strict=True)) == {
        "frequent": 32,
        "once": 1,
        "rare": 8,
    }


def test_held_out_texts_are_scored_beside_the_most_frequent_label(
    tmp_path, out, monkeypatch, capsys
):
    rows = [(text, "many" if i % 5 else "few") for i, text in enumerate(REVIEWS)]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    said = np.array(["few"] * 3 + ["many"] * 12)
    monkeypatch.setattr(RNNTextClassifier, "predict", lambda self, X: said[: len(X)])
    assert run("train", table, "--out", out, "--epochs", 1, "--test-fraction", 0.25) == 0
    printed = capsys.readouterr().out
    assert "80.0%, by always answering 'many'" in printed
    assert re.search(r"accuracy  +\d+\.\d% of 15 held-out texts", printed)


def test_columns_called_text_and_label_need_not_be_named(tmp_path, out, fits):
    rows = [(i, text, label) for i, (text, label) in enumerate(zip(REVIEWS, LABELS, strict=True))]
    table = write_csv(tmp_path / "t.csv", [("id", "text", "label"), *rows])
    with pytest.raises(Fitted):
        run("train", table, "--out", out)
    assert set(fits[0][2]) == {"negative", "positive"}


def test_numbers_as_labels_stay_what_they_are_in_the_file(tmp_path, out):
    records = [
        {"text": text, "label": int(label == "positive")}
        for text, label in zip(REVIEWS, LABELS, strict=True)
    ]
    pd.DataFrame(records).to_csv(tmp_path / "t.csv", index=False)
    pd.DataFrame(records).to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    pd.DataFrame(records).to_parquet(tmp_path / "t.parquet")
    for name, expected in {"t.csv": ["0", "1"], "t.jsonl": [0, 1], "t.parquet": [0, 1]}.items():
        assert run("train", tmp_path / name, "--epochs", 1, "--quiet", "--out", out) == 0
        assert joblib.load(out).classes_.tolist() == expected


def test_numbers_are_learned_with_regression(tmp_path, out, capsys):
    rows = [
        (text, 1 if label == "negative" else 4.5)
        for text, label in zip(REVIEWS, LABELS, strict=True)
    ]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    assert run("train", table, "--regression", "--epochs", 2, "--out", out) == 0
    printed = capsys.readouterr().out
    assert re.search(r"labels  +1 to 4\.5, 2\.75 on average", printed)
    assert re.search(r"mean error  +[\d.]+, of 6 held-out texts", printed)
    assert re.search(r"baseline +1\.75, by always answering 2\.75", printed)
    answers = tmp_path / "answers.csv"
    assert run("predict", out, table, "--text", "text", "--out", answers) == 0
    read = pd.read_csv(answers)
    assert list(read) == ["text", "label", "prediction"]
    np.testing.assert_allclose(read["prediction"], joblib.load(out).predict(REVIEWS))


@pytest.mark.parametrize(
    ("texts", "analyzer"),
    [
        (["房间很干净，服务也不错。", "very good 不好"], "char"),
        (["とても良い", "แย่มาก"], "char"),
        (["ຂ້ອຍມັກຮູບເງົາ", "ខ្ញុំចូលចិត្ត", "ဒီရုပ်ရှင်ကို", "གློག་བརྙན་འདི"], "char"),
        (["这 部 电影 很 好看", "房间 又 脏 又 吵"], "word"),
        (["यह फ़िल्म बहुत बुरी थी।", "이 영화 정말 좋아요"], "word"),
        (["a good film called 英雄", "هذا فيلم جيد"], "word"),
        (["1", "2"], "word"),
    ],
)
def test_characters_are_read_where_words_have_no_spaces_between_them(
    tmp_path, out, monkeypatch, capsys, texts, analyzer
):
    rows = [(text, label) for label in "ab" for text in texts * 5]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    vectorizers = []
    fit = SequenceVectorizer.fit_transform
    monkeypatch.setattr(
        SequenceVectorizer,
        "fit_transform",
        lambda self, *data: vectorizers.append(self) or fit(self, *data),
    )
    monkeypatch.setattr(RNNTextClassifier, "fit", lambda *_: (_ for _ in ()).throw(Fitted))
    with pytest.raises(Fitted):
        run("train", table, "--out", out)
    assert vectorizers[0].analyzer == analyzer
    assert ("reading characters" in capsys.readouterr().err) == (analyzer == "char")


def test_a_checkpoint_is_gone_on_from(reviews, tmp_path, monkeypatch):
    options = [*COLUMNS, "--epochs", 2, "--checkpoint-dir", tmp_path / "state", "--quiet"]
    assert run("train", reviews, *options, "--out", tmp_path / "one.joblib") == 0
    monkeypatch.setattr(_callbacks.BatchScore, "on_batch_end", None)  # no batch is read again
    assert run("train", reviews, *options, "--out", tmp_path / "two.joblib") == 0
    one, two = (joblib.load(tmp_path / name) for name in ("one.joblib", "two.joblib"))
    np.testing.assert_array_equal(one.predict_proba(REVIEWS), two.predict_proba(REVIEWS))


# ---- What is refused before training ---------------------------------------------------------

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


needs_proc = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="has no /proc")


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "holds the text and which the label? Add --text COLUMN and --label COLUMN. The "),
        (["--text", "review"], "holds the label? Add --label COLUMN. The columns are 'id', "),
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


def test_too_few_rows_to_hold_some_out_say_so(tmp_path, out, capsys):
    table = write_csv(tmp_path / "t.csv", [("text", "label"), ("so good", 3)])
    line = failure(capsys, "train", table, "--regression", "--out", out)
    assert "1 rows are too few to hold out 10% of them. Give more, or --test-fraction 0" in line


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

SPAM = 'v1,v2,,,\nham,"Go, caf\xe9",,,\nspam,"Win ""now""",,,\nham,Oh," dear",,\nspam,Free\n'


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
    monkeypatch.setattr(_commands, "_load", None)
    (tmp_path / "spam.csv").write_text(SPAM, encoding="utf-8")
    options = ["--text", "v2", "--out", tmp_path / f"answers.{ending}"]
    line = failure(capsys, "predict", trained.path, tmp_path / "spam.csv", *options)
    assert "has more than one column ''" in line
    assert not (tmp_path / f"answers.{ending}").exists()


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


@pytest.fixture
def gaps(tmp_path):
    rows = [*zip(REVIEWS, LABELS, strict=True)]
    rows[3] = ("one review\non two lines", "positive")
    rows[7], rows[9], rows[11] = ("", "positive"), ("so good", " "), (" \n", "")
    return write_csv(tmp_path / "gaps.csv", [("review", "sentiment"), *rows])


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


def test_a_text_that_is_missing_gets_no_answer(trained, gaps, capsys):
    options = ["--text", "review"]
    assert "line 10 has no 'review'" in failure(capsys, "predict", trained.path, gaps, *options)
    assert run("predict", trained.path, gaps, *options, "--skip-missing") == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))]
    assert len(answers) == 60
    empty = [i for i, row in enumerate(answers) if not row["prediction"]]
    assert empty == [i for i, row in enumerate(answers) if not row["probability"]] == [7, 11]


# ---- Formats ---------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_table_comes_back_as_it_was(tmp_path, ending, packed):
    path = tmp_path / f"table.{ending}{packed}"
    rows = [[text, f"label {i}"] for i, text in enumerate(TRICKY)]
    write_table(Table("ours", ["text", "a, b"], rows, []), path)
    read = read_table(path)
    assert read.columns == ["text", "a, b"]
    assert read.rows == rows


def by_pandas(path):
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    if name.endswith("sv"):
        return pd.read_csv(path, sep="\t" if name.endswith(".tsv") else ",", dtype={"n": str})
    return pd.read_json(path, lines=True, dtype={"n": str})


@pytest.mark.parametrize("ending", [*FORMATS, "csv.gz", "jsonl.gz"])
def test_another_program_reads_the_answers(trained, tmp_path, ending):
    texts = [text for text in TRICKY if "\x00" not in text and "\r" not in text]
    table = write_csv(tmp_path / "in.csv", [("n", "text"), *enumerate(texts)])
    path = tmp_path / f"out.{ending}"
    assert run("predict", trained.path, table, "--out", path) == 0
    read, model = by_pandas(path), joblib.load(trained.path)
    assert list(read) == ["n", "text", "prediction", "probability"]
    assert read["n"].tolist() == [str(i) for i in range(len(texts))]
    assert read["text"].tolist() == texts
    assert read["prediction"].tolist() == model.predict(texts).tolist()
    probabilities = model.predict_proba(texts).max(axis=1)
    np.testing.assert_allclose(read["probability"], probabilities, atol=1e-6)


@pytest.mark.parametrize("ending", FORMATS)
def test_what_another_program_wrote_is_read(trained, tmp_path, capsys, ending):
    frame = pd.DataFrame({"stars": [1, 2], "text": ["так себе", 'a "good" film\n了']})
    path = tmp_path / f"in.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    elif ending.endswith("sv"):
        frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    else:
        frame.to_json(path, orient="records", lines=True)
    assert run("predict", trained.path, path) == 0
    answers = [*csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))]
    assert [row["text"] for row in answers] == frame["text"].tolist()
    assert [row["stars"] for row in answers] == ["1", "2"]


def read_bytes(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return read_table(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bom.csv", b"\xef\xbb\xbftext,n\ngood,1\n"),
        ("bom.jsonl", b'\xef\xbb\xbf{"text": "good", "n": "1"}\n'),
        ("semicolons.csv", b"text;n\r\ngood;1\r\n"),
        ("old.csv", b"text,n\rgood,1"),
        ("BIG.CSV.GZ", gzip.compress(b"text,n\ngood,1\n", mtime=0)),
        ("gaps.csv", b"\ntext,n\n\n\ngood,1\n\n"),
        ("gaps.ndjson", b'\n{"text": "good", "n": "1"}\r\n\r\n'),
    ],
)
def test_tables_are_read_as_programs_write_them(tmp_path, name, data):
    table = read_bytes(tmp_path, name, data)
    assert (table.columns, table.rows) == (["text", "n"], [["good", "1"]])


def test_the_line_of_a_row_counts_the_lines_of_texts(tmp_path):
    table = read_bytes(tmp_path, "t.csv", b'text,n\r\n"a\r\nb\nc",1\r\n\r\nd,2\n')
    assert [table.place(row) for row in (0, 1)] == ["line 2", "line 6"]


def test_a_text_may_be_longer_than_csv_s_own_limit(tmp_path):
    limit = csv.field_size_limit()
    table = read_bytes(tmp_path, "t.csv", b"text\n" + b"x" * (limit + 1))
    assert len(table.rows[0][0]) == limit + 1
    assert csv.field_size_limit() == limit


def test_json_lines_may_have_different_names_and_half_characters(tmp_path):
    lines = b'{"text": "\\ud83d", "n": NaN}\n{"text": "b", "m": [1]}\n'
    table = read_bytes(tmp_path, "t.jsonl", lines)
    assert table.columns == ["text", "n", "m"]
    assert table.rows == [["\ud83d", None, None], ["b", None, [1]]]
    write_table(table, tmp_path / "again.jsonl")
    assert read_table(tmp_path / "again.jsonl").rows == table.rows
    write_table(table, tmp_path / "again.csv")
    assert read_table(tmp_path / "again.csv").rows == [["\\ud83d", "", ""], ["b", "", "[1]"]]


def test_what_is_missing_in_parquet_is_nothing(tmp_path):
    pd.DataFrame({"text": ["a", None], "n": [1.5, np.nan]}).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.rows == [["a", 1.5], [None, None]]
    assert table.place(1) == "row 2"


# Files that cannot be read, and what is said of each.
DAMAGED = [
    ("t.csv", b"", "is empty: expected a first line with names of columns"),
    ("t.csv", b"text,label\n", "has no rows"),
    ("t.jsonl", b"\n", "has no rows"),
    ("t.csv", b"text,text\na,b\n", "has more than one column 'text'"),
    ("t.csv", b"text,label\na,b\nc,d,e\n", "line 3 has 3 fields, but the first line names 2"),
    ("t.csv", b'text,label\n"a,b\nc,d\n', "what begins on line 2 cannot be read (unexpected"),
    ("t.csv", b'text,label\n"a" b,c\n', "each quotation mark must be doubled"),
    ("t.csv", "text\nfin\nété\n".encode("latin-1"), "line 3 is not UTF-8"),
    ("t.csv", "text\nfin\n".encode("utf-16"), "line 1 is not UTF-8"),
    ("t.csv.gz", b"text\na\n", "cannot be unpacked (Not a gzipped file"),
    ("t.csv.gz", gzip.compress(b"text\na\n", mtime=0)[:-9], "cannot be unpacked"),
    ("t.csv.gz", gzip.compress(bytes(300 << 20), mtime=0), "hardly ever compress so well"),
    ("t.jsonl", b'{"text": "a"}\n{"text": }\n', "line 2 is not JSON (Expecting value"),
    ("t.jsonl", b"[" * 100_000, "line 1 is not JSON"),
    ("t.jsonl", b'["a"]\n', "line 1 holds a list: expected an object with names"),
    ("t.parquet", b"PAR1", "cannot be read as Parquet"),
    ("t.jsonl", b'{"text": ["a"], "label": 1}\n', "line 1 has a list in 'text': expected a te"),
    ("t.jsonl", b'{"text": "a", "label": {}}\n', "line 1 has a dict in 'label': expected one"),
]


@pytest.mark.parametrize(("name", "data", "message"), DAMAGED)
def test_a_file_that_cannot_be_read_says_where_it_is_wrong(
    tmp_path, out, capsys, name, data, message
):
    (tmp_path / name).write_bytes(data)
    assert message in failure(
        capsys, "train", tmp_path / name, "--label", "label", "--text", "text", "--out", out
    )


def test_parquet_without_pyarrow_says_what_to_install(trained, reviews, capsys, monkeypatch):
    table = reviews.with_suffix(".parquet")
    table.touch()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install pyarrow" in failure(capsys, "predict", trained.path, table)


# ---- Predict ---------------------------------------------------------------------------------


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
    assert f"holds the text? Add --text COLUMN. The columns are '{columns[0]}', " in line


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


@pytest.mark.parametrize("name", ["klingon", "base64", "a\x00b"])
def test_an_unknown_encoding_is_refused(trained, reviews, capsys, name):
    line = failure(capsys, "predict", trained.path, reviews, "--encoding", name)
    assert f"{name!r} is not a text encoding that Python knows" in line


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


@pytest.mark.parametrize("name", ["answers.xlsx", "nowhere/answers.csv"])
def test_answers_go_only_where_they_can(trained, reviews, capsys, monkeypatch, name):
    monkeypatch.chdir(reviews.parent)
    monkeypatch.setattr(_commands, "_load", None)
    assert "argument --out" in failure(capsys, "predict", trained.path, reviews, "--out", name)


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


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_formulas_are_for_tables_that_spreadsheets_read(
    trained, reviews, tmp_path, capsys, ending
):
    options = ["--text", "review", "--escape-formulas", "--out", tmp_path / f"out.{ending}"]
    line = failure(capsys, "predict", trained.path, reviews, *options)
    assert "--escape-formulas is for .csv and .tsv" in line


# ---- Models in files -------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_that_a_model_is_a_program_is_said_once_before_it_runs(
    trained, reviews, tmp_path, capsys, command
):
    (tmp_path / "m.joblib").write_bytes(b"no model")
    arguments = [reviews, "--text", "review"] if command == "predict" else [TEXT]
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
        (lambda: {"a": 1}, "holds a dict: expected a model that predicts"),
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


# ---- Explain ---------------------------------------------------------------------------------

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


# ---- How commands end ------------------------------------------------------------------------


class Interrupt:
    """Press Ctrl-C in an epoch."""

    def __init__(self, monkeypatch, epoch):
        def on_batch_end(callback, net, **kwargs):
            if len(net.history) == epoch:
                raise KeyboardInterrupt

        monkeypatch.setattr(_callbacks.RestoreLastFinite, "on_batch_end", on_batch_end)


# The library warns of the interrupt; the command line has to show that.
@pytest.mark.filterwarnings("default:.*training was interrupted")
def test_what_an_interrupted_training_has_learned_is_saved(reviews, out, capsys, monkeypatch):
    Interrupt(monkeypatch, epoch=2)
    assert run("train", reviews, *COLUMNS, "--out", out) == 130
    printed = capsys.readouterr()
    warning = "sklearn_rnn train: warning: RNNTextClassifier: training was interrupted in epoch 2"
    assert warning in printed.err
    assert re.search(r"epochs  +1 of 10, then interrupted", printed.out)
    assert f"Saved to {out}." in printed.out
    assert joblib.load(out)[-1].n_iter_ == 1


@pytest.mark.filterwarnings("default:.*training was interrupted")
def test_an_interrupt_in_the_first_epoch_leaves_an_older_model(reviews, out, capsys, monkeypatch):
    out.write_bytes(b"older")
    Interrupt(monkeypatch, epoch=1)
    assert run("train", reviews, *COLUMNS, "--out", out) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "sklearn_rnn train: interrupted. No epoch was finished: nothing was saved."
    assert out.read_bytes() == b"older"


def test_an_interrupt_elsewhere_ends_in_one_line(trained, reviews, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_commands, "read_table", interrupt)
    assert run("predict", trained.path, reviews) == 130
    assert capsys.readouterr() == ("", "sklearn_rnn predict: interrupted.\n")


def test_a_defect_keeps_its_traceback(trained, reviews, monkeypatch):
    def defect(*_):
        raise KeyError("a defect")

    monkeypatch.setattr(_commands, "read_table", defect)
    with pytest.raises(KeyError):
        run("predict", trained.path, reviews)


@pytest.mark.parametrize("command", [[], ["train"], ["predict"], ["explain"]])
def test_the_help_shows_an_example_in_80_columns(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*command, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  python -m sklearn_rnn ") for line in lines)
    warned = any("A .joblib file is a program" in line for line in lines)
    assert warned == (command in (["predict"], ["explain"]))


def test_the_version_is_the_package_s(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"sklearn_rnn {sklearn_rnn.__version__}\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [([], "required: command"), (["trian"], "invalid choice: 'trian'")],
)
def test_an_unknown_command_says_which_there_are(capsys, command, message):
    assert run(*command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert line.endswith("See python -m sklearn_rnn --help")


# ---- Real processes --------------------------------------------------------------------------


def process(*arguments, **options):
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": PACKAGE_HOME, "PYTHONIOENCODING": "ascii:strict"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_the_program_answers_in_utf_8_to_its_standard_input(trained):
    arguments = ["-m", "sklearn_rnn", "predict", trained.path, "-", "--trust"]
    with process(*arguments, stdin=subprocess.PIPE) as program:
        out, err = program.communicate("房间很干净\n".encode())
    assert (program.returncode, err) == (0, b"")
    header, answer = out.decode("utf-8").splitlines()
    assert header == "text,prediction,probability"
    assert answer.startswith(("房间很干净,negative,0.", "房间很干净,positive,0."))


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_reader_that_goes_away_ends_the_program_in_silence(trained, reviews):
    arguments = ["-m", "sklearn_rnn", "predict", trained.path, reviews, "--text", "review"]
    with process(*arguments, "--trust") as program:
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


STARTS = """
import sys
from sklearn_rnn._cli import main as cli
try:
    cli.main(["train", "--help"])
except SystemExit:
    print([name for name in ("torch", "sklearn", "numpy") if name in sys.modules])
"""


def test_the_help_does_not_wait_for_torch():
    with process("-c", STARTS) as program:
        out, _ = program.communicate()
    assert out.splitlines()[-1] == b"[]"


def test_labels_of_several_kinds_are_refused(tmp_path, out, fits, capsys):
    rows = [{"text": "good", "label": 1}, {"text": "bad", "label": "1"}] * 4
    table = tmp_path / "t.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    line = failure(capsys, "train", table, "--out", out)
    assert "'label' holds labels of several kinds, int and str" in line
    assert not fits

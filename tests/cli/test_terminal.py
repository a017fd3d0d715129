"""Nothing in a user's files drives the terminal."""

import csv
import io
import json
import os
import pickle
import re
import shlex
import subprocess
import sys
import threading
import unicodedata
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from command_line import CONTROL, LABELS, REVIEWS, Ended
from processes import needs_bash
from sklearn_rnn._cli import main as cli
from sklearn_rnn._cli.terminal import as_argument, screens, shown

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs terminals and fork servers")

# A title, a cleared screen, colours by C1, a bell, deleted and overwritten text, turned lines,
# lines that end where none does; NUL and half characters only where a file can hold them.
CODES = (
    "\x1b]0;it\x07\x1b[2J\x9b31m\x7f\x08\x0b\x0c\r\x85\x90\x9d\u202e\u2066\u200f\u2028\u2029\ufeff"
)


# ---- What is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["Cc", "Cs", "Zl", "Zp"])
def test_all_characters_of_these_kinds_are_shown_escaped(category):
    signs = [sign for sign in map(chr, range(sys.maxunicode + 1)) if is_of(sign, category)]
    text = shown("".join(signs))
    assert text.isascii()
    assert text.isprintable()
    assert text.encode().decode("unicode_escape") == "".join(signs)


def is_of(sign, category):
    return unicodedata.category(sign) == category


def test_marks_that_turn_the_direction_of_a_line_are_shown_escaped():
    turns = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    signs = [
        s for s in map(chr, range(sys.maxunicode + 1)) if unicodedata.bidirectional(s) in turns
    ]
    assert len(signs) == 9
    assert shown("".join([*signs, "\u061c\u200e\u200f"])).isascii()


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_what_can_be_seen_is_shown_as_it_is(text):
    assert shown(text) == text


@pytest.mark.parametrize("text", ["می‌خواهم", "क्‍ष", "👩‍👩‍👧", "房间", "שלום", "e\u0301"])
def test_scripts_keep_what_joins_their_letters(text):
    assert shown(text) == text


def test_a_long_value_is_cut_in_its_middle():
    assert shown("a" * 100 + "\x1b" + "b" * 100, 10) == "aaaaa…bbbbb"
    assert len(shown("\x1b" * 10**6, 80)) < 400


@needs_bash
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_shell_reads_an_argument_as_it_was(text):
    argument = as_argument(text)
    assert not CONTROL.search(argument)
    assert "\n" not in argument
    read = subprocess.run(["bash", "-c", f"printf %s {argument}"], capture_output=True, check=True)
    assert read.stdout.decode() == text


@needs_bash
@pytest.mark.parametrize("text", ["a", "a b", "it's", "a\nb", os.fsdecode(b"\xff\x9b1")])
def test_an_argument_is_quoted_where_it_has_to_be(text):
    argument = as_argument(text)
    assert argument == shlex.quote(text) or argument.startswith("$'")
    read = subprocess.run(["bash", "-c", f"printf %s {argument}"], capture_output=True, check=True)
    assert read.stdout == os.fsencode(text)


@given(st.lists(st.text("ab\n\r\x1b\x9b\u202e", max_size=6)))
def test_whatever_is_printed_is_text_and_ends_of_lines(texts):
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err, screens():
        for text in texts:
            print("x", text)
            print("x", text, end="", file=sys.stderr)
    for stream in (out, err):
        assert not CONTROL.search(stream.getvalue())


def test_a_bar_replaces_itself_and_nothing_else():
    with redirect_stderr(io.StringIO()) as err, screens():
        for text in ("\r 0%", "\r50%", "", "\r", "\rdone", "\n", "text", "\rover", "\n", "\r1%"):
            sys.stderr.write(text)
    assert err.getvalue() == "\r 0%\r50%\r\rdone\ntext\\rover\n\r1%"


# ---- Codes in every place --------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder and a table whose names, columns and labels hold codes."""
    folder = tmp_path_factory.mktemp("planted") / f"folder {CODES}"
    folder.mkdir()
    name = f"text {CODES}"
    labels = [f"{label} {CODES}" for label in LABELS]
    rows = zip(REVIEWS, labels, strict=True)
    records = [{name: f"{text} {CODES}", "label": label} for text, label in rows]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    return folder, name, records


def train_options(name):
    return ["--text", name, "--label", "label", "--epochs", "1"]


@pytest.fixture(scope="module")
def trained(command, planted):
    """What training on it printed."""
    folder, name, _ = planted
    out = folder / f"model {CODES}.joblib"
    return command("train", folder / "t.jsonl", *train_options(name), "--out", out), out


@needs_bash
def test_training_shows_codes_in_labels_columns_and_names_of_files(trained, planted):
    ended, out = trained
    assert ended.code == 0
    assert ended.is_clean()
    printed = ended.out.decode()
    assert f"positive {shown(CODES)} (30)" in printed
    assert f"by always answering '{LABELS[0]}"[:20] in printed
    assert f"Saved to {shown(out)}." in printed
    (line,) = (line for line in printed.splitlines() if " predict " in line)
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {line.partition(' predict ')[2]}"], capture_output=True
    )
    assert words.stdout.decode() == f"{out}\nnew.csv\n--text\n{planted[1]}\n"


@pytest.mark.parametrize("html", [False, True])
def test_explaining_shows_codes_in_labels_and_tokens(command, trained, planted, html):
    pytest.importorskip("captum")
    page = planted[0] / f"page {CODES}.html"
    options = ["--html", page] if html else []
    ended = command("explain", trained[1], f"so good {CODES}", *options)
    assert ended.code == 0
    assert ended.is_clean()
    assert f"against (-) positive {shown(CODES)}" in ended.out.decode().replace(
        "negative", "positive"
    )
    assert page.exists() == html


def test_the_colours_of_a_terminal_are_the_only_codes_on_it(command, trained):
    pytest.importorskip("captum")
    ended = on_a_terminal(command, "explain", trained[1], f"so good {CODES}")
    colours = re.compile(r"\x1b\[3[16]m([+-]* *)\x1b\[0m")
    printed = ended.out.decode()
    assert len(colours.findall(printed)) > 2
    assert not CONTROL.search(colours.sub("", printed))


def on_a_terminal(command, *arguments):
    """Run a command whose standard output is a terminal."""
    master, slave = os.openpty()
    pytest.importorskip("tty").setraw(slave)  # else it adds carriage returns
    printed = []

    def read():
        while b"\x04" not in (data := os.read(master, 2**16)):
            printed.append(data)
        printed.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        ended = command(*arguments, out=os.ttyname(slave))
    finally:
        os.write(slave, b"\x04")
        reader.join()
    os.close(slave)
    os.close(master)
    ended.out = b"".join(printed)[:-1]
    return ended


def test_a_table_is_shown_on_a_terminal_and_is_exact_elsewhere(command, trained, planted):
    folder, name, records = planted
    arguments = ["predict", trained[1], folder / "t.jsonl", "--text", name]
    seen = on_a_terminal(command, *arguments)
    assert seen.code == 0
    assert seen.is_clean()
    assert f"{records[0][name][:9]}" in seen.out.decode()
    exact = command(*arguments)
    assert not Ended(0, b"", exact.err).err or Ended(0, b"", exact.err).is_clean()
    read = list(csv.reader(io.StringIO(exact.out.decode(), newline="")))
    assert read[0][:2] == [name, "label"]
    assert [row[:2] for row in read[1:]] == [list(record.values()) for record in records]
    assert shown(exact.out.decode()).replace("\\n", "\n") == seen.out.decode()


class Says:
    """A model that fails, warns, prints or answers with codes, as a file may ask for."""

    def __init__(self, what):
        self.what = what

    def predict(self, texts):
        if self.what == "print":
            print(CODES, "\r", CODES)
            print(CODES, file=sys.stderr)
        elif self.what == "warn":
            warnings.warn(f"a warning\n{CODES}\x00", stacklevel=1)
        elif self.what != "answer":
            raise self.what(f"an error\n{CODES}\x00")
        return [f"label {CODES}\x00"] * len(texts)


@pytest.mark.parametrize(
    "error",
    [
        KeyError,
        ValueError,
        RuntimeError,
        OSError,
        AttributeError,
        TypeError,
        RecursionError,
        ZeroDivisionError,
        MemoryError,
    ],
)
def test_a_model_s_error_is_one_line(capsys, tmp_path, monkeypatch, error):
    joblib.dump(None, tmp_path / "m.joblib")
    (tmp_path / "t.csv").write_text("text\nso good\n")
    monkeypatch.setattr(joblib, "load", lambda *_: Says(error))
    assert (
        cli.main(["predict", str(tmp_path / "m.joblib"), str(tmp_path / "t.csv"), "--trust"]) == 2
    )
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert not CONTROL.search(printed.err)
    assert "an error" in printed.err


@pytest.mark.filterwarnings("default:a warning")
@pytest.mark.parametrize("what", ["print", "warn", "answer"])
def test_whatever_a_model_prints_is_shown(capsys, tmp_path, monkeypatch, what):
    joblib.dump(None, tmp_path / "m.joblib")
    (tmp_path / "t.csv").write_text("text\nso good\n")
    monkeypatch.setattr(joblib, "load", lambda *_: Says(what))
    out = str(tmp_path / "out.csv")
    arguments = ["predict", str(tmp_path / "m.joblib"), str(tmp_path / "t.csv"), "--out", out]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    assert not CONTROL.search(printed.out + printed.err)
    assert (what == "answer") == ("\\x1b]0;it\\x07" not in printed.out + printed.err)


class WithState:
    """Is pickled as a scikit-learn estimator with a state."""

    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        return (LogisticRegression, (), self.state)


def test_a_version_that_a_file_claims_is_shown(command, tmp_path):
    path = tmp_path / "m.joblib"
    state = BaseEstimator().__getstate__() | {"_sklearn_version": f"0.1{CODES}"}
    path.write_bytes(pickle.dumps(WithState(state)))
    (tmp_path / "t.csv").write_text("text\nso good\n")
    ended = command("predict", path, tmp_path / "t.csv")
    assert ended.code == 2
    assert b"0.1\\x1b]0;it" in ended.err
    assert ended.is_clean()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "TABLE", "--text", CODES, "--label", "label", "--out", "m.joblib"],
        ["train", "TABLE", "--out", "m.joblib"],
        ["train", "TABLE", "--label", f"LABEL{CODES}", "--out", "m.joblib"],
        ["train", "TABLE", f"--{CODES}", "--out", "m.joblib"],
        ["train", "TABLE", "--out", "m.joblib", CODES, f"a\n{CODES}"],
        ["train", "TABLE", "--epochs", CODES, "--out", "m.joblib"],
        ["train", "TABLE", "--test-fraction", CODES, "--out", "m.joblib"],
        ["train", "TABLE", "--analyzer", CODES, "--out", "m.joblib"],
        ["train", "TABLE", "--encoding", CODES, "--out", "m.joblib"],
        ["train", "TABLE", "--out", f"{CODES}/m.joblib"],
        ["train", "TABLE", "--out", CODES],
        ["train", CODES, "--out", "m.joblib"],
        ["train", f"{CODES}.csv", "--out", "m.joblib"],
        ["train", "TABLE", "--checkpoint-dir", f"TABLE/{CODES}", "--out", "m.joblib"],
        ["explain", CODES, "so good"],
        ["predict", "m.joblib", CODES],
        [CODES],
        ["train", "broken.jsonl", "--out", "m.joblib"],
        ["train", "twice.jsonl", "--out", "m.joblib"],
        ["train", "alike.jsonl", "--out", "m.joblib"],
        ["train", "one.jsonl", "--out", "m.joblib"],
        ["train", "short.csv", "--text", "text", "--label", "label", "--out", "m.joblib"],
        ["train", "wide.csv", "--out", "m.joblib"],
        ["train", "struct.parquet", "--out", "m.joblib"],
    ],
    ids=str,
)
def test_an_error_shows_codes_in_one_line(capsys, monkeypatch, planted, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.joblib").touch()
    write_faulty_tables(planted[1])
    arguments = [it.replace("TABLE", str(planted[0] / "t.jsonl")) for it in arguments]
    capsys.readouterr()
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert not CONTROL.search(printed.err)
    warnings = ("sklearn_rnn train: warning: ",) if "short.csv" in arguments else ()
    (_,) = (line for line in printed.err.split("\n")[:-1] if not line.startswith(warnings))


def write_faulty_tables(name):
    key = json.dumps(name + "\ud800\x00")
    Path("broken.jsonl").write_text("{" + key + ": " + CODES)
    Path("twice.jsonl").write_text("{" + key + ": 1, " + key + ": 1}")
    alike = [f"a{CODES}", f"a\u200b{CODES}", "b", "b"] * 3
    Path("alike.jsonl").write_text(
        "\n".join(json.dumps({"text": "a", "label": it}) for it in alike)
    )
    Path("one.jsonl").write_text("\n".join([json.dumps({"text": "a", "label": f"a{CODES}"})] * 9))
    codes = CODES.replace("\r", "")
    Path("short.csv").write_text(f"text,label,x{codes}\na,b\nc,d\n")
    Path("wide.csv").write_text(f"text{codes},label\na,b,{codes}\n")
    far = pa.StructArray.from_arrays([pa.array([2**62], pa.timestamp("ms"))], [f"n\n{CODES}"])
    pq.write_table(pa.table({name: far}), "struct.parquet")


DEFECT = f"""
from sklearn_rnn._cli import commands
def complete_rows(*_):
    raise KeyError({CODES!r})
commands.complete_rows = complete_rows
"""


def test_a_defect_s_traceback_shows_codes(command, planted):
    folder, name, _ = planted
    options = [*train_options(name), "--out", folder / "m.joblib"]
    ended = command("train", folder / "t.jsonl", *options, setup=DEFECT)
    assert ended.code == 1
    assert b"Traceback" in ended.err
    assert b"KeyError" in ended.err
    assert ended.is_clean()

"""How commands end: in one line that says what is wrong, whatever ends them."""

import csv
import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch

import sklearn_rnn
from command_line import LABELS, REVIEWS, run
from processes import ENVIRONMENT
from sklearn_rnn._cli import commands as _commands
from sklearn_rnn._cli import main as cli

# ---- How commands end ------------------------------------------------------------------------


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
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii:strict"}
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
from sklearn_rnn._cli.main import main
try:
    main(["train", "--help"])
except SystemExit:
    print([name for name in ("torch", "sklearn", "numpy") if name in sys.modules])
"""


def test_the_help_does_not_wait_for_torch():
    with process("-c", STARTS) as program:
        out, _ = program.communicate()
    assert out.splitlines()[-1] == b"[]"


# ---- Closed and full streams -----------------------------------------------------------------


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(REVIEWS, LABELS, strict=True)])
    return path


@pytest.fixture(scope="module")
def model(command, table):
    """What training quietly makes, even where all standard streams are closed."""
    path = table.with_name("m.joblib")
    options = ["--epochs", 1, "--test-fraction", 0, "--quiet", "--out", path]
    assert command("train", table, *options, closed=[0, 1, 2]).code == 0
    return path


CLOSED = [[], [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]


@pytest.mark.parametrize("closed", CLOSED, ids=str)
@pytest.mark.parametrize("name", ["predict", "predict -", "predict --out", "train", "explain"])
def test_closed_streams_end_in_one_line_or_do_not_matter(command, model, table, name, closed):
    verb, _, option = name.partition(" ")
    arguments = {
        "predict": [model, "-" if option == "-" else table, "--trust"],
        "train": [table, "--out", table.with_name("never.joblib")],
        "explain": [model, "so good", "--trust"],
    }[verb]
    if option == "--out":
        arguments += ["--out", table.with_name("out.csv")]
    fails = (1 in closed and option != "--out") or option == "-" or verb == "train"
    if verb == "train":
        arguments += ["--test-fraction", "2"]  # else it would train
    ended = command(verb, *arguments, closed=closed)
    assert ended.code == (2 if fails else 0)
    assert len(ended.err.splitlines()) == (fails and 2 not in closed)
    assert bool(ended.out) == (not fails and option != "--out")
    assert joblib.load(model).predict(REVIEWS[:3]).shape == (3,)  # nobody wrote into it


def test_a_report_that_nobody_could_read_is_found_out_before_training(command, table):
    ended = command("train", table, "--out", table.with_name("never.joblib"), closed=[1])
    assert ended.code == 2
    assert b"standard output is closed, but there is something to print: add --qu" in ended.err
    assert not table.with_name("never.joblib").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no disk that is always full")
@pytest.mark.parametrize("command_line", ["predict {model} {table} --trust", "explain {model} so"])
def test_a_full_disk_behind_the_standard_output_is_one_line(command, model, table, command_line):
    arguments = command_line.format(model=model, table=table).split()
    ended = command(*arguments, "--trust", out="/dev/full")
    assert ended.code == 2
    (line,) = ended.err.decode().splitlines()
    assert line.endswith("'standard output': No space left on device.")


# ---- Too little memory -----------------------------------------------------------------------


LIMIT = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**36, 2**36))  # 64 GB: less than the file
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of memory that hold")
def test_a_table_larger_than_memory_is_one_line(command, tmp_path):
    with (tmp_path / "t.csv").open("wb") as file:
        file.write(b"text,label\n")
        file.truncate(2**40)  # takes no place on the disk
    ended = command("train", tmp_path / "t.csv", "--out", tmp_path / "m.joblib", setup=LIMIT)
    assert ended.code == 2
    (line,) = ended.err.decode().splitlines()
    assert line.startswith("sklearn_rnn train: not enough memory")


@pytest.mark.parametrize("kind", ["numpy", "torch", "python"])
def test_too_little_memory_is_one_line_whoever_lacks_it(capsys, table, monkeypatch, kind):
    ask = {
        "numpy": lambda *_: np.empty((2**20, 2**40), np.int8),
        "torch": lambda *_: torch.empty((2**20, 2**40), dtype=torch.int8),
        "python": lambda *_: bytes(2**60),
    }
    monkeypatch.setattr(_commands, "complete_rows", ask[kind])
    assert cli.main(["train", str(table), "--out", str(table.with_name("x.joblib"))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "not enough memory" in line

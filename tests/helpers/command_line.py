"""What tests of the command line share: commands run in this process, and small tables."""

import csv
import re

import small_models
from sklearn_rnn._cli import main as cli

REVIEWS, LABELS = small_models.TEXTS, small_models.LABELS
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
COLUMNS = ["--text", "review", "--label", "sentiment"]
SPAM = 'v1,v2,,,\nham,"Go, caf\xe9",,,\nspam,"Win ""now""",,,\nham,Oh," dear",,\nspam,Free\n'
CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
BAR = re.compile(r"\r(?=epoch \d+/\d+: )")


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


class Fitted(Exception):  # noqa: N818
    """Training has begun."""


class Ended:
    """What a command printed, and how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def is_clean(self):
        printed = BAR.sub("", (self.out + self.err).decode("utf-8"))
        return not CONTROL.search(printed)

"""The command line: models of texts with no code written.

``python -m sklearn_rnn train reviews.csv --text review --label sentiment --out model.joblib``
trains a model on a table, ``… predict model.joblib new.csv`` answers for other texts, and
``… explain model.joblib "a text"`` shows what each word adds to an answer. Each explains itself
with ``--help``.

A command ends with one of these codes:

===  =======================================================================================
0    It is done.
2    It cannot be done, and one line on the standard error says why.
130  Ctrl-C. In training, what the finished epochs have learned is saved.
141  Whatever read the output has closed it, such as ``head``.
===  =======================================================================================

Anything else is a defect of this library, and shows a traceback.
"""

from __future__ import annotations

import os
import sys
import warnings
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from ._table_files import check_encoding, check_format

__all__ = ["main"]

_FAILED, _INTERRUPTED, _CLOSED = 2, 130, 141

_TABLES = """\
Tables are files that end in .csv, .tsv, .jsonl, .ndjson or .parquet, or in one
of these and .gz. Their first line names the columns. In CSV, a text with commas
or line breaks stands in quotation marks; in TSV, these are read as they are.
Parquet needs pyarrow: pip install pyarrow
"""

_TRUST = """\
A .joblib file is a program: opening one runs what is in it. Open only files of
people whom you trust. A .skops file runs nothing.
"""

_OVERVIEW = """\
Learn from a table of texts and labels, then label other texts.

  python -m sklearn_rnn train reviews.csv --text review --label sentiment \\
      --out model.joblib
  python -m sklearn_rnn predict model.joblib new.csv --text review
  python -m sklearn_rnn explain model.joblib "Never dull, and well played."
"""

_TRAIN = f"""\
Train a recurrent network on a table of texts and labels, and save it.

  python -m sklearn_rnn train reviews.csv --text review --label sentiment \\
      --out model.joblib

A tenth of the rows is held out, and the model is judged by them at the end.
Ctrl-C ends training early and saves what was learned so far.

{_TABLES}"""

_PREDICT = f"""\
Write a table with two more columns: what the model predicts for each text, and
how probable it says that is.

  python -m sklearn_rnn predict model.joblib new.csv --text review > out.csv
  echo "Never dull." | python -m sklearn_rnn predict model.joblib -

{_TABLES}
{_TRUST}"""

_EXPLAIN = f"""\
Print what the model predicts for a text, and what each word says for or
against that. Needs captum: pip install "sklearn-rnn[inspection]"

  python -m sklearn_rnn explain model.joblib "Never dull, and well played."

{_TRUST}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, default=None
        What follows the program's name on the command line; None reads it from there.

    Returns
    -------
    int
        The exit code: 0, 2, 130 or 141, as this module's first lines tell.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, with code 0; where `argv` is no valid command line,
        with code 2.
    """
    options, unknown = _parser().parse_known_args(argv)
    if unknown:
        options.complain(f"unrecognized arguments: {' '.join(unknown)}")
    who = f"sklearn_rnn {options.command}"
    try:
        with _warnings_in_one_line(who):
            from . import _commands  # here: it takes seconds, and --help does without

            finished = getattr(_commands, options.command)(options)
            sys.stdout.flush()  # here, where a closed pipe is expected
    except BrokenPipeError:
        _forget_stdout()
        return _CLOSED
    except KeyboardInterrupt as stop:
        return _say(who, f"interrupted. {stop}".rstrip(), _INTERRUPTED)
    except (ImportError, OSError, TypeError, ValueError) as error:
        return _say(who, _message(error), _FAILED)
    return 0 if finished else _INTERRUPTED


def _say(who: str, message: str, code: int) -> int:
    print(f"{who}: {message}", file=sys.stderr)
    return code


def _message(error: Exception) -> str:
    """Return an error in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{os.fspath(error.filename)!r}: {error.strerror}."
    # Spaces stay: two names may differ by them alone.
    return " ".join(filter(None, map(str.strip, str(error).splitlines())))


@contextmanager
def _warnings_in_one_line(who: str) -> Iterator[None]:
    """Show warnings as errors are shown: a user of the command line has no line of code."""

    def show(message: Warning | str, *_: Any) -> None:
        _say(who, f"warning: {' '.join(str(message).split())}", 0)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]  # the rest is not looked at
        yield


def _forget_stdout() -> None:
    """Let Python's last flush go nowhere: it would complain of the closed pipe again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


# ---- What may stand on the command line ------------------------------------------------------


class _Parser(ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        who = self.prog.removeprefix("python -m ")
        self.exit(_FAILED, f"{who}: {message.rstrip('.')}. See {self.prog} --help\n")


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="python -m sklearn_rnn",
        description=_OVERVIEW,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sklearn_rnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, description: str, summary: str) -> ArgumentParser:
        command = commands.add_parser(
            name,
            description=description,
            help=summary,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(complain=command.error)
        return command

    _add_train_options(add("train", _TRAIN, "learn from a table of texts and labels"))
    _add_predict_options(add("predict", _PREDICT, "label the texts of another table"))
    _add_explain_options(add("explain", _EXPLAIN, "show what each word of a text adds"))
    return parser


def _add_train_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("table", type=_table, help="the table to learn from")
    add(
        "--out",
        metavar="FILE",
        type=_new_model,
        required=True,
        help="the model to write: .joblib or .skops",
    )
    add("--quiet", action="store_true", help="print errors and warnings only")
    _add_data_options(parser)
    _add_model_options(parser)


def _add_data_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("the table").add_argument
    _add_encoding_option(add)
    add("--text", metavar="COLUMN", help='column of the texts (default: "text")')
    add("--label", metavar="COLUMN", help='column of the labels (default: "label")')
    add("--skip-missing", action="store_true", help="leave out rows without text or label")
    add(
        "--test-fraction",
        metavar="SHARE",
        type=_share,
        default=0.1,
        help="rows to hold out and judge by (default: %(default)s; 0: none)",
    )


def _add_encoding_option(add: Callable[..., Any]) -> None:
    add(
        "--encoding",
        metavar="NAME",
        type=partial(_checked, check_encoding),
        default="utf-8",
        help="encoding of the texts, such as cp1252 (default: UTF-8)",
    )


def _add_model_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("the model").add_argument
    add("--regression", action="store_true", help="the labels are numbers, to be estimated")
    add(
        "--analyzer",
        choices=["auto", "word", "char"],
        default="auto",
        help="read words, or characters (default: words where spaces are between them)",
    )
    many = partial(add, metavar="N")
    many("--max-features", type=_at_least(3), help="most words to know (default: all)")
    many(
        "--max-len",
        type=_at_least(1),
        default=500,
        help="most words to read of a text, its last ones (default: %(default)s)",
    )
    many(
        "--epochs",
        type=_at_least(1),
        default=10,
        help="how often to read all texts (default: %(default)s)",
    )
    many("--seed", type=_at_least(0), default=0, help="seed of chance (default: %(default)s)")
    add(
        "--checkpoint-dir",
        metavar="DIR",
        help="folder to keep the state of training in: killed, the same command goes on",
    )


def _add_predict_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=_old_model, help="a model that train wrote")
    add(
        "table",
        type=_table_or_lines,
        help="the table to label, or - for one text per line of the standard input",
    )
    add(
        "--text",
        metavar="COLUMN",
        help='column of the texts (default: "text", or the only one without numbers)',
    )
    _add_encoding_option(add)
    add(
        "--out",
        metavar="FILE",
        type=_new_table,
        help="the table to write (default: CSV on the standard output)",
    )
    add(
        "--skip-missing", action="store_true", help="leave the answer empty where there is no text"
    )


def _add_explain_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=_old_model, help="a model that train wrote")
    add("text", type=_text, help="the text, in quotation marks")
    add(
        "--html",
        metavar="FILE",
        type=_new_file,
        help="write the text with its words shaded as a page, too",
    )


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise ArgumentTypeError(f"expected a whole number from {least} on, got {text!r}")
        return int(text)

    return number


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share < 1:
        raise ArgumentTypeError(
            f"expected a share from 0 to less than 1, such as 0.1, got {text!r}"
        )
    return share


def _text(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("expected a text, got an empty one")
    return text


def _table(text: str) -> Path:
    path = _file(text)
    _checked(check_format, path)
    return path


def _table_or_lines(text: str) -> Path:
    return Path(text) if text == "-" else _table(text)


def _new_table(text: str) -> Path:
    path = _new_file(text)
    _checked(check_format, path)
    return path


def _checked(check: Callable[[Any], str], value: Any) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _old_model(text: str) -> Path:
    path = _file(text)
    _check_model_format(path)
    return path


def _new_model(text: str) -> Path:
    """Refuse now what could not be written after an hour of training."""
    path = _new_file(text)
    _check_model_format(path)
    if path.suffix.lower() == ".skops" and find_spec("skops") is None:
        raise ArgumentTypeError('a .skops file needs skops: pip install "sklearn-rnn[safe]"')
    return path


def _check_model_format(path: Path) -> None:
    if path.suffix.lower() not in {".joblib", ".skops"}:
        raise ArgumentTypeError(f"{str(path)!r} must end in .joblib or .skops")


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ArgumentTypeError(f"{text!r} {what}")
    return path


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        raise ArgumentTypeError(f"{text!r} is a folder")
    if not path.parent.is_dir():
        raise ArgumentTypeError(f"the folder {str(path.parent)!r} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise ArgumentTypeError(f"the folder {str(path.parent)!r} cannot be written to")
    return path

"""The command line: models of texts without writing code.

``python -m sklearn_rnn train reviews.csv --text review --label sentiment --out model.joblib``
trains a model on a table, ``… predict model.joblib new.csv`` labels other texts, and
``… explain model.joblib "a text"`` shows how much each word contributes to a prediction. Each has
``--help``.

A command ends with one of these codes:

===  =======================================================================================
0    Done.
2    It cannot be done, and one line on standard error says why.
130  Ctrl-C. In training, what the finished epochs have learned is saved.
141  Whatever was reading the output, such as ``head``, has closed it.
===  =======================================================================================

Nothing in a user's files counts as a bug: it ends in code 2, as do a full disk, too little memory
and a closed standard output that is needed. Anything else is a bug in this library, and shows a
traceback, with code 1. What is printed never controls the terminal: control characters are shown.
"""

from __future__ import annotations

import os
import sys
import warnings
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from .. import __version__
from .arguments import (
    apply_check,
    at_least,
    existing_model,
    existing_table,
    existing_table_or_stdin,
    fraction,
    nonempty_text,
    writable_file,
    writable_folder,
    writable_model,
    writable_table,
)
from .table_files import check_encoding, may_contain_formulas
from .terminal import give_up, is_closed, screens, shown

__all__ = ["main"]

_FAILED, _INTERRUPTED, _CLOSED = 2, 130, 141

_LONGEST_MESSAGE = 2_000
"""Characters of an error or a warning: a name that it quotes may be as long as a file."""

_TABLES = """\
Tables are files that end in .csv, .tsv, .jsonl, .ndjson or .parquet, or in one
of these and .gz. Their first line names the columns. In CSV, a text with commas
or line breaks is quoted; in TSV, quotation marks are ordinary characters.
Parquet needs pyarrow: pip install pyarrow
"""

_TRUST = """\
A .joblib file is a program: opening one runs what is in it. Open only files
from people you trust. A .skops file runs nothing.
"""

_FORMULAS = """\
A spreadsheet evaluates texts that begin with =, +, - or @, whoever wrote them.
Add --escape-formulas if one will open the output; numbers stay as they are.
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

A tenth of the rows is held out, and the model is evaluated on them at the end.
If most rows have no label, --unlabelled learns from their texts, too.
Ctrl-C ends training early and saves what was learned so far.

{_TABLES}"""

_PREDICT = f"""\
Write the table with two more columns: what the model predicts for each text,
and the probability of that.

  python -m sklearn_rnn predict model.joblib new.csv --text review > out.csv
  echo "Never dull." | python -m sklearn_rnn predict model.joblib -

{_TABLES}
{_FORMULAS}
{_TRUST}"""

_EXPLAIN = f"""\
Print what the model predicts for a text, and how much each word speaks for or
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
        The exit code: 0, 2, 130 or 141, as listed at the top of this module.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, with code 0; where `argv` is no valid command line,
        with code 2.
    """
    with screens():
        who = "sklearn_rnn"
        try:
            options = _options(argv)
            who = f"sklearn_rnn {options.command}"
            return 0 if _run(who, options) else _INTERRUPTED
        except BrokenPipeError:
            give_up(sys.stdout)
            return _CLOSED
        except KeyboardInterrupt as stop:
            return _report(who, f"interrupted. {stop}".rstrip(), _INTERRUPTED)
        except (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, RuntimeError) and not _is_out_of_memory(error):
                raise
            return _report(who, _message(error), _FAILED)


def _options(argv: Sequence[str] | None) -> Namespace:
    try:
        options, unknown = _parser().parse_known_args(argv)
    except SystemExit:
        _flush()  # of the help
        raise
    if unknown:
        options.complain(f"unrecognized arguments: {' '.join(unknown)}")
    if problem := _conflict(options):
        options.complain(problem)
    return options


def _conflict(options: Namespace) -> str:
    """Return why these options cannot be combined, or nothing."""
    writes_file = getattr(options, "out", None) is not None
    is_silent = options.quiet if options.command == "train" else writes_file
    if is_closed(sys.stdout) and not is_silent:
        remedy = "--quiet" if options.command == "train" else "> FILE"
        return f"standard output is closed, but there is something to print: add {remedy}"
    if options.command == "train" and options.unlabelled and options.regression:
        return "--unlabelled is for labels, not for --regression"
    escapes = writes_file and getattr(options, "escape_formulas", False)
    if escapes and not may_contain_formulas(options.out):
        return "--escape-formulas is for .csv and .tsv: no other table contains formulas"
    return ""


def _run(who: str, options: Namespace) -> bool:
    """Run a command; False if it was interrupted."""
    try:
        with _warnings_in_one_line(who):
            from . import commands  # here: it takes seconds, and --help does not need it

            finished = getattr(commands, options.command)(options)
    finally:
        _flush()
    return bool(finished)


def _flush() -> None:
    """Write out what was printed, here, where a failure is expected."""
    try:
        sys.stdout.flush()
    except OSError:
        give_up(sys.stdout)
        raise


def _report(who: str, message: str, code: int) -> int:
    print(f"{who}: {shown(message, _LONGEST_MESSAGE)}", file=sys.stderr)
    return code


def _message(error: Exception) -> str:
    """Return an error in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{os.fspath(error.filename)!r}: {error.strerror}."
    # Spaces stay: two names may differ in nothing else.
    message = " ".join(filter(None, map(str.strip, str(error).splitlines())))
    if _is_out_of_memory(error):
        detail = f" ({message.rstrip('.')})" if message else ""
        return f"not enough memory{detail}. Give fewer or shorter texts at a time."
    return message or repr(error)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is NumPy's or Python's, or torch's, for too little memory."""
    return isinstance(error, MemoryError) or "t allocate memory" in str(error)


@contextmanager
def _warnings_in_one_line(who: str) -> Iterator[None]:
    """Show warnings as errors are shown: without the line of code that they came from."""

    def show(message: Warning | str, *_: Any) -> None:
        _report(who, f"warning: {' '.join(str(message).split())}", 0)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]  # the rest is not used
        yield


# ---- Commands and options --------------------------------------------------------------------


class _Parser(ArgumentParser):
    """Reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        who = self.prog.removeprefix("python -m ")
        shown_message = shown(message.rstrip("."), _LONGEST_MESSAGE)
        self.exit(_FAILED, f"{who}: {shown_message}. See {self.prog} --help\n")


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
    _add_explain_options(add("explain", _EXPLAIN, "show how much each word of a text contributes"))
    return parser


def _add_train_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("table", type=existing_table, help="the table to learn from")
    add(
        "--out",
        metavar="FILE",
        type=writable_model,
        required=True,
        help="the model to save: .joblib or .skops",
    )
    add("--quiet", action="store_true", help="print errors and warnings only")
    _add_data_options(parser)
    _add_model_options(parser)


def _add_data_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("the table").add_argument
    _add_encoding_option(add)
    add("--text", metavar="COLUMN", help='column of texts (default: "text")')
    add("--label", metavar="COLUMN", help='column of labels (default: "label")')
    add("--skip-missing", action="store_true", help="leave out rows without text or label")
    add(
        "--unlabelled",
        action="store_true",
        help="also learn from rows without label: a linear model labels them for the network",
    )
    add(
        "--test-fraction",
        metavar="FRACTION",
        type=fraction,
        default=0.1,
        help="fraction of rows held out for evaluation (default: %(default)s; 0: none)",
    )


def _add_encoding_option(add: Callable[..., Any]) -> None:
    add(
        "--encoding",
        metavar="NAME",
        type=partial(apply_check, check_encoding),
        default="utf-8",
        help="encoding of the table, such as cp1252 (default: UTF-8)",
    )


def _add_model_options(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("the model").add_argument
    add("--regression", action="store_true", help="the labels are numbers: train a regressor")
    add(
        "--analyzer",
        choices=["auto", "word", "char"],
        default="auto",
        help="read words or characters (default: words, if spaces separate them)",
    )
    many = partial(add, metavar="N")
    many("--max-features", type=at_least(3), help="maximum vocabulary size (default: unlimited)")
    many(
        "--max-len",
        type=at_least(1),
        default=500,
        help="maximum words per text: only its last ones are read (default: %(default)s)",
    )
    many(
        "--epochs",
        type=at_least(1),
        help="number of passes over the texts (default: 4, 10 or 20: fewer for more text)",
    )
    many("--seed", type=at_least(0), default=0, help="random seed (default: %(default)s)")
    add(
        "--checkpoint-dir",
        metavar="DIR",
        type=writable_folder,
        help="folder for a checkpoint, from which the same command resumes if killed",
    )


def _add_predict_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=existing_model, help="a model saved by train")
    add(
        "table",
        type=existing_table_or_stdin,
        help="the table to label, or - to read one text per line from standard input",
    )
    add(
        "--text",
        metavar="COLUMN",
        help='column of texts (default: "text", or the only column that is not numbers)',
    )
    _add_encoding_option(add)
    add(
        "--out",
        metavar="FILE",
        type=writable_table,
        help="the table to write (default: CSV on standard output)",
    )
    add(
        "--skip-missing",
        action="store_true",
        help="leave the prediction empty where there is no text",
    )
    add(
        "--escape-formulas",
        action="store_true",
        help="put an apostrophe before what a spreadsheet would evaluate, such as =1+1",
    )
    _add_trust_option(add)


def _add_explain_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=existing_model, help="a model saved by train")
    add("text", type=nonempty_text, help="the text, in quotation marks")
    add(
        "--html",
        metavar="FILE",
        type=writable_file,
        help="also write the text, with its words shaded, as an HTML page",
    )
    _add_trust_option(add)


def _add_trust_option(add: Callable[..., Any]) -> None:
    add(
        "--trust",
        action="store_true",
        help="leave out the warning that a .joblib file is a program",
    )

"""The commands themselves: train, predict, explain.

Apart from `main`, which has to answer ``--help`` at once: this module imports torch.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline, make_pipeline

from .. import persistence
from .._data.validation_split import split_for_validation
from .._data.words import are_unspaced
from .._utils.files import atomic_write, open_regular
from ..classifier import RNNTextClassifier
from ..displays import TokenAttributionDisplay
from ..exceptions import ModelFileError
from ..regressor import RNNTextRegressor
from ..text import SequenceVectorizer
from .examples import Examples
from .table import Table
from .table_columns import (
    complete_rows,
    labelled_rows,
    labels_in,
    numbers_in,
    text_column,
    texts_in,
    training_columns,
)
from .table_files import as_csv, check_writable, lines_as_table, read_table, write_table
from .terminal import as_argument, print_coloured, read_stdin, shown, write_stdout
from .unlabelled import fit_with_unlabelled, gain_row

__all__ = ["explain", "predict", "train"]

_MOST_LABELS_SHOWN = 8
_LONGEST_LABEL = 80
_WIDEST_BAR = 20


# ---- Train -----------------------------------------------------------------------------------


def train(options: Namespace) -> bool:
    """Train a model on a table and save it; return False if training was interrupted."""
    table = read_table(options.table, options.encoding)
    text, label = training_columns(table, options.text, options.label)
    others: list[int] = []
    if options.unlabelled:
        rows, others = labelled_rows(table, text, label, options.skip_missing)
    else:
        rows = complete_rows(table, [text, label], options.skip_missing)
    _warn_of_short_rows(table, options.command)
    unlabelled = texts_in(table, text, others)
    read_labels = numbers_in if options.regression else labels_in
    examples = Examples(texts_in(table, text, rows), read_labels(table, label, rows))
    training, held_out = map(examples.subset, _hold_out(examples.labels, options))
    model = _new_model(options, examples.texts)
    if not options.quiet:
        _announce(options, model, training, held_out)
    if unlabelled:
        start = perf_counter()
        model = fit_with_unlabelled(model, training, unlabelled, options)
        seconds = perf_counter() - start
    else:
        seconds = _fit(model, training)
    _save(model, options.out)
    if not options.quiet:
        print()
        n_used = len(examples.texts) + len(unlabelled)
        without = [("without label", f"{len(unlabelled):,} of them")] if unlabelled else []
        _print_aligned(
            [
                ("texts", _count_of_texts(table, n_used)),
                *without,
                ("labels", (_range_of if options.regression else _counts)(examples.labels)),
                *_model_rows(model, seconds),
                *(_scores(model, training.labels, held_out) if held_out.texts else ()),
                *(gain_row(model, training, held_out) if unlabelled and held_out.texts else ()),
            ]
        )
        _print_next(options.out, text)
    return bool(model[-1].n_iter_ >= model[-1].net_.max_epochs)


def _warn_of_short_rows(table: Table, command: str) -> None:
    """Warn of rows that end before named columns that are not used."""
    last = max(place for place, name in enumerate(table.columns) if name.strip())
    short = [row for row, n_fields in table.n_fields.items() if n_fields <= last]
    if short:
        others = f" and {len(short) - 1:,} later rows end" if len(short) > 1 else " ends"
        print(
            f"sklearn_rnn {command}: warning: {table.source!r} {table.place(short[0])}"
            f"{others} before {table.columns[last]!r}: the missing fields are taken to be empty.",
            file=sys.stderr,
        )


def _hold_out(
    labels: NDArray[Any], options: Namespace
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows to train on, and those to hold out, stratified by label."""
    if options.test_fraction == 0:
        return np.arange(len(labels)), np.arange(0)
    keys = labels if options.regression else np.unique(labels, return_inverse=True)[1]
    generator = np.random.default_rng(options.seed)
    try:
        return split_for_validation("train", keys, options.test_fraction, generator)
    except ValueError as error:
        raise ValueError(
            f"{len(labels)} rows are too few to hold out {options.test_fraction:.0%} of them. "
            "Give more, or --test-fraction 0."
        ) from error


def _new_model(options: Namespace, texts: list[str]) -> Pipeline:
    analyzer = options.analyzer
    if analyzer == "auto":
        analyzer = "char" if are_unspaced(texts[:1_000]) else "word"
    vectorizer = SequenceVectorizer(
        analyzer=analyzer, max_features=options.max_features, max_len=options.max_len
    )
    network = (RNNTextRegressor if options.regression else RNNTextClassifier)(
        max_epochs=options.epochs or "auto",
        checkpoint_dir=options.checkpoint_dir,
        random_state=options.seed,
        verbose=0 if options.quiet else 1,
    )
    return make_pipeline(vectorizer, network)


def _announce(options: Namespace, model: Pipeline, training: Examples, held_out: Examples) -> None:
    rest = f", {len(held_out.texts):,} held out" if held_out.texts else ""
    print(f"Training on {len(training.texts):,} texts{rest}.", file=sys.stderr)
    if options.analyzer == "auto" and model[0].analyzer == "char":
        note = (
            "They have no spaces between words: reading characters (--analyzer word reads words)."
        )
        print(note, file=sys.stderr)


def _fit(model: Pipeline, training: Examples) -> float:
    """Train, and return how many seconds it took."""
    start = perf_counter()
    model.fit(*training)
    if model[-1].n_iter_ == 0:  # nothing that should replace an older model
        raise KeyboardInterrupt("No epoch was finished: nothing was saved.")
    model[-1].set_params(checkpoint_dir=None, verbose=0)  # of this fit, not of the model
    return perf_counter() - start


def _save(model: Pipeline, path: Path) -> None:
    if path.suffix.lower() == ".skops":
        persistence.save(model, path)
        return
    with atomic_write(path) as file:
        joblib.dump(model, file)


# ---- What was trained ------------------------------------------------------------------------


def _count_of_texts(table: Table, n_read: int) -> str:
    n_skipped = len(table.rows) - n_read
    skipped = f", {n_skipped:,} skipped" if n_skipped else ""
    return f"{n_read:,} read from {shown(table.source)}{skipped}"


def _counts(labels: NDArray[Any]) -> str:
    names, counts = np.unique(labels, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")
    first = [f"{_label(names[i])} ({counts[i]:,})" for i in frequent[:_MOST_LABELS_SHOWN]]
    n_more = len(names) - len(first)
    return ", ".join(first) + (f", and {n_more} more labels" if n_more else "")


def _label(label: Any) -> str:
    return shown(label, _LONGEST_LABEL)


def _range_of(numbers: NDArray[np.float64]) -> str:
    return f"{numbers.min():g} to {numbers.max():g}, {numbers.mean():.3g} on average"


def _model_rows(model: Pipeline, seconds: float) -> list[tuple[str, str]]:
    vectorizer, estimator = model[0], model[-1]
    tokens = "characters" if vectorizer.analyzer == "char" else "words"
    n_epochs = estimator.net_.max_epochs
    interrupted = f" of {n_epochs}, then interrupted" if estimator.n_iter_ < n_epochs else ""
    return [
        ("vocabulary", f"{len(vectorizer.vocabulary_):,} {tokens}"),
        ("parameters", f"{estimator.n_parameters_:,}"),
        ("epochs", f"{estimator.n_iter_}{interrupted}"),
        ("seconds", f"{seconds:.1f}"),
    ]


def _scores(model: Pipeline, known: NDArray[Any], held_out: Examples) -> list[tuple[str, str]]:
    """Evaluate on the held-out texts, and compare with one answer to all of them."""
    answers, (texts, labels) = model.predict(held_out.texts), held_out
    of = f"of {len(texts):,} held-out texts"
    if isinstance(model[-1], RNNTextRegressor):
        error = np.abs(answers - labels).mean()
        baseline = np.abs(known.mean() - labels).mean()
        return [
            ("mean error", f"{error:.3g}, {of}"),
            ("baseline", f"{baseline:.3g}, by always answering {known.mean():.3g}"),
        ]
    names, counts = np.unique(known, return_counts=True)
    frequent = names[counts.argmax()]
    return [
        ("accuracy", f"{(answers == labels).mean():.1%} {of}"),
        (
            "baseline",
            f"{(labels == frequent).mean():.1%}, by always answering '{_label(frequent)}'",
        ),
    ]


def _print_aligned(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _print_next(path: Path, text: str) -> None:
    command, model = "python -m sklearn_rnn", as_argument(str(path))
    print(f"\nSaved to {shown(path)}. Next:")
    print(f"  {command} predict {model} new.csv --text {as_argument(text)}")
    print(f'  {command} explain {model} "a text"')


# ---- Predict ---------------------------------------------------------------------------------


def predict(options: Namespace) -> bool:
    """Write a table with a model's predictions as further columns; always return True."""
    if str(options.table) == "-":
        table = lines_as_table("standard input", read_stdin(), options.encoding)
    else:
        table = read_table(options.table, options.encoding)
    table.check_new(["prediction", "probability"])
    if options.out is not None:
        check_writable(table, options.out)
    name = options.text or text_column(table)
    rows = complete_rows(table, [name], options.skip_missing)
    _warn_of_short_rows(table, options.command)
    answers = _predictions(_load_model(options), texts_in(table, name, rows))
    result = table.with_columns(
        {title: _spread(values, rows, len(table.rows)) for title, values in answers.items()}
    )
    if options.out is None:
        write_stdout(as_csv(result, options.escape_formulas))
    else:
        write_table(result, options.out, options.escape_formulas)
    return True


def _predictions(model: Any, texts: list[str]) -> dict[str, list[Any]]:
    """Return columns: what a model predicts, and how probable it considers that."""
    with _as_model_errors():
        predictions = np.asarray(model.predict(texts))
    if predictions.ndim != 1:
        raise ValueError(
            "the model gives several answers per text, but the command line writes only one: use "
            "the model from Python."
        )
    answers = {"prediction": predictions.tolist()}
    with _as_model_errors():
        if hasattr(model, "predict_proba"):
            answers["probability"] = model.predict_proba(texts).max(axis=1).round(6).tolist()
    return answers


@contextmanager
def _as_model_errors() -> Iterator[None]:
    """Blame the model for any other error: it may be of any kind and version, or damaged."""
    try:
        yield
    except (ImportError, MemoryError, OSError, TypeError, ValueError):
        raise
    except Exception as error:
        raise ModelFileError(
            f"the model cannot read these texts ({error!r}). Was it written by another version "
            "of its library, or made for other data?"
        ) from error


def _spread(values: list[Any], rows: Sequence[int], n_rows: int) -> list[Any]:
    """Return a column with values in some rows, and None in the others."""
    column = [None] * n_rows
    for row, value in zip(rows, values, strict=True):
        column[row] = value
    return column


def _load_model(options: Namespace) -> Any:
    path: Path = options.model
    if path.suffix.lower() == ".skops":
        model = persistence.load(path)
    else:
        if not options.trust:
            print(
                f"sklearn_rnn {options.command}: {str(path)!r} is a program, which runs now. Open "
                "only files from people you trust (--trust silences this).",
                file=sys.stderr,
                flush=True,
            )
        model = _load_joblib(path)
    if not hasattr(model, "predict"):
        raise ModelFileError(
            f"{str(path)!r} contains a {type(model).__name__}: expected a model that predicts."
        )
    return model


def _load_joblib(path: Path) -> Any:
    try:
        with open_regular(path) as file:
            return joblib.load(file)
    except (MemoryError, ModelFileError, OSError):
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        raise ModelFileError(
            f"{str(path)!r} is not a model that can be read ({error!r}). It looks damaged or "
            "incomplete, or names a module that is not installed here."
        ) from error


# ---- Explain ---------------------------------------------------------------------------------


def explain(options: Namespace) -> bool:
    """Print what a model predicts for a text, and what each token adds to it; return True."""
    model, text = _load_model(options), options.text
    answer = {name: cells[0] for name, cells in _predictions(model, [text]).items()}
    label = answer["prediction"] if "probability" in answer else None
    with _as_model_errors():
        display = TokenAttributionDisplay.from_estimator(model, text, target=label)
    _print_aligned([(name, shown(value)) for name, value in answer.items()])
    if not display.tokens:
        print("\nThe text contains no token that the model can read.")
    else:
        print(f"\nHow much each token speaks {_signs(label)}, compared with an unknown one:\n")
        _print_bars(display.tokens, display.values)
    if options.html is not None:
        _write_page(display, options.html)
        print(f"\nSaved to {shown(options.html)}")
    return True


def _signs(label: Any) -> str:
    return (
        "for a higher (+) or lower (-) number"
        if label is None
        else f"for (+) or against (-) {_label(label)}"
    )


def _print_bars(tokens: list[str], values: NDArray[np.float64]) -> None:
    """Print a line per token, its number first: so the numbers align in every script."""
    colours = {"+": "\x1b[36m", "-": "\x1b[31m"} if _may_colour() else {}
    unit = max(np.abs(values).max(initial=0.0), 1e-9) / _WIDEST_BAR
    for token, value in zip(tokens, values, strict=True):
        sign = "-" if value < 0 else "+"
        bar = f"{sign * round(abs(value) / unit):<{_WIDEST_BAR}}"
        print_coloured(f"{value:+7.2f}  ", colours.get(sign, ""), bar, f"  {_visible(token)}")


def _may_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _visible(token: str) -> str:
    """Return a token in a form that can be seen."""
    return token if token.isprintable() and token.strip() else repr(token)


def _write_page(display: TokenAttributionDisplay, path: Path) -> None:
    head = '<!doctype html>\n<meta charset="utf-8">\n<title>What was read</title>\n'
    with atomic_write(path) as file:
        file.write((head + display._repr_html_()).encode("utf-8", "backslashreplace"))

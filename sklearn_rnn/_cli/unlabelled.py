"""Training on rows without a label, too: ``train --unlabelled``."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from ..semi_supervised import TeacherStudentClassifier
from ..semi_supervised._defaults import default_student
from ..semi_supervised._labels import labels_of
from .examples import Examples

__all__ = ["fit_with_unlabelled", "gain_row"]


def fit_with_unlabelled(
    model: Pipeline, training: Examples, unlabelled: list[str], options: Namespace
) -> Pipeline:
    """Train a teacher and its student; return the student as a pipeline of its own.

    Parameters
    ----------
    model : Pipeline
        The vectorizer to use, and a network, for its verbosity.
    training : Examples
        Texts with a label.
    unlabelled : list of str
        Texts without one.
    options : Namespace
        The options of the command.

    Returns
    -------
    Pipeline
        Vectorizer, word vectors and network.
    """
    if not labels_of(training.labels, "train --unlabelled")[0].all():  # -1, "-1" or -1.0
        raise ValueError(
            "with --unlabelled, -1 cannot be a label: it marks texts without one. Write it "
            "differently."
        )
    student = default_student(options.seed, model[-1].verbose)
    student.set_params(checkpoint_dir=options.checkpoint_dir)
    if options.epochs is not None:
        student.set_params(max_epochs=options.epochs)
    both = TeacherStudentClassifier(
        student=student, vectorizer=model[0], random_state=options.seed, verbose=student.verbose
    )
    labels = np.array([*training.labels, *[None] * len(unlabelled)], object)
    both.fit([*training.texts, *unlabelled], labels)
    if both.student_.n_iter_ == 0:  # nothing that should replace an older model
        raise KeyboardInterrupt("No epoch was finished: nothing was saved.")
    both.student_.set_params(checkpoint_dir=None, verbose=0)
    assert both.encoder_ is not None
    return make_pipeline(*both.encoder_.named_steps.values(), both.student_)


def gain_row(model: Pipeline, training: Examples, held_out: Examples) -> list[tuple[str, str]]:
    """Compare a model with a linear one that reads the texts with a label alone.

    Parameters
    ----------
    model : Pipeline
        The model, which has read other texts, too.
    training, held_out : Examples
        The texts with a label that models learn from, and those they are evaluated on.

    Returns
    -------
    list of (str, str)
        A row for what is printed.
    """
    words = TfidfVectorizer(
        tokenizer=model[0].build_analyzer(),
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        sublinear_tf=True,
    )
    linear = make_pipeline(words, LogisticRegression(C=10, max_iter=1_000)).fit(*training)
    ours, theirs = (
        (each.predict(held_out.texts) == held_out.labels).mean() for each in (model, linear)
    )
    verdict = "" if ours > theirs else ": texts without a label did not help"
    return [("linear model", f"{theirs:.1%}, from the texts with a label alone{verdict}")]

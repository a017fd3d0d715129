"""Model cards: what a model is, what it was trained on, how good it is, what its limits are.

Needs skops: ``pip install "sklearn-rnn[safe]"``; plots need matplotlib as well.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

from ._base import final_estimator
from ._utils.pipelines import pipeline_steps
from .displays import HistoryDisplay

__all__ = ["model_card"]

_TO_FILL_IN = "*To be filled in.*"


def model_card(
    pipeline: Any,
    X: Any = None,
    y: Any = None,
    *,
    description: str | None = None,
    data: str | None = None,
    limits: str | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Any:
    """Create the card of a fitted model, with skops.

    Its sections: the model with its layers and parameters, its intended use and limits, the
    training data, the learning curves, the evaluation on `X` and `y`, and all parameters. What
    only people know is passed in, or marked as to be filled in.

    Parameters
    ----------
    pipeline : estimator or Pipeline
        A fitted classifier or regressor of this library, or a pipeline that ends with one.
    X : texts or sequences, default=None
        What the model is evaluated on: not what it was trained on.
    y : array-like, default=None
        Labels or numbers for `X`.
    description : str, default=None
        What the model is for, in a few words.
    data : str, default=None
        What it was trained on: source, period, size, language, licence.
    limits : str, default=None
        Where it should not be used.
    folder : str or path-like, default=None
        Where the plot of the learning curves goes, and later the card. None: no plot.

    Returns
    -------
    skops.card.Card
        The card. Its ``save(path)`` writes it as Markdown, ``render()`` returns it.

    Raises
    ------
    ImportError
        If skops is missing.
    ValueError
        If only one of `X` and `y` is given.

    References
    ----------
    M. Mitchell et al. (2019), "Model Cards for Model Reporting".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.cards import model_card
    >>> X, y = np.arange(2, 42).reshape(20, 2), np.arange(20) % 2
    >>> model = RNNTextClassifier(hidden_size=4, max_epochs=2, random_state=0).fit(X, y)
    >>> card = model_card(model, X, y, limits="Made-up numbers only.")
    >>> "Made-up numbers only." in card.render()
    True
    """
    if (X is None) != (y is None):
        raise ValueError("model_card: pass both X and y to evaluate the model on, or neither.")
    final = final_estimator("model_card", pipeline)
    card = _skops_card().Card(pipeline, template=None, model_diagram=False)
    card.add(**{"Model": description or _TO_FILL_IN})
    _add_table(card, "Model/In numbers", _overview(pipeline, final))
    _add_table(card, "Model/Layers", _layers(final))
    card.add(**{"Intended use and limits": limits or _TO_FILL_IN})
    card.add(**{"Training data": data or _TO_FILL_IN})
    _add_table(card, "Learning curves", _history(final), _best_epoch(final))
    if folder is not None:
        _add_curves(card, pipeline, Path(folder))
    if X is not None:
        _add_evaluation(card, pipeline, X, y)
    card.add_hyperparams(section="Parameters")
    return card


def _skops_card() -> Any:
    try:
        return import_module("skops.card")
    except ImportError as error:
        raise ImportError('model_card needs skops: pip install "sklearn-rnn[safe]".') from error


def _add_table(
    card: Any, section: str, table: dict[str, list[str]], description: str = ""
) -> None:
    escaped = {name: [cell.replace("|", "\\|") for cell in cells] for name, cells in table.items()}
    card.add_table(description=description, **{section: escaped})
    card.select(section).title = section.rpartition("/")[2]  # skops shows the whole path


def _overview(pipeline: Any, final: Any) -> dict[str, list[str]]:
    """Return what readers ask first, as a table of two columns."""
    rows = {"kind": type(final).__name__}
    for step in pipeline_steps(pipeline):
        if hasattr(step, "vocabulary_size_"):
            rows["vocabulary"] = f"{len(step.vocabulary_):,} words"
        if hasattr(step, "token_coverage_"):
            rows["tokens with a vector from elsewhere"] = f"{step.token_coverage_:.1%}"
    if is_classifier(final):
        rows["classes"] = ", ".join(map(str, final.classes_))
    rows["parameters"] = f"{final.n_parameters_:,}"
    rows["epochs"] = f"{final.n_iter_}"
    return {"what": list(rows), "value": list(rows.values())}


def _layers(final: Any) -> dict[str, list[str]]:
    layers = final.summary().layers
    return {
        "layer": [layer.name for layer in layers],
        "output shape": [str(layer.output_shape) for layer in layers],
        "parameters": [f"{layer.n_parameters:,}" for layer in layers],
    }


def _best_epoch(final: Any) -> str:
    return f"The model has the weights of epoch {final.best_epoch_}."


def _history(final: Any) -> dict[str, list[str]]:
    columns = {"epoch": [str(epoch) for epoch in range(1, final.n_iter_ + 1)]}
    for name, values in final.history_.items():
        if name != "dur" and not np.isnan(values).all():
            columns[name] = [f"{value:.4f}" for value in values]
    return columns


def _add_curves(card: Any, pipeline: Any, folder: Path) -> None:
    display = HistoryDisplay.from_estimator(pipeline)
    display.figure_.savefig(folder / "learning-curves.png", dpi=120)
    import_module("matplotlib.pyplot").close(display.figure_)
    alt = "Losses and scores by epoch, in training and in validation"
    card.add_plot(alt_text=alt, **{"Learning curves/Picture": "learning-curves.png"})


def _add_evaluation(card: Any, pipeline: Any, X: Any, y: Any) -> None:
    """Evaluate the model by the scores of its kind of target."""
    predicted = pipeline.predict(X)
    section, description = "Evaluation", f"On {len(predicted):,} samples."
    if not is_classifier(pipeline):
        scores = {
            "mean absolute error": metrics.mean_absolute_error(y, predicted),
            "root mean squared error": metrics.root_mean_squared_error(y, predicted),
            "R2": metrics.r2_score(y, predicted),
        }
    else:
        scores = {
            "accuracy": metrics.accuracy_score(y, predicted),
            "macro F1": metrics.f1_score(y, predicted, average="macro", zero_division=0),
        }
    rounded = {name: f"{score:.4f}" for name, score in scores.items()}
    card.add_metrics(section=section, description=description, **rounded)
    if is_classifier(pipeline) and type_of_target(y) in ("binary", "multiclass"):
        _add_table(card, f"{section}/By class", _by_class(y, predicted))


def _by_class(y: Any, predicted: Any) -> dict[str, list[str]]:
    labels = np.unique(np.concatenate([np.asarray(y), predicted]))
    scores = metrics.precision_recall_fscore_support(y, predicted, labels=labels, zero_division=0)
    *shares, counts = scores
    return {
        "class": [str(label) for label in labels],
        **{
            name: [f"{share:.3f}" for share in column]
            for name, column in zip(("precision", "recall", "F1"), shares, strict=True)
        },
        "samples": [str(count) for count in counts],
    }

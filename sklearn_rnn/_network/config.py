"""What a network is built from, and whether parameters still ask for the same one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data.batches import SequenceDataset
from .._data.inputs import Inputs, ids_that_occur
from .._data.ngrams import NGrams, label_contrast, learn_ngrams
from .._data.targets import Target
from ..sequences import UNKNOWN

__all__ = ["check_same_network", "new_plan", "ngrams_of", "unread_ids"]

_SHAPING = ("cell", "hidden_size", "num_layers", "bidirectional", "pooling", "linear")
"""Parameters that decide what weights there are."""


def new_plan(estimator: Any, inputs: Inputs, target: Target, n_pairs: int) -> dict[str, Any]:
    """Return what a network is built from, in plain numbers and words."""
    source = inputs.vectors if inputs.n_ids is not None else inputs.values
    return {
        "n_ids": inputs.n_ids,
        "n_dimensions": estimator.embedding_dim if source is None else source.shape[-1],
        "n_outputs": target.n_outputs,
        "n_places": inputs.n_places,
        "n_pairs": n_pairs,
        "bidirectional": bool(estimator.bidirectional),
        "cell": estimator.cell,
        "hidden_size": estimator.hidden_size,
        "num_layers": estimator.num_layers,
        "pooling": estimator.pooling,
        "linear": estimator.linear,
        "input_dropout": estimator.input_dropout,
        "dropout": estimator.dropout,
        "branch_dropout": estimator.branch_dropout,
    }


def check_same_network(estimator: Any, plan: dict[str, Any]) -> None:
    """Raise if parameters ask for another network than the one at hand."""
    changed = [name for name in _SHAPING if getattr(estimator, name) != plan[name]]
    if changed:
        raise ValueError(
            f"{type(estimator).__name__}: {', '.join(changed)} changed since the last fit, whose "
            "network this one goes on with. Clone the estimator, or set warm_start=False."
        )


def ngrams_of(estimator: Any, inputs: Inputs, training: SequenceDataset) -> NGrams | None:
    """Return what the linear model of a new network knows; None if there is no such model."""
    if inputs.n_ids is None or estimator.linear == "none":
        return None
    rows, weights = training.weighty()
    ngrams = learn_ngrams(inputs.values, rows, inputs.n_ids, estimator.linear, weights)
    if estimator.term_weights == "idf":
        return ngrams
    labels = estimator._target.indicators(training.target)
    contrast = label_contrast(inputs.values, rows, labels, ngrams)
    return ngrams._replace(idf=ngrams.idf * contrast, n_texts=None)


def unread_ids(data: SequenceDataset, n_ids: int) -> NDArray[np.bool_]:
    """Return which words stand in no text that weighs anything: (V,)."""
    occurs = ids_that_occur(data.values, n_ids, data.weighty()[0])
    occurs[: UNKNOWN + 1] = True
    return ~occurs

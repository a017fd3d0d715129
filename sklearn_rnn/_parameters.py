"""The parameters of the final estimators: which values are allowed, and what each means.

A new parameter is written in four places: here, in the signature of each of the two estimators
(with its default), and as a field of the same name in `NetworkParameters` (`_network/config.py`)
if the network is built from it, or in `TrainingSettings` (`_training/settings.py`).
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from numbers import Integral, Real
from textwrap import indent
from typing import Any, NamedTuple, TypeVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from ._network.cells import CELLS
from ._network.pooling import POOLINGS
from ._training.optimizers import OPTIMIZERS
from ._utils.docstrings import fill_doc

__all__ = ["with_parameters"]

_positive = Interval(Integral, 1, None, closed="left")
_share = Interval(Real, 0, 1, closed="left")
_auto = StrOptions({"auto"})
_above_zero = Interval(Real, 0, None, closed="neither")


class Parameter(NamedTuple):
    """One parameter of the estimators."""

    constraint: list[Any]
    """What is allowed, as scikit-learn's validation takes it."""

    type: str
    """The same in words, as numpydoc has it."""

    description: str


def _one_of(names: Iterable[str]) -> str:
    return "{" + ", ".join(f'"{name}"' for name in names) + "}"


_PARAMETERS = {
    "cell": Parameter(
        [StrOptions(set(CELLS))],
        _one_of(CELLS),
        """
        Kind of the recurrent layers: the lecture's SimpleRNN, LSTM or GRU, or the minimal GRU of
        Feng et al. (2024), whose gates read the inputs alone. It is the fastest to train.""",
    ),
    "hidden_size": Parameter(
        [_positive],
        "int",
        """
        Hidden units of a recurrent layer, in each direction.""",
    ),
    "num_layers": Parameter(
        [_positive],
        "int",
        """
        Number of stacked recurrent layers.""",
    ),
    "bidirectional": Parameter(
        ["boolean"],
        "bool",
        """
        Read in both directions, in every layer.""",
    ),
    "pooling": Parameter(
        [StrOptions(set(POOLINGS))],
        _one_of(POOLINGS),
        """
        How the states of all steps become one vector: the last one, their maximum or mean,
        a mean with learned weights, or all of them side by side. "flatten" is the only one
        that ties the model to the width of its training data.""",
    ),
    "embedding_dim": Parameter(
        [_positive],
        "int",
        """
        Dimensions of the embedding that is learned. Not used if the sequences have vectors of
        their own, or are three-dimensional.""",
    ),
    "freeze_embedding": Parameter(
        ["boolean", _positive],
        "bool or int",
        """
        For sequences with vectors: keep the vectors as they are (True), train them too (False),
        or train them after a number of epochs (int). An embedding learned from scratch is never
        frozen.""",
    ),
    "input_dropout": Parameter(
        [_share],
        "float",
        """
        Share of each recurrent layer's inputs dropped in training, with one mask for all steps
        of all texts of half a batch. The lecture's ``dropout=0.2``.""",
    ),
    "dropout": Parameter(
        [_share],
        "float",
        """
        Share of the pooled states dropped in training.""",
    ),
    "linear": Parameter(
        [StrOptions({"none", "words", "pairs"})],
        '{"none", "words", "pairs"}',
        """
        A linear model of TF-IDF beside the recurrent layers, whose logits are added to theirs:
        of single words, or also of the pairs of neighbours that at least two different training
        texts contain. What a word says wherever it occurs need not pass through the recurrence.
        Of ids only: three-dimensional X has none. With a linear model, the recurrent layers read
        the unknown token in place of words that no two different training texts contain, which
        leaves them to the linear model. They do not if the sequences have vectors, if most words
        are that rare, or in `partial_fit`.""",
    ),
    "term_weights": Parameter(
        [StrOptions({"idf", "naive_bayes"})],
        '{"idf", "naive_bayes"}',
        """
        What a word or pair weighs in the linear model before training: by how few texts contain
        it, or also by how much more often it occurs with one label than with the others (NB-SVM;
        Wang and Manning, 2012). The latter is for large training sets, as in
        ``examples/best_imdb.py``: in few texts it takes chance for evidence. Not for
        `partial_fit`.""",
    ),
    "branch_dropout": Parameter(
        [Interval(Real, 0, 0.5, closed="left")],
        "float",
        """
        Share of training texts that train the linear model alone, and an equal share that
        train the recurrent layers alone; the rest train their sum. Below 0.5. So that what
        both have learned by themselves does not count twice, predictions scale the logits of
        the recurrent layers by ``1 - 2 * branch_dropout``. Not used with ``linear="none"``.""",
    ),
    "optimizer": Parameter(
        [StrOptions(set(OPTIMIZERS)), callable],
        f"{_one_of(OPTIMIZERS)} or callable",
        """
        The optimizer. "rmsprop" has the rule and the constants of Keras, the lecture's
        framework; "sgd" has Nesterov momentum 0.9. A callable, such as a class of
        ``torch.optim`` or a ``functools.partial`` of one, is called with the weights and
        ``lr=``.""",
    ),
    "lr": Parameter(
        [_above_zero, _auto],
        'float or "auto"',
        """
        Learning rate. "auto": 0.003 in batches of up to 32 and in `partial_fit`, 0.006 in batches
        of 64 or more, and in proportion between.""",
    ),
    "table_lr": Parameter(
        [_above_zero, _auto, None],
        'float, "auto" or None',
        """
        Learning rate of the tables: the embedding, and (at a quarter of the rate) the weights of
        the linear model. Rare words follow plain gradient descent, so that a word counts by how
        often it occurs, and frequent ones are damped: Adam moves rare words as far as frequent
        ones, and overfits to them. "auto": ``50 * batch_size / max_epochs``, so that a text moves
        the rows of its words by the same in a whole fit; with at least 32 and at most 128 texts in
        a batch, and 4 to 20 epochs. In `partial_fit`, 160. None: trained by the `optimizer`, with
        `lr`, like all other weights.""",
    ),
    "lr_schedule": Parameter(
        [StrOptions({"constant", "linear"})],
        '{"constant", "linear"}',
        """
        Keep the learning rates constant, or let them rise over the first steps and fall to zero
        over the rest of `max_epochs`. They are constant in `partial_fit`, in a fit of one epoch,
        and in one with an ``LRScheduler`` of skorch's among its `callbacks`.""",
    ),
    "label_smoothing": Parameter(
        [Interval(Real, 0, 1, closed="left")],
        "float",
        """
        Share of a label's probability that training spreads evenly over all labels, so that
        no logit has to grow without bound (Szegedy et al., 2016).""",
    ),
    "max_epochs": Parameter(
        [_positive, _auto],
        'int or "auto"',
        """
        Maximum number of passes over the training data. "auto": four if the texts have 500,000
        tokens or more, twenty if they have fewer than 10,000, otherwise ten.""",
    ),
    "batch_size": Parameter(
        [_positive, _auto],
        'int or "auto"',
        """
        Texts in a training batch. Predictions do not depend on it. "auto": 64 if there are 2,000
        texts or more, otherwise 32.""",
    ),
    "early_stopping": Parameter(
        ["boolean"],
        "bool",
        """
        Set a part of the training data aside, stop when the loss on it no longer falls,
        and keep the weights of the best epoch.""",
    ),
    "validation_fraction": Parameter(
        [Interval(Real, 0, 1, closed="neither")],
        "float",
        """
        Share of the training data set aside, in proportion to the classes.""",
    ),
    "n_iter_no_change": Parameter(
        [_positive],
        "int",
        """
        Epochs without a better validation loss after which training stops.""",
    ),
    "class_weight": Parameter(
        [dict, list, StrOptions({"balanced"}), None],
        'dict, list of dict or "balanced"',
        """
        Weights of the classes in the loss, as everywhere in scikit-learn: finite numbers of 0
        or more. A list of dicts, one for each column, if texts may have several labels.""",
    ),
    "max_grad_norm": Parameter(
        [_above_zero, None],
        "float or None",
        """
        Gradients are clipped to this norm, taken over all weights but the tables: one steep
        step must not throw the weights far away. Steps of the tables are bounded by their own
        optimizer. None: no clipping.""",
    ),
    "callbacks": Parameter(
        [list, tuple, None],
        "list of skorch callbacks",
        """
        Further callbacks for skorch's training loop; copied before each fit.""",
    ),
    "checkpoint_dir": Parameter(
        [str, os.PathLike, None],
        "str, path-like or None",
        """
        Folder for the state of training after each epoch. A `fit` that was killed resumes
        from it when it is called again with the same data and parameters, and ends bit by
        bit as if nothing had happened. Other data, parameters or versions are refused. A
        folder serves one fit: not a search, nor several fits of a warm start. Needs
        ``callbacks=None`` and an int or None as `random_state`; `partial_fit` keeps none.
        If one cannot be written while `fit` runs (the disk is full, or somebody deletes the
        folder, which is then made again), training continues with a warning.""",
    ),
    "device": Parameter(
        [str, torch.device],
        "str or torch.device",
        """
        Where to compute: "cpu", "cuda", "cuda:1", ... "auto" takes a CUDA device if there
        is one. A saved model names its device by a str, and opens on the CPU if that device is
        missing.""",
    ),
    "random_state": Parameter(
        ["random_state"],
        "int, RandomState instance or None",
        """
        Seed of initial weights, dropout, order of texts and validation split. An int gives
        bit-identical results on a CPU. The global generators are never touched.""",
    ),
    "warm_start": Parameter(
        ["boolean"],
        "bool",
        """
        Continue from the weights of the last fit, instead of starting anew.""",
    ),
    "verbose": Parameter(
        ["verbose"],
        "int",
        """
        Show a progress bar for each epoch if above 0.""",
    ),
}

_ATTRIBUTES = """\
vocabulary_ : tuple of str or None
        Tokens by id, if X had them.
    net_ : skorch.NeuralNet
        The net; ``net_.module_`` is the torch module.
    history_ : dict of str to ndarray of shape (n_iter_,)
        Figures by epoch: ``train_loss``, ``valid_loss``{accuracies} and seconds (``dur``).
        Those of training are means over the epoch's batches, while the weights change and
        dropout is on; NaN where an epoch had no validation.
    n_iter_ : int
        Epochs that were run.
    best_epoch_ : int
        The epoch whose weights the model has, from 1: the last one, or the best one with
        `early_stopping`.
    n_parameters_ : int
        Number of weights of the network, those of a frozen embedding included.
    embedding_vectors_ : ndarray of float32 of shape (n_ids, n_dimensions)
        The embedding table.
    n_features_in_ : int
        Tokens (or steps) of a training sequence.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a data frame that has some."""

_NOTES = """\
Id 0 is padding, anywhere in a row: it is skipped, not read. Id 1 is the unknown token, as which
    a row of padding alone is read. Codes of your own must therefore start at 2.

    An id that does not occur in the training data is read as the unknown token, like a word that
    is in no vocabulary, even if it is larger than all others. If the sequences have vectors,
    words that do not occur in the training data keep theirs.

    A `TokenSequences` says how many ids there are and what they mean; in a plain array there are
    those up to the largest of the training data. Later chunks of `partial_fit` teach ids that do
    not occur in the first one, but none beyond its largest: if chunks may have such ids, pass a
    `TokenSequences`. The embedding has a row for each number up to the largest, so ids that are
    far apart, such as hashes or times, are refused: number them first.

    All steps of three-dimensional X are read: none of them is padding.

    A fit replaces all that was fitted before in one step, at its end. While one thread fits an
    estimator, others may predict with it: each prediction, copy or file is entirely the former
    model's or entirely the new one's. That holds for each step of a pipeline, not for the
    pipeline, which fits one after the other. In between, sequences of the new vectorizer are
    refused by the former network, since their vocabularies differ. To predict without a break,
    fit a clone of the pipeline, and let it take the place of the former one when it is fitted.

    What is saved is configuration and NumPy arrays, without the state of the optimizer:
    `partial_fit` after loading starts with a new one."""

T = TypeVar("T", bound=type)


def with_parameters(estimator: T) -> T:
    """Validate and document the parameters of an estimator's signature.

    Parameters
    ----------
    estimator : class
        Its docstring has ``{parameters}``, ``{attributes}`` and ``{notes}`` in their places.

    Returns
    -------
    class
        The same, with scikit-learn's ``_parameter_constraints``.
    """
    signature = inspect.signature(estimator)
    estimator._parameter_constraints = {  # type: ignore[attr-defined]
        name: _PARAMETERS[name].constraint for name in signature.parameters
    }
    is_classifier = "class_weight" in signature.parameters
    accuracies = ", ``train_accuracy``, ``valid_accuracy``" if is_classifier else ""
    fill = fill_doc(
        parameters="\n".join(map(_documented, signature.parameters.values())).lstrip(),
        attributes=_ATTRIBUTES.replace("{accuracies}", accuracies),
        notes=_NOTES,
    )
    return fill(estimator)


def _documented(parameter: inspect.Parameter) -> str:
    """Return a parameter as numpydoc has it; its default is that of the signature."""
    _, kind, description = _PARAMETERS[parameter.name]
    default = parameter.default
    shown = f'"{default}"' if isinstance(default, str) else repr(default)
    return indent(f"{parameter.name} : {kind}, default={shown}", " " * 4) + description

"""What the final estimators share: which parameters are allowed, and what each means."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, TypeVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from ._network.cells import CELLS
from ._network.pooling import POOLINGS
from ._training.optimizers import OPTIMIZERS
from ._utils.docstrings import fill_doc

__all__ = ["CONSTRAINTS", "documented"]

_positive = Interval(Integral, 1, None, closed="left")
_share = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "cell": [StrOptions(set(CELLS))],
    "hidden_size": [_positive],
    "num_layers": [_positive],
    "bidirectional": ["boolean"],
    "pooling": [StrOptions(set(POOLINGS))],
    "embedding_dim": [_positive],
    "freeze_embedding": ["boolean", _positive],
    "input_dropout": [_share],
    "dropout": [_share],
    "linear": [StrOptions({"none", "words", "pairs"})],
    "branch_dropout": [Interval(Real, 0, 0.5, closed="left")],
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "table_lr": [Interval(Real, 0, None, closed="neither"), None],
    "lr_schedule": [StrOptions({"constant", "linear"})],
    "max_epochs": [_positive],
    "batch_size": [_positive],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [_positive],
    "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
    "callbacks": [list, tuple, None],
    "checkpoint_dir": [str, os.PathLike, None],
    "device": [str, torch.device],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
}

_PARAMETERS = """\
cell : {"rnn", "lstm", "gru"}, default="lstm"
        Kind of the recurrent layers: the lecture's SimpleRNN, LSTM or GRU.
    hidden_size : int, default=64
        Hidden units of a recurrent layer, in each direction.
    num_layers : int, default=1
        Recurrent layers, one upon the other.
    bidirectional : bool, default=True
        Read in both directions, in every layer.
    pooling : {"last", "max", "mean", "attention", "flatten"}, default="max"
        How the states of all steps become one vector: the last one, their maximum or mean,
        a mean with learned weights, or all of them side by side. "flatten" is the one that
        ties the model to the width of its training data.
    embedding_dim : int, default=128
        Dimensions of the embedding that is learned. Not used where the sequences bring
        vectors of their own, or are three-dimensional.
    freeze_embedding : bool or int, default=False
        Leave vectors that the sequences bring as they are (True), train them too (False),
        or from a certain epoch on (int: the number of epochs that they stay frozen). An
        embedding learned from scratch is never frozen.
    input_dropout : float, default=0.3
        Share of each recurrent layer's inputs dropped in training, with one mask for all
        the steps of a text. The lecture's ``dropout=0.2``.
    dropout : float, default=0.5
        Share of the pooled states dropped in training.
    linear : {"none", "words", "pairs"}, default="pairs"
        A linear model of TF-IDF beside the recurrent layers, whose evidence is added to
        theirs: of single words, or also of the pairs of neighbours that at least two different
        training texts contain. What a word says wherever it occurs need not pass through the
        recurrence. Of ids only: three-dimensional X has none. With a linear model, the recurrent
        layers read the unknown token in place of words that no two different training texts
        contain, which leaves them to the linear model. Not so where the sequences bring vectors,
        where most words are that rare, and in `partial_fit`.
    {term_weights}branch_dropout : float, default={branch_dropout}
        Share of training texts that train the linear model alone, and an equal share that
        train the recurrent layers alone; the rest train their sum. Below 0.5. So that what
        both have learned by themselves does not count twice, predictions scale the logits of
        the recurrent layers by ``1 - 2 * branch_dropout``. Not used with ``linear="none"``.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or callable, default="adam"
        The optimizer. "rmsprop" has the rule and the constants of Keras, the lecture's
        framework; "sgd" has Nesterov momentum 0.9. A callable, such as a class of
        ``torch.optim`` or a ``functools.partial`` of one, is called with the parameters and
        ``lr=``.
    lr : float, default=3e-3
        Learning rate.
    table_lr : float or None, default=160.0
        Learning rate of the tables, which are the embedding and the weights of the linear
        model (a quarter of the rate). Rare words follow plain gradient descent, so that a
        word counts by how often it comes, and frequent ones are damped: Adam moves rare words
        as far as frequent ones, and overfits to them. None: by the `optimizer`, with `lr`, as
        all other weights.
    lr_schedule : {"constant", "linear"}, default="linear"
        Keep the learning rates, or let them rise over the first steps and fall to zero over
        the rest of `max_epochs`. `partial_fit` keeps them, as does a fit of one epoch, and one
        with an ``LRScheduler`` of skorch's among its `callbacks`.
    {label_smoothing}max_epochs : int, default=10
        Passes over the training data, at most.
    batch_size : int, default=32
        Texts in a training batch. Predictions do not depend on it.
    early_stopping : bool, default=False
        Set a part of the training data aside, stop when the loss on it no longer falls,
        and keep the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share of the training data set aside, in proportion to the classes.
    n_iter_no_change : int, default=2
        Epochs without a better validation loss after which training stops.
    {class_weight}max_grad_norm : float or None, default=5.0
        Gradients are scaled down to this length, taken over all weights but the tables: one
        steep place must not throw the weights far away. Steps of the tables are bounded by
        their own optimizer. None: as they come.
    callbacks : list of skorch callbacks, default=None
        Further callbacks of skorch's training loop; copied before each fit.
    checkpoint_dir : str, path-like or None, default=None
        Folder for the state of training after each epoch. A `fit` that was killed goes on
        from there when it is called again with the same data and parameters, and ends bit by
        bit as if nothing had happened. Other data, parameters or versions are refused. A
        folder serves one fit: not a search, nor several fits of a warm start. Needs
        ``callbacks=None`` and an int or None as `random_state`; `partial_fit` keeps none.
        Where one cannot be written while `fit` runs (the disk is full, or somebody deletes the
        folder, which is then made again), training goes on with a warning.
    device : str or torch.device, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", ... "auto" takes a CUDA device if there
        is one. A saved model names its device by a str, and opens on the CPU where that is
        missing.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, dropout, order of texts and validation split. An int gives
        bit-identical results on a CPU. The global generators are never touched.
    warm_start : bool, default=False
        Go on from the weights of the last fit, instead of starting anew.
    verbose : int, default=0
        Show a progress bar for each epoch if above 0."""

_TERM_WEIGHTS = """\
term_weights : {"idf", "naive_bayes"}, default="idf"
        What a word or pair weighs in the linear model before training: by how few texts hold
        it, or also by how much more often the texts of one label hold it (NB-SVM; Wang and
        Manning, 2012). The latter is for large training sets, as in
        ``examples/best_imdb.py``: of few texts it takes chance for evidence. Not for
        `partial_fit`.
    """

_LABEL_SMOOTHING = """\
label_smoothing : float, default=0.1
        Share of a label's probability that training spreads evenly over all labels, so that
        no logit has to grow without end (Szegedy et al., 2016).
    """

_CLASS_WEIGHT = """\
class_weight : dict, list of dict or "balanced", default=None
        Weights of the classes in the loss, as everywhere in scikit-learn: finite numbers of 0
        or more. A dict for each column, in a list, where several labels hold at a time.
    """

_ONLY_OF_CLASSIFIERS = {
    "term_weights": _TERM_WEIGHTS,
    "label_smoothing": _LABEL_SMOOTHING,
    "class_weight": _CLASS_WEIGHT,
}

_ATTRIBUTES = """\
vocabulary_ : tuple of str or None
        Tokens by id, where X brought them.
    net_ : skorch.NeuralNet
        The net; ``net_.module_`` is the torch module.
    history_ : dict of str to ndarray of shape (n_iter_,)
        Figures by epoch: ``train_loss``, ``valid_loss``{accuracies} and seconds (``dur``).
        Those of training are means over the epoch's batches, while the weights change and
        dropout is on; NaN where an epoch had no validation.
    n_iter_ : int
        Epochs that were run.
    best_epoch_ : int
        The epoch whose weights the model has, from 1: the last one, or the best one where
        `early_stopping` set texts aside.
    n_parameters_ : int
        Numbers in the network's weights, those of a frozen embedding too.
    embedding_vectors_ : ndarray of float32 of shape (n_ids, n_dimensions)
        The embedding table, as learned or as it came.
    n_features_in_ : int
        Tokens (or steps) of a training sequence.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of columns, where X came as a data frame that has some."""

_NOTES = """\
Id 0 is padding wherever it stands in a row: it is skipped, not read. Id 1 is the unknown
    token, which a row of padding alone reads as. So codes of your own must start at 2.

    An id that training did not hold reads as the unknown token, as a word does that is in no
    vocabulary, whether it is larger than all others or not. Where the sequences bring vectors,
    words that training did not hold keep theirs.

    A `TokenSequences` says how many ids there are and what they mean; for a plain array there
    are those up to the training data's largest. Later chunks of `partial_fit` teach those that
    the first one did not hold, but none beyond its largest: where chunks may bring such, pass a
    `TokenSequences`. The embedding has a row for each number up to the largest, so ids that lie
    far apart, such as hashes or times, are refused: number them first.

    Steps of three-dimensional X are all read: none of them is padding.

    A fit replaces all that was fitted before in one step, at its end. While one thread fits an
    estimator anew, others may predict with it: each answer, copy or file is all the former
    model's or all the new one's. That holds for each step of a pipeline, not for the pipeline,
    which fits one after the other. Meanwhile, sequences of the one vectorizer that meet the
    network of the other are refused, since their vocabularies differ. To answer without a break,
    fit a clone of the pipeline, and then let it take the place of the former one.

    The state that is saved is configuration and NumPy arrays. The optimizer's memory is not
    part of it: `partial_fit` after loading starts that anew."""

T = TypeVar("T", bound=type)


def _of_classifiers(text: str, classifies: bool) -> str:
    """Fill in what differs between classifiers and regressors."""
    for name, doc in _ONLY_OF_CLASSIFIERS.items():
        text = text.replace(f"{{{name}}}", doc if classifies else "")
    # Of numbers it would be a bias: a sum that is scaled in predictions misses their scale.
    return text.replace("{branch_dropout}", "0.375" if classifies else "0.0")


def documented(estimator: T) -> T:
    """Write what estimators share into an estimator's docstring.

    Parameters
    ----------
    estimator : class
        Its docstring says ``{parameters}``, ``{attributes}`` and ``{notes}``.

    Returns
    -------
    class
        The same.
    """
    classifies = "class_weight" in estimator._parameter_constraints  # type: ignore[attr-defined]
    accuracies = ", ``train_accuracy``, ``valid_accuracy``" if classifies else ""
    fill = fill_doc(
        parameters=_of_classifiers(_PARAMETERS, classifies),
        attributes=_ATTRIBUTES.replace("{accuracies}", accuracies),
        notes=_NOTES,
    )
    return fill(estimator)

"""The model that a fit starts from: a new one, or a copy of the last fit's."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace

from .._data.batches import SequenceDataset
from .._data.inputs import Inputs, check_vectors
from .._data.ngrams import NGrams, count_ngrams
from .._data.targets import Target
from .._network.config import NetworkConfig, network_config
from .._network.network import RecurrentNetwork
from .._network.weights import build_network, load_pretrained_embedding
from .settings import TrainingRun, TrainingSettings
from .skorch_net import OptimizerState
from .tfidf_updates import Counted, count_again, count_chunk
from .unknown_words import UnknownWords

__all__ = ["ModelState", "new_model", "resumed_model"]


@dataclass(frozen=True)
class ModelState:
    """A model, and what a further fit has to know of those before.

    Parameters
    ----------
    config : NetworkConfig
        What the network was built from.
    network : RecurrentNetwork
        The network. Training changes its weights.
    target : Target
        What it learns to predict.
    seed : int
        Random seed, from which the generators of all fits are derived.
    is_pretrained : bool
        Whether the embedding's vectors came with the sequences.
    n_epochs : int, default=0
        Epochs of all fits so far.
    unknown : UnknownWords, default=UnknownWords()
        Words that are read as the unknown token in training.
    counted : Counted, default=Counted()
        What was counted for the linear model.
    optimizers : OptimizerState or None, default=None
        The optimizers of the last fit.
    """

    config: NetworkConfig
    network: RecurrentNetwork
    target: Target
    seed: int
    is_pretrained: bool
    n_epochs: int = 0
    unknown: UnknownWords = field(default_factory=UnknownWords)
    counted: Counted = field(default_factory=Counted)
    optimizers: OptimizerState | None = None

    def freeze_embedding(self, settings: TrainingSettings) -> None:
        """Freeze or unfreeze vectors that came with the sequences.

        Parameters
        ----------
        settings : TrainingSettings
            The estimator's parameters.
        """
        if self.is_pretrained and self.network.embedding is not None:
            frozen = settings.is_frozen(self.n_epochs)
            self.network.embedding.weight.requires_grad_(not frozen)


def new_model(
    inputs: Inputs,
    training: SequenceDataset,
    target: Target,
    settings: TrainingSettings,
    run: TrainingRun,
    seed: int,
) -> ModelState:
    """Return a model with random weights, whose linear model knows the training texts.

    Parameters
    ----------
    inputs : Inputs
        The sequences, with their vocabulary and vectors.
    training : SequenceDataset
        The texts to train on.
    target : Target
        What the network learns to predict.
    settings : TrainingSettings
        The estimator's parameters.
    run : TrainingRun
        Which kind of fit this is.
    seed : int
        Random seed.

    Returns
    -------
    ModelState
        The model.
    """
    check_vectors(settings.who, inputs)
    ngrams = None if run.incremental else _ngrams(inputs, training, target, settings)
    n_pairs = 0 if ngrams is None else len(ngrams.pairs)
    config = network_config(settings.network, settings.embedding_dim, inputs, target, n_pairs)
    network = build_network(config, seed)
    if inputs.vectors is not None and network.embedding is not None:
        load_pretrained_embedding(network.embedding, inputs.vectors)
    is_pretrained = inputs.vectors is not None
    unknown = UnknownWords.at_start(inputs.n_ids, is_pretrained)
    model = ModelState(config, network, target, seed, is_pretrained, unknown=unknown)
    if run.incremental:
        return _with_chunk(model, training)
    if ngrams is None or network.linear is None:
        return model
    network.linear.load_statistics(ngrams.pairs, ngrams.idf)
    if not is_pretrained:
        unknown = unknown.with_rare(ngrams)
    return replace(model, unknown=unknown, counted=Counted(ngrams.n_texts))


def resumed_model(
    start: ModelState,
    inputs: Inputs,
    training: SequenceDataset,
    target: Target,
    settings: TrainingSettings,
    run: TrainingRun,
    seed: int,
) -> ModelState:
    """Return a copy of a model, whose linear model also knows further training texts.

    Parameters
    ----------
    start : ModelState
        The model, which stays as it is.
    inputs, training, target, settings, run, seed
        As of `new_model`.

    Returns
    -------
    ModelState
        The copy.
    """
    # Together, since the optimizers refer to the network's parameters.
    network, optimizers = deepcopy((start.network, start.optimizers))
    network.set_dropout(settings.network)
    config = replace(start.config, **vars(settings.network))
    model = replace(
        start, config=config, network=network, optimizers=optimizers, target=target, seed=seed
    )
    if run.incremental:
        return _with_chunk(model, training)
    model = replace(model, optimizers=None)
    ngrams = _ngrams(inputs, training, target, settings)
    if ngrams is None or network.linear is None:
        return model
    count_again(network.linear, ngrams)
    unknown = model.unknown.still_rare(ngrams)
    return replace(model, unknown=unknown, counted=model.counted._replace(n_texts=ngrams.n_texts))


def _with_chunk(model: ModelState, chunk: SequenceDataset) -> ModelState:
    """Return a model whose linear model also knows a chunk of a stream."""
    model = replace(model, unknown=model.unknown.without_rare())
    if model.network.linear is None:
        return model
    counted = count_chunk(
        model.network.linear, model.config.linear, model.optimizers, chunk, model.counted
    )
    return replace(model, counted=counted)


def _ngrams(
    inputs: Inputs, training: SequenceDataset, target: Target, settings: TrainingSettings
) -> NGrams | None:
    """Return what a linear model has to know of its training texts; None if there is none."""
    if inputs.n_ids is None or settings.network.linear == "none":
        return None
    assert training.target is not None
    has_contrast = settings.term_weights == "naive_bayes"
    labels = target.indicators(training.target) if has_contrast else None
    return count_ngrams(training, inputs.n_ids, settings.network.linear, labels)

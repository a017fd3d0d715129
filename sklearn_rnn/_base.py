"""What classifiers and regressors share: from sequences to a trained network and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
)
from torch import Tensor

from ._data.batches import SequenceDataset
from ._data.inputs import Inputs, check_inputs, check_known, check_vectors
from ._data.ngram_stream import NO_PAIRS
from ._data.targets import Target
from ._data.validation_split import hold_out
from ._network.config import check_same_network, new_plan, ngrams_of, unread_ids
from ._network.inference import Answer, read_in_batches
from ._network.network import RecurrentNetwork
from ._network.summary import Summary, summarize
from ._network.weights import (
    build_network,
    load_pretrained_embedding,
    pretrained_embedding,
    restore_network,
    restore_target,
    target_state,
    tie_rare_to_unknown,
    weights_to_arrays,
)
from ._parameters import CONSTRAINTS
from ._training.checkpoint import Checkpoint, open_checkpoint
from ._training.fingerprint import check_same_fit
from ._training.history import history_arrays, kept_epoch
from ._training.linear_updates import Counted, count_again, count_chunk
from ._training.net import OptimizerState, make_net, training_device, usable_device
from ._training.processes import current_process_group
from ._training.train import freeze_vectors, train
from ._utils.pipelines import RecurrentEstimator
from ._utils.snapshots import commit_on_success, on_snapshot
from ._utils.validation import check_summable, check_y_passed, seed_from
from ._utils.versioned_state import VersionedState
from .exceptions import DivergenceError, ModelFileError

__all__ = ["BaseRecurrentEstimator"]

_MOST_EPOCHS = 10**7


class BaseRecurrentEstimator(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    RecurrentEstimator,
    VersionedState,
    BaseEstimator,
):
    """A recurrent network behind scikit-learn's interface.

    The estimator holds a skorch net, which holds a torch module. A subclass says what kind
    of target it learns: `_check_y` and `_new_target`.
    """

    _parameter_constraints = CONSTRAINTS
    label_smoothing, term_weights = 0.0, "idf"  # parameters of classifiers
    net_: Any
    _target: Target
    _plan: dict[str, Any]
    _is_rare: NDArray[np.bool_] | None
    _n_texts_counted: float | None = None  # in files of earlier versions, and with naive Bayes
    _is_unread: NDArray[np.bool_] | None = None  # in files of earlier versions
    _optimizer_state: OptimizerState | None

    def __init__(
        self,
        *,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: str = "max",
        embedding_dim: int = 128,
        freeze_embedding: bool | int = False,
        input_dropout: float = 0.3,
        dropout: float = 0.5,
        linear: str = "pairs",
        branch_dropout: float = 0.0,
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float = 3e-3,
        table_lr: float | None = 160.0,
        lr_schedule: str = "linear",
        max_epochs: int = 10,
        batch_size: int = 32,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 2,
        max_grad_norm: float | None = 5.0,
        callbacks: Sequence[Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.embedding_dim = embedding_dim
        self.freeze_embedding = freeze_embedding
        self.input_dropout = input_dropout
        self.dropout = dropout
        self.linear = linear
        self.branch_dropout = branch_dropout
        self.optimizer = optimizer
        self.lr = lr
        self.table_lr = table_lr
        self.lr_schedule = lr_schedule
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_grad_norm = max_grad_norm
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.device = device
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X: Any, y: Any) -> Self:
        """Build the network that `fit` would train on these data, and leave it untrained.

        Its weights are random, to be replaced by those of another framework, or trained by
        `partial_fit`, or by `fit` with ``warm_start=True``.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            Sequences of the kind, vocabulary and width to come. With ``linear="none"`` any few
            will do; a linear model knows the words and pairs of these.
        y : array-like of shape (n_texts,) or (n_texts, n_outputs)
            Their targets. A classifier takes its labels from them; a regressor takes the mean
            and the standard deviation, by which its network's outputs are scaled.

        Returns
        -------
        object
            The estimator itself, fitted as far as scikit-learn is concerned.

        Raises
        ------
        ValueError
            If X or y cannot be used; the estimator stays as it was.
        """
        with commit_on_success(self) as fitted:
            check_y_passed(fitted, y)
            y = fitted._check_y(y)
            fitted._seed = seed_from(fitted.random_state)
            fitted._target = fitted._new_target(y, None).in_fixed_units()
            inputs = check_inputs(fitted, X)
            check_consistent_length(inputs.values, y)
            data = SequenceDataset(inputs.values, fitted._target.encode(y), None)
            network = fitted._start(X, inputs, data).eval()
            freeze_vectors(fitted, network)
            device = training_device(type(fitted).__name__, fitted.device)
            fitted.net_ = make_net(network, fitted._target, device=device)
            fitted.best_epoch_, fitted._optimizer_state = 0, None
            fitted._is_unread = None  # weights that come mean something before any text is read
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the pooled states: the texts' feature vectors.

        Parameters
        ----------
        X : TokenSequences, array-like of int (N, T), or array-like of float (N, T, D)
            The sequences.

        Returns
        -------
        ndarray of float32 of shape (n_texts, n_states)
            What the dense head reads.

        Raises
        ------
        ValueError
            If X does not fit the training data.
        """
        check_is_fitted(self)
        return self._run(X, RecurrentNetwork.features)

    @on_snapshot
    def summary(self) -> Summary:
        """Return the table of layers, output shapes and numbers of parameters.

        Returns
        -------
        Summary
            The table, with ``layers``, ``total``, ``trainable`` and ``non_trainable``. It shows
            by itself where one works interactively; in a script, print it.
        """
        check_is_fitted(self)
        return summarize(self.net_.module_, self.n_features_in_)

    @property
    def embedding_vectors_(self) -> NDArray[np.float32]:
        """The embedding table, of shape (n_ids, n_dimensions), as learned or as it came."""
        embedding = self.net_.module_.embedding
        if embedding is None:
            raise AttributeError("A model of three-dimensional X has no embedding.")
        vectors: NDArray[np.float32] = embedding.weight.detach().cpu().numpy()
        vectors.flags.writeable = False  # it is the network's own memory
        return vectors

    @property
    def n_parameters_(self) -> int:
        """Numbers in the network's weights, those of a frozen embedding too."""
        return sum(parameter.numel() for parameter in self.net_.module_.parameters())

    # ---- What a subclass says -------------------------------------------------------------

    def _check_y(self, y: Any) -> NDArray[Any]:
        """Return `y` as an array, or raise."""
        raise NotImplementedError

    def _new_target(self, y: NDArray[Any], weights: NDArray[np.float64] | None) -> Target:
        """Return the kind of target that `y` is."""
        raise NotImplementedError

    def _text_weights(self, y: NDArray[Any], sample_weight: Any) -> NDArray[np.float64] | None:
        """Return what each text weighs in the loss, None where all weigh the same."""
        if sample_weight is None:
            return None
        weights: NDArray[np.float64] = _check_sample_weight(
            sample_weight, y, dtype=np.float64, ensure_non_negative=True
        )
        return weights

    def _scores(self) -> list[Any]:
        """Return callbacks that keep a score by epoch."""
        return []

    # ---- Training -------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        going_on: bool,
        one_epoch: bool = False,
        new_target: Callable[..., Target] | None = None,
    ) -> Self:
        """Train, from new weights or from a copy of those at hand: a failure changes nothing."""
        with commit_on_success(self) as fitted:
            check_y_passed(fitted, y)
            y = fitted._check_y(y)
            with np.errstate(over="ignore"):  # it has an error of its own
                weights = fitted._text_weights(y, sample_weight)
                check_summable(fitted, weights, single=one_epoch)
            if weights is not None and not one_epoch:
                weights = weights / weights.mean()  # or else they would change the learning rate
            make_target = new_target or fitted._new_target
            target = fitted._target if going_on else make_target(y, weights)
            if going_on and one_epoch:
                target = target.with_chunk(y if weights is None else y[weights > 0])
            inputs = (
                check_known(fitted, X, fitted._plan, training=True)
                if going_on
                else check_inputs(fitted, X)
            )
            check_consistent_length(inputs.values, y)
            data = SequenceDataset(inputs.values, target.encode(y), weights)
            if going_on:
                check_same_network(fitted, fitted._plan)
            check_same_fit(fitted, inputs, data, going_on, one_epoch)
            with open_checkpoint(fitted, inputs, data, going_on, one_epoch) as checkpoint:
                error = fitted._learn(X, inputs, data, target, going_on, one_epoch, checkpoint)
        if error is not None:
            raise error
        return self

    def _learn(
        self,
        X: Any,
        inputs: Inputs,
        data: SequenceDataset,
        target: Target,
        going_on: bool,
        one_epoch: bool,
        checkpoint: Checkpoint | None,
    ) -> DivergenceError | None:
        """Train on data that were checked; return what ended training early, if anything did."""
        if not going_on:
            seed = seed_from(self.random_state)
            self._seed = current_process_group().broadcast_object(lambda: seed)
        self._target = target
        if checkpoint is not None and checkpoint.seed is not None:
            self._seed = checkpoint.seed
        training, validation = (data, None) if one_epoch else self._split(data)
        if going_on:
            network, memory = deepcopy((self.net_.module_, self._optimizer_state))
        else:
            network, memory = self._start(X, inputs, None if one_epoch else training), None
        if one_epoch:
            self._is_rare = None  # chunks to come may hold it more often
            self._count_on(network, memory, training)
        elif going_on:
            self._count_anew(network, inputs, training)
        if self._is_unread is not None:
            self._is_unread = self._is_unread & unread_ids(training, len(self._is_unread))
        masks = [mask for mask in (self._is_rare, self._is_unread) if mask is not None]
        network.rare_word_mask = torch.from_numpy(np.logical_or.reduce(masks)) if masks else None
        n_epochs, memory = (1, memory) if one_epoch else (self.max_epochs, None)
        net, error = train(
            self, network, training, validation, n_epochs, memory, checkpoint, is_chunk=one_epoch
        )
        self._record(net)
        tie_rare_to_unknown(network)
        return error

    def _start(self, X: Any, inputs: Inputs, training: SequenceDataset | None) -> RecurrentNetwork:
        """Return a new network for these inputs and the target, and remember them.

        Its linear model knows the n-grams of the training texts; None: it knows none yet.
        """
        check_vectors(type(self).__name__, inputs)  # here alone: later ones are not read
        ngrams = None if training is None else ngrams_of(self, inputs, training)
        n_pairs = 0 if ngrams is None else len(ngrams.pairs)
        self._plan = new_plan(self, inputs, self._target, n_pairs)
        self._vectors, self._has_vectors = inputs.vectors, inputs.vectors is not None
        self._is_rare = None
        self._n_texts_counted = 0.0 if ngrams is None else ngrams.n_texts
        self._waiting_pairs = NO_PAIRS
        self._is_unread = None  # vectors that came with the sequences mean something untrained
        if inputs.n_ids is not None and inputs.vectors is None:
            self._is_unread = np.ones(inputs.n_ids, np.bool_)
        self.vocabulary_ = inputs.vocabulary
        self.n_features_in_ = inputs.n_places
        _check_feature_names(self, X, reset=True)
        self.n_iter_ = 0
        self.history_: dict[str, NDArray[np.float64]] = {}
        network = build_network(self._plan, self._seed)
        if inputs.vectors is not None and network.embedding is not None:
            load_pretrained_embedding(network.embedding, inputs.vectors)
        if ngrams is not None and network.linear is not None:
            network.linear.load_statistics(ngrams.pairs, ngrams.idf)
            self._is_rare = None if self._has_vectors else ngrams.rare_word_mask
        return network

    def _count_on(
        self, network: RecurrentNetwork, memory: OptimizerState | None, chunk: SequenceDataset
    ) -> None:
        """Let the linear model know what a further chunk of a stream contains."""
        if network.linear is None or self._n_texts_counted is None:
            return
        counted = Counted(self._n_texts_counted, getattr(self, "_waiting_pairs", NO_PAIRS))
        self._n_texts_counted, self._waiting_pairs = count_chunk(
            network.linear, self.linear, memory, chunk, counted
        )

    def _count_anew(
        self, network: RecurrentNetwork, inputs: Inputs, training: SequenceDataset
    ) -> None:
        """Let the linear model of a warm start know what its training texts contain."""
        ngrams = ngrams_of(self, inputs, training)
        if network.linear is None or ngrams is None:
            return
        if self._is_rare is not None:  # what has a vector of its own keeps it
            self._is_rare = self._is_rare & (ngrams.rare_word_mask | ngrams.is_absent)
        self._n_texts_counted = ngrams.n_texts
        count_again(network.linear, ngrams)

    def _split(self, data: SequenceDataset) -> tuple[SequenceDataset, SequenceDataset | None]:
        if not self.early_stopping:
            return data, None
        # The same in each fit of a warm start: what is watched is never trained on.
        generator = np.random.default_rng(self._seed)
        return hold_out(
            type(self).__name__, data, self._target.strata, self.validation_fraction, generator
        )

    def _record(self, net: Any) -> None:
        n_epochs, figures = history_arrays(net.history)
        before, now = np.full(self.n_iter_, np.nan), np.full(n_epochs, np.nan)
        self.history_ = {
            name: np.concatenate([self.history_.get(name, before), figures.get(name, now)])
            for name in {**self.history_, **figures}
        }
        self.best_epoch_ = self.n_iter_ + kept_epoch(net)
        self.n_iter_ += n_epochs
        # What predictions go by: a callback may have changed the one, further texts the other.
        changed = {"branch_dropout": net.module_.branch_dropout.p}
        if net.module_.linear is not None:
            changed["n_pairs"] = len(net.module_.linear.pairs)
        self._plan = {**self._plan, **changed}
        self.net_ = net
        self._optimizer_state = OptimizerState(net.optimizer_, net.sparse_optimizer_)

    # ---- Prediction -----------------------------------------------------------------------

    def _answers(self, X: Any, answer: Answer) -> NDArray[Any]:
        """Return what `answer` makes of the sequences' logits, in their order: (N, ...)."""
        return self._run(X, RecurrentNetwork.forward, answer)

    def _run(
        self, X: Any, read: Callable[..., Tensor], answer: Answer | None = None
    ) -> NDArray[Any]:
        """Return what `read` makes of the sequences, in their order: (N, ...)."""
        inputs = check_known(self, X, self._plan)
        net = self.net_
        return read_in_batches(net.module_, read, inputs.values, net.device, answer)

    @property
    def _n_features_out(self) -> int:
        return int(self.net_.module_.pooling.n_features)

    # ---- scikit-learn's protocol ----------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return configuration and NumPy arrays: no torch object, no optimizer, no data."""
        state = dict(super().__getstate__())
        state.pop("_optimizer_state", None)
        if isinstance(self.device, torch.device):
            state["device"] = str(self.device)
        if "net_" in state:
            vectors = state.pop("_vectors")
            state["_network"] = weights_to_arrays(state.pop("net_").module_, vectors)
            state["_target"] = target_state(state["_target"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        weights = rest.pop("_network", None)
        super().__setstate__(rest)
        if weights is None:
            return
        if not 0 <= self.n_iter_ <= _MOST_EPOCHS:  # each takes a place in the history
            raise ModelFileError(f"n_iter_={self.n_iter_}: the file was altered.")
        network = restore_network(self._plan, self._seed, weights)
        self._target = restore_target(rest["_target"], self._plan["n_outputs"])
        self._optimizer_state = None
        self._vectors = pretrained_embedding(weights)
        self.net_ = make_net(network, self._target, device=usable_device(self.device))


# Around what scikit-learn has made of it, which asks for the names of the columns afterwards.
BaseRecurrentEstimator.transform = on_snapshot(  # type: ignore[assignment, method-assign]
    BaseRecurrentEstimator.transform
)

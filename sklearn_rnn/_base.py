"""What classifiers and regressors share: from sequences to a trained network and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import (
    _check_feature_names,
    check_consistent_length,
    check_is_fitted,
)
from torch import Tensor

from ._data.batches import SequenceDataset
from ._data.inputs import Inputs, check_inputs, check_known, refuse_text
from ._data.ngram_stream import NO_PAIRS
from ._data.saved_targets import target_from_state, target_to_state
from ._data.targets import Target
from ._network.config import (
    NetworkConfig,
    check_same_config,
    config_from_state,
    config_to_state,
    input_spec,
)
from ._network.inference import Answer, read_in_batches
from ._network.network import RecurrentNetwork
from ._network.summary import Summary, summarize
from ._network.weights import pretrained_embedding, restore_network, weights_to_arrays
from ._training.device import training_device, usable_device
from ._training.history import Figures, extended_history
from ._training.settings import SETTINGS, TrainingRun, TrainingSettings, training_settings
from ._training.skorch_net import OptimizerState, make_net
from ._training.starting_model import ModelState, new_model
from ._training.tfidf_updates import Counted
from ._training.train import TrainingResult, train
from ._training.unknown_words import UnknownWords
from ._utils.pipelines import pipeline_steps
from ._utils.saved_state import VersionedState
from ._utils.snapshots import commit_on_success, on_snapshot, snapshot
from ._utils.validation import seed_from
from .exceptions import ModelFileError

__all__ = ["BaseRecurrentEstimator", "final_estimator"]

_MOST_EPOCHS = 10**7


class _Predictor(NamedTuple):
    """A network that was loaded or initialized, for which no skorch net was made so far."""

    network: RecurrentNetwork
    device: str


class BaseRecurrentEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, VersionedState, BaseEstimator
):
    """A recurrent network behind scikit-learn's interface.

    What runs between `fit` and the first batch:

    1. `fit` of the subclass checks `y`, its weights, and which kind of target it is;
    2. `_fit` checks X, encodes `y`, and collects the parameters in one record (`_settings`);
    3. `_training.train` does the rest, and returns the trained model;
    4. `_store` turns that into attributes. `_model_state` collects from them what a further fit
       starts from.

    All of it happens on a copy of the estimator, whose state is taken over at the end.
    """

    # Parameters that methods of this class read.
    device: str | torch.device
    random_state: int | np.random.RandomState | None
    warm_start: bool

    # The fitted state, under the names that it has in saved files.
    history_: Figures
    n_iter_: int
    best_epoch_: int
    vocabulary_: tuple[str, ...] | None
    n_features_in_: int
    _config: NetworkConfig  # in files "_plan", a dict
    _target: Target
    _seed: int
    _vectors: NDArray[np.float32] | None  # that came with the sequences
    _has_vectors: bool
    _is_rare: NDArray[np.bool_] | None
    _is_unread: NDArray[np.bool_] | None = None  # in files of earlier versions
    _n_texts_counted: float | None = None  # in files of earlier versions, and with naive Bayes
    _waiting_pairs: NDArray[np.int64] = NO_PAIRS  # in files of earlier versions
    _predictor: _Predictor | None = None
    _optimizer_state: OptimizerState | None

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
            y = fitted._check_y(y)
            target = fitted._new_target(y, None).in_fixed_units()
            seed, settings = seed_from(fitted.random_state), fitted._settings()
            inputs = check_inputs(settings.who, X)
            fitted._remember_inputs(X, inputs)
            check_consistent_length(inputs.values, y)
            data = SequenceDataset(inputs.values, target.encode(y))
            model = new_model(inputs, data, target, settings, TrainingRun(), seed)
            model = replace(model, unknown=model.unknown.all_read())
            model.freeze_embedding(settings)
            device = training_device(settings.who, settings.device)
            fitted._store_model(model)
            fitted._store_network(_Predictor(model.network.eval(), device))
            fitted.history_, fitted.best_epoch_ = {}, 0
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
        return summarize(self._network, self.n_features_in_)

    @cached_property
    def net_(self) -> Any:
        """The skorch net; that of a loaded model is made when it is first asked for."""
        state = vars(self)  # once: another thread may end a fit in the meantime
        if "net_" in state:
            return state["net_"]
        if state.get("_predictor") is None:
            raise AttributeError(f"{type(self).__name__} has no net_ before fit.")
        network, device = state["_predictor"]
        return make_net(
            network, state["_target"], device=device, lr=1e-3, batch_size=32, max_epochs=1
        )

    @property
    def embedding_vectors_(self) -> NDArray[np.float32]:
        """The embedding table, of shape (n_ids, n_dimensions)."""
        embedding = self._network.embedding
        if embedding is None:
            raise AttributeError("A model of three-dimensional X has no embedding.")
        vectors: NDArray[np.float32] = embedding.weight.detach().cpu().numpy()
        vectors.flags.writeable = False  # it is the network's own memory
        return vectors

    @property
    def n_parameters_(self) -> int:
        """Number of weights of the network, those of a frozen embedding included."""
        return sum(parameter.numel() for parameter in self._network.parameters())

    def _set_parameters(self, arguments: Mapping[str, Any]) -> None:
        """Assign a constructor's ``locals()`` to the attributes of the same names."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # ---- What `initialize` asks a subclass for ---------------------------------------------

    def _check_y(self, y: Any) -> NDArray[Any]:
        """Return `y` as an array, or raise."""
        raise NotImplementedError

    def _new_target(self, y: NDArray[Any], weights: NDArray[np.float64] | None) -> Target:
        """Return the kind of target that `y` is."""
        raise NotImplementedError

    # ---- Training -------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: NDArray[Any],
        weights: NDArray[np.float64] | None,
        target: Target,
        run: TrainingRun,
    ) -> Self:
        """Train on checked targets, on a copy of the estimator: a failure changes nothing."""
        with commit_on_success(self) as fitted:
            settings = fitted._settings()
            if run.resume:
                inputs = fitted._check_known(X, training=True)
            else:
                inputs = check_inputs(settings.who, X)
                fitted._remember_inputs(X, inputs)
            check_consistent_length(inputs.values, y)
            data = SequenceDataset(inputs.values, target.encode(y), weights)
            if run.resume:
                check_same_config(settings.who, settings.network, fitted._config)
            start = fitted._model_state() if run.resume else None
            result = train(start, inputs, data, target, settings, run)
            fitted._store(result, start)
        if result.error is not None:
            raise result.error
        return self

    def _settings(self) -> TrainingSettings:
        # Not all of them are arguments of a subclass's constructor.
        values = {name: getattr(self, name) for name in SETTINGS if hasattr(self, name)}
        return training_settings(type(self).__name__, values, self.get_params(deep=False))

    def _model_state(self) -> ModelState:
        """Return what a further fit has to know of this model."""
        return ModelState(
            self._config,
            self._network,
            self._target,
            self._seed,
            self._has_vectors,
            self.n_iter_,
            UnknownWords(self._is_rare, self._is_unread),
            Counted(self._n_texts_counted, self._waiting_pairs),
            self._optimizer_state,
        )

    def _remember_inputs(self, X: Any, inputs: Inputs) -> None:
        """Note what the training data of a new network look like."""
        self._vectors = inputs.vectors
        self.vocabulary_ = inputs.vocabulary
        self.n_features_in_ = inputs.sequence_length
        _check_feature_names(self, X, reset=True)

    def _store(self, result: TrainingResult, start: ModelState | None) -> None:
        """Turn what a fit ends with into attributes."""
        n_before, before = (0, {}) if start is None else (start.n_epochs, self.history_)
        self._store_model(result.model)
        self._store_network(result.net)
        self.history_ = extended_history(before, n_before, result.figures, result.n_epochs)
        self.best_epoch_ = n_before + result.kept_epoch

    def _store_model(self, model: ModelState) -> None:
        self._config, self._target, self._seed = model.config, model.target, model.seed
        self._has_vectors, self.n_iter_ = model.is_pretrained, model.n_epochs
        self._is_rare, self._is_unread = model.unknown
        self._n_texts_counted, self._waiting_pairs = model.counted
        self._optimizer_state = model.optimizers

    # ---- The network -----------------------------------------------------------------------

    def _store_network(self, owner: Any) -> None:
        """Keep a skorch net, or a network for which there is none yet."""
        self.__dict__.pop("net_", None)
        self._predictor = owner if isinstance(owner, _Predictor) else None
        if self._predictor is None:
            self.net_ = owner

    @property
    def _network(self) -> RecurrentNetwork:
        state = vars(self)  # once: another thread may end a fit in the meantime
        if "net_" not in state and state.get("_predictor") is not None:
            return state["_predictor"].network
        network: RecurrentNetwork = self.net_.module_
        return network

    @property
    def _device(self) -> str:
        state = vars(self)
        if "net_" not in state and state.get("_predictor") is not None:
            return state["_predictor"].device
        device: str = self.net_.device
        return device

    # ---- Prediction -----------------------------------------------------------------------

    def _check_known(self, X: Any, training: bool = False) -> Inputs:
        """Return X as the network reads it, or raise if it is of another kind."""
        who = type(self).__name__
        refuse_text(who, X)  # before the names of its columns
        _check_feature_names(self, X, reset=False)
        spec = input_spec(self._config, self.vocabulary_, self.n_features_in_)
        return check_known(who, X, spec, training)

    def _answers(self, X: Any, answer: Answer) -> NDArray[Any]:
        """Return what `answer` makes of the logits of X, in their order: (N, ...)."""
        return self._run(X, RecurrentNetwork.forward, answer)

    def _run(
        self, X: Any, read: Callable[..., Tensor], answer: Answer | None = None
    ) -> NDArray[Any]:
        """Return what `read` makes of X, in their order: (N, ...)."""
        inputs = self._check_known(X)
        return read_in_batches(self._network, read, inputs.values, self._device, answer)

    @property
    def _n_features_out(self) -> int:
        return int(self._network.pooling.n_features)

    # ---- scikit-learn's protocol ----------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        state = vars(self)  # once: another thread may end a fit in the meantime
        return "net_" in state or state.get("_predictor") is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    # ---- Saved files -----------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return configuration and NumPy arrays: no torch object, no optimizer, no data."""
        # From one state alone: another thread may fit the estimator in the meantime.
        state = dict(super().__getstate__())
        net, predictor = state.pop("net_", None), state.pop("_predictor", None)
        state.pop("_optimizer_state", None)
        if isinstance(state.get("device"), torch.device):
            state["device"] = str(state["device"])
        if net is not None or predictor is not None:
            network = predictor.network if net is None else net.module_
            state["_network"] = weights_to_arrays(network, state.pop("_vectors"))
            state["_target"] = target_to_state(state["_target"])
            state["_plan"] = config_to_state(state.pop("_config"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        weights, config = rest.pop("_network", None), rest.pop("_plan", None)
        super().__setstate__(rest)
        if weights is None:
            return
        if not 0 <= self.n_iter_ <= _MOST_EPOCHS:  # each takes a place in the history
            raise ModelFileError(f"n_iter_={self.n_iter_}: the file was altered.")
        self._config = config_from_state(config)
        network = restore_network(self._config, self._seed, weights)
        self._target = target_from_state(rest["_target"], self._config.n_outputs)
        self._optimizer_state = None
        self._vectors = pretrained_embedding(weights)
        self._store_network(_Predictor(network, usable_device(self.device)))


# scikit-learn wraps `transform` for set_output, and its wrapper reads the names of features
# afterwards: the snapshot has to be taken around it.
BaseRecurrentEstimator.transform = on_snapshot(  # type: ignore[assignment, method-assign]
    BaseRecurrentEstimator.transform
)


def final_estimator(who: str, model: Any) -> BaseRecurrentEstimator:
    """Return the fitted recurrent estimator that a model ends with, as it is now.

    Parameters
    ----------
    who : str
        Name of the function that asks, for the message.
    model : estimator, Pipeline, or search over either
        The model.

    Returns
    -------
    BaseRecurrentEstimator
        A snapshot, which no fit changes.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If the model ends with something else.
    """
    final = pipeline_steps(model)[-1]
    while isinstance(final, FrozenEstimator):
        final = final.estimator
    if not isinstance(final, BaseRecurrentEstimator):
        raise TypeError(
            f"{who}: expected a fitted classifier or regressor of sklearn_rnn, or a pipeline that "
            f"ends with one, got {type(final).__name__}."
        )
    check_is_fitted(final)
    return snapshot(final)

"""skorch's training loop, with this library's batches, gradients and optimizers.

A step of training, as skorch calls it:

    run_single_epoch        all batches of an epoch; opens the threads or processes that compute
      train_step            one batch
        train_step_single   its logits, loss and gradients      -> gradients.py, data_parallel.py
        optimizer_.step     a step of most weights              -> optimizers.py
        sparse_optimizer_   a step of the tables' rows that the batch contains
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import ClassifierTags
from skorch import NeuralNet
from skorch.helper import predefined_split
from torch import Tensor

from .._data.batches import LengthSortedBatches, SequenceDataset, ShuffledBuckets
from .._data.targets import Target
from .._network.compilation import has_hooks, progress_line
from .._network.network import RecurrentNetwork
from .._utils.threads import one_blas_thread, single_threaded_math
from .data_parallel import DataParallelGradients, gather_logits, shard_batch
from .gradients import MicroBatchGradients
from .loss import PerTextLoss, mean_loss
from .optimizers import FULL_BATCH, OPTIMIZERS, TableOptimizer, as_rate, move_state_rows
from .processes import SINGLE_PROCESS, ProcessGroup

__all__ = ["OptimizerState", "SequenceNet", "make_net"]


class OptimizerState(NamedTuple):
    """What optimizers know of earlier steps, such as running averages of gradients."""

    optimizer: torch.optim.Optimizer
    sparse_optimizer: TableOptimizer | None

    def move_rows(self, table: Tensor, rows: Tensor) -> None:
        """Follow the rows of a table to their new places: indices of shape (previous V,)."""
        move_state_rows(self.optimizer, table, rows)
        if self.sparse_optimizer is not None:
            self.sparse_optimizer.move_rows(table, rows)


class SequenceNet(NeuralNet):
    """A skorch net that computes gradients on parts of batches, and has a second optimizer.

    Parameters
    ----------
    module : RecurrentNetwork
        The network, whose weights are set already.
    target : Target
        What it learns to predict.
    table_lr : float or None
        Learning rate of the sparse parameters; None: the optimizer takes care of them, too.
    full_batch : int
        Texts from which on a step of the sparse parameters is a whole one.
    processes : ProcessGroup
        The processes that train the network together.
    **kwargs : dict
        As of `skorch.NeuralNet`.
    """

    def __init__(
        self,
        module: RecurrentNetwork,
        *,
        target: Target,
        table_lr: float | None,
        full_batch: int,
        processes: ProcessGroup,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, **kwargs)
        self.target = target
        self.table_lr = table_lr
        self.full_batch = full_batch
        self.processes = processes

    def initialize(self) -> Self:
        """Make the optimizers and callbacks; no text is read yet."""
        self.n_threads_ = 1
        self.micro_batches_: MicroBatchGradients | None = None
        self.gathered_logits_: deque[Tensor] | None = None
        super().initialize()
        return self

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> Self:
        """Make the optimizer, and that of the sparse parameters if they have a rate."""
        sparse = [] if self.table_lr is None else self.module_.sparse_parameters
        is_sparse = {id(weight) for weight in sparse}
        weights = [(n, w) for n, w in self.get_all_learnable_params() if id(w) not in is_sparse]
        args, kwargs = self.get_params_for_optimizer("optimizer", weights)
        if "lr" in kwargs:
            kwargs["lr"] = as_rate(kwargs["lr"])
        self.optimizer_ = self.optimizer(*args, **kwargs)
        self.sparse_optimizer_: TableOptimizer | None = None
        if sparse and self.table_lr is not None:
            rate = as_rate(self.table_lr) * self.target.table_rate
            rates = [rate * share for share in self.module_.sparse_rates]
            self.sparse_optimizer_ = TableOptimizer(sparse, rates, self.full_batch)
        return self

    def load_optimizers(self, state: OptimizerState) -> None:
        """Continue with optimizers of earlier steps, at today's rates."""
        if (state.sparse_optimizer is None) != (self.sparse_optimizer_ is None):
            return  # `table_lr` was set, or unset, in between
        for group in state.optimizer.param_groups:
            rate = as_rate(self.lr)
            group.update(lr=rate, initial_lr=rate)  # the latter is for schedulers
        self.optimizer_ = state.optimizer
        if self.sparse_optimizer_ is not None and state.sparse_optimizer is not None:
            self.sparse_optimizer_.sums = state.sparse_optimizer.sums

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Self:
        """Train, in threads that are this library's own."""
        with one_blas_thread(), progress_line(), single_threaded_math() as n_threads:
            self.n_threads_ = n_threads
            super().partial_fit(X, y, classes, **fit_params)
        return self

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start an epoch's history, and drop the batches of the one before: they add up."""
        if len(self.history) > 1:
            self.history[-2]["batches"] = []
        super().on_epoch_begin(net, **kwargs)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Compute gradients and take a step of all weights."""
        step: dict[str, Tensor] = super().train_step(batch, **fit_params)
        if self.sparse_optimizer_ is not None:
            self.sparse_optimizer_.step(n_texts=len(step["y_pred"]))
        return step

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Read all batches once, to train or to validate."""
        with ExitStack() as epoch:
            gradients = self._gradient_computer() if training else None
            if gradients is not None:
                self.micro_batches_ = epoch.enter_context(gradients)
                epoch.callback(setattr, self, "micro_batches_", None)
            if not training and iterator is not None and self.processes.size > 1:
                logits = gather_logits(self._infer_for_validation, iterator, self.processes)
                self.gathered_logits_ = deque(logits)
                epoch.callback(setattr, self, "gathered_logits_", None)
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if training:
            self.broadcast_weights()

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return the logits of a batch, without `sample_weight`, which only the loss reads."""
        inputs = {name: tensor for name, tensor in x.items() if name != "sample_weight"}
        return super().infer(inputs, **fit_params)

    def release_data(self) -> None:
        """Drop the validation texts, to which a net would refer as long as it exists."""
        self.train_split = None

    def broadcast_weights(self) -> None:
        """Give each process the main one's weights: the same, but for rounding of other CPUs."""
        numbers = [*self.module_.parameters(), *self.module_.buffers()]
        self.processes.broadcast([tensor for tensor in numbers if tensor.is_floating_point()])

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Compute the logits and the loss of a batch, whose logits may be known already."""
        if not self.gathered_logits_:
            step: dict[str, Tensor] = super().validation_step(batch, **fit_params)
            return step
        logits = self.gathered_logits_.popleft()
        self._set_training(False)
        with torch.no_grad():
            return {"loss": self.get_loss(logits, batch[1], X=batch[0]), "y_pred": logits}

    def _infer_for_validation(self, inputs: Any) -> Tensor:
        self._set_training(False)
        with torch.no_grad():
            return self.infer(inputs)

    def _gradient_computer(self) -> MicroBatchGradients | None:
        """Return what computes the gradients of a batch in parts; None: torch does, in one."""
        loss, is_sparse = partial(mean_loss, self.criterion_), self.sparse_optimizer_ is not None
        if self.processes.size > 1:
            return DataParallelGradients(self.module_, loss, self.processes, is_sparse)
        is_on_cpu = torch.device(self.device).type == "cpu"
        if is_on_cpu and not has_hooks(self.module_):
            return MicroBatchGradients(self.module_, loss, self.n_threads_, is_sparse)
        return None

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Count the texts of the batch, those that other processes read included."""
        side = "train" if training else "valid"
        self.history.record_batch(f"{side}_batch_size", len(batch[1]))

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Compute the gradients of one batch."""
        if self.micro_batches_ is None:
            step: dict[str, Tensor] = super().train_step_single(batch, **fit_params)
            return step
        if not (self.criterion_.training and self.micro_batches_.is_training):
            self._set_training(True)
        logits, loss = self.micro_batches_.backward(*batch)
        return {"loss": loss, "y_pred": logits}

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the mean loss of a batch."""
        return mean_loss(self.criterion_, y_pred, y_true, X)

    # For skorch's scoring callbacks, which know targets as the loss reads them. Rows are in
    # the order of the batches, in which these callbacks collect the targets too.

    def predict(self, X: Any) -> NDArray[Any]:
        """Return predictions in the encoding of the targets."""
        return self.target.encode(self._answers(X, self.target.predict))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class."""
        return self._answers(X, self.target.probabilities)  # type: ignore[attr-defined]

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The codes of the labels."""
        return np.arange(len(self.target.classes))  # type: ignore[attr-defined]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.target, "classes"):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags()
        return tags

    def _answers(self, X: Any, answer: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        """Apply `answer` to the logits batch by batch: all of them may not fit into memory."""
        logits = self.forward_iter(X)
        return np.concatenate([answer(each.cpu().numpy().astype(np.float64)) for each in logits])


def make_net(
    module: RecurrentNetwork,
    target: Target,
    *,
    device: str,
    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
    table_lr: float | None = None,
    full_batch: int = FULL_BATCH,
    label_smoothing: float = 0.0,
    generator: np.random.Generator | None = None,
    validation: SequenceDataset | None = None,
    processes: ProcessGroup = SINGLE_PROCESS,
    **kwargs: Any,
) -> SequenceNet:
    """Return an initialized skorch net around a network whose weights are set already.

    Parameters
    ----------
    module : RecurrentNetwork
        The network.
    target : Target
        What it learns to predict.
    device : str
        Where to compute.
    optimizer, table_lr, label_smoothing
        As of the estimators.
    full_batch : int, default=32
        Texts from which on a step of the sparse parameters is a whole one.
    generator : numpy.random.Generator, default=None
        Source of the order of the training texts.
    validation : SequenceDataset, default=None
        Texts to validate on after each epoch.
    processes : ProcessGroup, default=SINGLE_PROCESS
        The processes that train the network together.
    **kwargs : dict
        As of `skorch.NeuralNet`.

    Returns
    -------
    SequenceNet
        The net.
    """
    net = SequenceNet(
        module,
        target=target,
        table_lr=table_lr,
        full_batch=full_batch,
        processes=processes,
        criterion=PerTextLoss(target.loss, label_smoothing),
        optimizer=OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        iterator_train=ShuffledBuckets,
        iterator_train__generator=generator,
        iterator_train__shard=partial(shard_batch, processes) if processes.size > 1 else None,
        iterator_valid=LengthSortedBatches,
        iterator_valid__n_outputs=module.logits_per_text,
        train_split=None if validation is None else predefined_split(validation),
        verbose=0,
        device=device,
        **kwargs,
    )
    return net.initialize()

"""skorch's training loop, told about this library's batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import ClassifierTags
from skorch import NeuralNet
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor, nn

from .._data.batches import LengthSortedBatches, SequenceDataset, ShuffledBuckets
from .._data.targets import Target
from .._network.network import RecurrentNetwork
from .data_parallel import DataParallelGradients, gather_logits
from .gradients import MicroBatchGradients, has_hooks
from .optimizers import FULL_BATCH, OPTIMIZERS, TableOptimizer, as_rate, move_state_rows
from .processes import SINGLE_PROCESS, ProcessGroup, current_process_group

__all__ = ["OptimizerState", "make_net", "training_device", "usable_device"]


class OptimizerState(NamedTuple):
    """What optimizers remember of the steps behind them."""

    optimizer: torch.optim.Optimizer
    sparse_optimizer: TableOptimizer | None

    def move_rows(self, table: Tensor, rows: Tensor) -> None:
        """Keep what is remembered of each row of a table: where it is now, (previous V,)."""
        move_state_rows(self.optimizer, table, rows)
        if self.sparse_optimizer is not None:
            self.sparse_optimizer.move_rows(table, rows)


class SequenceNet(NeuralNet):
    """A skorch net that trains on halves of batches, which may carry weights of their texts."""

    n_threads_ = 1
    processes_: ProcessGroup = SINGLE_PROCESS
    gathered_logits_: deque[Tensor] | None = None
    micro_batches_: MicroBatchGradients | None = None
    sparse_lr_: float | None = None
    sparse_optimizer_: TableOptimizer | None = None

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> Self:
        """Make the optimizer, of all weights but those that `sparse_optimizer_` takes care of."""
        sparse_parameters = (
            {id(table) for table in self.module_.sparse_parameters} if self.sparse_lr_ else set()
        )
        weights = [
            (n, w) for n, w in self.get_all_learnable_params() if id(w) not in sparse_parameters
        ]
        args, kwargs = self.get_params_for_optimizer("optimizer", weights)
        if "lr" in kwargs:
            kwargs["lr"] = as_rate(kwargs["lr"])
        self.optimizer_ = self.optimizer(*args, **kwargs)
        return self

    def load_optimizers(self, memory: OptimizerState) -> None:
        """Go on with optimizers that were at work before, at the rates of now."""
        for group in memory.optimizer.param_groups:
            rate = as_rate(self.lr)
            group.update(lr=rate, initial_lr=rate)  # the latter is for schedulers
        self.optimizer_ = memory.optimizer
        if self.sparse_optimizer_ is not None and memory.sparse_optimizer is not None:
            self.sparse_optimizer_.sums = memory.sparse_optimizer.sums

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Open an epoch's history; of all before the last, forget the batches: they add up."""
        if len(self.history) > 1:
            self.history[-2]["batches"] = []
        super().on_epoch_begin(net, **kwargs)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Compute gradients and let all weights follow."""
        step: dict[str, Tensor] = super().train_step(batch, **fit_params)
        if self.sparse_optimizer_ is not None:
            self.sparse_optimizer_.step(n_texts=len(step["y_pred"]))
        return step

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Read all batches once, to train or to validate."""
        with ExitStack() as epoch:
            halves = self._micro_batches() if training else None
            if halves is not None:
                self.micro_batches_ = epoch.enter_context(halves)
                epoch.callback(setattr, self, "micro_batches_", None)
            if not training and iterator is not None and self.processes_.size > 1:
                self.gathered_logits_ = deque(
                    gather_logits(self._validated, iterator, self.processes_)
                )
                epoch.callback(setattr, self, "gathered_logits_", None)
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        if training:
            self.broadcast_weights()

    def broadcast_weights(self) -> None:
        """Have the main process's weights in each: the same, but for processors that round."""
        numbers = [*self.module_.parameters(), *self.module_.buffers()]
        self.processes_.broadcast([tensor for tensor in numbers if tensor.is_floating_point()])

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Compute the logits and the loss of a batch, whose logits may be known already."""
        if not self.gathered_logits_:
            step: dict[str, Tensor] = super().validation_step(batch, **fit_params)
            return step
        logits = self.gathered_logits_.popleft()
        self._set_training(False)
        with torch.no_grad():
            return {"loss": self.get_loss(logits, batch[1], X=batch[0]), "y_pred": logits}

    def _validated(self, inputs: Any) -> Tensor:
        self._set_training(False)
        with torch.no_grad():
            return self.infer(inputs)

    def _micro_batches(self) -> MicroBatchGradients | None:
        apart = self.sparse_optimizer_ is not None
        if self.processes_.size > 1:
            return DataParallelGradients(self.module_, self._mean_loss, self.processes_, apart)
        on_cpu = torch.device(self.device).type == "cpu"
        if on_cpu and not has_hooks(self.module_):
            return MicroBatchGradients(self.module_, self._mean_loss, self.n_threads_, apart)
        return None

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Count the texts of the batch, also those that other processes read."""
        side = "train" if training else "valid"
        self.history.record_batch(f"{side}_batch_size", len(batch[1]))

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Compute the gradients of one batch."""
        if self.micro_batches_ is None:
            step: dict[str, Tensor] = super().train_step_single(batch, **fit_params)
            return step
        self._set_training(True)
        logits, loss = self.micro_batches_.backward(*batch)
        return {"loss": loss, "y_pred": logits}

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the mean loss of a batch, each text's times its weight.

        The weights' mean is 1 over the data, not over each batch: heavy batches count more.
        """
        return self._mean_loss(y_pred, y_true, X)

    def _mean_loss(self, logits: Tensor, target: Any, inputs: Any) -> Tensor:
        losses: Tensor = self.criterion_(logits, to_tensor(target, self.device))  # (N,)
        if "sample_weight" in inputs:
            losses = losses * to_tensor(inputs["sample_weight"], self.device)
        return losses.mean()

    # For skorch's scoring callbacks, which know targets as the loss reads them. Rows are in
    # the order of the batches, as these callbacks collect the targets too.

    def predict(self, X: Any) -> NDArray[Any]:
        """Return predictions in the encoding of the targets."""
        return self.target_.encode(self._answers(X, self.target_.predict))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class."""
        return self._answers(X, self.target_.probabilities)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The codes of the labels."""
        return np.arange(len(self.target_.classes))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.target_, "classes"):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags()
        return tags

    def _answers(self, X: Any, answer: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        """Return what the target makes of logits, batch by batch: all of them may not fit."""
        logits = self.forward_iter(X)
        return np.concatenate([answer(each.cpu().numpy().astype(np.float64)) for each in logits])


class PerTextLoss(nn.Module):
    """A loss for each text: the mean over its outputs where it has several."""

    def __init__(self, elementwise: Callable[..., Tensor], label_smoothing: float) -> None:
        super().__init__()
        self.elementwise = elementwise
        self.smoothing = {"label_smoothing": label_smoothing} if label_smoothing else {}

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        smoothing = self.smoothing if self.training else {}
        losses = self.elementwise(logits, target, reduction="none", **smoothing)  # (N,) or (N, C)
        return losses if losses.ndim == 1 else losses.mean(dim=1)


def make_net(
    module: RecurrentNetwork,
    target: Target,
    *,
    device: str,
    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
    memory: OptimizerState | None = None,
    lr: float = 1e-3,
    table_lr: float | None = None,
    full_batch: int = FULL_BATCH,
    label_smoothing: float = 0.0,
    max_epochs: int = 1,
    batch_size: int = 32,
    generator: np.random.Generator | None = None,
    validation: SequenceDataset | None = None,
    callbacks: Sequence[Any] = (),
    processes: ProcessGroup = SINGLE_PROCESS,
) -> SequenceNet:
    """Return an initialized skorch net around a module whose weights are set already."""
    net = SequenceNet(
        module,
        criterion=PerTextLoss(target.loss, label_smoothing),
        optimizer=OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=ShuffledBuckets,
        iterator_train__generator=generator,
        iterator_train__shard=processes.shard if processes.size > 1 else None,
        iterator_valid=LengthSortedBatches,
        iterator_valid__n_outputs=module.numbers_per_text,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=list(callbacks),
        verbose=0,
        device=device,
    )
    net.target_, net.sparse_lr_, net.processes_ = target, table_lr, processes
    net.initialize()
    if table_lr and module.sparse_parameters:
        rates = [as_rate(table_lr) * target.table_rate * share for share in module.sparse_rates]
        net.sparse_optimizer_ = TableOptimizer(module.sparse_parameters, rates, full_batch)
    if memory is not None and (memory.sparse_optimizer is None) == (net.sparse_optimizer_ is None):
        net.load_optimizers(memory)
    return net


def training_device(who: str, device: str | torch.device) -> str:
    """Return the device to train on, or raise if this machine has none such, or another one."""
    device = str(device)
    shared = current_process_group().device
    if shared is not None:
        if device not in ("auto", shared, torch.device(shared).type):
            raise ValueError(
                f"{who}: expected the device on which the processes train together, {shared!r}, "
                f'got {device!r}. Set device="auto".'
            )
        return shared
    usable = usable_device(device)
    if device not in ("auto", usable):
        raise ValueError(
            f'{who}: expected a device of this machine ("auto", "cpu", or one of its '
            f"{torch.cuda.device_count()} CUDA devices), got {device!r}."
        )
    return usable


def usable_device(device: str | torch.device) -> str:
    """Return a device to predict on: a model made on a GPU opens without one."""
    device = str(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros((), device=device).item()  # torch's "meta" device has no numbers
    except Exception:  # each back end raises its own kind
        return "cpu"
    return device

"""Training and prediction with several processes, on one machine or many.

``joblib.parallel_config("dask")`` runs searches on a cluster. The functions of this module let
them survive workers that are killed, learn a vocabulary from partitioned texts and predict such
texts, on Dask (``pip install "sklearn-rnn[dask]"``); keep the texts of a search in Ray's shared
memory (``pip install "sklearn-rnn[ray]"``); or let several processes train one network, through
Accelerate (``pip install "sklearn-rnn[parallel]"``).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._data.token_ids import merge_counts
from ._training.processes import ProcessGroup, process_group
from .text import SequenceVectorizer

__all__ = ["data_parallel", "fit_vocabulary", "predict", "ray_shared", "resilient_dask_client"]

_RENAMED = {"lasting": "resilient_dask_client", "stored": "ray_shared"}
"""Deprecated names, and those that replace them."""

_MERGED_AT_ONCE = 8

_METHODS = ("decision_function", "predict", "predict_log_proba", "predict_proba", "transform")


def data_parallel(
    device: str = "auto", timeout: float = 600.0
) -> AbstractContextManager[ProcessGroup]:
    """Share the work of fits within a block among all processes that run this script.

    The script is launched by ``torchrun --nproc-per-node 2 script.py`` or ``accelerate launch``,
    on one machine or many; a process that is launched alone trains as usual. Each process has all
    data and calls `fit`. It computes its part of each batch, and the gradients of all parts make
    up the step, so that all processes end with the same model. Two processes, on CPUs, end with
    the model of a single one, bit by bit.

    Parameters
    ----------
    device : {"auto", "cpu"}, default="auto"
        Where to train: by default on GPUs if there are any, one for each process.
    timeout : float, default=600.0
        Seconds after which a process stops waiting for another one. On CPUs, a process that has
        ended is noticed at once.

    Returns
    -------
    context manager of ProcessGroup
        A process group with ``rank``, ``size`` and ``is_main``: the main process is the one that
        should write files, and the only one that writes checkpoints. ``barrier()`` waits until
        all processes have reached it.

    Raises
    ------
    ImportError
        If Accelerate is missing.
    LostProcessError
        From `fit`, if another process has ended or does something else. After that, each `fit` in
        the block raises it.
    ValueError
        If `device` is neither of the two. From `fit`, if the processes do not have the same data
        and parameters.

    Notes
    -----
    Only fits in the thread that entered the block are shared: joblib's jobs in other threads or
    processes train alone. Each process computes in one thread: start as many as there are cores.

    Callbacks run in each process. Hooks on the network see the process's part of each batch.

    Examples
    --------
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.distributed import data_parallel
    >>> with data_parallel() as processes:
    ...     model = RNNTextClassifier(random_state=0).fit([[2, 3], [4, 3]] * 20, [0, 1] * 20)
    >>> processes.size, processes.is_main
    (1, True)
    """
    if device not in ("auto", "cpu"):
        raise ValueError(f'data_parallel: device must be "auto" or "cpu", got {device!r}.')
    return process_group(device, timeout)


def fit_vocabulary(vectorizer: SequenceVectorizer, texts: Any) -> SequenceVectorizer:
    """Fit a vectorizer on partitioned texts, on the machines where the partitions are.

    Each partition is counted by itself, and the counts are merged, eight at a time. The result is
    what ``vectorizer.fit`` learns from all texts in one place: counts are sums, which do not
    depend on the partitions or their order.

    Parameters
    ----------
    vectorizer : SequenceVectorizer
        The vectorizer, which is fitted in place.
    texts : dask.bag.Bag of str, or of other documents that the vectorizer reads
        The texts.

    Returns
    -------
    SequenceVectorizer
        The same vectorizer.

    Raises
    ------
    TypeError
        If `texts` is not a bag, or a text is not a str.
    ValueError
        If there is no text, or no word is left for the vocabulary; or if the vectorizer was
        given its vocabulary, which leaves nothing to learn.

    Examples
    --------
    >>> import dask.bag
    >>> from sklearn_rnn import SequenceVectorizer
    >>> from sklearn_rnn.distributed import fit_vocabulary
    >>> bag = dask.bag.from_sequence(["so good", "not good", "good"], npartitions=2)
    >>> fit_vocabulary(SequenceVectorizer(), bag).vocabulary_
    {'good': 2, 'not': 3, 'so': 4}
    """
    if not isinstance(texts, _dask("dask.bag").Bag):
        raise TypeError(
            f"fit_vocabulary: expected a dask.bag.Bag of texts, got {type(texts).__name__}. Make "
            "one: dask.bag.from_sequence(texts) or dask.bag.read_text(paths)."
        )
    vectorizer._build_vocabulary_in_parts(
        "fit_vocabulary",
        lambda count: texts.reduction(count, merge_counts, split_every=_MERGED_AT_ONCE).compute(),
    )
    return vectorizer


def resilient_dask_client(client: Any) -> Any:
    """Return a Dask client for joblib whose data survive the loss of workers.

    Data that joblib has scattered cannot be restored: rows of folds are sent to one worker only,
    and of data that were sent to all workers, Dask keeps a single copy in the end. If that worker
    dies, the search fails. With this client the scheduler keeps the data, too, and sends them
    again.

    Parameters
    ----------
    client : dask.distributed.Client
        The client.

    Returns
    -------
    object
        A client for ``joblib.parallel_config("dask", client=…)``.

    Examples
    --------
    >>> import joblib
    >>> from dask.distributed import Client
    >>> from sklearn_rnn.distributed import resilient_dask_client
    >>> texts = ["so good", "so bad"]
    >>> with Client(processes=False, dashboard_address="127.0.0.1:0") as client:
    ...     resilient = resilient_dask_client(client)
    ...     with joblib.parallel_config("dask", client=resilient, scatter=[texts]):
    ...         joblib.Parallel()(joblib.delayed(len)(texts) for _ in range(3))
    [2, 2, 2]
    """
    return _ResilientClient(client)


def ray_shared(items: Sequence[Any]) -> list[Any]:
    """Return a list that Ray stores once on each machine.

    A list that is passed to a search is sent with each of its fits. Of this one, only a reference
    is sent, and the worker gets the list from Ray's object store.

    Parameters
    ----------
    items : sequence
        Texts or labels.

    Returns
    -------
    list
        The same items.

    Raises
    ------
    ImportError
        If Ray is missing.

    Notes
    -----
    Call it after ``ray.init()``. Ray stores the items as long as the list exists here.
    """
    return _RayShared(items)


def predict(model: Any, texts: Any, method: str = "predict") -> Any:
    """Predict partitioned texts with a fitted model, on the machines where the partitions are.

    The model is sent once to each machine; predictions stay where the texts are until they are
    computed.

    Parameters
    ----------
    model : Pipeline
        A fitted pipeline that takes texts.
    texts : dask.bag.Bag of str, or dask.dataframe.Series of str
        The texts.
    method : {"predict", "predict_proba", "predict_log_proba", "decision_function", \
            "transform"}, default="predict"
        The method of the model to call.

    Returns
    -------
    dask.bag.Bag, or dask.dataframe.Series
        The predictions, lazy, in the order and the partitions of the texts. For a series a
        series, with its index; if a prediction is several numbers, each row contains an array.
        Partitions of a bag are arrays. To fetch many predictions, pass a series: Dask turns a bag
        into a list, which it sends item by item.

    Raises
    ------
    TypeError
        If `texts` is neither a bag nor a series.
    ValueError
        If `method` is not one of these.

    Examples
    --------
    >>> import dask.bag
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
    >>> from sklearn_rnn.distributed import predict
    >>> model = make_pipeline(SequenceVectorizer(), RNNTextClassifier(random_state=0))
    >>> model = model.fit(["good", "bad"] * 20, ["+", "-"] * 20)
    >>> bag = dask.bag.from_sequence(["bad", "good", "bad"], npartitions=2)
    >>> predict(model, bag).compute(scheduler="sync")
    ['-', '+', '-']
    """
    if method not in _METHODS:
        raise ValueError(f"predict: method must be one of {sorted(_METHODS)}, got {method!r}.")
    delayed_model = _dask("dask").delayed(model, pure=False, traverse=False)
    if isinstance(texts, _dask("dask.bag").Bag):
        return texts.map_partitions(_predict_partition, delayed_model, method)
    if hasattr(texts, "map_partitions") and getattr(texts, "ndim", None) == 1:
        predictions: Any = texts.map_partitions(
            _predict_series, delayed_model, method, meta=(texts.name, object)
        )
        return predictions
    raise TypeError(
        f"predict: expected a dask.bag.Bag or a dask Series of texts, got {type(texts).__name__}."
    )


def __getattr__(name: str) -> Any:
    """Return the function of a deprecated name, with a warning."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"sklearn_rnn.distributed.{name} is now called {_RENAMED[name]}; the old name will be "
        "removed in version 0.3.",
        FutureWarning,
        stacklevel=2,
    )
    return globals()[_RENAMED[name]]


class _RayShared(list[Any]):
    """A list that is pickled as a reference to Ray's object store."""

    def __init__(self, items: Sequence[Any]) -> None:
        super().__init__(items)
        self._reference = _import("ray", "ray").put(list(items))

    def __reduce__(self) -> Any:
        return _fetch, (self._reference,)


def _fetch(reference: Any) -> Any:
    return _import("ray", "ray").get(reference)


class _ResilientClient:
    """A client that scatters data as tasks, which the scheduler can run again."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def scatter(self, data: Any, *, asynchronous: bool = False, **_: Any) -> Any:
        """Return a future for each item of the data; if asynchronous, an awaitable of one for all.

        Those are the two ways in which joblib calls it. A worker gets the data from another one,
        once, when its first task needs them.
        """
        return self._awaitable(data) if asynchronous else [self._future(item) for item in data]

    async def _awaitable(self, data: Any) -> Any:
        return self._future(data)

    def _future(self, data: Any) -> Any:
        # Dask warns of data within tasks, which are mostly there by mistake.
        with _dask("dask").config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            return self._client.submit(partial(_identity, data), pure=False)


def _identity(data: Any) -> Any:
    return data


# ---- On the workers --------------------------------------------------------------------------


def _predict_partition(texts: Iterable[str], model: Any, method: str) -> NDArray[Any]:
    """Return predictions as an array, since Dask sends lists item by item."""
    texts = list(texts)
    predictions = np.asarray(getattr(model, method)(texts)) if texts else np.empty(0)
    return np.array(predictions.tolist(), object) if predictions.ndim == 1 else predictions


def _predict_series(texts: Any, model: Any, method: str) -> Any:
    predictions = np.empty(len(texts), object)
    predictions[:] = list(_predict_partition(texts, model, method))
    return type(texts)(predictions, index=texts.index, name=texts.name)


def _dask(module: str) -> Any:
    return _import(module, "dask")


def _import(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"sklearn_rnn.distributed needs {extra.capitalize()}: "
            f'pip install "sklearn-rnn[{extra}]".'
        ) from error

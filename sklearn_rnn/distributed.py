"""The way from texts to predictions over many machines.

``joblib.parallel_config("dask")`` runs searches on a cluster. What is here lets them outlive
workers that are killed, learns a vocabulary from texts that lie in pieces and asks a model about
such texts, on Dask (``pip install "sklearn-rnn[dask]"``); or has several processes train one
network, through Accelerate (``pip install "sklearn-rnn[parallel]"``).
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
"""Names of former versions, and today's."""

_MERGED_AT_ONCE = 8

_METHODS = ("decision_function", "predict", "predict_log_proba", "predict_proba", "transform")


def data_parallel(
    device: str = "auto", timeout: float = 600.0
) -> AbstractContextManager[ProcessGroup]:
    """Have fits within a block shared out among all processes that run this script.

    To be launched by ``torchrun --nproc-per-node 2 script.py`` or ``accelerate launch``, on one
    machine or many; alone, a process trains as it always does. Each process is given all data
    and calls `fit`. Of each batch it computes its part, and all parts' gradients make the step,
    so that all processes end with the same model. Two of them, on CPUs, end with that of a
    single process, to the last bit.

    Parameters
    ----------
    device : {"auto", "cpu"}, default="auto"
        Where to train: by default each process on a GPU of its own where there are GPUs.
    timeout : float, default=600.0
        Seconds after which a process gives up waiting for another one. On CPUs one that has ended
        is noticed at once.

    Returns
    -------
    context manager of ProcessGroup
        What the block gets has ``rank``, ``size`` and ``is_main``: the main process is the one
        that should write files, and the only one that writes checkpoints. ``barrier()`` waits
        until each process has reached it.

    Raises
    ------
    ImportError
        If Accelerate is missing.
    LostProcessError
        From `fit`, where another process has ended or does something else. From then on each `fit`
        of the block raises it.
    ValueError
        If `device` is none of the two. From `fit`, where the processes were not given the same
        data or parameters.

    Notes
    -----
    Only fits of the thread that entered the block are shared out: jobs of joblib that go to
    other threads or processes train alone. Each process computes in one thread: start as many as
    there are cores.

    Callbacks run in each process. Those that listen to the network through hooks hear its part of
    each batch.

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
    """Fit a vectorizer on texts that lie in pieces, on the machines where they lie.

    Each piece is counted by itself, and the counts are merged, eight at a time. What comes out is
    what ``vectorizer.fit`` learns from all texts in one place: merging adds, so neither the
    pieces nor their order change it.

    Parameters
    ----------
    vectorizer : SequenceVectorizer
        The vectorizer. It is fitted in its place.
    texts : dask.bag.Bag of str, or of what else the vectorizer reads
        The texts.

    Returns
    -------
    SequenceVectorizer
        The same vectorizer.

    Raises
    ------
    TypeError
        If `texts` is no bag, or a text is not a str.
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
    """Return a client for joblib whose data outlive the workers that hold them.

    What joblib scatters, it cannot bring back: rows of folds go to one worker only, and of what
    went to all workers Dask keeps one copy in the end. A search fails if that worker dies. With
    this client the scheduler keeps the data too, and sends them again.

    Parameters
    ----------
    client : dask.distributed.Client
        The client.

    Returns
    -------
    object
        What ``joblib.parallel_config("dask", client=…)`` takes.

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
    """Return a list that Ray keeps once on each machine.

    A list that is given to a search travels with each of its fits. Of this one only the place
    travels where Ray keeps it; a worker finds a list there.

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
    To be called after ``ray.init()``. Ray keeps the items until the list is forgotten here.
    """
    return _RayShared(items)


def predict(model: Any, texts: Any, method: str = "predict") -> Any:
    """Ask a fitted model about texts that lie in pieces, on the machines where they lie.

    The model travels once to each machine, the answers stay where the texts are until they are
    asked for.

    Parameters
    ----------
    model : Pipeline
        A fitted pipeline that begins with texts.
    texts : dask.bag.Bag of str, or dask.dataframe.Series of str
        The texts.
    method : {"predict", "predict_proba", "predict_log_proba", "decision_function", \
            "transform"}, default="predict"
        What to ask.

    Returns
    -------
    dask.bag.Bag, or dask.dataframe.Series
        The answers, lazy, in the order and the pieces of the texts. Of a series a series, with
        its index; where an answer is several numbers, each row holds an array of them. Pieces of
        a bag are arrays. To fetch many answers, ask about a series: Dask sends a list, which is
        what a bag becomes, item by item.

    Raises
    ------
    TypeError
        If `texts` is neither a bag nor a series.
    ValueError
        If `method` is none of these.

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
    travelling = _dask("dask").delayed(model, pure=False, traverse=False)
    if isinstance(texts, _dask("dask.bag").Bag):
        return texts.map_partitions(_answers, travelling, method)
    if hasattr(texts, "map_partitions") and getattr(texts, "ndim", None) == 1:
        answers: Any = texts.map_partitions(
            _series_of_answers, travelling, method, meta=(texts.name, object)
        )
        return answers
    raise TypeError(
        f"predict: expected a dask.bag.Bag or a dask Series of texts, got {type(texts).__name__}."
    )


def __getattr__(name: str) -> Any:
    """Return what a former name stands for, with a warning."""
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
    """A list that is pickled as the place where Ray keeps it."""

    def __init__(self, items: Sequence[Any]) -> None:
        super().__init__(items)
        self._place = _needed("ray", "ray").put(list(items))

    def __reduce__(self) -> Any:
        return _fetched, (self._place,)


def _fetched(place: Any) -> Any:
    return _needed("ray", "ray").get(place)


class _ResilientClient:
    """A client that scatters data as tasks, which the scheduler can run anew."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def scatter(self, data: Any, *, asynchronous: bool = False, **_: Any) -> Any:
        """Return a future for each of the data; or, asynchronous, what comes to one for them all.

        Those are the two ways in which joblib calls it. A worker gets the data from another, once,
        when its first task needs them.
        """
        return self._soon(data) if asynchronous else [self._future(item) for item in data]

    async def _soon(self, data: Any) -> Any:
        return self._future(data)

    def _future(self, data: Any) -> Any:
        # Dask warns of data within tasks, since they are mostly there by mistake.
        with _dask("dask").config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            return self._client.submit(partial(_identity, data), pure=False)


def _identity(data: Any) -> Any:
    return data


# ---- On the machines ---------------------------------------------------------------------------


def _answers(texts: Iterable[str], model: Any, method: str) -> NDArray[Any]:
    """Return the answers to a piece of a bag: an array, since Dask sends lists item by item."""
    listed = list(texts)
    answers = np.asarray(getattr(model, method)(listed)) if listed else np.empty(0)
    return np.array(answers.tolist(), object) if answers.ndim == 1 else answers


def _series_of_answers(texts: Any, model: Any, method: str) -> Any:
    answers = np.empty(len(texts), object)
    answers[:] = list(_answers(texts, model, method))
    return type(texts)(answers, index=texts.index, name=texts.name)


def _dask(module: str) -> Any:
    return _needed(module, "dask")


def _needed(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"sklearn_rnn.distributed needs {extra.capitalize()}: "
            f'pip install "sklearn-rnn[{extra}]".'
        ) from error

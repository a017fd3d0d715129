"""Fitted states that change in one step: other threads see the old one or the new one.

`commit_on_success`: a fit works on a copy of its estimator, whose attributes become the
estimator's all at once. `on_snapshot`: a prediction, which reads several attributes one after
another, reads them from a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["commit_on_success", "on_snapshot", "snapshot"]

E = TypeVar("E")
P = ParamSpec("P")
R = TypeVar("R")


def snapshot(estimator: E) -> E:
    """Return a shallow copy of an estimator, which no fit of the original changes.

    Parameters
    ----------
    estimator : object
        The estimator.

    Returns
    -------
    object
        One of the same class; the attributes themselves are shared.
    """
    taken = object.__new__(type(estimator))
    taken.__dict__ = vars(estimator).copy()
    return taken


def on_snapshot(method: Callable[Concatenate[E, P], R]) -> Callable[Concatenate[E, P], R]:
    """Make a method read a single state, whatever other threads fit in the meantime.

    Parameters
    ----------
    method : callable
        A method that sets no attribute of its estimator.

    Returns
    -------
    callable
        The method, which is called with a snapshot of the estimator as `self`.
    """

    @wraps(method)
    def call_on_snapshot(self: E, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(snapshot(self), *args, **kwargs)

    return call_on_snapshot


@contextmanager
def commit_on_success(estimator: E) -> Iterator[E]:
    """Yield a copy of an estimator to be fitted, and take over its state in one step.

    If the block raises, the estimator stays as it was. Its parameters are never replaced.

    Parameters
    ----------
    estimator : object
        The estimator.

    Yields
    ------
    object
        The copy.
    """
    fitted = snapshot(estimator)
    yield fitted
    names: Any = type(estimator)._get_param_names()  # type: ignore[attr-defined]
    now = vars(estimator)
    parameters = {name: now[name] for name in names if name in now}
    # Not dict.update: the destructors of values that it replaces may run code halfway through.
    estimator.__dict__ = {**vars(fitted), **parameters}

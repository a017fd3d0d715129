"""A fitted state that changes in one step: who reads meanwhile reads the old one or the new one.

A fit works on a copy of its estimator, whose attributes become the estimator's all at once. A
prediction reads several attributes, one after the other: of a copy, too.
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
    """Return an estimator with the attributes of now, which no fit changes.

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
    """Have a method read one state, whatever another thread fits in the meantime.

    Parameters
    ----------
    method : callable
        A method that writes nothing to its estimator.

    Returns
    -------
    callable
        The same method.
    """

    @wraps(method)
    def of_one_state(self: E, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(snapshot(self), *args, **kwargs)

    return of_one_state


@contextmanager
def commit_on_success(estimator: E) -> Iterator[E]:
    """Give a copy of an estimator to be fitted, and take over its state in one step.

    If the block raises, the estimator stays as it was. Its parameters are its own all the time.

    Parameters
    ----------
    estimator : object
        The estimator.

    Yields
    ------
    object
        What to fit.
    """
    fitted = snapshot(estimator)
    yield fitted
    names: Any = type(estimator)._get_param_names()  # type: ignore[attr-defined]
    now = vars(estimator)
    parameters = {name: now[name] for name in names if name in now}
    # Not update: values that it replaces may run code of theirs as they go, halfway through.
    estimator.__dict__ = {**vars(fitted), **parameters}

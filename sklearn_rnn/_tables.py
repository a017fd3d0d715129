"""Tables of vectors that several steps of a pipeline share, and that a file contains once."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from numpy.typing import NDArray

__all__ = ["SharedTable", "shared_table"]


class SharedTable:
    """A table as it is saved.

    Pickle writes an object that it meets twice only once, but joblib writes an array each time
    that it meets it. So the states of estimators contain this object in place of the array.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array


_in_use: WeakValueDictionary[int, SharedTable] = WeakValueDictionary()


def shared_table(array: NDArray[Any]) -> SharedTable:
    """Return the one `SharedTable` of an array, as long as there is a reference to it.

    A pickler refers to what it has written until it is done, so all steps that are written by
    one call get the same object for the same array.
    """
    table = _in_use.get(id(array))
    if table is None or table.array is not array:
        table = _in_use[id(array)] = SharedTable(array)
    return table

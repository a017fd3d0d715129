"""One table of vectors, written once into a file that holds it in several steps."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from numpy.typing import NDArray

__all__ = ["SharedTable", "shared_table"]


class SharedTable:
    """A table as it stands in a file.

    Pickle writes an object that it meets twice only once, but joblib writes each array anew,
    even one that it has written already. So states hold this object in an array's place.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array


_in_use: WeakValueDictionary[int, SharedTable] = WeakValueDictionary()


def shared_table(array: NDArray[Any]) -> SharedTable:
    """Return the one `SharedTable` of an array, for as long as somebody holds it.

    A pickler holds what it has written until it is done, so all steps that are written by
    one call get the same object for the same array.
    """
    table = _in_use.get(id(array))
    if table is None or table.array is not array:
        table = _in_use[id(array)] = SharedTable(array)
    return table

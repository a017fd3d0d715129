"""Buffers: memory that is used again, and goes on beyond each array's end."""

import numpy as np
import pytest

pytest.importorskip("numba")

from sklearn_rnn._network.compiled.buffers import Buffers
from sklearn_rnn._network.compiled.matrix_product import SPARE_ROWS


def memory_after(array):
    """Return the numbers between the end of an array and that of its memory."""
    memory = array
    while memory.base is not None:
        memory = memory.base
    start = (array.ctypes.data - memory.ctypes.data) // 4
    return memory[start + array.size :]


@pytest.mark.parametrize("shape", [(3,), (1, 1), (7, 5), (2, 3, 4), (0, 5), (5, 0)])
def test_an_array_has_the_shape_that_is_asked_for_and_spare_rows_behind_it(shape):
    array = Buffers().empty("states", *shape)
    assert array.shape == shape
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert len(memory_after(array)) >= SPARE_ROWS * shape[-1]


def test_smaller_arrays_of_a_name_share_the_memory_of_larger_ones():
    buffers = Buffers()
    larger = buffers.empty("states", 10, 4)
    for shape in ((10, 4), (3, 5), (6, 6)):
        smaller = buffers.empty("states", *shape)
        assert smaller.ctypes.data == larger.ctypes.data
        assert len(memory_after(smaller)) >= SPARE_ROWS * shape[-1]


def test_a_larger_array_of_a_name_gets_memory_of_its_size():
    buffers = Buffers()
    for n in (3, 30, 300):
        array = buffers.empty("states", n, n)
        array.fill(n)
        assert len(memory_after(array)) >= SPARE_ROWS * n


def test_names_share_no_memory():
    buffers = Buffers()
    states, gates = buffers.empty("states", 3, 4), buffers.empty("gates", 3, 4)
    assert not np.shares_memory(states, gates)


def test_zeros_are_zeros_whatever_was_there():
    buffers = Buffers()
    buffers.empty("states", 9, 9).fill(np.nan)
    assert not buffers.zeros("states", 4, 5).any()

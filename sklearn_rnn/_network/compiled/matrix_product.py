"""Matrix products of training steps, in tiles that stay in registers.

A step of a recurrence multiplies some 16 rows by a matrix of 64 x 256. BLAS spends most of its
time on such a product before it begins: it copies the matrix into an order of its own, in each of
thousands of steps, though the matrix stays the same for all of them. Here it is ordered once for
each batch (`pack_matrix`), and `add_product` then keeps all sums in registers:

1. The result is cut into tiles of 4 rows x 2 vectors. A vector has as many numbers as a register
   of this processor. The 8 vectors of a tile are its sums; they start at zero.
2. For each k, two vectors of row k of the matrix are loaded, and number k of each of the 4 rows,
   which is repeated to a vector. The 4 x 2 products are added to the sums.
3. The sums are added to the result.

So a tile needs 6 loads for 8 multiply-adds. numba cannot say this in Python: its compiler does not
keep an array in registers. Hence a tile is written in the language of LLVM, numba's compiler,
which knows vectors of any length and runs on any processor. A step of 64 hidden units, forward
and backward, takes 1.5 times as long as its arithmetic alone (`benchmarks/fused_step.py`).

Sizes need not fit: columns are filled up with zeros, and rows with whatever follows in memory,
whose results nobody reads: arrays need some memory beyond their end (`SPARE_ROWS`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .compiler import compiled

__all__ = [
    "SPARE_ROWS",
    "TERMS_AT_ONCE",
    "accumulate_product",
    "add_product",
    "add_transposed_product",
    "pack_matrix",
    "pack_rows",
    "padded",
    "set_product",
]

_N_ROWS = 4
_N_VECTORS = 2
# Compiled code is kept by the processor that numba compiles for: one that was named by hand may
# stand for several.
_IS_NAMED = any(getattr(config, name, None) for name in ("CPU_NAME", "CPU_FEATURES"))
_LANES = 16 if binding.get_host_cpu_features().get("avx512f") and not _IS_NAMED else 8
_N_COLUMNS = _N_VECTORS * _LANES

SPARE_ROWS = _N_ROWS - 1
"""How many rows a tile may reach beyond the last row of its arrays, whose memory must go on."""

TERMS_AT_ONCE = 256
"""Terms that are added up in registers: the sums of longer products would lose digits."""

Array = NDArray[np.float32]


def padded(n_columns: int) -> int:
    """Return the number of columns of a product, filled up to whole tiles.

    Parameters
    ----------
    n_columns : int
        The number.

    Returns
    -------
    int
        The next multiple of a tile's.
    """
    return -(-n_columns // _N_COLUMNS) * _N_COLUMNS


@compiled
def pack_matrix(matrix: Array) -> Array:
    """Return a matrix in the order in which tiles read it.

    Parameters
    ----------
    matrix : ndarray of float32 of shape (K, M)
        The matrix.

    Returns
    -------
    ndarray of float32 of shape (padded(M) / n_columns, K, n_columns)
        One tile's columns after the other's.
    """
    n_terms, n_columns = matrix.shape
    packed = np.zeros((-(-n_columns // _N_COLUMNS), n_terms, _N_COLUMNS), np.float32)
    _pack(matrix, packed)
    return packed


@compiled
def pack_rows(rows: Array, index: Any, start: int, n: int, memory: Array) -> Array:
    """Return some rows of a matrix in the order in which tiles read it.

    Parameters
    ----------
    rows : ndarray of float32 of shape (R, M)
        The matrix.
    index : ndarray of int of shape (S,)
        Indices of its rows.
    start, n : int
        Which of the indices: index[start : start + n].
    memory : ndarray of float32 of shape (n * padded(M) or more,)
        Where the result is.

    Returns
    -------
    ndarray of float32 of shape (padded(M) / n_columns, n, n_columns)
        One tile's columns after the other's.
    """
    n_columns = rows.shape[1]
    n_blocks = -(-n_columns // _N_COLUMNS)
    packed = memory[: n_blocks * n * _N_COLUMNS].reshape((n_blocks, n, _N_COLUMNS))
    for block in range(n_blocks):
        first = block * _N_COLUMNS
        width = min(_N_COLUMNS, n_columns - first)
        for k in range(n):
            row, tile = rows[index[start + k]], packed[block, k]
            for j in range(width):
                tile[j] = row[first + j]
            for j in range(width, _N_COLUMNS):
                tile[j] = 0
    return packed


@compiled
def set_product(rows: Array, matrix: Array, bias: Array, result: Array) -> None:
    """Fill a result with rows @ matrix + bias.

    Parameters
    ----------
    rows : ndarray of float32 of shape (n, K)
        The rows, with any strides.
    matrix : ndarray of float32 of shape (K, M)
        The matrix.
    bias : ndarray of float32 of shape (M,)
        What is added to each row.
    result : ndarray of float32 of shape (n, padded(M)), C-contiguous
        The result. The memory of `rows` and `result` goes on for `SPARE_ROWS` more rows.
    """
    for i in range(len(result)):
        row = result[i]
        for j in range(len(bias)):
            row[j] = bias[j]
        for j in range(len(bias), len(row)):
            row[j] = 0
    accumulate_product(rows, matrix, result)


@compiled
def accumulate_product(rows: Array, matrix: Array, result: Array) -> None:
    """Add rows @ matrix to a result: see `set_product`."""
    row_stride, term_stride = rows.strides[0] // 4, rows.strides[1] // 4
    n_terms, n_blocks = len(matrix), result.shape[1] // _N_COLUMNS
    packed = np.zeros((n_blocks, min(n_terms, TERMS_AT_ONCE), _N_COLUMNS), np.float32)
    for start in range(0, n_terms, TERMS_AT_ONCE):
        n = min(TERMS_AT_ONCE, n_terms - start)
        if n < packed.shape[1]:
            packed = np.zeros((n_blocks, n, _N_COLUMNS), np.float32)
        _pack(matrix[start : start + n], packed)
        address = rows.ctypes.data + 4 * start * term_stride
        _add_tiles(address, row_stride, term_stride, len(rows), packed, result, 0)


@compiled
def add_product(rows: Array, start: int, n: int, packed: Array, result: Array, at: int) -> None:
    """Add rows[start : start + n] @ matrix to result[at : at + n].

    Parameters
    ----------
    rows : ndarray of float32 of shape (S, K or more), C-contiguous
        The rows, of which the first K columns count.
    start, n : int
        Which of them.
    packed : ndarray of float32
        The matrix (K, M), of `pack_matrix`, with at most some hundred terms.
    result : ndarray of float32 of shape (..., padded(M)), C-contiguous
        The result. The memory of `rows` and `result` goes on for `SPARE_ROWS` more rows, and
        these rows of the result have no meaning afterwards.
    at : int
        Its first row.
    """
    stride = rows.shape[1]
    _add_tiles(rows.ctypes.data + 4 * start * stride, stride, 1, n, packed, result, at)


@compiled
def add_transposed_product(rows: Array, start: int, n: int, packed: Array, result: Array) -> None:
    """Add rows[start : start + n].T @ matrix to a result.

    Parameters
    ----------
    rows : ndarray of float32 of shape (S, K or more), C-contiguous
        The rows, of which the first K columns count.
    start, n : int
        Which of them.
    packed : ndarray of float32
        The matrix (n, M), of `pack_rows`, with at most some hundred terms.
    result : ndarray of float32 of shape (K, padded(M)), C-contiguous
        The result, whose memory goes on for `SPARE_ROWS` more rows.
    """
    stride = rows.shape[1]
    _add_tiles(rows.ctypes.data + 4 * start * stride, 1, stride, len(result), packed, result, 0)


@compiled
def _add_tiles(
    address: int,
    row_stride: int,
    term_stride: int,
    n: int,
    packed: Array,
    result: Array,
    at: int,
) -> None:
    n_blocks, n_terms, n_columns = packed.shape
    width = result.shape[1]
    for block in range(n_blocks):
        columns = packed.ctypes.data + 4 * block * n_terms * n_columns
        for row in range(0, n, _N_ROWS):
            _add_tile(  # type: ignore[call-arg] # numba passes the first one
                address + 4 * row * row_stride,
                columns,
                result.ctypes.data + 4 * ((at + row) * width + block * n_columns),
                row_stride,
                term_stride,
                n_terms,
                width,
            )


@compiled
def _pack(matrix: Any, packed: Array) -> None:
    n_columns = packed.shape[2]
    for block in range(len(packed)):
        first = block * n_columns
        n = min(n_columns, matrix.shape[1] - first)
        for k in range(len(matrix)):
            for j in range(n):
                packed[block, k, j] = matrix[k, first + j]


_INT = ir.IntType(64)
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, _LANES)


@intrinsic
def _add_tile(
    _: Any,
    rows: Any,
    columns: Any,
    result: Any,
    row_stride: Any,
    term_stride: Any,
    n_terms: Any,
    width: Any,
) -> Any:
    """Add a tile to the result, from the addresses of its rows, of its columns and of itself."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, columns, result, row_stride, term_stride, n_terms, width = arguments
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{_LANES}f32"
        )

        def pointer(address: Any, offset: Any) -> Any:
            """Return the place that is so many numbers behind an address."""
            in_bytes = builder.mul(offset, _INT(4))
            return builder.inttoptr(builder.add(address, in_bytes), ir.PointerType())

        def column(k: Any, v: int) -> Any:
            """Load vector v of row k of the matrix."""
            offset = builder.add(builder.mul(k, _INT(_N_COLUMNS)), _INT(v * _LANES))
            return builder.load(pointer(columns, offset), align=4, typ=_VECTOR)

        def repeated(r: int, k: Any) -> Any:
            """Load number k of row r, into all lanes of a vector."""
            row, term = builder.mul(row_stride, _INT(r)), builder.mul(term_stride, k)
            place = pointer(rows, builder.add(row, term))
            number = builder.load(place, align=4, typ=_FLOAT)
            lane_0 = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INT(0))
            all_0 = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
            return builder.shuffle_vector(lane_0, lane_0, all_0)

        before = builder.block
        loop = builder.append_basic_block("terms")
        after = builder.append_basic_block("store")
        builder.branch(loop)  # there is at least one term
        builder.position_at_end(loop)
        k = builder.phi(_INT)
        k.add_incoming(_INT(0), before)
        sums = [builder.phi(_VECTOR) for _ in range(_N_ROWS * _N_VECTORS)]
        for each in sums:
            each.add_incoming(ir.Constant(_VECTOR, [0.0] * _LANES), before)
        vectors = [column(k, v) for v in range(_N_VECTORS)]
        for r in range(_N_ROWS):
            number = repeated(r, k)
            for v, vector in enumerate(vectors):
                total = sums[r * _N_VECTORS + v]
                total.add_incoming(builder.call(fma, [number, vector, total]), loop)
        next_k = builder.add(k, _INT(1))
        k.add_incoming(next_k, loop)
        builder.cbranch(builder.icmp_signed("<", next_k, n_terms), loop, after)
        builder.position_at_end(after)
        for r in range(_N_ROWS):
            for v in range(_N_VECTORS):
                offset = builder.add(builder.mul(width, _INT(r)), _INT(v * _LANES))
                place = pointer(result, offset)
                total = sums[r * _N_VECTORS + v].incomings[1][0]
                so_far = builder.load(place, align=4, typ=_VECTOR)
                builder.store(builder.fadd(so_far, total), place, align=4)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 7), generate

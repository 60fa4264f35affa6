"""Arrays of programs, and views of them: numpy's, and given back when nobody has them any more."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

from pgmlang.native.runtime.arrays import empty, flat, full, shaped, truths, zeros


@njit
def _made(rows, columns):  # type: ignore[no-untyped-def]
    grid = zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            grid[i, j] = 10.0 * i + j
    room = empty(rows * columns)
    room[:] = flat(grid)
    marks = truths((rows, 2))
    marks[0, 1] = True
    return grid, room, shaped(room, (columns, rows)), full((rows,), 0.5), marks, shaped(full(1, 3.0), ())


def test_arrays_and_views_of_them() -> None:
    grid, room, turned, halves, marks, alone = _made(3, 4)
    expected = 10.0 * np.arange(3)[:, None] + np.arange(4)
    for array, other in (
        (grid, expected),
        (room, expected.ravel()),
        (turned, expected.reshape(4, 3)),
        (halves, np.full(3, 0.5)),
        (marks, np.array([[False, True], [False, False], [False, False]])),
        (alone, np.array(3.0)),
    ):
        np.testing.assert_array_equal(array, other)
        assert array.dtype == other.dtype
        assert array.flags.c_contiguous
    turned[0, 0] = -1.0
    assert room[0] == -1.0
    assert room.ctypes.data % 64 == 0


def test_memory_is_given_back() -> None:
    _made(3, 4)
    were_counted = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        for _ in range(5):
            _made(3, 4)
        after = rtsys.get_allocation_stats()
    finally:
        if not were_counted:
            _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free == 5 * 5

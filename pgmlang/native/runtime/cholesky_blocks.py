"""Cholesky factors of larger matrices and their adjoints, eight columns at a time: nearly all of both are products of four rows with eight columns,
as `lanes` (Murray 2016, "Differentiation of the Cholesky decomposition", section 3).

Matrices lie in room of their own, row by row, with as many rows and columns as make whole blocks; those beyond are the identity's.
"""

from __future__ import annotations

import math

from pgmlang.native.compiled import compiled_lanes, part_of_sums
from pgmlang.native.runtime.arrays import empty
from pgmlang.native.runtime.lane_blocks import block_of_reals, real_at, set_block
from pgmlang.native.runtime.lanes import eight_lanes, number_in
from pgmlang.native.runtime.matrices import cholesky, cholesky_adjoint, no_factor

WIDTH, ROWS = 8, 4
"""Columns of a block, and rows that are worked out together."""
LARGE = 24
"""Rows from which blocks take less time than numbers one by one."""


@part_of_sums
def in_whole_blocks(matrix, begin, size, whole):
    """The lower half of a matrix in room of ``whole`` rows and columns, with the identity beyond."""
    room = empty((whole * whole,))
    for i in range(whole):
        for j in range(whole):
            room[i * whole + j] = 0.0
        if i < size:
            for j in range(i + 1):
                room[i * whole + j] = matrix[begin + i * size + j]
        else:
            room[i * whole + i] = 1.0
    return room


@compiled_lanes
def less_products(room, rows, stride, first, packed, count, column):
    """Takes from the block at ``column`` of four ``rows``, whose beginnings are ``stride`` apart, their products with ``count`` packed rows of eight,
    from the element ``first`` of each on."""
    a = b = c = d = eight_lanes(0.0)
    one = rows + first
    for m in range(count):
        right = block_of_reals(packed, 8 * m)
        a = a + real_at(room, one + m) * right
        b = b + real_at(room, one + stride + m) * right
        c = c + real_at(room, one + 2 * stride + m) * right
        d = d + real_at(room, one + 3 * stride + m) * right
    place = rows + column
    set_block(room, place, block_of_reals(room, place) - a)
    set_block(room, place + stride, block_of_reals(room, place + stride) - b)
    set_block(room, place + 2 * stride, block_of_reals(room, place + 2 * stride) - c)
    set_block(room, place + 3 * stride, block_of_reals(room, place + 3 * stride) - d)


@compiled_lanes
def eliminate(room, place, stride, triangle, reciprocals, first, step):
    """Four rows of a block as those that times a triangle of eight rows, without its diagonal and with zeros in its place, plus that times themselves give
    what they were; elements are found from ``first`` on by ``step``."""
    a, b = block_of_reals(room, place), block_of_reals(room, place + stride)
    c, d = block_of_reals(room, place + 2 * stride), block_of_reals(room, place + 3 * stride)
    k = first
    for _ in range(8):
        right, reciprocal = block_of_reals(triangle, 8 * k), real_at(reciprocals, k)
        a = a - (number_in(a, k) * reciprocal) * right
        b = b - (number_in(b, k) * reciprocal) * right
        c = c - (number_in(c, k) * reciprocal) * right
        d = d - (number_in(d, k) * reciprocal) * right
        k += step
    scale = block_of_reals(reciprocals, 0)
    set_block(room, place, a * scale)
    set_block(room, place + stride, b * scale)
    set_block(room, place + 2 * stride, c * scale)
    set_block(room, place + 3 * stride, d * scale)


@compiled_lanes
def products_of_columns(left, right, place, stride, begin, end, out):
    """``out [8, 8]``: the products of the columns of two blocks over rows ``begin`` to ``end``."""
    a = b = c = d = e = f = g = h = eight_lanes(0.0)
    for i in range(begin, end):
        at = place + i * stride
        row = block_of_reals(right, at)
        a = a + real_at(left, at) * row
        b = b + real_at(left, at + 1) * row
        c = c + real_at(left, at + 2) * row
        d = d + real_at(left, at + 3) * row
        e = e + real_at(left, at + 4) * row
        f = f + real_at(left, at + 5) * row
        g = g + real_at(left, at + 6) * row
        h = h + real_at(left, at + 7) * row
    set_block(out, 0, a)
    set_block(out, 8, b)
    set_block(out, 16, c)
    set_block(out, 24, d)
    set_block(out, 32, e)
    set_block(out, 40, f)
    set_block(out, 48, g)
    set_block(out, 56, h)


@part_of_sums
def factorise_block(room, at, stride):
    """The Cholesky factor of a block on the diagonal, in its place; whether there is one."""
    is_proper = True
    for i in range(WIDTH):
        row = at + i * stride
        for j in range(i + 1):
            other = at + j * stride
            total = room[row + j]
            for m in range(j):
                total -= room[row + m] * room[other + m]
            if j < i:
                room[row + j] = total / room[other + j]
            elif 0.0 < total < math.inf:
                room[row + i] = math.sqrt(total)
            else:
                is_proper = False
                room[row + i] = 1.0
    return is_proper


@part_of_sums
def factorise_block_adjoint(room, d, at, stride):
    """The adjoints of a block of which `factorise_block` made one of ``room``, in the place of that one's."""
    for i in range(WIDTH - 1, -1, -1):
        row = at + i * stride
        for j in range(i, -1, -1):
            other = at + j * stride
            if j == i:
                share = 0.5 * d[row + i] / room[row + i]
            else:
                share = d[row + j] / room[other + j]
                d[other + j] -= share * room[row + j]
            for m in range(j):
                d[row + m] -= share * room[other + m]
                d[other + m] -= share * room[row + m]
            d[row + j] = share


@part_of_sums
def blocked_cholesky(matrix, begin, root, at, size):
    """As `cholesky`; whether there is a factor."""
    whole = (size + WIDTH - 1) // WIDTH * WIDTH
    room = in_whole_blocks(matrix, begin, size, whole)
    packed, triangle, reciprocals = empty((whole * WIDTH,)), empty((WIDTH * WIDTH,)), empty((WIDTH,))
    is_proper = True
    for j in range(0, whole, WIDTH):
        for k in range(WIDTH):
            for m in range(j):
                packed[WIDTH * m + k] = room[(j + k) * whole + m]
        for i in range(j, whole, ROWS):
            less_products(room, i * whole, whole, 0, packed, j, j)
        is_proper &= factorise_block(room, j * whole + j, whole)
        for k in range(WIDTH):
            reciprocals[k] = 1.0 / room[(j + k) * whole + j + k]
            for m in range(WIDTH):
                triangle[WIDTH * k + m] = room[(j + m) * whole + j + k] if m > k else 0.0
        for i in range(j + WIDTH, whole, ROWS):
            eliminate(room, i * whole + j, whole, triangle, reciprocals, 0, 1)
    for i in range(size):
        for j in range(i + 1):
            root[at + i * size + j] = room[i * whole + j]
        for j in range(i + 1, size):
            root[at + i * size + j] = 0.0
    return is_proper


@part_of_sums
def blocked_cholesky_adjoint(root, at, d_root, d_matrix, begin, size):
    """As `cholesky_adjoint`, of a proper factor."""
    whole = (size + WIDTH - 1) // WIDTH * WIDTH
    room, d = in_whole_blocks(root, at, size, whole), in_whole_blocks(d_root, at, size, whole)
    packed, triangle, reciprocals = empty((whole * WIDTH,)), empty((WIDTH * WIDTH,)), empty((WIDTH,))
    own = empty((WIDTH * WIDTH,))
    for j in range(whole - WIDTH, -1, -WIDTH):
        below = j + WIDTH
        for m in range(below, whole):
            for k in range(WIDTH):
                packed[WIDTH * (m - below) + k] = room[m * whole + j + k]
        for i in range(below, whole, ROWS):
            less_products(d, i * whole, whole, below, packed, whole - below, j)
        for k in range(WIDTH):
            reciprocals[k] = 1.0 / room[(j + k) * whole + j + k]
            for m in range(WIDTH):
                triangle[WIDTH * k + m] = room[(j + k) * whole + j + m] if m < k else 0.0
        for i in range(below, whole, ROWS):
            eliminate(d, i * whole + j, whole, triangle, reciprocals, WIDTH - 1, -1)
        products_of_columns(d, room, j, whole, below, whole, own)
        for k in range(WIDTH):
            for m in range(k + 1):
                d[(j + k) * whole + j + m] -= own[WIDTH * k + m]
        factorise_block_adjoint(room, d, j * whole + j, whole)
        # an element counts in its row and in its column: both halves from here on, and twice on the diagonal
        for k in range(j, below):
            for i in range(k, whole):
                share = d[i * whole + k]
                if i < size:
                    d_matrix[begin + i * size + k] += share
                d[k * whole + i] = share
            d[k * whole + k] *= 2.0


@part_of_sums
def large_cholesky(matrix, begin, root, at, size):
    """As `cholesky`, by blocks where they pay."""
    if size < LARGE:
        cholesky(matrix, begin, root, at, size)
    elif not blocked_cholesky(matrix, begin, root, at, size):
        no_factor(root, at, size)


@part_of_sums
def large_cholesky_adjoint(matrix, begin, root, at, d_root, d_matrix, size):
    """The adjoint of `large_cholesky`; ``d_root`` is used up."""
    if size < LARGE:
        cholesky_adjoint(matrix, begin, root, at, d_root, d_matrix, size)
    elif root[at] > 0.0:
        blocked_cholesky_adjoint(root, at, d_root, d_matrix, begin, size)


@part_of_sums
def large_cholesky_factor(matrix, begin, root, at, size):
    """As `large_cholesky`, with no numbers where there is no factor."""
    large_cholesky(matrix, begin, root, at, size)
    if size > 0 and not root[at] > 0.0:
        for i in range(size * size):
            root[at + i] = math.nan


@part_of_sums
def large_cholesky_factor_adjoint(matrix, begin, root, at, d_root, d_matrix, size):
    """The adjoint of `large_cholesky_factor`."""
    large_cholesky_adjoint(matrix, begin, root, at, d_root, d_matrix, size)

"""Blocks of eight numbers of an array, read as `lanes` and changed as a whole.

A processor hands what was just written on to a read of the same bytes. One number written into a block that is then read whole has to reach
the cache first, which takes as long as all else that a draw does.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.extending import intrinsic

from pgmlang.native.lane_forms import LANES
from pgmlang.native.runtime.lanes import REAL, WHOLE, data_of, lanes

REALS, COUNTS = types.float64, types.int32
_COUNTED, _PLACE, _BITS = ir.VectorType(ir.IntType(32), LANES), ir.IntType(64), ir.IntType(64)


def _block(context: Any, builder: Any, kind: Any, array: Any, place: Any, as_vector: Any) -> Any:
    """The address of the block that begins at a place."""
    address = builder.gep(data_of(context, builder, kind, array).data, [place])
    return builder.bitcast(address, as_vector.as_pointer())


def _read(builder: Any, address: Any, size: int) -> Any:
    value = builder.load(address)
    value.align = size
    return value


def _write(builder: Any, value: Any, address: Any, size: int) -> None:
    builder.store(value, address).align = size


@intrinsic
def block_of_reals(context, array, place):
    """The lanes of the block of float64 that begins at a place."""

    def generate(context, builder, sig, args):
        return _read(builder, _block(context, builder, sig.args[0], *args, REAL), 8)

    return lanes(array, types.int64), generate


@intrinsic
def block_of_counts(context, array, place):
    """The lanes of the block of int32 that begins at a place."""

    def generate(context, builder, sig, args):
        return builder.sitofp(_read(builder, _block(context, builder, sig.args[0], *args, _COUNTED), 4), REAL)

    return lanes(array, types.int64), generate


@intrinsic
def set_block(context, array, place, value):
    """Writes the lanes of the block of float64 that begins at a place."""

    def generate(context, builder, sig, args):
        _write(builder, args[2], _block(context, builder, sig.args[0], *args[:2], REAL), 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


@intrinsic
def count_in_block(context, array, place, by):
    """Adds a whole number to the one of int32 at a place."""

    def generate(context, builder, sig, args):
        array, place, by = args
        lane, begin = _lane_and_block(builder, place)
        address = _block(context, builder, sig.args[0], array, begin, _COUNTED)
        by = builder.trunc(by, ir.IntType(32))
        added = builder.insert_element(ir.Constant(_COUNTED, [0] * LANES), by, lane)
        _write(builder, builder.add(_read(builder, address, 4), added), address, 4)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


@intrinsic
def replace_in_block(context, array, place, old, new):
    """Writes ``new`` where ``old`` is, among float64."""

    def generate(context, builder, sig, args):
        array, place, old, new = args
        lane, begin = _lane_and_block(builder, place)
        address = _block(context, builder, sig.args[0], array, begin, WHOLE)
        # by the bits in which they differ: what is inserted would be written by itself
        differing = builder.xor(builder.bitcast(old, _BITS), builder.bitcast(new, _BITS))
        changed = builder.insert_element(ir.Constant(WHOLE, [0] * LANES), differing, lane)
        _write(builder, builder.xor(_read(builder, address, 8), changed), address, 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.float64, types.float64), generate


def _lane_and_block(builder: Any, place: Any) -> tuple[Any, Any]:
    """The lane of a place, and where its block begins."""
    return tuple(builder.and_(place, ir.Constant(_PLACE, bits)) for bits in (LANES - 1, -LANES))


@intrinsic
def real_at(context, array, place):
    """A float64 of an array, read by itself: a loop over such reads is not made one that gathers them, which takes longer."""

    def generate(context, builder, sig, args):
        address = builder.gep(data_of(context, builder, sig.args[0], args[0]).data, [args[1]])
        return builder.load_atomic(address, "monotonic", 8)

    return types.float64(array, types.int64), generate


@intrinsic
def set_real(context, array, place, value):
    """Writes a float64 of an array."""

    def generate(context, builder, sig, args):
        builder.store(args[2], builder.gep(data_of(context, builder, sig.args[0], args[0]).data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.float64), generate


@intrinsic
def count_at(context, array, place):
    """An int32 of an array, as a float64."""

    def generate(context, builder, sig, args):
        address = builder.gep(data_of(context, builder, sig.args[0], args[0]).data, [args[1]])
        return builder.sitofp(builder.load(address), ir.DoubleType())

    return types.float64(array, types.int64), generate

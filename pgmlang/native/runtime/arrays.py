"""Arrays of programs, and views of them. numba's own `np.empty` and `reshape` are functions that it compiles for each shape and type, and takes in
wherever they are called: a tenth of the time of a program."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.cgutils import for_range, gep, is_null, memset, pack_array, unpack_tuple
from numba.core.extending import intrinsic
from numba.core.imputils import impl_ret_borrowed
from numba.np.arrayobj import make_array, populate_array

ALIGNMENT = 64
"""Where arrays begin: at a multiple of a line of the cache."""


def _sizes(shape: Any) -> tuple[Any, ...]:
    """The types of the sizes of a shape: of a tuple, or of a number for one axis."""
    return tuple(shape) if isinstance(shape, types.BaseTuple) else (shape,)


def _laid_out(context: Any, builder: Any, kind: Any, given: Any, shape: Any) -> tuple[dict[str, Any], Any]:
    """Of an array of a type, whose shape is a value of the type ``given``: sizes and strides, and how many bytes it takes."""
    parts = unpack_tuple(builder, shape) if isinstance(given, types.BaseTuple) else [shape]
    sizes = [context.cast(builder, p, t, types.intp) for p, t in zip(parts, _sizes(given), strict=True)]
    word = context.get_value_type(types.intp)
    itemsize = word(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides, stride = [], itemsize
    for size in reversed(sizes):
        strides.insert(0, stride)
        stride = builder.mul(stride, size)
    packed = {name: pack_array(builder, values, word) for name, values in (("shape", sizes), ("strides", strides))}
    return {**packed, "itemsize": itemsize}, stride


def _allocated(context: Any, builder: Any, kind: Any, given: Any, shape: Any) -> tuple[Any, Any]:
    """A new array and how many bytes it takes."""
    layout, size = _laid_out(context, builder, kind, given, shape)
    alignment = context.get_constant(types.uint32, ALIGNMENT)
    memory = context.nrt.meminfo_alloc_aligned(builder, size=size, align=alignment)
    with builder.if_then(is_null(builder, memory), likely=False):
        context.call_conv.return_user_exc(builder, MemoryError, ("no memory for an array",))
    array = make_array(kind)(context, builder)
    start = builder.bitcast(
        context.nrt.meminfo_data(builder, memory), context.get_data_type(kind.dtype).as_pointer()
    )
    populate_array(array, data=start, meminfo=memory, **layout)
    return array, size


def _seen_as(context: Any, builder: Any, kind: Any, given: Any, shape: Any, of: Any, value: Any) -> Any:
    """The elements of an array of type ``of`` in another shape."""
    whole = make_array(of)(context, builder, value)
    array = make_array(kind)(context, builder)
    layout, _ = _laid_out(context, builder, kind, given, shape)
    populate_array(array, data=whole.data, meminfo=whole.meminfo, parent=whole.parent, **layout)
    return impl_ret_borrowed(context, builder, kind, array._getvalue())


@intrinsic
def empty(context, shape):
    """An array of float64, whatever is in it."""
    kind = types.Array(types.float64, len(_sizes(shape)), "C")

    def generate(context, builder, sig, args):
        return _allocated(context, builder, kind, shape, args[0])[0]._getvalue()

    return kind(shape), generate


@intrinsic
def zeros(context, shape):
    """An array of float64 zeros."""
    return _zeroed(types.float64, shape)


@intrinsic
def truths(context, shape):
    """An array of what is not true."""
    return _zeroed(types.boolean, shape)


def _zeroed(element, shape):
    kind = types.Array(element, len(_sizes(shape)), "C")

    def generate(context, builder, sig, args):
        array, size = _allocated(context, builder, kind, shape, args[0])
        memset(builder, array.data, size, 0)
        return array._getvalue()

    return kind(shape), generate


@intrinsic
def full(context, shape, value):
    """An array of float64 that are all a value."""
    kind = types.Array(types.float64, len(_sizes(shape)), "C")

    def generate(context, builder, sig, args):
        array, size = _allocated(context, builder, kind, shape, args[0])
        count = builder.udiv(size, array.itemsize)
        with for_range(builder, count) as loop:
            builder.store(args[1], gep(builder, array.data, loop.index))
        return array._getvalue()

    return kind(shape, types.float64), generate


@intrinsic
def flat(context, array):
    """The elements of an array, which lie one after the other, in row-major order."""
    kind = types.Array(array.dtype, 1, "C")

    def generate(context, builder, sig, args):
        number = make_array(array)(context, builder, args[0]).nitems
        return _seen_as(context, builder, kind, types.intp, number, array, args[0])

    return kind(array), generate


@intrinsic
def shaped(context, array, shape):
    """The elements of an array, which lie one after the other, in a shape of as many."""
    kind = types.Array(array.dtype, len(_sizes(shape)), "C")

    def generate(context, builder, sig, args):
        return _seen_as(context, builder, kind, shape, args[1], array, args[0])

    return kind(array, shape), generate

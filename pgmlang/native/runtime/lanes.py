"""Eight chains as one number: the type `lanes` of compiled functions, eight float64 that one instruction works on, and `mask`, eight truths.

A program over lanes reads as one over numbers. Arithmetic and comparisons are those of numbers, a number beside lanes stands for eight of it;
what is a choice (``b if a else c``) of numbers is `choose_lanes` of lanes. No lane hears of another, and sums are taken in one order, so a
chain's results hang neither on its lane nor on the chains beside it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import gep, get_or_insert_function
from numba.core.extending import intrinsic, lower_builtin, lower_cast, models, register_model
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

from pgmlang.native.lane_forms import LANES

REAL, WHOLE, TRUTH = (ir.VectorType(one, LANES) for one in (ir.DoubleType(), ir.IntType(64), ir.IntType(1)))


class Lanes(types.Type):  # type: ignore[misc]
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__(name="lanes")

    def can_convert_from(self, context: Any, other: Any) -> Any:
        """Numbers are eight of them; what is true is 1."""
        return Conversion.safe if isinstance(other, types.Float | types.Integer | types.Boolean | Mask) else None

    def unify(self, context: Any, other: Any) -> Any:
        """A variable that is a number here and lanes there."""
        return self if isinstance(other, types.Float | types.Integer) else None


class Mask(types.Type):  # type: ignore[misc]
    """Eight truths."""

    def __init__(self) -> None:
        super().__init__(name="mask")

    def can_convert_from(self, context: Any, other: Any) -> Any:
        """A truth is eight of it; numbers are true where they are not zero."""
        return Conversion.safe if isinstance(other, types.Float | types.Integer | types.Boolean | Lanes) else None

    def unify(self, context: Any, other: Any) -> Any:
        """A variable that is a truth here and a mask there."""
        return self if isinstance(other, types.Boolean) else None


lanes, mask = Lanes(), Mask()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, REAL)


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, TRUTH)


def _eight(builder: Any, value: Any, kind: Any) -> Any:
    """A number in all lanes."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _constant(number: float, kind: Any = REAL) -> Any:
    return ir.Constant(kind, [number] * LANES)


@lower_cast(types.Float, lanes)
@lower_cast(types.Integer, lanes)
@lower_cast(types.Boolean, lanes)
def _lanes_of_number(context: Any, builder: Any, given: Any, to: Any, value: Any) -> Any:
    return _eight(builder, context.cast(builder, value, given, types.float64), REAL)


@lower_cast(types.Float, mask)
@lower_cast(types.Integer, mask)
@lower_cast(types.Boolean, mask)
def _mask_of_truth(context: Any, builder: Any, given: Any, to: Any, value: Any) -> Any:
    return _eight(builder, context.cast(builder, value, given, types.boolean), TRUTH)


@lower_cast(mask, lanes)
def _lanes_of_mask(context: Any, builder: Any, given: Any, to: Any, value: Any) -> Any:
    return builder.uitofp(value, REAL)


@lower_cast(lanes, mask)
def _mask_of_lanes(context: Any, builder: Any, given: Any, to: Any, value: Any) -> Any:
    return builder.fcmp_unordered("!=", value, _constant(0.0))


def _operator(function: Any, result: Any, given: Any, generate: Callable[[Any, Any, Any], Any]) -> None:
    """An operator of two, of which one may be plain."""

    class Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, keywords: Any) -> Any:
            others = types.Float | types.Integer | types.Boolean
            others = others | Lanes if given is mask else others
            if len(args) == 2 and given in args and all(a is given or isinstance(a, others) for a in args):
                return signature(result, given, given)
            return None

    infer_global(function)(Template)
    lower_builtin(function, given, given)(lambda context, builder, sig, args: generate(builder, args[0], args[1]))


for _function, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _operator(_function, lanes, lanes, lambda b, x, y, name=_instruction: getattr(b, name)(x, y))
for _function, _sign in (
    (operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="), (operator.eq, "=="),
):  # fmt: skip
    _operator(_function, mask, lanes, lambda b, x, y, sign=_sign: b.fcmp_ordered(sign, x, y))
_operator(operator.ne, mask, lanes, lambda b, x, y: b.fcmp_unordered("!=", x, y))
_operator(operator.and_, mask, mask, lambda b, x, y: b.and_(x, y))
_operator(operator.or_, mask, mask, lambda b, x, y: b.or_(x, y))


@infer_global(operator.neg)
class _Negative(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, keywords: Any) -> Any:
        return signature(lanes, lanes) if args == (lanes,) else None


@lower_builtin(operator.neg, lanes)
def _negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


# ---- choices


@intrinsic
def choose_lanes(context, condition, yes, no):
    """``yes`` in the lanes where a mask is true, ``no`` in the others; of a plain truth one or the other."""
    if yes is mask or no is mask or (isinstance(yes, types.Boolean) and isinstance(no, types.Boolean)):
        result = mask
    else:
        result = lanes

    def generate(context, builder, sig, args):
        return builder.select(*args)

    return result(mask, result, result), generate


@intrinsic
def not_lanes(context, condition):
    """The contrary of a mask."""
    return mask(mask), lambda c, b, s, x: b.xor(x[0], ir.Constant(TRUTH, [1] * LANES))


@intrinsic
def both_lanes(context, a, b):
    """Where both are true."""
    return mask(mask, mask), lambda c, b, s, x: b.and_(*x)


@intrinsic
def either_lanes(context, a, b):
    """Where one is true or the other."""
    return mask(mask, mask), lambda c, b, s, x: b.or_(*x)


@intrinsic
def smaller_lanes(context, a, b):
    """The smaller of two, in each lane; ``a`` where they are equal."""
    return lanes(lanes, lanes), lambda c, b, s, x: b.select(b.fcmp_ordered("<", x[1], x[0]), x[1], x[0])


@intrinsic
def larger_lanes(context, a, b):
    """The larger of two, in each lane; ``a`` where they are equal."""
    return lanes(lanes, lanes), lambda c, b, s, x: b.select(b.fcmp_ordered(">", x[1], x[0]), x[1], x[0])


@intrinsic
def eight_lanes(context, number):
    """A number in all lanes."""
    return lanes(lanes), lambda c, b, s, x: x[0]


@intrinsic
def number_in(context, value, lane):
    """The number in a lane; what is a number is it itself."""
    if value is lanes:
        return types.float64(lanes, types.int64), lambda c, b, s, x: b.extract_element(x[0], x[1])
    if value is mask:
        return types.boolean(mask, types.int64), lambda c, b, s, x: b.extract_element(x[0], x[1])
    return value(value, types.int64), lambda c, b, s, x: x[0]


@intrinsic
def with_number(context, value, lane, number):
    """Lanes with another number in one."""
    generate = lambda c, b, s, x: b.insert_element(x[0], x[2], x[1])  # noqa: E731
    return lanes(lanes, types.int64, types.float64), generate


# ---- arrays of lanes: the last axis


def data_of(context, builder, kind, array):
    """The record of an array."""
    # most of what numba compiles with, which loading compiled code does without
    from numba.np.arrayobj import make_array

    return make_array(kind)(context, builder, array)


def _pointer(context, builder, kind, array, place):
    fields = data_of(context, builder, kind, array)
    base = builder.bitcast(fields.data, ir.DoubleType().as_pointer())
    # places before the first count from the end
    size = builder.udiv(fields.nitems, ir.Constant(ir.IntType(64), LANES))
    is_before = builder.icmp_signed("<", place, ir.Constant(ir.IntType(64), 0))
    place = builder.select(is_before, builder.add(place, size), place)
    at = gep(builder, base, builder.mul(place, ir.Constant(ir.IntType(64), LANES)))
    return builder.bitcast(at, REAL.as_pointer())


@intrinsic
def lanes_at(context, array, place):
    """The lanes at a place of an array ``[..., 8]``, counted in row-major order."""

    def generate(context, builder, sig, args):
        value = builder.load(_pointer(context, builder, sig.args[0], *args))
        value.align = 8
        return value

    return lanes(array, types.int64), generate


def _pointer_from_first(context, builder, kind, array, place):
    at = gep(
        builder,
        data_of(context, builder, kind, array).data,
        builder.mul(place, ir.Constant(ir.IntType(64), LANES)),
    )
    return builder.bitcast(at, ir.VectorType(context.get_data_type(kind.dtype), LANES).as_pointer())


@intrinsic
def lanes_from_first(context, array, place):
    """As `lanes_at`, of a place that is not counted from the end, whatever numbers or truths the array has."""

    def generate(context, builder, sig, args):
        kind = sig.args[0]
        value = builder.load(_pointer_from_first(context, builder, kind, *args))
        value.align = kind.dtype.bitwidth // 8 if isinstance(kind.dtype, types.Number) else 1
        if isinstance(kind.dtype, types.Float):
            return value
        return (
            builder.uitofp(value, REAL) if isinstance(kind.dtype, types.Boolean) else builder.sitofp(value, REAL)
        )

    return lanes(array, types.int64), generate


@intrinsic
def set_lanes(context, array, place, value):
    """As `put_lanes`, at a place that is not counted from the end."""

    def generate(context, builder, sig, args):
        builder.store(args[2], _pointer_from_first(context, builder, sig.args[0], *args[:2])).align = 8
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


@intrinsic
def put_lanes(context, array, place, value):
    """Sets the lanes at a place."""

    def generate(context, builder, sig, args):
        stored = builder.store(args[2], _pointer(context, builder, sig.args[0], *args[:2]))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


# ---- functions that processors have


def _of_processor(name):
    @intrinsic
    def function(context, value):
        def generate(context, builder, sig, args):
            kind = ir.FunctionType(REAL, [REAL])
            called = get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
            return builder.call(called, args)

        return lanes(lanes), generate

    return function


square_root, size_lanes, whole_below, whole_above, whole_near = map(
    _of_processor, ("sqrt", "fabs", "floor", "ceil", "rint")
)


# ---- the bits of numbers


@intrinsic
def times_power_of_two(context, value, exponent):
    """``value * 2.0**exponent`` of whole exponents in -1022..1023."""

    def generate(context, builder, sig, args):
        # the last bits of a number this large are those of the whole number in it
        shifted = builder.fadd(args[1], _constant(6755399441055744.0))
        bits = builder.add(builder.bitcast(shifted, WHOLE), _constant(1023, WHOLE))
        power = builder.bitcast(builder.shl(bits, _constant(52, WHOLE)), REAL)
        return builder.fmul(args[0], power)

    return lanes(lanes, lanes), generate


@intrinsic
def exponent_of(context, value):
    """The exponent e of m * 2.0**e, sqrt(1/2) <= m < sqrt(2), of a normal number above zero, beside `mantissa_of`."""

    def generate(context, builder, sig, args):
        high = builder.ashr(_above_root(builder, args[0]), _constant(52, WHOLE))
        # a whole number below 2**51, as the last bits of a number that large
        bits = builder.add(high, _constant(0x4338000000000000, WHOLE))
        return builder.fsub(builder.bitcast(bits, REAL), _constant(6755399441055744.0))

    return lanes(lanes), generate


@intrinsic
def mantissa_of(context, value):
    """The m of m * 2.0**e, as `exponent_of`."""

    def generate(context, builder, sig, args):
        high = builder.and_(_above_root(builder, args[0]), _constant(-(1 << 52), WHOLE))
        return builder.bitcast(builder.sub(builder.bitcast(args[0], WHOLE), high), REAL)

    return lanes(lanes), generate


def _above_root(builder, value):
    """The bits of a number beside those of sqrt(1/2)."""
    return builder.sub(builder.bitcast(value, WHOLE), _constant(0x3FE6A09E667F3BCD, WHOLE))

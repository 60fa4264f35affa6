"""Reductions over an axis, or over the elements of a plate, from inside and outside of it."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.expr import Apply, Const, Expr, Reduce
from pgmlang.model.types import POSITIVE, REAL, TRUTH, UNKNOWN, Type
from pgmlang.sema.arithmetic import operator_type
from pgmlang.sema.elements import number_of_elements
from pgmlang.sema.expression_scope import ExpressionScope, listed_axes, merge, unknown, wrong_arity
from pgmlang.sema.named_values import with_name
from pgmlang.sema.scope import Along, ExpressionContext
from pgmlang.syntax import ast

AS_EXTREME = {"any": "max", "all": "min"}


def over(builder: ExpressionScope, node: ast.Call) -> tuple[str | None, bool]:
    """The axis of ``over = axis``; the flag tells whether the keywords are in order."""
    axis = None
    for keyword in node.keywords:
        if keyword.name != "over":
            builder.error("PGM0306", f"`{node.function}` has no argument `{keyword.name}`", keyword.span,
                        help="it takes `over = axis`")  # fmt: skip
            return None, False
        if not isinstance(keyword.value, ast.Name) or builder.axis(keyword.value.name) is None:
            name = keyword.value.name if isinstance(keyword.value, ast.Name) else "this"
            near = did_you_mean(name, [*builder.scope.dims, *builder.scope.plates])
            builder.error(
                "PGM0201",
                f"`{name}` is not an axis",
                keyword.value.span,
                near or "`over` takes a dim or plate",
            )
            return None, False
        axis = builder.axis(keyword.value.name)
    return axis, True


def reduction(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    """``sum(x, over = axis)``. Over a plate around the place it is what it is just outside of that plate."""
    axis, good = over(builder, node)
    if not good:
        return unknown(node.span)
    if len(node.arguments) != 1:
        wrong_arity(builder, node, 1)
        return unknown(node.span)
    if axis is not None and axis in context.plates:
        inside = replace(context, along=Along())
        body = _quietly(builder, node.arguments[0], inside)
        if axis not in body.axes:
            return _of_plate_around(builder, node, axis, context)
    is_plate = axis in builder.scope.plates if axis else False
    inner = context
    if axis is not None and is_plate and axis not in context.plates:
        around = builder.scope.axes_model.enclosing(axis)
        inner = replace(context, plates=merge(context.plates, around))
    inner = replace(inner, along=Along((axis,), 1) if axis is not None and not is_plate else Along())
    body = builder.build(node.arguments[0], inner)
    if body.type is UNKNOWN:
        return unknown(node.span)
    if node.function in AS_EXTREME:
        builder.need_kind(body, "truth", f"`{node.function}`")
    else:
        builder.need_number(body)
    if axis is None:
        if len(body.axes) != 1:
            taken = (*body.axes, *reversed(context.plates), "axis")[0]
            of = node.arguments[0].name if isinstance(node.arguments[0], ast.Name) else "x"
            builder.error("PGM0303", f"`{node.function}` needs to know its axis: the value has {listed_axes(body.axes)}",
                        node.span, f"write `{node.function}({of}, over = {taken})`")  # fmt: skip
            return unknown(node.span)
        axis = body.axes[0]
    if axis in body.axes:
        is_plate = False
    elif not is_plate:
        builder.error("PGM0302", f"the value has no axis `{axis}`, only {listed_axes(body.axes)}", node.span)
        return unknown(node.span)
    if node.function in ("var", "sd"):
        return _spread(builder, node, body, axis, is_plate, context)
    function = AS_EXTREME.get(node.function, node.function)
    kind = TRUTH if node.function in AS_EXTREME else _kind(function, body)
    return Reduce(kind, _rest(body, axis), node.span, function, body, axis, is_plate)


def _quietly(builder: ExpressionScope, node: ast.Expr, context: ExpressionContext) -> Expr:
    with builder.scope.quiet():
        return builder.build(node, context)


def _rest(body: Expr, axis: str) -> tuple[str, ...]:
    return tuple(a for a in body.axes if a != axis)


def _kind(function: str, body: Expr) -> Type:
    """The kind of a reduction's value."""
    kind = body.type if function in ("min", "max", "mean") else operator_type("add", body, body)
    if function == "prod":
        kind = operator_type("mul", body, body)
    if function == "logsumexp":
        kind = REAL
    if function == "mean" and kind.kind in ("bit", "count", "truth"):
        kind = Type("unit" if kind.kind != "count" else "positive")
    return kind


def _spread(
    builder: ExpressionScope, node: ast.Call, body: Expr, axis: str, is_plate: bool, context: ExpressionContext
) -> Expr:
    """The variance by squared distances from the mean, or its root: nothing cancels, wherever the values lie."""
    span, rest = node.span, _rest(body, axis)
    mean: Expr = Reduce(_kind("mean", body), rest, span, "mean", body, axis, is_plate)
    if is_plate:
        if context.in_guide:
            _in_guide(builder, node, axis)
            return unknown(span)
        mean = with_name(builder, mean, _name(builder, node, "mean", context), context.plates)
    distance = Apply(REAL, body.axes, span, "sub", (body, mean))
    total = Reduce(
        POSITIVE, rest, span, "sum", Apply(POSITIVE, body.axes, span, "square", (distance,)), axis, is_plate
    )
    one = Const(Type("bit"), (), span, 1)
    size = number_of_elements(builder, axis, span)
    number = (
        replace(size, value=size.value - 1)
        if isinstance(size, Const) and isinstance(size.value, int) and size.value > 1
        else Apply(REAL, (), span, "sub", (size, one))
    )
    variance = Apply(POSITIVE, rest, span, "div", (total, number))
    return variance if node.function == "var" else Apply(POSITIVE, rest, span, "sqrt", (variance,))


def _of_plate_around(builder: ExpressionScope, node: ast.Call, axis: str, context: ExpressionContext) -> Expr:
    """A reduction over a plate that the place is in: a value with a name of its own, where the plate is written."""
    scope = builder.scope
    if context.in_guide:
        _in_guide(builder, node, axis)
        return unknown(node.span)
    if len(scope.plates[axis].parents) > 1:
        first, *others = scope.plates[axis].parents
        cure = f"give the result a name where it is meant: outside of all plates, or in `plate {first} {{ ... }}`"
        if len(others) == 1:
            cure += f"; over the rows of the present `{others[0]}` it is `over = {first}`"
        builder.error("PGM0302", f"`{node.function}` over `{axis}` inside of it, which several plates are around", node.span, cure)  # fmt: skip
        return unknown(node.span)
    outside = tuple(p for p in context.plates if axis not in scope.axes_model.enclosing(p))
    has_chain = any(s is not None and s.kind == "chain" for s in (scope.plates[p].structure for p in outside))
    place = replace(context, plates=outside, excluded_first=context.excluded_first if has_chain else 0)
    crossed = _crossed_by(builder, node, axis, place, context)
    if crossed is not None and set(outside) != set(scope.axes_model.enclosing(outside[-1])):
        shared = " and ".join(f"`{p}`" for p in outside)
        builder.error("PGM0302", f"`{node.function}` over `{axis}` would be of the rows of one {shared}, and no plate stands for these together",
                      node.span, f"give the result a name in a plate that has it, and rows that belong to that: `{node.function}(x, over = {crossed})`")  # fmt: skip
        return unknown(node.span)
    value = reduction(builder, node if crossed is None else _over_plate(node, crossed), place)
    if value.type is UNKNOWN:
        return value
    return with_name(builder, value, _name(builder, node, node.function, context), outside)


def _crossed_by(
    builder: ExpressionScope, node: ast.Call, axis: str, place: ExpressionContext, context: ExpressionContext
) -> str | None:
    """The plate of the place that this one and others cross, where the value is of its rows: those that share the elements of the others are reduced."""
    model, plates = builder.scope.axes_model, builder.scope.plates
    inside = [p for p in context.plates if axis in model.enclosing(p)[:-1] and len(plates[p].parents) > 1]
    if not inside:
        return None
    own = replace(place, plates=merge(place.plates, model.enclosing(axis)), along=Along())
    return inside[-1] if _quietly(builder, node.arguments[0], own).type is UNKNOWN else None


def _over_plate(node: ast.Call, plate: str) -> ast.Call:
    """The same call over another plate."""
    keywords = tuple(replace(k, value=ast.Name(plate, span=k.value.span)) for k in node.keywords)
    return replace(node, keywords=keywords)


def _name(builder: ExpressionScope, node: ast.Call, function: str, context: ExpressionContext) -> str:
    """What a reduction is called: after the variable that it is of, else after what it stands in."""
    argument = node.arguments[0]
    is_variable = isinstance(argument, ast.Name) and builder.symbol(argument.name, context) is not None
    return f"{argument.name if is_variable and isinstance(argument, ast.Name) else context.target or 'value'}.{function}"


def _in_guide(builder: ExpressionScope, node: ast.Call, axis: str) -> None:
    builder.error("PGM0302", f"`{node.function}` over the plate `{axis}` has no place in a guide", node.span,
                  help="give the result a name in the model, and use that")  # fmt: skip

"""Calls: reductions, functions, networks, and names that no function has."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.families import FAMILIES, LEARNED, SERIES
from pgmlang.model.expr import Apply, Expr, NetCall, Reduce
from pgmlang.model.types import REAL, UNKNOWN, Type
from pgmlang.sema.arithmetic import wider
from pgmlang.sema.chains import first_call
from pgmlang.sema.elements import axis_function
from pgmlang.sema.equations import solution
from pgmlang.sema.expression_scope import ExpressionScope, listed_axes, listed_names, merge, unknown, wrong_arity
from pgmlang.sema.matrices import matrix_call
from pgmlang.sema.reductions import over, reduction
from pgmlang.sema.references import previous
from pgmlang.sema.scope import Along, ExpressionContext
from pgmlang.signatures.equations import ODE
from pgmlang.signatures.functions import AXIS_FUNCTIONS, FUNCTIONS, REDUCTIONS, WRITTEN_REDUCTIONS
from pgmlang.signatures.matrices import MATRIX_FUNCTIONS
from pgmlang.syntax import ast
from pgmlang.syntax.idioms import FOREIGN_DISTRIBUTIONS, FOREIGN_FUNCTIONS


def call(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    name = node.function
    if node.table is not None:
        builder.error(
            "PGM0111", "rows belong to a `Table`", node.span, help="write `x : {a, b} ~ Table(...) { ... }`"
        )
    if name == "prev":
        return previous(builder, node, context)
    if name == "first":
        return first_call(builder, node, context)
    # what the user calls so comes before what the language does
    if builder.is_net(name):
        return net_call(builder, node, context, 0, 1)
    if builder.expander.knows(name):
        return builder.expander.expand(node, context)
    if name in ("min", "max") and len(node.arguments) == 2 and not node.keywords:
        a, b = (builder.build(n, context) for n in node.arguments)
        if UNKNOWN in (a.type, b.type):
            return unknown(node.span)
        builder.need_number(a)
        builder.need_number(b)
        return Apply(wider(a.type, b.type), merge(a.axes, b.axes), node.span, f"elementwise_{name}", (a, b))
    if name in REDUCTIONS or name in WRITTEN_REDUCTIONS:
        return reduction(builder, node, context)
    if name in AXIS_FUNCTIONS:
        return axis_function(builder, node, context)
    if name == ODE:
        return solution(builder, node, context)
    if name in FUNCTIONS:
        return _function(builder, node, context)
    if name in MATRIX_FUNCTIONS:
        return matrix_call(builder, node, context)
    return _unknown_call(builder, node)


def _unknown_call(builder: ExpressionScope, node: ast.Call) -> Expr:
    name, span = node.function, node.function_span or node.span
    head = name.split(".")[0]
    if head in builder.scope.broken_names:
        return unknown(node.span)
    if name in FAMILIES or name in SERIES or name == "Table" or name in LEARNED:
        builder.error("PGM0315", f"the distribution `{name}` stands where a value is needed", span,
                    help="give the draw a name: `x ~ " + name + "(...)`")  # fmt: skip
        return unknown(node.span)
    if name in FOREIGN_DISTRIBUTIONS and name not in FOREIGN_FUNCTIONS:
        builder.error("PGM0106", f"`{name}` is another language's name", span, help=FOREIGN_DISTRIBUTIONS[name])
        return unknown(node.span)
    if "." in name and head in builder.scope.modules:
        builder.scope.used.add(head)
        known = builder.scope.modules[head].definitions
        builder.error("PGM0207", f"module `{head}` has no `{name.split('.', 1)[1]}`", span,
                    did_you_mean(name.split(".", 1)[1], known) or f"it has {listed_names(known)}")  # fmt: skip
        return unknown(node.span)
    if name in FOREIGN_FUNCTIONS:
        near = f"write `{FOREIGN_FUNCTIONS[name]}`"
        builder.error("PGM0204", f"there is no function `{name}`", span, near)
        return unknown(node.span)
    known_functions = [
        *FUNCTIONS,
        *REDUCTIONS,
        *WRITTEN_REDUCTIONS,
        *AXIS_FUNCTIONS,
        *MATRIX_FUNCTIONS,
        ODE,
        *builder.scope.nets,
        *builder.scope.definitions,
    ]
    near = did_you_mean(name, known_functions)
    if not near and "." in name:
        near = f"import the module first: `import std.{head}`"
    builder.error(
        "PGM0204", f"there is no function `{name}`", span, near or "see `pgmc explain PGM0204` for the list"
    )
    return unknown(node.span)


def _function(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    row = FUNCTIONS[node.function]
    axis, good = (
        over(builder, node) if node.function in ("softmax", "cumsum") else (None, _has_no_keywords(builder, node))
    )
    if not good:
        return unknown(node.span)
    if len(node.arguments) != row.arity:
        wrong_arity(builder, node, row.arity)
        return unknown(node.span)
    arguments = tuple(builder.build(a, context) for a in node.arguments)
    if any(a.type is UNKNOWN for a in arguments):
        return unknown(node.span)
    for argument in arguments:
        builder.need_number(argument)
        if builder.supports.misses(argument, row.accepts):
            builder.error("PGM0410", f"the argument of `{node.function}` must be {row.accepts}, "
                        f"{builder.supports.shown(argument)}", argument.span or node.span)  # fmt: skip
    axes = merge(*(a.axes for a in arguments))
    if node.function in ("softmax", "cumsum"):
        axis = axis or (axes[0] if len(axes) == 1 else None)
        if axis is None or axis not in axes:
            builder.error("PGM0303", f"`{node.function}` needs to know its axis: the value has {listed_axes(axes)}", node.span,
                        f"write `{node.function}(x, over = axis)`")  # fmt: skip
            return unknown(node.span)
        return Reduce(Type(row.result), axes, node.span, node.function, arguments[0], axis, False)
    return Apply(Type(row.result), axes, node.span, node.function, arguments)


def _has_no_keywords(builder: ExpressionScope, node: ast.Call) -> bool:
    for keyword in node.keywords:
        builder.error("PGM0306", f"`{node.function}` has no argument `{keyword.name}`", keyword.span)
    return not node.keywords


def net_call(
    builder: ExpressionScope, node: ast.Call, context: ExpressionContext, output: int, wanted: int
) -> Expr:
    """A network applied; ``wanted`` outputs are taken at once by ``a, b = net(...)``."""
    net = builder.scope.nets[node.function]
    builder.scope.used.add(net.name)
    if len(net.outputs) != wanted:
        builder.error("PGM0305", f"network `{net.name}` has {len(net.outputs)} outputs, {wanted} taken", node.span,
                    help="take them all: `" + ", ".join("abcdefgh"[: len(net.outputs)]) + f" = {net.name}(...)`")  # fmt: skip
        return unknown(node.span)
    if len(node.arguments) != len(net.inputs) or not _has_no_keywords(builder, node):
        wrong_arity(builder, node, len(net.inputs))
        return unknown(node.span)
    arguments = tuple(
        builder.build(a, replace(context, along=Along((n.name,), 1) if n.name != "real" else Along()))
        for a, n in zip(node.arguments, net.inputs, strict=True)
    )
    if any(a.type is UNKNOWN for a in arguments):
        return unknown(node.span)
    batch: tuple[str, ...] = ()
    for argument, formal in zip(arguments, net.inputs, strict=True):
        builder.need_number(argument)
        if formal.name != "real" and formal.name not in argument.axes:
            builder.error("PGM0307", f"network `{net.name}` takes a value along `{formal.name}`; this one has "
                        f"{listed_axes(argument.axes)}", argument.span or node.span)  # fmt: skip
            return unknown(node.span)
        batch = merge(batch, tuple(a for a in argument.axes if a != formal.name))
    out = net.outputs[output].name
    return NetCall(REAL, batch if out == "real" else merge(batch, (out,)), node.span, net.name, arguments, output)

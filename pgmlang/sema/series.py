"""Random walks and autoregressions as what they stand for: ``x ~ GaussianRandomWalk(s, Normal(0, 9))`` is ``x ~ if first then Normal(0, 9)
else Normal(prev(x), s)``."""

from __future__ import annotations

from collections.abc import Mapping

from pgmlang.diagnostics import Span
from pgmlang.families import FAMILIES, SERIES, Series
from pgmlang.model.types import UNKNOWN, Type
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.left_side import LeftSide
from pgmlang.sema.scope import ExpressionContext
from pgmlang.syntax import ast

EARLY = "first"
"""What is true on the rows that have not enough rows before them."""


def series_choice(
    builder: ExpressionBuilder, node: ast.Call, target: LeftSide, context: ExpressionContext
) -> ast.Expr | None:
    """A series as a choice between distributions; None after an error."""
    series = SERIES[node.function]
    given = _arguments(builder, series, node)
    if given is None:
        return None
    row = series.row
    name = ast.Name(target.name, span=node.span)
    if not series.coefficients:
        mean = _added(_before(name, 1), given["drift"])
        return _choice(node, 1, given["start"], _drawn(row, mean, given["sd"], node.span))
    coefficients = _coefficients(builder, given[series.coefficients], target, context)
    if coefficients is None:
        return None
    loc = given["loc"]
    mean = loc
    for lag, share in enumerate(coefficients, 1):
        mean = _added(mean, _binary("*", share, _binary("-", _before(name, lag), loc)))
    later = _drawn(row, mean, given["sd"], node.span)
    start = given.get("start")
    if start is None and len(coefficients) > 1:
        builder.error(
            "PGM0305", f"`{series.name}` of {len(coefficients)} coefficients needs the distribution of its first rows",
            node.span, help=f"write `{series.name}(..., start = Normal(0, 1))`",
        )  # fmt: skip
        return None
    if start is None:
        share = coefficients[0]
        rest = _binary("-", _number(1, node.span), _binary("^", share, _number(2, node.span)))
        start = _drawn(row, loc, _binary("/", given["sd"], _binary("^", rest, _number(0.5, node.span))), node.span)
    return _choice(node, len(coefficients), start, later)


def _arguments(builder: ExpressionBuilder, series: Series, node: ast.Call) -> Mapping[str, ast.Expr] | None:
    names = [n for n, _ in series.parameters]
    given: dict[str, ast.Expr] = dict(zip(names, node.arguments, strict=False))
    for keyword in node.keywords:
        if keyword.name not in names or keyword.name in given:
            what = "is given twice" if keyword.name in given else f"is no argument of `{series.name}`"
            builder.error("PGM0306", f"`{keyword.name}` {what}", keyword.span, help=f"write {series.signature}")
            return None
        given[keyword.name] = keyword.value
    missing = [n for n, default in series.parameters if default == "" and n not in given]
    if missing or len(node.arguments) > len(names):
        what = f"`{missing[0]}` is missing" if missing else f"{len(node.arguments)} arguments are too many"
        builder.error(
            "PGM0305",
            f"{what} in `{series.name}`",
            node.span,
            help=f"write {series.signature}, `start` a distribution",
        )
        return None
    for name, default in series.parameters:
        if name not in given and default is not None:
            given[name] = _number(float(default), node.span)
    start = given.get("start")
    if start is not None and not (isinstance(start, ast.Call) and start.function in FAMILIES):
        builder.error("PGM0305", f"`start` of `{series.name}` is the distribution of its first rows", start.span,
                      help=f"write `{series.name}(..., start = Normal(0, 1))`")  # fmt: skip
        return None
    return given


def _coefficients(
    builder: ExpressionBuilder, node: ast.Expr, target: LeftSide, context: ExpressionContext
) -> list[ast.Expr] | None:
    """The shares of the rows before, the last row's first: written out, the elements of an axis, or one alone."""
    if isinstance(node, ast.Vector):
        return list(node.entries)
    value = builder.build(node, context)
    if value.type is UNKNOWN:
        return None
    extra = [a for a in value.axes if a not in target.axes]
    if not extra:
        return [node]
    labels = builder.scope.type_labels(Type("labels", axis=builder.scope.root(extra[0])))
    if len(extra) > 1 or labels is None or not isinstance(node, ast.Name):
        builder.error("PGM0309", "the coefficients are one number, or a name with one axis whose size is known", node.span,
                      help="declare `dim lag[2]` and draw `b[lag] ~ ...`, or write them out: `[b1, b2]`")  # fmt: skip
        return None
    return [ast.Index(node, (ast.String(str(label), span=node.span),), span=node.span) for label in labels]


def _choice(node: ast.Call, rows: int, start: ast.Expr, later: ast.Expr) -> ast.If:
    is_early: ast.Expr = ast.Name(EARLY, span=node.span)
    if rows > 1:
        is_early = ast.Call(EARLY, (_number(rows, node.span),), span=node.span)
    return ast.If(is_early, start, later, span=node.span)


def _before(name: ast.Name, lag: int) -> ast.Call:
    return ast.Call("prev", (name,) if lag == 1 else (name, _number(lag, name.span)), span=name.span)


def _drawn(family: str, mean: ast.Expr, sd: ast.Expr, span: Span) -> ast.Call:
    return ast.Call(family, (mean, sd), span=span)


def _number(value: float, span: Span) -> ast.Number:
    return ast.Number(float(value), f"{value:g}", span=span)


def _binary(op: str, left: ast.Expr, right: ast.Expr) -> ast.Binary:
    return ast.Binary(op, left, right, span=left.span.to(right.span))


def _added(left: ast.Expr, right: ast.Expr) -> ast.Expr:
    """A sum without zeros that are written."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.Number) and one.value == 0:
            return other
    return _binary("+", left, right)

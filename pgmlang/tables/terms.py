"""Log-potentials as sums of small terms: ``v @ W @ h`` is a sum over pairs, each a table of two bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgmlang.model import Model
from pgmlang.model.expr import Apply, Const, Contract, Expr, Reduce, Ref, children, references
from pgmlang.model.types import REAL
from pgmlang.tables.row_reductions import row_reductions


@dataclass(frozen=True)
class Term:
    """``value`` summed over ``axes`` (event axes and sized plates)."""

    value: Expr
    axes: tuple[str, ...] = ()


def additive_terms(model: Model, expr: Expr) -> list[Term]:
    """Terms whose sum is ``expr``. An expression that does not split is one term."""
    match expr:
        case Apply(function="add", arguments=(a, b)):
            return additive_terms(model, a) + additive_terms(model, b)
        case Apply(function="sub", arguments=(a, b)):
            return additive_terms(model, a) + [_negated(t) for t in additive_terms(model, b)]
        case Apply(function="neg", arguments=(a,)):
            return [_negated(t) for t in additive_terms(model, a)]
        case Apply(function="mul", arguments=(a, b)):
            return _products(model, expr, a, b, ())
        case Apply(function="div", arguments=(a, b)):
            terms = additive_terms(model, a)
            if any(_meet(t.axes, _free(model, b)) for t in terms):
                return [Term(expr)]
            return [Term(Apply(REAL, t.value.axes, None, "div", (t.value, b)), t.axes) for t in terms]
        case Contract(left=a, right=b, axis=axis):
            return _products(model, expr, a, b, (axis,))
        case Reduce(function="sum", body=body, axis=axis, is_plate=is_plate):
            if is_plate and model.plate_by_name[axis].is_rows:
                return [Term(expr)]
            terms = additive_terms(model, body)
            if any(axis in t.axes for t in terms):
                return [Term(expr)]
            return [Term(t.value, (*t.axes, axis)) for t in terms]
        case Ref(name=name, index=(), lag=0) if (
            model.by_name[name].role == "derived" and name not in row_reductions(model).of_inputs
        ):
            return additive_terms(model, model.definition_of[name].value)
    return [Term(expr)]


def _products(model: Model, whole: Expr, a: Expr, b: Expr, over: tuple[str, ...]) -> list[Term]:
    """(sum of a's terms) * (sum of b's terms), summed over ``over``; ``whole`` where axes would collide."""
    left, right = additive_terms(model, a), additive_terms(model, b)
    if not over and len(left) == len(right) == 1 and not left[0].axes and not right[0].axes:
        return [Term(whole)]
    out = []
    for x in left:
        for y in right:
            axes = (*x.axes, *y.axes, *over)
            collide = _meet(x.axes, _free(model, y.value)) or _meet(y.axes, _free(model, x.value))
            if len(set(axes)) < len(axes) or collide:
                return [Term(whole)]
            product = Apply(
                REAL, tuple(dict.fromkeys(x.value.axes + y.value.axes)), None, "mul", (x.value, y.value)
            )
            out.append(Term(product, axes))
    return out


def _negated(term: Term) -> Term:
    value = term.value
    if isinstance(value, Const):
        return Term(Const(REAL, (), value.span, -float(value.value)), term.axes)
    return Term(Apply(REAL, value.axes, None, "neg", (value,)), term.axes)


def _free(model: Model, expr: Expr) -> set[str]:
    """Every axis that occurs in an expression, deterministic names looked through."""
    out = set(expr.axes)
    for child in children(expr):
        out |= _free(model, child)
    if isinstance(expr, Ref):
        out |= set(model.by_name[expr.name].plates)
        if model.by_name[expr.name].role == "derived":
            out |= _free(model, model.definition_of[expr.name].value)
    return out


def _meet(a: tuple[str, ...], b: set[str]) -> bool:
    return any(x in b for x in a)


def mentions(model: Model, expr: Expr, wanted: Callable[[str], bool]) -> bool:
    """Whether an expression depends on a variable that is ``wanted``, deterministic names looked through."""
    for ref in references(expr):
        if wanted(ref.name):
            return True
        if model.by_name[ref.name].role == "derived" and mentions(
            model, model.definition_of[ref.name].value, wanted
        ):
            return True
    return False

"""Log-potentials as sums of small terms: ``v @ W @ h`` is a sum over pairs, each a table of two bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgmlang.model import Model
from pgmlang.model.dependence import names_behind, nodes_behind
from pgmlang.model.expr import Apply, Const, Contract, Expr, Reduce, Ref
from pgmlang.model.types import REAL
from pgmlang.tables.row_reductions import row_reductions


@dataclass(frozen=True)
class Term:
    """``value`` summed over ``axes`` (event axes and sized plates)."""

    value: Expr
    axes: tuple[str, ...] = ()


MOST_TERMS = 4_096
"""Most terms that an expression is split into; where they are more it is one term."""


def additive_terms(model: Model, expr: Expr) -> list[Term]:
    """Terms whose sum is ``expr``. An expression that does not split is one term."""
    return _Splitter(model).terms(expr)


class _Splitter:
    """Splits expressions of one model; what stands in them more than once is split once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._made: dict[int, tuple[Expr, list[Term]]] = {}

    def terms(self, expr: Expr) -> list[Term]:
        if id(expr) not in self._made:
            terms = self._split(expr)
            # the expression is kept too: an id means one object only as long as that object lives
            self._made[id(expr)] = expr, terms if len(terms) <= MOST_TERMS else [Term(expr)]
        return self._made[id(expr)][1]

    def _split(self, expr: Expr) -> list[Term]:
        model = self.model
        match expr:
            case Apply(function="add", arguments=(a, b)):
                return self.terms(a) + self.terms(b)
            case Apply(function="sub", arguments=(a, b)):
                return self.terms(a) + [_negated(t) for t in self.terms(b)]
            case Apply(function="neg", arguments=(a,)):
                return [_negated(t) for t in self.terms(a)]
            case Apply(function="mul", arguments=(a, b)):
                return self._products(expr, a, b, ())
            case Apply(function="div", arguments=(a, b)):
                terms = self.terms(a)
                if any(_meet(t.axes, _free(model, b)) for t in terms):
                    return [Term(expr)]
                return [Term(Apply(REAL, t.value.axes, None, "div", (t.value, b)), t.axes) for t in terms]
            case Contract(left=a, right=b, axis=axis):
                return self._products(expr, a, b, (axis,))
            case Reduce(function="sum", body=body, axis=axis, is_plate=is_plate):
                if is_plate and model.plate_by_name[axis].is_rows:
                    return [Term(expr)]
                terms = self.terms(body)
                if any(axis in t.axes for t in terms):
                    return [Term(expr)]
                return [Term(t.value, (*t.axes, axis)) for t in terms]
            case Ref(name=name, index=(), lag=0) if (
                model.by_name[name].role == "derived" and name not in row_reductions(model).of_inputs
            ):
                return self.terms(model.definition_of[name].value)
        return [Term(expr)]

    def _products(self, whole: Expr, a: Expr, b: Expr, over: tuple[str, ...]) -> list[Term]:
        """(sum of a's terms) * (sum of b's terms), summed over ``over``; ``whole`` where axes would collide."""
        left, right = self.terms(a), self.terms(b)
        if not over and len(left) == len(right) == 1 and not left[0].axes and not right[0].axes:
            return [Term(whole)]
        if len(left) * len(right) > MOST_TERMS:
            return [Term(whole)]
        free_left, free_right = ([_free(self.model, t.value) for t in terms] for terms in (left, right))
        out = []
        for x, free_x in zip(left, free_left, strict=True):
            for y, free_y in zip(right, free_right, strict=True):
                axes = (*x.axes, *y.axes, *over)
                if len(set(axes)) < len(axes) or _meet(x.axes, free_y) or _meet(y.axes, free_x):
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
    out: set[str] = set()
    for node in nodes_behind(model, expr):
        out |= set(node.axes)
        if isinstance(node, Ref):
            out |= set(model.by_name[node.name].plates)
    return out


def _meet(a: tuple[str, ...], b: set[str]) -> bool:
    return any(x in b for x in a)


def mentions(model: Model, expr: Expr, wanted: Callable[[str], bool]) -> bool:
    """Whether an expression depends on a variable that is ``wanted``, deterministic names looked through."""
    return any(map(wanted, names_behind(model, expr)))

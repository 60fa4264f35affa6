"""Products multiplied out and choices on data as sums: ``if t then a + b * x else a`` is ``a + t * b * x``.

A condition that hangs on inputs alone is a number, 1 where it holds and 0 elsewhere; what is chosen by it is a sum of
products in which such numbers stand. Sums whose terms differ in their conditions alone are brought to one form by Shannon's
expansion: ``t * a + (1 - t) * a`` is ``a``, and which of two branches a term stands in is said once. So the choice, the sum
over 0/1 columns and the names of either are one linear form. Branches with a function that is not finite everywhere stay
choices: 0 times infinity is no number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import Apply, Choose, Const, Element, Expr, First, Reduce, Ref, inside_out, walk
from pgmlang.model.model import Model
from pgmlang.normal.algebra import Algebra
from pgmlang.normal.nodes import is_nonnegative, number
from pgmlang.normal.rewrite import map_definitions, map_expressions, map_guide, rebuilt
from pgmlang.signatures.functions import FUNCTIONS

MOST_TERMS = 64
"""Most terms that a product of sums is multiplied out to."""
MOST_CONDITIONS = 6
"""Most conditions by which the terms of one product may differ, to be brought to one form."""
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not")

Literal = tuple[Expr, bool]
"""A condition, and whether it holds."""


def piecewise(model: Model) -> Model:
    """The model with products multiplied out and choices on data as sums."""
    pieces = Pieces(model)
    out = map_expressions(model, pieces)
    guide = map_guide(out.guide, pieces) if out.guide is not None else None
    return replace(out, definitions=map_definitions(out.definitions, pieces), guide=guide)


def literal_of(model: Model, expr: Expr) -> Literal | None:
    """The condition on data that a 0/1 number says: an input bit ``t`` or ``1 - t``, ``if c then 1 else 0`` or its
    opposite; None for any other expression."""
    match expr:
        case Ref() if expr.type.kind == "bit" and is_of_data(model, expr):
            return expr, True
        case Apply(function="add", arguments=(Apply(function="mul", arguments=(sign, Ref() as inner)), one)) if (
            number(sign) == -1 and number(one) == 1
        ):
            literal = literal_of(model, inner)
            return None if literal is None else (inner, False)
        case Choose(condition=condition, then=then, otherwise=otherwise) if is_of_data(model, condition):
            values = number(then), number(otherwise)
            return (condition, values == (1, 0)) if values in ((1, 0), (0, 1)) else None
    return None


def is_of_data(model: Model, expr: Expr) -> bool:
    """Whether an expression hangs on inputs of its own row, and on the element that it stands at, alone."""
    return all(
        node.lag == 0 and node.name in model.by_name and model.by_name[node.name].role == "input"
        for node in walk(expr)
        if isinstance(node, Ref)
    ) and any(isinstance(node, Ref | First | Element) for node in walk(expr))


class Pieces:
    """Rewrites the expressions of one model. Calling it gives an expression in its pieces."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.algebra = Algebra(model)
        self._made: dict[int, tuple[Expr, Expr]] = {}

    def __call__(self, expr: Expr) -> Expr:
        canonical = self.algebra(expr)
        for node in inside_out(canonical):
            if id(node) not in self._made:
                # the node is kept too: an id means one object only as long as that object lives
                self._made[id(node)] = node, self._rewritten(node)
        return self._made[id(canonical)][1]

    def _inner(self, expr: Expr) -> Expr:
        return self._made[id(expr)][1]

    def _rewritten(self, node: Expr) -> Expr:
        match node:
            case Choose(condition=condition, then=then, otherwise=otherwise):
                return self._chosen(self._inner(condition), self._inner(then), self._inner(otherwise), node.span)
            case Apply(function="add", arguments=arguments):
                return self.sum([self._as_number(self._inner(a)) for a in arguments], node.span)
            case Apply(function="mul", arguments=arguments):
                return self._multiplied_out([self._as_number(self._inner(a)) for a in arguments], node.span)
        return self.algebra(rebuilt(node, self._inner))

    # ---- conditions as numbers

    def _as_number(self, expr: Expr) -> Expr:
        is_condition = isinstance(expr, Apply) and expr.type.kind == "truth" and is_of_data(self.model, expr)
        return self._indicator(expr, True) if is_condition else expr

    def _indicator(self, condition: Expr, holds: bool) -> Expr:
        """A condition on data as 1 and 0; ``holds`` False: its opposite."""
        algebra, span = self.algebra, condition.span
        condition, is_turned = algebra.condition(condition)
        holds = holds != is_turned
        one, zero = algebra.constant(1), algebra.constant(0)
        if isinstance(condition, Const):
            return one if bool(condition.value) == holds else zero
        match condition:
            case Ref() if condition.type.kind == "bit":
                return condition if holds else algebra.sum((one, algebra.negative(condition)), span)
            case Apply(function="eq", arguments=(a, b)) if {a.type.kind, b.type.kind} == {"bit"}:
                value, bit = (number(a), b) if number(a) is not None else (number(b), a)
                if value in (0, 1):
                    return self._indicator(bit, holds == bool(value))
            case Apply(function="and", arguments=(a, b)) if holds:
                return self._multiplied_out([self._indicator(a, True), self._indicator(b, True)], span)
            case Apply(function="and", arguments=(a, b)):
                both = [self._indicator(a, True), self._indicator(b, False)]
                return self.sum([self._indicator(a, False), self._multiplied_out(both, span)], span)
            case Apply(function="or", arguments=(a, b)) if holds:
                second = [self._indicator(a, False), self._indicator(b, True)]
                return self.sum([self._indicator(a, True), self._multiplied_out(second, span)], span)
            case Apply(function="or", arguments=(a, b)):
                return self._multiplied_out([self._indicator(a, False), self._indicator(b, False)], span)
        return algebra.choose(condition, one, zero, span) if holds else algebra.choose(condition, zero, one, span)

    def _chosen(self, condition: Expr, then: Expr, otherwise: Expr, span: Span | None) -> Expr:
        branches = self._as_number(then), self._as_number(otherwise)
        is_sum = is_of_data(self.model, condition) and all(map(self._is_finite, branches))
        whole = self.algebra.choice(condition, *branches, span)
        if not is_sum or not isinstance(whole, Choose):
            return whole
        parts = [
            self._multiplied_out([self._indicator(condition, h), e], span)
            for h, e in zip((True, False), branches, strict=True)
        ]
        return self._of_axes(self.sum(parts, span), whole)

    def _is_finite(self, expr: Expr) -> bool:
        """Whether an expression is a number whatever the values in it: one of a row before stays behind its guard."""
        return all(self._is_finite_node(node) for node in walk(expr))

    def _is_finite_node(self, node: Expr) -> bool:
        match node:
            case Const(value=value):
                return isinstance(value, str) or math.isfinite(value)
            case Ref(lag=lag):
                return lag == 0
            case Apply(function="pow", arguments=(_, exponent)):
                power = number(exponent)
                return power is not None and power > 0 and power.is_integer()
            case Apply(function=function):
                known = FUNCTIONS.get(function)
                is_bounded = known is not None and known.safe is None and known.result in ("unit", "truth")
                return function in ("add", "mul", *COMPARISONS) or is_bounded
            case Reduce(function=function):
                return function in ("sum", "mean")
            case Choose() | First() | Element():
                return True
        return False

    def _of_axes(self, expr: Expr, like: Expr) -> Expr:
        """An expression with the axes of another, which it may not vary along."""
        missing = [a for a in like.axes if a not in expr.axes]
        if not missing:
            return expr
        return self.algebra.product((expr, *map(self.algebra.ones, missing)), expr.span)

    # ---- products and sums

    def _multiplied_out(self, parts: list[Expr], span: Span | None) -> Expr:
        """A product as a sum of products, where these are not too many and do not lose the sign that it is known to have."""
        whole = self.algebra.product(parts, span)
        factors = self.algebra.factors(whole)
        sums = [f for f in factors if self._is_sum(f)]
        rest = [f for f in factors if not self._is_sum(f)]
        if not sums or math.prod(len(self._summands(f)) for f in sums) > MOST_TERMS:
            return whole
        products = [self.algebra.product((*rest, *chosen), span) for chosen in product(*map(self._summands, sums))]
        out = self._of_axes(self.sum(products, span), whole)
        return whole if is_nonnegative(whole) and not is_nonnegative(out) else out

    def _is_sum(self, factor: Expr) -> bool:
        return isinstance(factor, Apply) and factor.function == "add" and literal_of(self.model, factor) is None

    def _summands(self, expr: Expr) -> list[Expr]:
        terms, constant = self.algebra.terms(expr)
        out = [self.algebra.product((self.algebra.constant(c), t), expr.span) for c, t in terms]
        return [*out, self.algebra.constant(constant)] if constant != 0 or not out else out

    def sum(self, parts: Iterable[Expr], span: Span | None) -> Expr:
        """A sum whose terms that differ in conditions on data alone are in one form."""
        whole = self.algebra.sum(parts, span)
        cubes: dict[int, tuple[Expr, list[_Cube]]] = {}
        for summand in self._summands(whole):
            coefficient, literals, rest = self._split(summand)
            cubes.setdefault(id(rest), (rest, []))[1].append((literals, coefficient))
        if not any(literals for _, listed in cubes.values() for literals, _ in listed):
            return whole
        terms: list[Expr] = []
        for rest, listed in cubes.values():
            atoms = {id(a): a for literals, _ in listed for a, _ in literals}
            ordered = sorted(atoms.values(), key=self.algebra.key)
            reduced = _reduced(listed, ordered) if len(ordered) <= MOST_CONDITIONS else listed
            for literals, coefficient in reduced:
                numbers = [self._indicator(atom, holds) for atom, holds in literals]
                terms.append(self.algebra.product((self.algebra.constant(coefficient), *numbers, rest), span))
        return self._of_axes(self.algebra.sum(terms, span), whole)

    def _split(self, term: Expr) -> tuple[float, tuple[Literal, ...], Expr]:
        """A term as its coefficient, its conditions and the rest."""
        coefficient, bare = self.algebra.coefficient(term)
        value = number(bare)
        if value is not None:
            return coefficient * value, (), self.algebra.constant(1)
        literals: list[Literal] = []
        rest: list[Expr] = []
        for factor in self.algebra.factors(bare):
            literal = literal_of(self.model, factor)
            if literal is None:
                rest.append(factor)
            else:
                literals.append(literal)
        return coefficient, tuple(literals), self.algebra.product(rest, term.span)


_Cube = tuple[tuple[Literal, ...], float]
"""Conditions and the number that a term counts where they all hold."""


def _reduced(cubes: list[_Cube], atoms: list[Expr]) -> list[_Cube]:
    """The one sum of disjoint terms that is equal, by the conditions in order (Shannon's expansion)."""
    if not atoms:
        coefficient = float(f"{math.fsum(c for _, c in cubes):.12g}")
        return [((), coefficient)] if coefficient != 0 else []
    atom, rest = atoms[0], atoms[1:]
    sides = []
    for holds in (True, False):
        agreeing = [(ls, c) for ls, c in cubes if all(h == holds for a, h in ls if a is atom)]
        sides.append(_reduced([(tuple(x for x in ls if x[0] is not atom), c) for ls, c in agreeing], rest))
    if _same(*sides):
        return sides[0]
    return [(((atom, holds), *ls), c) for holds, side in zip((True, False), sides, strict=True) for ls, c in side]


def _same(one: list[_Cube], other: list[_Cube]) -> bool:
    def identities(side: list[_Cube]) -> list[tuple[list[tuple[int, bool]], float]]:
        return [([(id(a), h) for a, h in literals], c) for literals, c in side]

    return identities(one) == identities(other)

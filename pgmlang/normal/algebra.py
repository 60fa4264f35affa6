"""Expressions in canonical form: constants folded, sums and products flat and in one order, one spelling a function.

A product is ``c * a^i * b^j ...`` with numeric exponents (so ``x / sqrt(v)`` is ``x * v^-0.5``), a sum ``c1 * t1 + c2 * t2
+ ... + c``; both are written left to right. Rules hold wherever the expression has a value: ``(x ^ 2) ^ 0.5`` is
``abs(x)``. Products of sums are not multiplied out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, Reduce, Rename, children
from pgmlang.model.model import Model
from pgmlang.model.named import OPERATIONS
from pgmlang.normal.nodes import Nodes, is_nonnegative, number
from pgmlang.normal.rewrite import map_definitions, map_expressions, map_guide, rebuilt

COMMUTATIVE = ("eq", "ne", "and", "or", "elementwise_min", "elementwise_max")
MIRRORED = {"gt": "lt", "ge": "le"}
CHAINED = {"add": ("add", "sub"), "sub": ("add", "sub"), "mul": ("mul",)}
"""Operators that are made flat along their left side, with their kin."""


def canonical(model: Model) -> Model:
    """The model with every expression in canonical form."""
    algebra = Algebra(model)
    out = map_expressions(model, algebra)
    guide = map_guide(out.guide, algebra) if out.guide is not None else None
    return replace(out, definitions=map_definitions(out.definitions, algebra), guide=guide)


class Algebra(Nodes):
    """Canonical expressions of one model. Calling it gives an expression's canonical form."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self._made: dict[int, tuple[Expr, Expr]] = {}
        self._renamed: dict[tuple[int, str, str], Expr] = {}

    def __call__(self, expr: Expr) -> Expr:
        pending = [expr]
        while pending:
            node = pending[-1]
            if id(node) in self._made:
                pending.pop()
                continue
            # what is inside comes first, so that depth costs no stack
            inside = [e for e in self._operands(node) if id(e) not in self._made]
            if inside:
                pending.extend(inside)
                continue
            made = self._canonical(node)
            self._made[id(node)] = (node, made)
            self._made[id(made)] = (made, made)
        return self._made[id(expr)][1]

    def _operands(self, expr: Expr) -> tuple[Expr, ...]:
        """The parts that an expression's canonical form is made of: of a run of one operator those of all of it."""
        if not isinstance(expr, Apply) or expr.function not in CHAINED:
            return children(expr)
        kin = CHAINED[expr.function]
        parts = [expr.arguments[1]]
        node = expr.arguments[0]
        while isinstance(node, Apply) and node.function in kin and id(node) not in self._made:
            parts.append(node.arguments[1])
            node = node.arguments[0]
        return (*parts, node)

    def _canonical(self, expr: Expr) -> Expr:
        span = expr.span
        match expr:
            case Const(value=value):
                return self.shared(expr) if isinstance(value, str) else self.constant(value, span)
            case Apply(function="add" | "sub" | "mul"):
                return self._chain(expr)
            case Apply(function=function, arguments=arguments):
                return self.function(function, tuple(self(a) for a in arguments), span)
            case Contract(left=left, right=right, axis=axis):
                return self.reduction("sum", self.product((self(left), self(right)), span), axis, False, span)
            case Reduce(function=function, body=body, axis=axis, is_plate=is_plate):
                return self.reduction(function, self(body), axis, is_plate, span)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                return self.choice(self(condition), self(then), self(otherwise), span)
            case Rename(body=body, old=old, new=new):
                return self.renamed(self(body), old, new, span)
            case _:
                return self.shared(rebuilt(expr, self))

    def _chain(self, expr: Apply) -> Expr:
        """A run of one operator along its left side, flat at once: long sums are not built up term by term."""
        kin = CHAINED[expr.function]
        parts: list[Expr] = []
        node: Expr = expr
        while isinstance(node, Apply) and node.function in kin and (node is expr or id(node) not in self._made):
            left, right = node.arguments
            made = self(right)
            parts.append(self.product((self.constant(-1), made), node.span) if node.function == "sub" else made)
            node = left
        parts.append(self(node))
        parts.reverse()
        return self.sum(parts, expr.span) if "add" in kin else self.product(parts, expr.span)

    # ---- sums

    def terms(self, expr: Expr) -> tuple[list[tuple[float, Expr]], float]:
        """A sum's terms, each with its coefficient, and its constant."""
        out: list[tuple[float, Expr]] = []
        constants: list[float] = []
        pending = [expr]
        while pending:
            part = pending.pop()
            value = number(part)
            if value is not None:
                constants.append(value)
            elif isinstance(part, Apply) and part.function == "add":
                pending.extend(reversed(part.arguments))
            else:
                out.append(self.coefficient(part))
        return out, math.fsum(constants) if all(map(math.isfinite, constants)) else sum(constants)

    def coefficient(self, expr: Expr) -> tuple[float, Expr]:
        """A term as a number times the rest."""
        factors = self.factors(expr)
        value = number(factors[0])
        if value is None or len(factors) == 1:
            return 1.0, expr
        return value, self._multiplied(factors[1:], expr.span)

    def sum(self, parts: Iterable[Expr], span: Span | None) -> Expr:
        coefficients: dict[int, tuple[Expr, list[float]]] = {}
        constants: list[float] = []
        for part in parts:
            terms, constant = self.terms(part)
            constants.append(constant)
            for factor, term in terms:
                coefficients.setdefault(id(term), (term, []))[1].append(factor)
        constant = math.fsum(constants) if all(map(math.isfinite, constants)) else sum(constants)
        summed = [(t, math.fsum(c) if all(map(math.isfinite, c)) else sum(c)) for t, c in coefficients.values()]
        summed = [(t, c) for t, c in summed if c != 0]
        if len(summed) == 1 and constant == 1 and summed[0][1] == -1:
            opposite = self._opposite(summed[0][0], span)
            if opposite is not None:
                return opposite
        summed.sort(key=lambda pair: self.key(pair[0]))
        terms = [self.product((self.constant(c), t), span) if c != 1 else t for t, c in summed]
        if constant != 0 or not terms:
            terms.append(self.constant(constant, span))
        out = terms[0]
        for term in terms[1:]:
            out = self.apply("add", (out, term), span)
        return out

    def _opposite(self, expr: Expr, span: Span | None) -> Expr | None:
        """``1 - sigmoid(x)`` is ``sigmoid(-x)``; the same of the normal distribution function."""
        if isinstance(expr, Apply) and expr.function in ("sigmoid", "Phi"):
            return self.function(expr.function, (self.negative(expr.arguments[0]),), span)
        return None

    def negative(self, expr: Expr) -> Expr:
        return self.product((self.constant(-1), expr), expr.span)

    # ---- products

    def factors(self, expr: Expr) -> list[Expr]:
        """A product's factors, its number first."""
        out: list[Expr] = []
        while isinstance(expr, Apply) and expr.function == "mul":
            out.append(expr.arguments[1])
            expr = expr.arguments[0]
        return [expr, *reversed(out)]

    def power_of(self, factor: Expr) -> tuple[Expr, float]:
        """A factor as a base and its exponent."""
        if isinstance(factor, Apply) and factor.function == "pow":
            exponent = number(factor.arguments[1])
            if exponent is not None:
                return factor.arguments[0], exponent
        return factor, 1.0

    def product(self, parts: Iterable[Expr], span: Span | None) -> Expr:
        coefficient = 1.0
        bases: dict[int, tuple[Expr, float]] = {}
        exponents: list[Expr] = []
        for factor in (f for p in parts for f in self.factors(p)):
            value = number(factor)
            if value is not None:
                coefficient *= value
            elif isinstance(factor, Apply) and factor.function == "exp":
                exponents.append(factor.arguments[0])
            else:
                base, exponent = self.power_of(factor)
                bases[id(base)] = (base, bases.get(id(base), (base, 0.0))[1] + exponent)
        if coefficient == 0:
            return self.constant(0, span)
        if len(exponents) > 1:
            # the sum may hold logarithms, whose arguments are factors again
            joined = self.function("exp", (self.sum(exponents, span),), span)
            return self.product((self.constant(coefficient), *self._powers(bases, span), joined), span)
        if exponents:
            exponent = self._with_sigmoids(exponents[0], bases, span)
            if exponent is not None:
                factor = self.function("exp", (exponent,), span)
                whole = self._normalised(factor, bases, span)
                if whole is not None:
                    return self.product((self.constant(coefficient), *self._powers(bases, span), whole), span)
                bases[id(factor)] = (factor, 1.0)
        factors = self._powers(bases, span)
        if len(factors) == 1 and isinstance(factors[0], Apply) and factors[0].function == "add" and coefficient != 1:
            terms, constant = self.terms(factors[0])
            scaled = [self._scaled(coefficient * c, t, span) for c, t in terms]
            return self.sum((*scaled, self.constant(coefficient * constant)), span)
        summed = self._sum_of_product(factors, coefficient, span)
        if summed is not None:
            return summed
        if coefficient != 1 or not factors:
            factors.insert(0, self.constant(coefficient, span))
        return self._multiplied(factors, span)

    def _scaled(self, coefficient: float, term: Expr, span: Span | None) -> Expr:
        """A coefficient times a term that has none."""
        if coefficient == 1:
            return term
        return self._multiplied([self.constant(coefficient), *self.factors(term)], span)

    def _multiplied(self, factors: list[Expr], span: Span | None) -> Expr:
        out = factors[0]
        for factor in factors[1:]:
            out = self.apply("mul", (out, factor), span)
        return out

    def _powers(self, bases: dict[int, tuple[Expr, float]], span: Span | None) -> list[Expr]:
        """Bases with their exponents in order; of a bit any power is itself, of a spin every second."""
        out = []
        for base, given in sorted(bases.values(), key=lambda pair: self.key(pair[0])):
            exponent = given
            if exponent > 0 and base.type.kind in ("bit", "truth"):
                exponent = 1
            elif base.type.kind == "spin" and exponent.is_integer():
                exponent = exponent % 2
            if exponent != 0:
                out.append(base if exponent == 1 else self.apply("pow", (base, self.constant(exponent)), span))
        return out

    def _with_sigmoids(self, exponent: Expr, bases: dict[int, tuple[Expr, float]], span: Span | None) -> Expr | None:
        """``exp(x) * sigmoid(-x)`` is ``sigmoid(x)``: the exponent that is left of one in a product, None where it goes."""
        for base, power in list(bases.values()):
            if isinstance(base, Apply) and base.function == "sigmoid" and power >= 1:
                if self.negative(base.arguments[0]) is not exponent:
                    continue
                other = self.function("sigmoid", (exponent,), span)
                bases[id(base)] = (base, power - 1)
                bases[id(other)] = (other, bases.get(id(other), (other, 0.0))[1] + 1)
                return None
        return exponent

    def _normalised(self, factor: Expr, bases: dict[int, tuple[Expr, float]], span: Span | None) -> Expr | None:
        """``exp(x) / sum(exp(x), over = k)`` is a softmax; takes the sum out of ``bases``."""
        for base, power in list(bases.values()):
            if isinstance(base, Reduce) and base.function == "sum" and base.body is factor and power == -1:
                del bases[id(base)]
                return self.reduction("softmax", self._exponent(factor), base.axis, base.is_plate, span)
        return None

    def _exponent(self, factor: Expr) -> Expr:
        assert isinstance(factor, Apply)
        return factor.arguments[0]

    def _sum_of_product(self, factors: list[Expr], coefficient: float, span: Span | None) -> Expr | None:
        """Sums over axes that no other factor has, moved to the front of a product; None where there are none."""
        for i, factor in enumerate(factors):
            if not isinstance(factor, Reduce) or factor.function != "sum" or factor.is_plate or len(factors) == 1:
                continue
            others = [f for j, f in enumerate(factors) if j != i]
            if not any(factor.axis in self._axes_inside(f) for f in others):
                inner = self.product((factor.body, *others), span)
                return self.product((self.constant(coefficient), self.reduction("sum", inner, factor.axis, False, span)), span)
        return None

    def _axes_inside(self, expr: Expr) -> set[str]:
        """Axes that an expression has, or that its sums are over."""
        out = set(expr.axes)
        while isinstance(expr, Reduce):
            out.add(expr.axis)
            expr = expr.body
            out |= set(expr.axes)
        return out

    def power(self, base: Expr, exponent: float, span: Span | None) -> Expr:
        """A base to a number."""
        value = number(base)
        if exponent == 0:
            return self.constant(1, span)
        if exponent == 1:
            return base
        if value is not None and (folded := _folded("pow", value, exponent)) is not None:
            return self.constant(folded, span)
        if isinstance(base, Apply) and base.function == "exp":
            return self.function("exp", (self.product((self.constant(exponent), base.arguments[0]), span),), span)
        if isinstance(base, Apply) and base.function == "mul":
            factors = self.factors(base)
            if exponent.is_integer() or all(is_nonnegative(f) for f in factors):
                return self.product([self.power(f, exponent, span) for f in factors], span)
        if isinstance(base, Apply) and base.function == "pow":
            inner, first = self.power_of(base)
            if first != 1 and (exponent.is_integer() or is_nonnegative(inner)):
                return self.power(inner, first * exponent, span)
            if first != 1 and first * exponent == 1 and first % 2 == 0:
                return self.function("abs", (inner,), span)
        if isinstance(base, Apply) and base.function == "add" and exponent < 0:
            terms, constant = self.terms(base)
            if constant == 1 and len(terms) == 1 and terms[0][0] == 1:
                (_, term), = terms
                if isinstance(term, Apply) and term.function == "exp":
                    inner = self.function("sigmoid", (self.negative(term.arguments[0]),), span)
                    return self.power(inner, -exponent, span)
        return self.product((self.apply("pow", (base, self.constant(exponent)), span),), span)

    # ---- functions

    def function(self, function: str, arguments: tuple[Expr, ...], span: Span | None) -> Expr:
        """An elementwise function of canonical arguments."""
        x = arguments[0]
        match function:
            case "add":
                return self.sum(arguments, span)
            case "sub":
                return self.sum((x, self.negative(arguments[1])), span)
            case "mul":
                return self.product(arguments, span)
            case "neg":
                return self.negative(x)
            case "div":
                return self.product((x, self.power(arguments[1], -1.0, span)), span)
            case "sqrt":
                return self.power(x, 0.5, span)
            case "square":
                return self.power(x, 2.0, span)
            case "pow" if (exponent := number(arguments[1])) is not None:
                return self.power(x, exponent, span)
            case "log1p":
                return self.function("log", (self.sum((self.constant(1), x), span),), span)
            case "expm1":
                return self.sum((self.function("exp", (x,), span), self.constant(-1)), span)
            case "gt" | "ge":
                return self.function(MIRRORED[function], (arguments[1], x), span)
        values = [number(a) for a in arguments]
        known = [v for v in values if v is not None]
        if len(known) == len(values) and (folded := _folded(function, *known)) is not None:
            return self.constant(folded, span)
        simpler = self._simpler(function, arguments, span)
        if simpler is not None:
            return simpler
        if function in COMMUTATIVE:
            arguments = tuple(sorted(arguments, key=self.key))
        return self.apply(function, arguments, span)

    def _simpler(self, function: str, arguments: tuple[Expr, ...], span: Span | None) -> Expr | None:
        """Functions of their inverses, of constants, of themselves; None where no rule is for it."""
        x = arguments[0]
        inner = x.function if isinstance(x, Apply) else ""
        match function:
            case "exp":
                return self._exp(x, span)
            case "log":
                return self._log(x, span)
            case "sigmoid":
                return self._sigmoid(x)
            case "logit" if inner == "sigmoid":
                return x.arguments[0]  # type: ignore[union-attr]
            case "logit":
                other = self.sum((self.constant(1), self.negative(x)), span)
                logs = [self.function("log", (e,), span) for e in (x, other)]
                return self.sum((logs[0], self.negative(logs[1])), span)
            case "abs" if is_nonnegative(x):
                return x
            case "not" if isinstance(x, Const):
                return self.constant(not x.value, span)
            case "not" if inner == "not":
                return x.arguments[0]  # type: ignore[union-attr]
            case "not" if inner in ("eq", "ne"):
                return self.function("ne" if inner == "eq" else "eq", x.arguments, span)  # type: ignore[union-attr]
            case "and" | "or":
                for a, b in (arguments, arguments[::-1]):
                    if isinstance(a, Const):
                        return (b if a.value else a) if function == "and" else (a if a.value else b)
                return x if x is arguments[1] else None
            case "elementwise_min" | "elementwise_max" if x is arguments[1]:
                return x
            case "eq" | "ne" if all(isinstance(a, Const) for a in arguments):
                same = arguments[0] is arguments[1]
                comparable = arguments[0].type == arguments[1].type
                return self.constant(same == (function == "eq"), span) if comparable else None
        return None

    def _exp(self, x: Expr, span: Span | None) -> Expr | None:
        """Logarithms in the exponent are factors; ``exp(x - logsumexp(x))`` is a softmax."""
        terms, constant = self.terms(x)
        logs = [(c, t) for c, t in terms if _is_log(t)]
        if logs:
            rest = [self._scaled(c, t, span) for c, t in terms if not _is_log(t)] + [self.constant(constant)]
            powers = [self.power(t.arguments[0], c, span) for c, t in logs if isinstance(t, Apply)]
            return self.product((*powers, self.function("exp", (self.sum(rest, span),), span)), span)
        for c, t in terms:
            if c == -1 and isinstance(t, Reduce) and t.function == "logsumexp":
                if self.sum((x, t), span) is t.body:
                    return self.reduction("softmax", t.body, t.axis, t.is_plate, span)
        return None

    def _log(self, x: Expr, span: Span | None) -> Expr | None:
        """A logarithm of a product of nonnegative factors is a sum."""
        if isinstance(x, Reduce) and x.function == "sum" and isinstance(x.body, Apply) and x.body.function == "exp":
            return self.reduction("logsumexp", x.body.arguments[0], x.axis, x.is_plate, span)
        factors = self.factors(x)
        powers = [self.power_of(f) for f in factors]
        simple = len(factors) == 1 and powers[0][1] == 1
        if isinstance(x, Apply) and x.function == "exp":
            return x.arguments[0]
        if simple or not all(is_nonnegative(base) for base, _ in powers):
            return None
        parts = [self.product((self.constant(e), self.function("log", (b,), span)), span) for b, e in powers]
        return self.sum(parts, span)

    def _sigmoid(self, x: Expr) -> Expr | None:
        """``sigmoid(log(p) - log(1 - p))`` is p."""
        terms, constant = self.terms(x)
        if constant != 0 or len(terms) != 2 or sorted(c for c, _ in terms) != [-1, 1]:
            return None
        inside = {c: t.arguments[0] for c, t in terms if isinstance(t, Apply) and t.function == "log"}
        if len(inside) < 2:
            return None
        complement = self.sum((self.constant(1), self.negative(inside[1])), x.span)
        return inside[1] if complement is inside[-1] else None

    # ---- choices, sums over axes, names of axes

    def choice(self, condition: Expr, then: Expr, otherwise: Expr, span: Span | None) -> Expr:
        """``if``: resolved where the condition is a constant or the branches are the same."""
        condition, is_turned = self.condition(condition)
        if is_turned:
            then, otherwise = otherwise, then
        if isinstance(condition, Const):
            return then if condition.value else otherwise
        if then is otherwise:
            return then
        return self.choose(condition, then, otherwise, span)

    def condition(self, condition: Expr) -> tuple[Expr, bool]:
        """A condition without ``not``, ``!=`` and ``<=`` at its head, and whether the branches trade places."""
        if isinstance(condition, Apply) and condition.function == "not":
            inner, is_turned = self.condition(condition.arguments[0])
            return inner, not is_turned
        if isinstance(condition, Apply) and condition.function == "ne":
            return self.function("eq", condition.arguments, condition.span), True
        if isinstance(condition, Apply) and condition.function == "le":
            return self.function("lt", condition.arguments[::-1], condition.span), True
        return condition, False

    def reduction(self, function: str, body: Expr, axis: str, is_plate: bool, span: Span | None) -> Expr:
        """A reduction: sums term by term, with what is a number in front and inner sums in one order."""
        if not is_plate and axis not in body.axes and function not in ("softmax", "cumsum"):
            size = self.model.axis_size(axis)
            if size is not None and function == "sum":
                return self.product((self.constant(size), body), span)
            if size is not None and function == "prod":
                return self.power(body, float(size), span)
            if function in ("mean", "min", "max"):
                return body
        if function == "sum":
            return self._summed(body, axis, is_plate, span)
        return self.reduce(function, body, axis, is_plate, span)

    def _summed(self, body: Expr, axis: str, is_plate: bool, span: Span | None) -> Expr:
        terms, constant = self.terms(body)
        split = constant == 0 and (is_plate or all(axis in t.axes for _, t in terms))
        if split and (len(terms) > 1 or terms and terms[0][0] != 1):
            parts = [
                self.product((self.constant(c), self._summed(t, axis, is_plate, span)), span) for c, t in terms
            ]
            return self.sum(parts, span)
        if (
            isinstance(body, Reduce)
            and body.function == "sum"
            and not (is_plate or body.is_plate)
            and body.axis > axis
            and axis in body.body.axes
        ):
            inner = self._summed(body.body, axis, False, span)
            return self.reduction("sum", inner, body.axis, False, span)
        return self.reduce("sum", body, axis, is_plate, span)

    def renamed(self, body: Expr, old: str, new: str, span: Span | None) -> Expr:
        """An axis by another name, said at the variables themselves where nothing stands in between."""
        if old not in body.axes:
            return body
        key = (id(body), old, new)
        if key not in self._renamed:
            self._renamed[key] = self._renaming(body, old, new, span)
        return self._renamed[key]

    def _renaming(self, body: Expr, old: str, new: str, span: Span | None) -> Expr:
        axes = tuple(new if a == old else a for a in body.axes)
        match body:
            case Apply(function="add", arguments=arguments):
                return self.sum([self.renamed(a, old, new, span) for a in arguments], span)
            case Apply(function="mul", arguments=arguments):
                return self.product([self.renamed(a, old, new, span) for a in arguments], span)
            case Apply(function=function, arguments=arguments):
                return self.function(function, tuple(self.renamed(a, old, new, span) for a in arguments), span)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                c, a, b = (self.renamed(e, old, new, span) for e in (condition, then, otherwise))
                return self.choice(c, a, b, span)
            case Rename(body=inner, old=first, new=second) if second == old:
                return self.renamed(inner, first, new, span) if first != new else inner
        return self.shared(Rename(body.type, axes, span, body, old, new))


def _is_log(expr: Expr) -> bool:
    return isinstance(expr, Apply) and expr.function == "log"


def _folded(function: str, *values: float) -> float | bool | None:
    """The value of a function of numbers; None where it is no number, or not known here."""
    if function not in OPERATIONS:
        return None
    with np.errstate(all="ignore"):
        value = OPERATIONS[function](*(np.float64(v) for v in values))
    made = np.asarray(value)
    if made.dtype == bool:
        return bool(made)
    result = float(made)
    return None if math.isnan(result) else result


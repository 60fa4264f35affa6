"""Sums and products in canonical form: flat, in one order, numbers folded, like terms and powers together.

A product is ``c * a^i * b^j ...`` with numeric exponents (so ``x / sqrt(v)`` is ``x * v^-0.5``), a sum ``c1 * t1 + c2 * t2
+ ... + c``; both are written left to right. Rules hold wherever the expression has a value: ``(x ^ 2) ^ 0.5`` is
``abs(x)``. Products of sums are not multiplied out.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable

import numpy as np

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import Apply, Expr, Reduce
from pgmlang.model.named import OPERATIONS
from pgmlang.normal.nodes import NodeFactory, is_nonnegative, number


class Arithmetic(NodeFactory):
    """Makes canonical sums, products and powers."""

    @abstractmethod
    def function(self, function: str, arguments: tuple[Expr, ...], span: Span | None) -> Expr:
        """An elementwise function of canonical arguments."""

    @abstractmethod
    def reduction(self, function: str, body: Expr, axis: str, is_plate: bool, span: Span | None) -> Expr:
        """A reduction of a canonical body."""

    # ---- sums

    def terms(self, expr: Expr) -> tuple[list[tuple[float, Expr]], float]:
        """A sum's terms, each with its coefficient, and its constant."""
        out: list[tuple[float, Expr]] = []
        constants: list[float] = []
        pending = [expr]
        while pending:
            summand = pending.pop()
            value = number(summand)
            if value is not None:
                constants.append(value)
            elif isinstance(summand, Apply) and summand.function == "add":
                pending.extend(reversed(summand.arguments))
            else:
                out.append(self.coefficient(summand))
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
        for summand in parts:
            terms, constant = self.terms(summand)
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
        added = [self.product((self.constant(c), t), span) if c != 1 else t for t, c in summed]
        if constant != 0 or not added:
            added.append(self.constant(constant, span))
        out = added[0]
        for term in added[1:]:
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
            joint = self._with_sigmoids(exponents[0], bases, span)
            if joint is not None:
                factor = self.function("exp", (joint,), span)
                whole = self._normalised(factor, bases, span)
                if whole is not None:
                    return self.product((self.constant(coefficient), *self._powers(bases, span), whole), span)
                bases[id(factor)] = (factor, 1.0)
        factors = self._powers(bases, span)
        if (
            len(factors) == 1
            and isinstance(factors[0], Apply)
            and factors[0].function == "add"
            and coefficient != 1
        ):
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

    def _with_sigmoids(
        self, exponent: Expr, bases: dict[int, tuple[Expr, float]], span: Span | None
    ) -> Expr | None:
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
                return self.product(
                    (self.constant(coefficient), self.reduction("sum", inner, factor.axis, False, span)), span
                )
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
        if value is not None and (power := folded("pow", value, exponent)) is not None:
            return self.constant(power, span)
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
                ((_, term),) = terms
                if isinstance(term, Apply) and term.function == "exp":
                    inner = self.function("sigmoid", (self.negative(term.arguments[0]),), span)
                    return self.power(inner, -exponent, span)
        return self.product((self.apply("pow", (base, self.constant(exponent)), span),), span)


def folded(function: str, *values: float) -> float | bool | None:
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

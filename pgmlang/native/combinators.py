"""Truncated, censored, inflated and mixed distributions as scalars, by the formulas of `lower/runtime/combined`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pgmlang.native.scalar_densities import ScalarDensity, both, chosen, compared
from pgmlang.native.scalars import Loop, Scalar, ScalarGraph


def smaller(graph: ScalarGraph, a: Scalar, b: Scalar) -> Scalar:
    """The smaller of two scalars."""
    return _extreme(graph, "min", math.inf, a, b)


def larger(graph: ScalarGraph, a: Scalar, b: Scalar) -> Scalar:
    """The larger of two scalars."""
    return _extreme(graph, "max", -math.inf, a, b)


def _extreme(graph: ScalarGraph, op: str, neutral: float, a: Scalar, b: Scalar) -> Scalar:
    if a.number == neutral:
        return b
    if b.number == neutral:
        return a
    if a.number is not None and b.number is not None:
        return graph.number(min(a.number, b.number) if op == "min" else max(a.number, b.number))
    return graph.make(op, a, b)


def is_bound(scalar: Scalar) -> bool:
    """Whether a bound is one, unlike the infinite numbers that stand for none."""
    return scalar.number is None or math.isfinite(scalar.number)


def before(base: ScalarDensity, bound: Scalar) -> Scalar:
    """What a value at least ``bound`` is above of: the bound, or the last whole number before it."""
    return base.said("ceil(b) - 1", b=bound) if base.is_discrete else bound


def log_between(base: ScalarDensity, lower: Scalar, upper: Scalar) -> Scalar:
    """log P(lower <= X <= upper), by the tail in which both are small."""
    graph, first = base.graph, before(base, lower)
    if not is_bound(upper):
        return base.log_survival(first) if is_bound(lower) else graph.number(0.0)
    if not is_bound(lower):
        return base.log_cdf(upper)
    above, below = base.log_survival(first), base.log_cdf(upper)
    inside = chosen(
        graph,
        graph.make("lt", above, below),
        base.said("log_difference(a, b)", a=above, b=base.log_survival(upper)),
        base.said("log_difference(a, b)", a=below, b=base.log_cdf(first)),
    )
    return chosen(graph, compared(graph, "ge", first, upper), graph.number(-math.inf), inside)


@dataclass(frozen=True)
class BoundedDensity(ScalarDensity):
    """A distribution made of ``base`` and two bounds."""

    base: ScalarDensity
    lower: Scalar
    upper: Scalar

    @property
    def is_discrete(self) -> bool:
        return self.base.is_discrete

    def is_within(self, x: Scalar) -> Scalar | bool:
        """Whether a value lies between the bounds."""
        low = compared(self.graph, "ge", x, self.lower) if is_bound(self.lower) else True
        return both(self.graph, low, compared(self.graph, "le", x, self.upper) if is_bound(self.upper) else True)


class TruncatedDensity(BoundedDensity):
    """``base`` given that its value lies between the bounds, which belong to it."""

    @property
    def mass(self) -> Scalar:
        """The log of the chance of lying there."""
        return self.graph.hint(log_between(self.base, self.lower, self.upper), "mass")

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        mass = self.mass
        possible = both(self.graph, self.is_within(x), compared(self.graph, "gt", mass, self.number(-math.inf)))
        value = self.graph.make("sub", self.base.log_prob(x), mass)
        return chosen(self.graph, possible, value, self.number(-math.inf))

    def log_cdf(self, x: Scalar) -> Scalar:
        graph, nothing = self.graph, self.number(-math.inf)
        held = larger(graph, smaller(graph, x, self.upper), self.lower)
        part = log_between(self.base, self.lower, held)
        value = chosen(graph, compared(graph, "lt", x, self.lower), nothing, graph.make("sub", part, self.mass))
        return chosen(graph, compared(graph, "le", self.mass, nothing), nothing, value)

    def log_survival(self, x: Scalar) -> Scalar:
        graph, nothing = self.graph, self.number(-math.inf)
        after = self.said("floor(x) + 1", x=x) if self.is_discrete else x
        held = smaller(graph, larger(graph, after, self.lower), self.upper)
        part = graph.make("sub", log_between(self.base, held, self.upper), self.mass)
        value = chosen(graph, compared(graph, "gt", after, self.upper), nothing, part)
        value = chosen(graph, compared(graph, "lt", x, self.lower), self.number(0.0), value)
        return chosen(graph, compared(graph, "le", self.mass, nothing), nothing, value)


class CensoredDensity(BoundedDensity):
    """``base`` of which values at or beyond a bound are seen as the bound. It is never asked for its tails."""

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        graph, out = self.graph, self.base.log_prob(x)
        if is_bound(self.upper):
            beyond = self.base.log_survival(before(self.base, self.upper))
            out = chosen(graph, compared(graph, "ge", x, self.upper), beyond, out)
        if is_bound(self.lower):
            out = chosen(graph, compared(graph, "le", x, self.lower), self.base.log_cdf(self.lower), out)
        return chosen(graph, self.is_within(x), out, self.number(-math.inf))


@dataclass(frozen=True)
class ZeroInflatedDensity(ScalarDensity):
    """Zero with probability ``p``, else a draw of ``base``; with a density besides, zero is the inflation's alone."""

    base: ScalarDensity
    p: Scalar

    @property
    def is_discrete(self) -> bool:
        return self.base.is_discrete

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        is_zero = self.said("x == 0", x=x)
        if self.is_discrete:
            other = self._rest(self.base.log_prob(x))
            return chosen(self.graph, is_zero, self._with_zero(other), other)
        safe = self.graph.make("where", is_zero, self.number(1.0), x)
        return chosen(self.graph, is_zero, self.said("log_of(p)", p=self.p), self._rest(self.base.log_prob(safe)))

    def log_cdf(self, x: Scalar) -> Scalar:
        other = self._rest(self.base.log_cdf(x))
        return chosen(self.graph, compared(self.graph, "ge", x, self.number(0.0)), self._with_zero(other), other)

    def log_survival(self, x: Scalar) -> Scalar:
        other = self._rest(self.base.log_survival(x))
        return chosen(self.graph, compared(self.graph, "ge", x, self.number(0.0)), other, self._with_zero(other))

    def _rest(self, log: Scalar) -> Scalar:
        return self.said("log1p_of(-p) + l", p=self.p, l=log)

    def _with_zero(self, log: Scalar) -> Scalar:
        return self.said("logaddexp(log_of(p), l)", p=self.p, l=log)


@dataclass(frozen=True)
class ZeroOneInflatedDensity(ScalarDensity):
    """Zero or one with probability ``p``, and then one with probability ``q``; else a draw of ``base``."""

    base: ScalarDensity
    p: Scalar
    q: Scalar

    @property
    def is_discrete(self) -> bool:
        return False

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        graph = self.graph
        is_within = self.said("(x > 0.0) & (x < 1.0)", x=x)
        share = self.said("where(within, x, 0.5)", within=is_within, x=x)
        inside = self.said("log1p_of(-p) + l", p=self.p, l=self.base.log_prob(share))
        at_end = self.said(
            "where(x == 0.0, log_of(p) + log1p_of(-q), where(x == 1.0, log_of(p) + log_of(q), -inf))",
            x=x,
            p=self.p,
            q=self.q,
        )
        return chosen(graph, is_within, inside, at_end)

    def log_cdf(self, x: Scalar) -> Scalar:
        zero = self.said("log_of(p) + log1p_of(-q)", p=self.p, q=self.q)
        return self._tail(x, zero, self.base.log_cdf(x), -math.inf, 0.0)

    def log_survival(self, x: Scalar) -> Scalar:
        one = self.said("log_of(p) + log_of(q)", p=self.p, q=self.q)
        return self._tail(x, one, self.base.log_survival(x), 0.0, -math.inf)

    def _tail(self, x: Scalar, end: Scalar, log: Scalar, below: float, above: float) -> Scalar:
        inside = self.said("logaddexp(e, log1p_of(-p) + l)", e=end, p=self.p, l=log)
        value = chosen(self.graph, compared(self.graph, "ge", x, self.number(1.0)), self.number(above), inside)
        return chosen(self.graph, compared(self.graph, "lt", x, self.number(0.0)), self.number(below), value)


@dataclass(frozen=True)
class MixtureDensity(ScalarDensity):
    """One of several components, drawn by weights: ``base`` and the weight ``p`` at each element of ``loop``."""

    base: ScalarDensity
    p: Scalar
    loop: Loop

    @property
    def is_discrete(self) -> bool:
        return self.base.is_discrete

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        return self._weighed(self.base.log_prob(x))

    def log_cdf(self, x: Scalar) -> Scalar:
        return self._weighed(self.base.log_cdf(x))

    def log_survival(self, x: Scalar) -> Scalar:
        return self._weighed(self.base.log_survival(x))

    def _weighed(self, log: Scalar) -> Scalar:
        each = self.said("log_of(p) + l", p=self.p, l=log)
        return self.graph.make("logsumexp", self.graph.guard(each), payload=self.loop)

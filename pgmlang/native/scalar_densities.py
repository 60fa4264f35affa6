"""Distributions as scalars: log-densities and the tails that combinators ask for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgmlang.families import Family
from pgmlang.native.formulas import NotScalar, formula_of, scalar_of
from pgmlang.native.scalars import Scalar, ScalarGraph

COMPARED: dict[str, Any] = {"lt": float.__lt__, "le": float.__le__, "gt": float.__gt__, "ge": float.__ge__}


def compared(graph: ScalarGraph, op: str, a: Scalar, b: Scalar) -> Scalar | bool:
    """Whether two scalars compare so, known where both are numbers, and where one is an infinity that the other, which has derivatives,
    is not."""
    if a.number is not None and b.number is not None:
        return bool(COMPARED[op](a.number, b.number))
    for one, other, sign in ((a, b, 1.0), (b, a, -1.0)):
        if one.number is not None and math.isinf(one.number) and other.is_active:
            return bool(COMPARED[op](sign * one.number, 0.0))
    return graph.make(op, a, b)


def chosen(graph: ScalarGraph, test: Scalar | bool, then: Scalar, otherwise: Scalar) -> Scalar:
    """One of two scalars, neither of whose derivatives matter where the other is taken."""
    if isinstance(test, bool):
        return then if test else otherwise
    return graph.make("where", test, graph.guard(then), graph.guard(otherwise))


def both(graph: ScalarGraph, a: Scalar | bool, b: Scalar | bool) -> Scalar | bool:
    """Whether two things hold."""
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return graph.make("and", a, b)


@dataclass(frozen=True)
class ScalarDensity(ABC):
    """The distribution of one number or label."""

    graph: ScalarGraph

    @property
    @abstractmethod
    def is_discrete(self) -> bool:
        """Whether values are countable."""

    @abstractmethod
    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        """The log-density at ``x``. ``is_inside``: x is known to be possible."""

    def log_cdf(self, x: Scalar) -> Scalar:
        """log P(X <= x). Raises NotScalar where it has no scalar form."""
        raise NotScalar(f"the tails of {self.name}")

    def log_survival(self, x: Scalar) -> Scalar:
        """log P(X > x). Raises NotScalar where it has no scalar form."""
        raise NotScalar(f"the tails of {self.name}")

    @property
    def name(self) -> str:
        """What messages call it."""
        return "such a distribution"

    def number(self, value: float) -> Scalar:
        return self.graph.number(value)

    def said(self, text: str, **values: Scalar) -> Scalar:
        """A formula."""
        return scalar_of(self.graph, text, values)


@dataclass(frozen=True)
class FamilyDensity(ScalarDensity):
    """A family's formulas at ``values`` of its parameters, as the class of `lower/family_classes` computes them."""

    family: Family
    variant: int
    values: Mapping[str, Scalar]

    @property
    def is_discrete(self) -> bool:
        return self.family.discrete

    @property
    def name(self) -> str:
        return self.family.name

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        """The formula; impossible outside of its bounds."""
        family, make = self.family, self.graph.make
        is_empty, values = self._within_limits()
        text = family.formulas[self.variant].log_prob
        if family.bounds == ("-inf", "inf") and not family.discrete:
            return self._formula(text, {**values, "x": x})
        lower, upper = self._bounds(values)
        edges = family.formulas[self.variant].edges or (("-inf", "-inf") if family.is_open else None)
        if is_inside and edges is None:
            return self._formula(text, {**values, "x": x})
        low = make("ge" if edges is None else "gt", x, lower)
        inside = (
            low if upper.number == math.inf else make("and", low, make("le" if edges is None else "lt", x, upper))
        )
        if family.discrete:
            inside = make("and", inside, make("eq", x, make("floor", x)))
        safe = x if is_inside else make("where", inside, x, scalar_of(self.graph, family.interior, values))
        impossible = self.number(-math.inf)
        value = make("where", inside, self._formula(text, {**values, "x": safe}), impossible)
        for end, edge in zip((lower, upper), edges or (), strict=False) if not is_inside else ():
            value = make("where", make("eq", x, end), self._formula(edge, {**values, "x": x}), value)
        return chosen(self.graph, is_empty, impossible, value)

    def log_cdf(self, x: Scalar) -> Scalar:
        return self._tail(self.family.formulas[self.variant].log_cdf, x, -math.inf, 0.0)

    def log_survival(self, x: Scalar) -> Scalar:
        return self._tail(self.family.formulas[self.variant].log_survival, x, 0.0, -math.inf)

    def _tail(self, text: str, x: Scalar, below: float, above: float) -> Scalar:
        """A tail by its formula, ``below`` and ``above`` all values what it is there."""
        if not text:
            raise NotScalar(f"the tails of {self.name}")
        graph, (is_empty, values) = self.graph, self._within_limits()
        x = graph.make("floor", x) if self.is_discrete else x
        lower, upper = self._bounds(values)
        is_below = compared(graph, "lt" if self.is_discrete else "le", x, lower)
        is_above = compared(graph, "ge", x, upper)
        interior = scalar_of(graph, self.family.interior, values)
        safe = chosen(graph, is_below, interior, chosen(graph, is_above, interior, x))
        inside = self._formula(text, {**values, "x": safe})
        value = chosen(graph, is_below, self.number(below), chosen(graph, is_above, self.number(above), inside))
        return chosen(graph, is_empty, self.number(-math.inf), value)

    def _bounds(self, values: Mapping[str, Scalar]) -> tuple[Scalar, Scalar]:
        lower, upper = (scalar_of(self.graph, text, values) for text in self.family.bounds)
        return lower, upper

    def _within_limits(self) -> tuple[Scalar | bool, Mapping[str, Scalar]]:
        """Whether there is no such distribution, because its limits are not in order, and arguments with which there is one."""
        if self.family.limits is None:
            return False, self.values
        lower, upper = self._bounds(self.values)
        is_good = compared(self.graph, "le" if self.is_discrete else "lt", lower, upper)
        if isinstance(is_good, bool) and is_good:
            return False, self.values
        values = {
            p.name: chosen(
                self.graph, is_good, self.values[p.name], self.number(0.0 if p.safe is None else p.safe)
            )
            for p in self.family.variants[self.variant]
        }
        is_empty = not is_good if isinstance(is_good, bool) else self.graph.make("not", is_good)
        return is_empty, values

    def _formula(self, text: str, values: dict[str, Scalar]) -> Scalar:
        return formula_of(self.graph, text, self.family.formulas[self.variant].let, values)

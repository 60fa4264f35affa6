"""Whether an expression's numbers lie in the support that is asked of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from pgmlang.families import FAMILIES, Family
from pgmlang.model import Dist, Type
from pgmlang.model.constants import numbers_of
from pgmlang.model.expr import Apply, Const, Expr, Ref
from pgmlang.model.model import Distribution
from pgmlang.model.ranges import NOWHERE, Range, range_of, range_of_distribution, range_of_type
from pgmlang.model.types import MATRIX_KINDS, VECTOR_KINDS
from pgmlang.sema.constant_kinds import constant_problem
from pgmlang.sema.scope import Scope, Symbol
from pgmlang.signatures.intervals import ANYWHERE, KINDS, POSITIVE, Interval, point

Stated = Expr | Distribution | None
"""What gives a variable its values: an expression, a distribution, or (None) its declaration alone."""

ACCEPTED = {**KINDS, "nonnegative": POSITIVE}
"""The interval of each kind of argument."""


@dataclass
class Supports:
    """Ranges of a scope's variables, each found once. ``stated``: what gives a symbol its values, and its type."""

    scope: Scope
    stated: Callable[[Symbol], tuple[Stated, Type]]
    ranges: dict[str, Range] = field(default_factory=dict)
    assumed: dict[str, Range] = field(default_factory=dict)
    consulted: set[str] = field(default_factory=set)

    def range(self, expr: Expr) -> Range:
        """The numbers an expression can have."""
        return range_of(expr, self._of_reference, self.scope.size)

    def refuses(self, expr: Expr, kind: str) -> bool:
        """Whether an expression surely leaves a support: all of its numbers lie outside of it, or some certainly do. What
        can be neither proven nor disproven is left to the numbers of the run."""
        if expr.type.kind == "labels" or (expr.type.fits(kind) and not isinstance(expr, Const)):
            return False
        interval, wanted = self.range(expr).interval, ACCEPTED[kind]
        if self.misses(expr, kind):
            return True
        # a count may come as a number that the data rounds
        is_certain = kind != "count" and interval.is_tight and interval != NOWHERE and not interval.within(wanted)
        return is_certain and not self._hangs_on_inputs(expr, wanted)

    def holds(self, value: Expr, declared: Type) -> bool:
        """Whether a value has the kind that its name is declared to be; for intervals, unless it surely has not."""
        kind = declared.kind
        if kind in VECTOR_KINDS and numbers_of(value) is not None:
            return not constant_problem(value, kind, len(value.axes))
        if kind in MATRIX_KINDS and self.scope.square(value.axes):
            return True  # what numbers a matrix has is seen where it is used
        return value.type.fits(kind) or (kind in ("positive", "unit") and not self.refuses(value, kind))

    def _hangs_on_inputs(self, expr: Expr, wanted: Interval) -> bool:
        """Whether some numbers of the inputs in an expression keep all of it in a support: ``marked / N`` of a larger ``N``. What they are the data
        say."""

        def holds(number: float) -> bool:
            def of(ref: Ref) -> Range:
                symbol = self.scope.variables.get(ref.name)
                is_input = (
                    symbol is not None
                    and symbol.role == "input"
                    and ref.type.kind in ("count", "positive", "unit")
                )
                some = min(number, 1.0) if ref.type.kind == "unit" else number
                return Range(point(some), frozenset({ref.name})) if is_input else self._of_reference(ref)

            return range_of(expr, of, self.scope.size).interval.within(wanted)

        return isinstance(expr, Apply) and any(map(holds, (1.0, 0.5, 0.01, 100.0, 1e6)))

    def misses(self, expr: Expr, kind: str) -> bool:
        """Whether no number of the expression lies in the support. Zero is not positive."""
        if expr.type.kind in ("labels", "unknown") or kind == "real":
            return False
        interval, wanted = self.range(expr).interval, ACCEPTED[kind]
        if interval == NOWHERE:
            return False
        if interval.high < wanted.low or interval.low > wanted.high or (kind == "positive" and interval.high <= 0):
            return True
        is_fraction = interval.low == interval.high and not interval.is_whole and math.isfinite(interval.low)
        return wanted.is_whole and (is_fraction or expr.type.kind in ("unit", "simplex"))

    def cure_by_inputs(self, expr: Expr, kind: str, symbol: Symbol | None) -> str:
        """The declaration of the inputs that an expression mentions with which it has a kind, empty where there is none;
        nor of ``symbol``, a variable by itself."""
        symbols = (self.scope.variables.get(name) for name in sorted(self.range(expr).sources))
        inputs = [
            s
            for s in symbols
            if s is not None and s.role == "input" and s.type is not None and s.type.kind == "real"
        ]
        named = tuple(s.name for s in inputs)
        declared = "unit" if kind == "unit" else "positive"
        for few in (*((n,) for n in named), named):
            if symbol is None and few and self._has_kind(expr, kind, few, declared):
                axes = {s.name: f"[{', '.join(s.axes)}]" if s.axes else "" for s in inputs}
                return "declare " + ", ".join(f"`input {n}{axes[n]} : {declared}`" for n in few)
        return ""

    def _has_kind(self, expr: Expr, kind: str, names: tuple[str, ...], declared: str) -> bool:
        """Whether an expression lies in a support where these of its variables are declared so."""

        def assumed(ref: Ref) -> Range:
            return Range(KINDS[declared], frozenset({ref.name})) if ref.name in names else self._of_reference(ref)

        return range_of(expr, assumed, self.scope.size).interval.within(ACCEPTED[kind])

    def shown(self, expr: Expr) -> str:
        """What an expression is, for a message."""
        if isinstance(expr, Const):
            return f"{expr.value} is not"
        interval = self.range(expr).interval
        is_known = interval.low == interval.high or (math.isfinite(interval.low) and math.isfinite(interval.high))
        return f"this lies in {interval}" if is_known else f"this is {expr.type}"

    def of_distribution(self, distribution: Distribution, declared: Type) -> Range:
        """The numbers a distribution draws."""
        return range_of_distribution(distribution, self.range, declared)

    # ---- variables

    def _of_reference(self, ref: Ref) -> Range:
        symbol = self.scope.variables.get(ref.name) or self.scope.guide_variables.get(ref.name)
        if symbol is None:
            symbol = self.scope.owned_parameters.get(ref.name)
        if symbol is None:
            return Range(range_of_type(ref.type), frozenset({ref.name}))
        support = self._of_symbol(symbol)
        return support.loose() if ref.lag else support

    def _of_symbol(self, symbol: Symbol) -> Range:
        name = symbol.name
        if name in self.ranges:
            return self.ranges[name]
        if name in self.assumed:
            self.consulted.add(name)
            return self.assumed[name]
        outer, self.consulted = self.consulted, set()
        self.assumed[name] = Range(NOWHERE, frozenset({name}))
        support = self._found(symbol)
        if name in self.consulted:
            # an inductive proof: what holds of the first rows must follow for a row from the rows before it
            self.assumed[name] = support.loose()
            again = self._found(symbol)
            is_proven = again.interval.within(support.interval)
            support = (support if is_proven else Range(ANYWHERE, support.sources)).loose()
        del self.assumed[name]
        self.consulted.discard(name)
        if not self.consulted:
            self.ranges[name] = support
        self.consulted |= outer
        return support

    def _found(self, symbol: Symbol) -> Range:
        stated, type_ = self.stated(symbol)
        declared = range_of_type(type_)
        if symbol.role == "derived":
            if stated is None:
                return Range(declared, frozenset({symbol.name}))
            value = self.range(stated)  # type: ignore[arg-type]
            return value if value.interval == NOWHERE else Range(value.interval.meets(declared), value.sources)
        if stated is None:
            return Range(declared, frozenset({symbol.name}))
        drawn = self.of_distribution(stated, type_)  # type: ignore[arg-type]
        if drawn.interval == NOWHERE:
            return Range(NOWHERE, frozenset({symbol.name}))
        return Range(drawn.interval.meets(declared), drawn.sources | {symbol.name})


def declarable(type_: Type) -> str:
    """A type as it is written behind a name: a truth value is a bit."""
    return "bit" if type_.kind == "truth" else str(type_)


def _half(symbol: Symbol) -> str:
    """The family of the sizes of a variable's draws, where these lie around zero; else nothing."""
    if not isinstance(symbol.stated, Dist) or f"Half{symbol.stated.family}" not in FAMILIES:
        return ""
    loc = dict(symbol.stated.arguments).get("loc")
    is_centred = loc is not None and not isinstance(loc, Dist) and numbers_of(loc) == 0
    return f"Half{symbol.stated.family}" if is_centred else ""


def cure(expr: Expr, kind: str, symbol: Symbol | None, logit: bool) -> str:
    """A correction of an argument that leaves its support, ready to type; none of a number written there. ``logit``: whether the family takes
    ``logit = ...`` instead."""
    if isinstance(expr, Const):
        return ""
    text = expr.name if isinstance(expr, Ref) and not expr.index and not expr.lag else "..."
    if symbol is not None and symbol.role in ("param", "input"):
        axes = f"[{', '.join(symbol.axes)}]" if symbol.axes else ""
        return f"declare it: `{symbol.role} {symbol.name}{axes} : {kind}`"
    if kind == "unit":
        return f"write `sigmoid({text})`" + (f", or `logit = {text}`" if logit else "")
    if kind == "positive":
        if symbol is not None and (half := _half(symbol)):
            return f"draw it from the half of it that is positive: `{symbol.name} ~ {half}(...)`"
        return f"write `exp({text})`, or draw it from a positive distribution such as `HalfNormal(1)`"
    if kind == "count":
        return f"write `round({text})`, or draw it from a distribution of counts such as `Poisson(1)`"
    return f"declare it `{kind}`"


def cure_of_no_spread(family: Family, value: Expr, name: str) -> str:
    """What to write in the place of a distribution of ``name`` around a number that does not vary."""
    if family.location_scale is None or numbers_of(value) != 0:
        return ""
    return f"what does not vary is not drawn: `{name} = ...`"

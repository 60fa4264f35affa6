"""Intervals of numbers, and what functions and operators make of them (Moore 1966; Kulisch 2013).

Bounds may be infinite and count as belonging to the interval, so ``positive`` is ``[0, inf]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

ROUNDING = 1e-12
"""Sums of constants such as 0.1 + 0.2 + 0.7 end this near to what they stand for."""


@dataclass(frozen=True)
class Interval:
    """All numbers between ``low`` and ``high``. ``is_whole``: whole numbers only. ``is_tight``: values near both bounds
    occur; without it the interval may be wider than what occurs."""

    low: float = -math.inf
    high: float = math.inf
    is_whole: bool = False
    is_tight: bool = True

    def within(self, other: Interval) -> bool:
        """Whether all of it lies in another interval, but for rounding."""
        return other.low - ROUNDING <= self.low and self.high <= other.high + ROUNDING

    def meets(self, other: Interval) -> Interval:
        """The intersection; the nearer bound of ``other`` where they have nothing in common."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low > high:
            low = high = other.low if self.high < other.low else other.high
        return Interval(low, high, self.is_whole or other.is_whole, self.is_tight)

    def hull(self, other: Interval) -> Interval:
        return Interval(
            min(self.low, other.low), max(self.high, other.high), self.is_whole and other.is_whole,
            self.is_tight and other.is_tight,
        )  # fmt: skip

    def loose(self) -> Interval:
        return Interval(self.low, self.high, self.is_whole, False)

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


LINE = Interval()
ANYWHERE = Interval(is_tight=False)
"""Of what nothing is known."""
POSITIVE = Interval(0.0)
UNIT = Interval(0.0, 1.0)

KINDS: dict[str, Interval] = {
    "real": LINE, "positive": POSITIVE, "unit": UNIT, "count": Interval(0.0, is_whole=True), "integer": Interval(is_whole=True),
    "bit": Interval(0.0, 1.0, True), "truth": Interval(0.0, 1.0, True), "spin": Interval(-1.0, 1.0, True),
    "ordered": ANYWHERE, "simplex": UNIT.loose(), "ordered positive": POSITIVE.loose(),
    "zerosum": ANYWHERE, "unitvector": Interval(-1.0, 1.0, is_tight=False), "cov": ANYWHERE, "corr": Interval(-1.0, 1.0, is_tight=False),
    "cholesky_corr": Interval(-1.0, 1.0, is_tight=False),
}  # fmt: skip
"""Values of each kind of type. Elements of an ordered vector, a simplex or a matrix are bound to each other."""


def point(value: float) -> Interval:
    return Interval(value, value, math.isfinite(value) and float(value).is_integer())


def _sum(a: float, b: float, either: float) -> float:
    """Of bounds; ``either`` where they are infinite in opposite directions."""
    return either if math.isinf(a) and math.isinf(b) and a != b else a + b


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _of_corners(corners: list[float], operands: tuple[Interval, ...], is_whole: bool) -> Interval:
    return Interval(min(corners), max(corners), is_whole, all(x.is_tight for x in operands))


def add(a: Interval, b: Interval) -> Interval:
    low, high = _sum(a.low, b.low, -math.inf), _sum(a.high, b.high, math.inf)
    return _of_corners([low, high], (a, b), a.is_whole and b.is_whole)


def negative(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.is_whole, a.is_tight)


def subtract(a: Interval, b: Interval) -> Interval:
    return add(a, negative(b))


def multiply(a: Interval, b: Interval) -> Interval:
    corners = [_product(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return _of_corners(corners, (a, b), a.is_whole and b.is_whole)


def divide(a: Interval, b: Interval) -> Interval:
    """A bound of zero of the divisor is only approached: ``1 / positive`` is positive. Zero over anything is zero, or no number."""
    if a.low == a.high == 0:
        return a
    if b.low < 0 < b.high:
        return Interval(is_tight=a.is_tight and b.is_tight)
    if b.low == b.high == 0:
        return ANYWHERE
    far = [1 / x if x else math.copysign(math.inf, b.low + b.high) for x in (b.low, b.high)]
    return multiply(a, Interval(min(far), max(far), False, b.is_tight))


def power(a: Interval, b: Interval) -> Interval:
    exponent = b.low if b.low == b.high else None
    if a.low >= 0:
        corners = [_raised(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        return _of_corners(corners, (a, b), a.is_whole and b.is_whole and b.low >= 0)
    if exponent is None or not float(exponent).is_integer():
        return ANYWHERE
    if exponent % 2 == 0:
        return power(magnitude(a), b)
    if exponent > 0:
        return _of_corners([-_raised(-x, exponent) if x < 0 else _raised(x, exponent) for x in (a.low, a.high)], (a,),
                           a.is_whole)  # fmt: skip
    return Interval(is_tight=a.is_tight) if a.high > 0 else ANYWHERE


def _raised(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        return math.inf
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def magnitude(a: Interval) -> Interval:
    """Of ``abs``."""
    if a.low >= 0:
        return a
    if a.high <= 0:
        return negative(a)
    return Interval(0.0, max(-a.low, a.high), a.is_whole, a.is_tight)


def square(a: Interval) -> Interval:
    return power(a, point(2))


def smaller(a: Interval, b: Interval) -> Interval:
    return _of_corners([min(a.low, b.low), min(a.high, b.high)], (a, b), a.is_whole and b.is_whole)


def larger(a: Interval, b: Interval) -> Interval:
    return _of_corners([max(a.low, b.low), max(a.high, b.high)], (a, b), a.is_whole and b.is_whole)


def rising(function: Callable[[float], float], is_whole: bool = False) -> Callable[[Interval], Interval]:
    """Of a function that never falls; ``function`` takes infinities and raises nothing."""

    def interval(a: Interval) -> Interval:
        return Interval(function(a.low), function(a.high), is_whole, a.is_tight)

    return interval


def between(low: float, high: float) -> Callable[..., Interval]:
    """Of a function with these values over the whole line, whatever its arguments are."""

    def interval(*arguments: Interval) -> Interval:
        return Interval(
            low, high, False, all(a.low == -math.inf and a.high == math.inf and a.is_tight for a in arguments)
        )

    return interval


OPERATOR_INTERVALS: dict[str, Callable[..., Interval]] = {
    "add": add, "sub": subtract, "mul": multiply, "div": divide, "pow": power, "neg": negative,
    "elementwise_min": smaller, "elementwise_max": larger,
}  # fmt: skip
"""Of the operators that give numbers, by the name of their Apply node."""


def exponential(x: float) -> float:
    """``exp`` of a bound."""
    return math.exp(x) if x < 709 else math.inf


def logarithm(x: float) -> float:
    """``log`` of a bound; minus infinity at zero and for what ``log`` does not take."""
    return math.log(x) if 0 < x < math.inf else (-math.inf if x <= 0 else math.inf)


def sigmoid(x: float) -> float:
    """``sigmoid`` of a bound."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_gamma(a: Interval) -> Interval:
    """Of ``lgamma``: above its least value at 1.4616 for positive arguments, without bounds between its poles."""
    return Interval(-0.1214862905358497, is_tight=False) if a.low >= 0 else ANYWHERE


def rounded(function: Callable[[float], float]) -> Callable[[float], float]:
    """``floor`` and its like, of a bound."""
    return lambda x: x if math.isinf(x) else float(function(x))

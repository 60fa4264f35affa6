"""Ranges of expressions, against what random values give."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest

from pgmlang.diagnostics import CompileError
from pgmlang.model import Model
from pgmlang.model.ranges import Range, range_of, range_of_type
from pgmlang.sema import compile_source
from pgmlang.signatures.functions import FUNCTIONS
from pgmlang.signatures.intervals import Interval
from pgmlang.tables.evaluate import Evaluator

KINDS = {"r": "real", "p": "positive", "u": "unit", "c": "count", "b": "bit"}
ONE, TWO = [f for f, row in FUNCTIONS.items() if row.arity == 1 and f not in ("softmax", "cumsum")], ["atan2"]


def text(random_: random.Random, depth: int) -> str:
    """An expression over scalars ``r1 .. b2`` and vectors over an axis of three."""
    if depth == 0:
        kind = random_.choice("rpucb")
        return random_.choice([f"{kind}{random_.randint(1, 2)}", f"{random_.choice((0, 0.5, 1, 2, 3.5))}"])
    one, two = text(random_, depth - 1), text(random_, depth - 1)
    form = random_.randrange(11)
    if form < 4:
        return f"({one} {random_.choice('+-*/')} {two})"
    if form == 4:
        return f"({one}) ^ {random_.choice((2, 3, 0.5))}"
    if form == 5:
        return f"{random_.choice(ONE)}({one})"
    if form == 6:
        return f"{random_.choice(('min', 'max', *TWO))}({one}, {two})"
    if form == 7:
        vector = random_.choice("rpu") + "v"
        return f"{random_.choice(('sum', 'mean', 'prod', 'min', 'max', 'logsumexp'))}({vector} + {one}, over = k)"
    if form == 8:
        return f"{random_.choice(('sd', 'var'))}({random_.choice('rpu')}v * position(k), over = k)"
    if form == 9:
        return f"({random_.choice('rpu')}v[{random_.randrange(3)}] * size(k) - {one})"
    return f"(if {one} > {two} then {one} else {two})"


GIVEN = "".join(f"input {k}{i} : {kind}\n" for k, kind in KINDS.items() for i in (1, 2)) + "".join(
    f"input {k}v[k] : {KINDS[k]}\n" for k in "rpu"
)


def values(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    match kind:
        case "real":
            return rng.normal(0, 3, shape)
        case "positive":
            return rng.exponential(2, shape)
        case "unit":
            return rng.uniform(size=shape)
        case "count":
            return rng.poisson(2, shape)
        case _:
            return rng.integers(0, 2, shape)


@pytest.mark.parametrize("seed", range(150))
def test_no_value_lies_outside(seed: int) -> None:
    written = text(random.Random(seed), 3)
    try:
        model = compile_source(f"dim k[3]\n{GIVEN}value = {written}\nplate row {{ y ~ Normal(value, 1) }}\n")
    except Exception as error:  # the argument of a function lies outside of it for certain
        assert "PGM0410" in str(error)  # noqa: PT017
        return
    expr = model.definition_of["value"].value
    found = range_of(
        expr, lambda ref: Range(range_of_type(ref.type), frozenset({ref.name})), model.axis_size
    ).interval
    rng = np.random.default_rng(seed)
    for _ in range(60):
        given = {v.name: values(rng, v.type.kind, (3,) if v.axes else ()) for v in model.of_role("input")}
        with np.errstate(all="ignore"):
            value = float(Evaluator(model, given).evaluate(expr).values)
        assert math.isnan(value) or found.low - 1e-9 <= value <= found.high + 1e-9, (written, found, value)


def extreme(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values near all bounds of a kind, and far out."""
    far = rng.standard_cauchy(shape) * rng.choice([0.01, 1, 100], size=shape)
    match kind:
        case "real":
            return far
        case "positive":
            return np.abs(far)
        case "unit":
            return rng.beta(0.2, 0.2, shape)
        case "count":
            return rng.negative_binomial(1, 0.2, shape)
        case _:
            return rng.integers(0, 2, shape)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_refused_leaves_its_support(seed: int) -> None:
    """A declared type is refused only where some values lie outside of it for certain."""
    # few names, so that many occur twice
    written = re.sub(
        r"\b[rpucb][12]\b",
        lambda m: random.Random(m[0]).choice(("u1", "p1", "r1")),
        text(random.Random(1000 + seed), 2),
    )

    def compiled(declared: str) -> Model | str:
        try:
            return compile_source(
                f"dim k[3]\n{GIVEN}value{declared} = {written}\nplate row {{ y ~ Normal(value, 1) }}\n"
            )
        except CompileError as error:
            return " ".join(d.code for d in error.diagnostics)

    model = compiled("")
    for kind, most in (("positive", math.inf), ("unit", 1.0)):
        if isinstance(model, str) or compiled(f" : {kind}") != "PGM0401":
            continue
        rng = np.random.default_rng(seed)
        for _ in range(3000):
            given = {v.name: extreme(rng, v.type.kind, (3,) if v.axes else ()) for v in model.of_role("input")}
            with np.errstate(all="ignore"):
                value = float(Evaluator(model, given).evaluate(model.definition_of["value"].value).values)
            if value < 0 or value > most or (kind == "positive" and value == 0):
                break
        else:
            pytest.fail(f"`{written}` is {kind} in every draw")


SINGLE = {
    "1 - exp(-p)": Interval(0, 1),
    "0.2 + 0.3 * u": Interval(0.2, 0.5),
    "r ^ 2": Interval(0, math.inf),
    "r * r": Interval(0, math.inf),
    "1 / p": Interval(0, math.inf),
    "(u - 0.5) * 4": Interval(-2, 2),
    "1 - (1 - u) * (1 - w)": Interval(0, 1),
    "1 - prod(1 - v, over = k)": Interval(0, 1),
    "mean(v, over = k)": Interval(0, 1),
    "sum(v, over = k)": Interval(0, 3),
    "max(r, 0)": Interval(0, math.inf),
    "if q > 0 then u else w - 1": Interval(-1, 1),
    "exp(r) + 2": Interval(2, math.inf),
    "u - w": Interval(-1, 1),
}


def expression(model: Model, name: str) -> Range:
    def of(ref: object) -> Range:
        return Range(range_of_type(ref.type), frozenset({ref.name}))  # type: ignore[attr-defined]

    return range_of(model.definition_of[name].value, of, model.axis_size)


@pytest.mark.parametrize("written", SINGLE)
def test_independent_operands_reach_both_bounds(written: str) -> None:
    params = (
        "param r : real\nparam q : real\nparam p : positive\nparam u : unit\nparam w : unit\nparam v[k] : unit\n"
    )
    model = compile_source(f"dim k[3]\n{params}value = {written}\nplate row {{ y ~ Normal(value, 1) }}\n")
    found, wanted = expression(model, "value").interval, SINGLE[written]
    assert found.is_tight
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


@pytest.mark.parametrize("written", ["u - u ^ 2", "p - p", "if r > 0 then r else -r", "sum(s, over = k)"])
def test_a_variable_that_occurs_twice_proves_nothing_more(written: str) -> None:
    params = "param r : real\nparam p : positive\nparam u : unit\nparam s[k] : simplex\n"
    model = compile_source(f"dim k[3]\n{params}value = {written}\nplate row {{ y ~ Normal(value, 1) }}\n")
    assert not expression(model, "value").interval.is_tight

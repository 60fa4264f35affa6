"""The passes: equal expressions become equal, sound models stay sound, what breaks a rule is seen, sharing stays sharing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pgmlang.infer.gibbs import kinds_of
from pgmlang.model import Model
from pgmlang.model.expr import Const, Element, First, Ref, State, inside_out
from pgmlang.model.model import Conditional, Dist
from pgmlang.model.show import show, show_expr
from pgmlang.model.types import REAL
from pgmlang.normal import PASSES, canonical_factors, normal_form
from pgmlang.normal.affine import form_in
from pgmlang.normal.parts import with_named_parts
from pgmlang.normal.verify import RULES, breaches
from pgmlang.sema import compile_source, written_out
from tests.models import MODELS

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = {
    **{f"{p.parent.name}/{p.stem}": p.read_text(encoding="utf-8") for p in sorted(EXAMPLES.glob("*/*.pgm"))},
    **MODELS,
}

HEAD = "a ~ Normal(0, 1)\nb ~ Gamma(2, 2)\nc ~ Beta(2, 2)\ndim k[3]\nu[k] ~ Normal(0, 1)\nw[k] ~ Normal(0, 1)\n"


def argument(expression: str, more: str = "") -> str:
    """The canonical text of an expression as the mean of a normal variable."""
    model = normal_form(
        compile_source(
            f"{HEAD}{more}plate row {{ input x : real\nz : bit ~ Bernoulli(c)\ny ~ Normal({expression}, 1) }}"
        )
    )
    distribution = model.conditional_of["y"].distribution
    assert isinstance(distribution, Dist)
    value = dict(distribution.arguments)["loc"]
    assert not isinstance(value, Dist)
    return show_expr(value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sqrt(b)", "b ^ 0.5"),
        ("1 / sqrt(b)", "b ^ -0.5"),
        ("1 / sqrt(b)", "sqrt(b) / b"),
        ("a * a", "a ^ 2"),
        ("a * a * a / a", "square(a)"),
        ("a + x + a", "x + 2 * a"),
        ("a - (x - a)", "2 * a - x"),
        ("exp(log(b) + a)", "b * exp(a)"),
        ("log(b * exp(a))", "a + log(b)"),
        ("exp(a) * exp(x)", "exp(x + a)"),
        ("log1p(b)", "log(1 + b)"),
        ("expm1(a)", "exp(a) - 1"),
        ("1 / (1 + exp(-a))", "sigmoid(a)"),
        ("exp(a) / (1 + exp(a))", "sigmoid(a)"),
        ("1 - sigmoid(a)", "sigmoid(-a)"),
        ("logit(sigmoid(a))", "a"),
        ("sigmoid(logit(c))", "c"),
        ("logit(c)", "log(c / (1 - c))"),
        ("sqrt(square(a))", "abs(a)"),
        ("u @ w", "sum(w * u, over = k)"),
        ("sum(u + w, over = k)", "sum(u, over = k) + sum(w, over = k)"),
        ("sum(2 * u, over = k) * a", "2 * (a * u) @ w / 1 * 0 + 2 * a * sum(u, over = k)"),
        ("log(sum(exp(u), over = k))", "logsumexp(u)"),
        ("if 1 > 2 then a else x", "x"),
        ("if not (x > 0) then a else b", "if x <= 0 then a else b"),
        ("if x > 0 then a else a", "a"),
        ("min(a, x)", "min(x, a)"),
        ("z * z", "z"),
        ("sin(2)", "0.909297426826"),
    ],
)
def test_equal_expressions_have_one_form(first: str, second: str) -> None:
    assert argument(first) == argument(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sqrt(a * a)", "a"),
        ("a * b", "a + b"),
        ("a - x", "x - a"),
        ("b ^ 0.5", "b ^ -0.5"),
        ("if x > 0 then a else b", "a"),
    ],
)
def test_different_expressions_stay_apart(first: str, second: str) -> None:
    assert argument(first) != argument(second)


@pytest.mark.parametrize(
    ("expression", "name", "power", "is_linear"),
    [
        ("a", "a", 1, True), ("2 * a", "a", 1, True), ("x + a * b", "a", None, True), ("b ^ 2", "b", 2, False),
        ("3 / sqrt(b)", "b", -0.5, False), ("x / b", "b", -1, False), ("exp(a)", "a", None, False), ("u @ w", "u", None, True),
        ("sum(u * a, over = k)", "a", 1, True), ("if x > 0 then a else x", "a", 1, True), ("x", "a", 0, True),
    ],
)  # fmt: skip
def test_forms(expression: str, name: str, power: float | None, is_linear: bool) -> None:
    model = normal_form(compile_source(f"{HEAD}plate row {{ input x : real\ny ~ Normal({expression}, 1) }}"))
    distribution = model.conditional_of["y"].distribution
    assert isinstance(distribution, Dist)
    value = dict(distribution.arguments)["loc"]
    assert not isinstance(value, Dist)
    form = form_in(model, value, name)
    assert (form.power, form.is_linear) == (power, is_linear)


@pytest.mark.parametrize("name", TEXTS)
def test_every_pass_leaves_a_sound_model(name: str) -> None:
    model = compile_source(TEXTS[name])
    assert breaches(model) == ()
    for run in PASSES:
        model = run(model)
        assert breaches(model) == (), run.__name__


@pytest.mark.parametrize("name", TEXTS)
def test_normal_form_is_a_fixed_point(name: str) -> None:
    once = normal_form(compile_source(TEXTS[name]))
    again = once
    for run in PASSES:
        again = run(again)
    assert show(again) == show(once)
    assert again == once
    assert normal_form(once) is once


CHAIN = "s ~ HalfNormal(1)\nplate t = chain { x ~ Normal(if first then 0 else prev(x), s) }\nplate row { y ~ Normal(s, 1) }"


def _with_argument(model: Model, target: str, name: str, value: object) -> Model:
    def changed(factor: object) -> object:
        if (
            not isinstance(factor, Conditional)
            or factor.target != target
            or not isinstance(factor.distribution, Dist)
        ):
            return factor
        arguments = tuple((n, value if n == name else a) for n, a in factor.distribution.arguments)
        return replace(factor, distribution=replace(factor.distribution, arguments=arguments))  # type: ignore[arg-type]

    return replace(model, factors=tuple(map(changed, model.factors)))  # type: ignore[arg-type]


FAULTS: dict[str, Callable[[Model], Model]] = {
    "one statement a name": lambda m: replace(m, factors=(*m.factors, m.factors[0])),
    "names are defined": lambda m: _with_argument(m, "y", "loc", Ref(REAL, (), None, "nobody")),
    "axes exist": lambda m: _with_argument(m, "y", "loc", Ref(REAL, ("nowhere",), None, "s")),
    "plates are closed": lambda m: _with_argument(m, "y", "loc", Ref(REAL, (), None, "x")),
    "references fit": lambda m: _with_argument(
        m, "y", "loc", Ref(REAL, (), None, "s", (("t", Const(REAL, (), None, 0)),))
    ),
    "axes add up": lambda m: _with_argument(m, "x", "sd", _wider(m)),
    "lags are in chains": lambda m: _with_argument(m, "y", "loc", Ref(REAL, (), None, "s", (), 1)),
    "lags are guarded": lambda m: _with_argument(m, "x", "loc", Ref(REAL, (), None, "x", (), 1)),
    "elements are here": lambda m: _with_argument(m, "y", "loc", Element(REAL, (), None, "nowhere")),
    "functions are known": lambda m: _with_argument(m, "x", "sd", _called(m)),
    "conditions are truths": lambda m: _with_argument(m, "x", "loc", _chosen(m)),
    "solutions are whole": lambda m: _with_argument(m, "y", "loc", State(REAL, (), None, "x")),
    "arguments fit families": lambda m: replace(m, factors=tuple(_renamed(f) for f in m.factors)),
}


def _wider(model: Model) -> object:
    from pgmlang.model.expr import Apply

    return Apply(REAL, ("t",), None, "exp", (Ref(REAL, (), None, "s"),))


def _called(model: Model) -> object:
    from pgmlang.model.expr import Apply

    return Apply(REAL, (), None, "frobnicate", (Ref(REAL, (), None, "s"),))


def _chosen(model: Model) -> object:
    from pgmlang.model.expr import Choose

    s = Ref(REAL, (), None, "s")
    return Choose(REAL, (), None, s, s, s)


def _renamed(factor: object) -> object:
    if isinstance(factor, Conditional) and isinstance(factor.distribution, Dist) and factor.target == "y":
        return replace(
            factor, distribution=replace(factor.distribution, arguments=(("mean", Const(REAL, (), None, 0)),))
        )
    return factor


@pytest.mark.parametrize("rule", [r.name for r in RULES])
def test_what_breaks_a_rule_is_seen(rule: str) -> None:
    model = compile_source(CHAIN)
    assert breaches(model) == ()
    assert any(text.startswith(f"{rule}: ") for text in breaches(FAULTS[rule](model)))


@pytest.mark.parametrize(
    "text",
    [
        "if not first then prev(x) else 0",
        "if first or first(2) then 0 else prev(x)",
        "if later then prev(x) else 0",
        "if not first and not first(2) then prev(x, 2) else 0",
    ],
)
def test_guards_are_seen_through_their_spelling(text: str) -> None:
    model = compile_source(f"plate t = chain {{ later = not first\nx ~ Normal(0, 1)\ny ~ Normal({text}, 1) }}")
    assert breaches(normal_form(model)) == ()
    assert any(
        isinstance(e, First)
        for f in normal_form(model).factors
        for x in model.expressions(f)
        for e in inside_out(x)
    )


def _doubled(step: str, count: int) -> str:
    lines = [f"a{i} = " + step.replace("#", f"a{i - 1}") for i in range(1, count + 1)]
    return "\n".join(["m ~ Normal(0, 1)", "a0 = m", *lines, f"plate row {{ y ~ Normal(a{count}, 1) }}"])


@pytest.mark.parametrize(
    ("step", "count"), [("# + #", 60), ("# * sin(#)", 60), ("sin(#) + cos(#)", 60), ("sin(#) + 1", 800), ("if # > 0 then # else exp(#)", 60)]
)  # fmt: skip
def test_sharing_stays_sharing(step: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of 2^60 leaves is a graph of hundreds of nodes, and is read as one. Programs would write it out, so
    `check` refuses it: that limit is lifted here."""
    monkeypatch.setattr(written_out, "MOST_NODES", 2**200)
    model = compile_source(_doubled(step, count))
    start = time.process_time()
    normal = normal_form(model)
    canonical_factors(model)
    kinds_of(model, ("m",))
    text = show(with_named_parts(normal))
    assert breaches(normal) == ()
    assert time.process_time() - start < 5
    assert len(text) < 400_000

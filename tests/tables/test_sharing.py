"""Definitions used many times are evaluated once at each place: what is counted, and that the numbers are the same."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from pgmlang.model.expr import Apply, Ref
from pgmlang.model.types import REAL
from pgmlang.sema import compile_source, written_out
from pgmlang.tables.elements import ElementEvaluator, NodeBlock
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.terms import MOST_TERMS, additive_terms
from pgmlang.tables.unroll import unroll


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each node was worked out, whichever evaluator did."""
    counted: Counter[int] = Counter()
    original = Evaluator._value

    def counting(self: Evaluator, expr: object, context: object) -> object:
        counted[id(expr)] += 1
        return original(self, expr, context)  # type: ignore[arg-type]

    monkeypatch.setattr(Evaluator, "_value", counting)
    monkeypatch.setattr(written_out, "MOST_NODES", 2**300)
    return counted


STEPS = {
    "sum": ("# + #", lambda a: a + a),
    "three": ("(# + # * 0.25) - #", lambda a: a + a * 0.25 - a),
    "product": ("sin(#) * cos(#)", lambda a: math.sin(a) * math.cos(a)),
    "choice": ("(if # > 0 then 0.5 * # else # + 1)", lambda a: 0.5 * a if a > 0 else a + 1),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("depth", [3, 60])
def test_a_name_used_k_times_is_evaluated_once(step: str, depth: int, evaluations: Counter[int]) -> None:
    text, function = STEPS[step]
    lines = [f"a{i} = " + text.replace("#", f"a{i - 1}") for i in range(1, depth + 1)]
    model = compile_source("\n".join(["input x : real", "a0 = x", *lines, f"y ~ Normal(a{depth}, 1)"]))
    value = Evaluator(model, {"x": np.array(0.7)}).evaluate(Ref(REAL, (), None, f"a{depth}"))
    wanted = 0.7
    for _ in range(depth):
        wanted = function(wanted)
    assert float(value.values) == pytest.approx(wanted, rel=1e-12)
    assert sum(evaluations.values()) < 12 * depth


def test_a_node_that_stands_in_many_places_is_evaluated_once(evaluations: Counter[int]) -> None:
    """Without names: the graph of an inlined expression."""
    model = compile_source("input x : real\ny ~ Normal(x, 1)")
    node = Ref(REAL, (), None, "x")
    for _ in range(80):
        node = Apply(REAL, (), None, "add", (node, node))  # type: ignore[assignment]
    value = Evaluator(model, {"x": np.array(1.0)}).evaluate(node)
    assert float(value.values) == 2.0**80
    assert max(evaluations.values()) <= 2


@pytest.mark.parametrize("rows", [12, 60])
def test_a_recursion_of_two_terms_takes_time_as_its_rows(rows: int, evaluations: Counter[int]) -> None:
    """Fibonacci's numbers along a chain: without sharing as many evaluations as the numbers are large."""
    text = (
        "plate t = chain { input x : real\n s = if first(2) then x else prev(s) + prev(s, 2)\n y ~ Normal(s, 1) }"
    )
    model = compile_source(text)
    layout_rows = np.ones(rows)
    from pgmlang.layout import close_layout

    evaluator = Evaluator(model, {"x": layout_rows}, close_layout(model, {"t": rows}))
    values = evaluator.evaluate(Ref(REAL, (), None, "s"), ("t",)).values
    wanted = [1.0, 1.0]
    while len(wanted) < rows:
        wanted.append(wanted[-1] + wanted[-2])
    np.testing.assert_allclose(values, wanted, rtol=1e-12)
    assert sum(evaluations.values()) < 30 * rows


def test_values_go_with_their_call() -> None:
    """The same evaluator with other values of the same names, one after another."""
    model = compile_source("input x : real\na = x + x\nb = a * a\ny ~ Normal(b, 1)")
    values = {"x": np.array(1.0)}
    evaluator = Evaluator(model, values)
    assert float(evaluator.evaluate(Ref(REAL, (), None, "b")).values) == 4
    values["x"] = np.array(2.0)
    assert float(evaluator.evaluate(Ref(REAL, (), None, "b")).values) == 16


def test_a_name_at_two_indices_has_two_values() -> None:
    model = compile_source(
        "dim k = {u, v}\ninput x[k] : real\na[k] = x + x\nplate row { input i, j : k\n b = a[i] - a[j]\n y ~ Normal(b, 1) }"
    )
    from pgmlang.layout import close_layout

    values = {"x": np.array([1.0, 5.0]), "i": np.array([0, 1, 1]), "j": np.array([1, 0, 1])}
    evaluator = Evaluator(model, values, close_layout(model, {"row": 3}))
    assert evaluator.evaluate(Ref(REAL, (), None, "b"), ("row",)).values.tolist() == [-8, 8, 0]


@pytest.mark.parametrize("depth", [4, 40])
def test_tables_of_shared_names(depth: int, evaluations: Counter[int]) -> None:
    """An unrolled network whose chance hangs on names of names: the table is the function's."""
    lines = [f"a{i} = 0.5 * a{i - 1} + 0.25 * a{i - 1}" for i in range(1, depth + 1)]
    text = "\n".join(["u ~ Bernoulli(0.3)", "a0 = 0.2 + 0.6 * u", *lines, f"w ~ Bernoulli(a{depth})"])
    network = unroll(compile_source(text)).network
    factor = next(f for f in network.factors if len(f.scope) == 2)
    wanted = 0.75**depth * np.array([0.2, 0.8])
    np.testing.assert_allclose(np.asarray(factor.values)[:, 1], wanted, rtol=1e-9)
    assert sum(evaluations.values()) < 60 * depth


def test_surveys_meet_shared_names_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_out, "MOST_NODES", 2**300)
    lines = [f"a{i} = a{i - 1} + a{i - 1}" for i in range(1, 61)]
    model = compile_source("\n".join(["field s : spin", "a0 = 0.1 * s", *lines, "factor a60"]))
    elements = ElementEvaluator(Evaluator(model, {}), {"s": NodeBlock(0, (), (), 2)})
    elements.survey(model.potentials[0].value, elements.context(()))
    assert len(elements.slots) == 1


@pytest.mark.parametrize("step", ["# + #", "# * (1 + #)", pytest.param("# - 2 * #", marks=pytest.mark.slow)])
def test_terms_of_shared_names_end(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_out, "MOST_NODES", 2**300)
    lines = [f"a{i} = " + step.replace("#", f"a{i - 1}") for i in range(1, 61)]
    model = compile_source("\n".join(["field s : spin", "a0 = 0.1 * s", *lines, "factor a60"]))
    assert 1 <= len(additive_terms(model, model.potentials[0].value)) <= MOST_TERMS

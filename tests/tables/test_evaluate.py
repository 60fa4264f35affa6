"""The NumPy meaning of expressions, against the same thing written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.layout import close_layout
from pgmlang.model import Dist, Model
from pgmlang.model.expr import Expr
from pgmlang.model.lattice import grid_edges
from pgmlang.model.named import MAX_CELLS, NamedArray, align, take
from pgmlang.sema import compile_source
from pgmlang.tables.evaluate import Evaluator

rng = np.random.default_rng(5)


def argument(model: Model, name: str, which: str) -> Expr:
    distribution = model.conditional_of[name].distribution
    assert isinstance(distribution, Dist)
    expr = dict(distribution.arguments)[which]
    assert not isinstance(expr, Dist)
    return expr


def test_arrays_align_by_name() -> None:
    a, b = NamedArray(np.arange(6).reshape(2, 3), ("x", "y")), NamedArray(np.arange(3), ("y",))
    (left, right), axes = align([b, a])
    assert axes == ("y", "x")
    assert (left + right == a.values.T + np.arange(3)[:, None]).all()


def test_take_is_indexing_by_name() -> None:
    a = NamedArray(rng.normal(size=(4, 3)), ("k", "f"))
    z = NamedArray(np.array([0, 3, 3]), ("row",))
    found = take(a, {"k": z})
    assert found.axes == ("row", "f")
    assert (found.values == a.values[z.values]).all()


def test_sizes_are_refused_before_allocation() -> None:
    arrays = [NamedArray(np.zeros(2), (f"a{i}",)) for i in range(29)]
    with pytest.raises(PgmError) as error:
        align(arrays)
    assert error.value.diagnostics[0].code == "PGM0406"
    assert MAX_CELLS == 2**28


def test_regression_with_an_outer_plate() -> None:
    model = compile_source("""
dim predictor = {area, rooms}
a ~ Normal(0, 10)
b[predictor] ~ Normal(0, 1)
s ~ HalfNormal(1)
plate colour { effect ~ Normal(0, 1) }
plate house in colour {
  input X[predictor] : real
  y ~ Normal(a + X @ b + effect, s)
}
""")
    X, b, effect = rng.normal(size=(5, 2)), rng.normal(size=2), rng.normal(size=3)
    colour = np.array([0, 2, 1, 1, 0])
    values = {"a": np.array(0.7), "b": b, "s": np.array(1.0), "effect": effect, "X": X, "y": np.zeros(5)}
    evaluator = Evaluator(
        model, values, close_layout(model, {"house": 5, "colour": 3}, membership={("house", "colour"): colour})
    )
    found = evaluator.evaluate(argument(model, "y", "loc"), ("colour", "house"))
    assert found.axes == ("house",)
    assert np.allclose(found.values, 0.7 + X @ b + effect[colour])


def test_mixture_gathers_the_element() -> None:
    model = compile_source("""
model gmm(clusters = 3)
dim feature = {height, weight}
share[cluster] ~ Dirichlet(1)
plate cluster[clusters] {
  mean[feature] ~ Normal(0, 10)
  sd[feature]   ~ HalfNormal(5)
}
plate row {
  z          ~ Categorical(share)
  x[feature] ~ Normal(mean[z], sd[z])
}
""")
    mean, z = rng.normal(size=(3, 2)), np.array([2, 0, 1, 1])
    evaluator = Evaluator(model, {"mean": mean, "z": z}, close_layout(model, {"row": 4}))
    found = evaluator.evaluate(argument(model, "x", "loc"), ("row",))
    assert (found.to(("row", "feature")) == mean[z]).all()


def test_reduction_over_the_rows_of_each_group() -> None:
    model = compile_source("""
plate school {
  total = sum(x, over = pupil)
  best ~ Normal(total, 1)
  plate pupil { input x : real }
}
""")
    school, x = np.array([1, 0, 1, 1]), rng.normal(size=4)
    evaluator = Evaluator(
        model, {"x": x}, close_layout(model, {"school": 2, "pupil": 4}, membership={("pupil", "school"): school})
    )
    found = evaluator.evaluate(argument(model, "best", "loc"), ("school",))
    assert np.allclose(found.values, [x[school == 0].sum(), x[school == 1].sum()])


def test_previous_rows_of_interleaved_chains() -> None:
    model = compile_source("""
plate seq {
  plate step = chain {
    y ~ Normal(if first then 0 else 2 * prev(y), 1)
  }
}
""")
    seq, y = np.array([0, 1, 0, 1, 0]), np.array([1.0, 10.0, 2.0, 20.0, 3.0])
    evaluator = Evaluator(
        model, {"y": y}, close_layout(model, {"seq": 2, "step": 5}, membership={("step", "seq"): seq})
    )
    found = evaluator.evaluate(argument(model, "y", "loc"), ("seq", "step"))
    assert found.values.tolist() == [0, 0, 2, 20, 4]


def test_spins_are_plus_and_minus_one() -> None:
    model = compile_source("""
param J : real
plate site = grid(2, 2) { field s : spin }
plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }
""")
    codes = np.array([0, 1, 1, 1])
    evaluator = Evaluator(model, {"s": codes, "J": np.array(0.5)})
    found = evaluator.evaluate(model.potentials[0].value, ("bond",))
    spins = 2 * codes - 1
    assert found.values.tolist() == [0.5 * spins[i] * spins[j] for i, j in grid_edges((2, 2))]


def test_labels_compare_as_text() -> None:
    model = compile_source("""
plate row {
  a : {x, y, z} ~ Table()
  b : {z, y} ~ Table()
  c ~ Normal(if a == z then 1 else 2, 1)
  d ~ Normal(if a == b then 1 else 2, 1)
}
""")
    evaluator = Evaluator(
        model, {"a": np.array([0, 1, 2, 2]), "b": np.array([0, 1, 0, 1])}, close_layout(model, {"row": 4})
    )
    assert evaluator.evaluate(argument(model, "c", "loc"), ("row",)).values.tolist() == [2, 2, 1, 1]
    assert evaluator.evaluate(argument(model, "d", "loc"), ("row",)).values.tolist() == [2, 1, 1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exp(x) + log1p(x ^ 2)", lambda x: np.exp(x) + np.log1p(x**2)),
        ("sigmoid(x) * tanh(x) - abs(x) / 3", lambda x: 1 / (1 + np.exp(-x)) * np.tanh(x) - np.abs(x) / 3),
        ("max(x, 0) + min(x, 1) + relu(x)", lambda x: np.maximum(x, 0) + np.minimum(x, 1) + np.maximum(x, 0)),
        (
            "if x > 0 and x < 1 or not x > -1 then x else -x",
            lambda x: np.where((x > 0) & (x < 1) | ~(x > -1), x, -x),
        ),
    ],
)
def test_functions(text: str, expected: object) -> None:
    model = compile_source(f"plate row {{\n  input x : real\n  y ~ Normal({text}, 1)\n}}\n")
    x = rng.normal(size=20) * 2
    found = Evaluator(model, {"x": x}, close_layout(model, {"row": 20})).evaluate(
        argument(model, "y", "loc"), ("row",)
    )
    assert np.allclose(found.values, expected(x))  # type: ignore[operator]


def test_softmax_and_reductions_over_axes() -> None:
    model = compile_source("""
dim f = {a, b, c}
plate row {
  input x[f] : real
  y ~ Normal(logsumexp(x) + mean(x, over = f) + sum(softmax(x) * x), 1)
}
""")
    x = rng.normal(size=(7, 3))
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    found = Evaluator(model, {"x": x}, close_layout(model, {"row": 7})).evaluate(
        argument(model, "y", "loc"), ("row",)
    )
    assert np.allclose(found.values, np.log(np.exp(x).sum(1)) + x.mean(1) + (p * x).sum(1))


def test_a_param_without_a_value_says_how_to_give_one() -> None:
    model = compile_source("param J : real\nplate site = grid(2, 2) { field s : spin ; factor J * s }\n")
    with pytest.raises(PgmError) as error:
        Evaluator(model, {"s": np.zeros(4, dtype=int)}).evaluate(model.potentials[0].value, ("site",))
    diagnostic = error.value.diagnostics[0]
    assert diagnostic.code == "PGM0610"
    assert "--fix J=0.44" in diagnostic.help

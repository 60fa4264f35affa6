"""Vectors and matrices written out: which axes they lie along in each place, of which kind they are, and the same values as without them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from pgmlang.density.target import target_of
from pgmlang.diagnostics import SourceFile
from pgmlang.layout import close_layout
from pgmlang.model.expr import Stack, walk
from pgmlang.model.model import Dist
from pgmlang.sema import compile_source
from pgmlang.syntax import parse
from pgmlang.tables.evaluate import Evaluator
from tests.infer.by_hand import problem_of

HEAD = "dim k = {a, c}\ndim j like k\ndim m[3]\nu[k] ~ Normal(0, 1)\nw[m] ~ Normal(0, 1)\ns ~ HalfNormal(1)\n"
PLACES = {
    "of a definition": ("v[k] = [1, 2]", [("k",)]),
    "inside an expression": ("v[k] = 2 * exp([0, 1]) - u", [("k",)]),
    "of a matrix": ("v[k, m] = [[1, 2, 3], [4, 5, 6]]", [("k", "m")]),
    "by its length": ("v[k, m] = [1, 2, 3] * u", [("m",)]),
    "beside a value": ("v = [s, 2] * u", [("k",)]),
    "contracted": ("v = [1, 2] @ u + w @ [1, 2, 3]", [("k",), ("m",)]),
    "in a sum": ("v = sum([1, 2], over = k) + sum(w + [1, 2, 3])", [("k",), ("m",)]),
    "of vectors": ("v[k, m] = [w, 2 * w]", [("k",)]),
    "of the event": ("v[m, k] ~ MultivariateNormal([0, s], [[1, 0.5], [0.5, 1]])", [("k",), ("k", "k'")]),
    "of vectors of the event": ("v[m, k] ~ MultivariateNormal([[0, s], [1, 1], [2, 2]], [[1, 0.5], [0.5, 1]])", [("m", "k"), ("k", "k'")]),
    "of numbers": ("v[k] ~ Normal([0, 1], [10, s])", [("k",), ("k",)]),
    "of shares": ("v[k] ~ Dirichlet([1, 2])", [("k",)]),
    "of a declared axis": ("plate r { v : k ~ Categorical([0.3, 0.7]) }", [("k",)]),
    "of labels of its own": ("plate r { v : {x, y} ~ Categorical([0.3, 0.7]) }", [("v.p",)]),
    "of nothing else": ("plate r { v ~ Categorical(logit = 2 * [0.3, s]) }", [("v.logit",)]),
    "of components": ("plate r { v ~ Mixture([0.3, 0.7], Normal([0, 5], 1)) }", [("v.p",), ("v.p",)]),
    "of a matrix of two axes": ("v[k, j] ~ Wishart(3, [[1, 0.5], [0.5, 1]])", [("k", "j")]),
    "in a branch": ("v[k] = if s > 1 then [1, 2] else u", [("k",)]),
    "of a network": ("net f : k -> real = mlp(3, act = tanh)\nv = f([1, s])", [("k",)]),
    "of a definition's": ("def g(x[b]) { return [1, 2] * x }\nv = g(u)", [("k",)]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_axes(name: str) -> None:
    """Vectors, outermost first, as they stand in the text."""
    text, wanted = PLACES[name]
    model = compile_source(HEAD + text)
    item = model.definition_of.get("v") or model.conditional_of["v"]
    stacks = [node for expr in model.expressions(item) for node in walk(expr) if isinstance(node, Stack)]
    inner = {id(e) for stack in stacks for e in stack.entries}
    rows = {"w"} if name == "of vectors" else set()
    found = [tuple(a for a in s.axes if not rows or a == "k") for s in stacks if id(s) not in inner]
    assert sorted(found) == sorted(wanted)
    for stack in stacks:
        assert model.axis_size(stack.axis) == len(stack.entries)


def test_a_returned_vector_and_a_variable_called_return() -> None:
    text = "def f(x[b]) { return [1, 2] * x }\nreturn[k] = [1, 2]\n"
    program = parse(SourceFile("<test>", text))
    assert [type(s).__name__ for s in program.statements] == ["Def", "Assign"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("v[k] : simplex = [0.25, 0.75]", "simplex"),
        ("v[k] : ordered = [0, 1]", "ordered"),
        ("v[k, j] : cov = [[2, 0.5], [0.5, 1]]", "cov"),
        ("v[k, j] = [[1, 0.5], [0.5, 1]]", "corr"),
        ("v[k, k'] : cov = outer(u) + diag(1)", "cov"),
        ("v[k, k'] : cholesky_corr = [[1, 0], [0.6, 0.8]]", "cholesky_corr"),
        ("v[k, j] = [[1, 2], [2, 1]]", "count"),
        ("v[k] = [-1, 1/3]", "real"),
        ("v[k] = [s, 1]", "positive"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert compile_source(HEAD + text).by_name["v"].type.kind == kind


def test_probabilities_are_a_simplex_where_they_are_used() -> None:
    distribution = compile_source("plate r { v ~ Categorical([0.25, 0.75]) }").conditional_of["v"].distribution
    assert isinstance(distribution, Dist)
    assert dict(distribution.arguments)["p"].type.kind == "simplex"  # type: ignore[union-attr]


def test_values() -> None:
    """At places of every sort: whole, at an element by its label, at one by a variable."""
    model = compile_source(
        HEAD
        + "S[k, j] = [[1, s], [u[a], 4]]\nt = S[c, a] + [5, 6] @ u\nplate r {\n  input z : k\n  y = S[z, c] * u[z]\n}"
    )
    values = {"u": np.array([0.3, -0.2]), "s": np.array(0.7), "z": np.array([0, 1, 1])}
    evaluator = Evaluator(model, values, close_layout(model, sizes={"r": 3}))
    np.testing.assert_array_equal(
        evaluator.evaluate(model.definition_of["S"].value).to(("k", "j")), [[1, 0.7], [0.3, 4]]
    )
    assert evaluator.evaluate(model.definition_of["t"].value).values == pytest.approx(0.3 + 5 * 0.3 - 6 * 0.2)
    rows = evaluator.evaluate(model.definition_of["y"].value, ("r",)).to(("r",))
    np.testing.assert_allclose(rows, [0.7 * 0.3, 4 * -0.2, 4 * -0.2])


def test_density() -> None:
    """Written out, of constants and of values, the log-density is scipy's."""
    text = (
        "dim k = {a, c}\nb[k] ~ MultivariateNormal([1, 2], [[2, 0.5], [0.5, 1]])\ne[k] ~ Normal([0, 1], [10, 2])\n"
        "plate r {\n  y ~ Normal([b[a], 3] @ e, 2)\n  z ~ Categorical([0.2, 0.3, 0.5])\n  q ~ Mixture([0.3, 0.7], Normal([0, 5], [1, 2]))\n}"
    )
    rng = np.random.default_rng(1)
    y, z, q = rng.normal(size=5), rng.integers(0, 3, 5), rng.normal(2, 3, 5)
    target = target_of(problem_of(text, {"y": y, "z": [str(i) for i in z], "q": q}))
    point = rng.normal(size=4)
    order = {"b": point[:2], "e": point[2:]} if target.names[0] == "b" else {"e": point[:2], "b": point[2:]}
    b, e = order["b"], order["e"]
    normal = scipy.stats.norm
    wanted = (
        scipy.stats.multivariate_normal([1, 2], [[2, 0.5], [0.5, 1]]).logpdf(b)
        + normal([0, 1], [10, 2]).logpdf(e).sum()
        + normal(b[0] * e[0] + 3 * e[1], 2).logpdf(y).sum()
        + np.log([0.2, 0.3, 0.5])[z].sum()
        + np.log(0.3 * normal(0, 1).pdf(q) + 0.7 * normal(5, 2).pdf(q)).sum()
    )
    found, _ = target.value_and_grad(torch.tensor(point[None]))
    assert float(found[0]) == pytest.approx(wanted, rel=1e-12)

"""Compiled loops and torch have one density: values and gradients agree, for every family of one number and every form of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pgmlang.density.native import native_log_density
from pgmlang.density.target import Target, target_of
from pgmlang.density.unit_values import unit_values
from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES
from pgmlang.native.formulas import NotScalar
from pgmlang.native.log_density import NativeLogDensity
from pgmlang.plan.registry import method_named, options_for
from tests.infer.by_hand import problem_of

RNG = np.random.default_rng(3)
N = 12
ROWS: dict[str, Any] = {
    "x": RNG.normal(size=N), "y": RNG.normal(size=N), "p": RNG.uniform(0.05, 0.95, N), "w": RNG.gamma(2.0, 1.0, N),
    "k": RNG.poisson(3.0, N), "b": RNG.integers(0, 2, N), "c": [f"c{i % 3}" for i in range(N)],
    "a": [("l", "m", "n")[i % 3] for i in range(N)], "n": RNG.poisson(3.0, N) + 8,
    "z": [(0.7, 1.9, 0.2)[i % 3] for i in range(N)], "d": [("n", "l", "m")[i % 3] for i in range(N)], "gap": RNG.integers(-4, 5, N),
}  # fmt: skip
MODELS = {
    "a regression": "a ~ Normal(0, 2)\nb ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate r {\n  input x : real\n  y ~ Normal(a + b * x, s)\n}",
    "groups": (
        "m ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate c {\n  t ~ Normal(m, s)\n  v ~ Gamma(2, 3)\n  plate r {\n    input x : real\n"
        "    y ~ Normal(t * x, v)\n  }\n}"
    ),
    "a name of outer elements": (
        "m ~ Normal(0, 1)\nplate c {\n  e ~ Normal(0, 1)\n  t = exp(m + 0.3 * e)\n  plate r { w ~ Exponential(t) }\n}"
    ),
    "vectors": (
        "dim f = {one, two}\ng[f] ~ Normal(0, 1)\nplate r {\n  input x : real\n  input p : real\n"
        "  y ~ Normal(g[one] * x + g[two] * p, exp(sum(g) / 4))\n}"
    ),
    "a choice": (
        "g ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate r {\n  input x : real\n  y ~ Normal(if x > 0 then log(x) * g else g, s)\n}"
    ),
    "a choice of distributions": (
        "g ~ HalfNormal(1)\nplate r {\n  input x : real\n  w ~ if x > 0 then Exponential(g) else Gamma(2, g)\n}"
    ),
    "labels as data": (
        "g ~ Normal(0, 1)\nh ~ Normal(0, 1)\nplate r {\n  input a : {l, m, n}\n"
        "  y ~ Normal(if a == l then g else if a == m then h else 0, 1)\n}"
    ),
    "an index, and some that are worked out": (
        "dim f = {l, m, n}\ng[f] ~ StudentT(4, 0, 1)\nh[f] ~ Normal(0, 1)\nplate c {\n  input a : f\n  input d : f\n  input z : real\n"
        "  o = if z > 1 then a else d\n  plate t = chain {\n    input x : real\n    e = if x > 0 then o else a\n"
        "    y ~ Laplace(h[a] + (if first then g[o] else g[prev(e)] * h[o]), 1)\n  }\n}"
    ),
    "a chain": (
        "r ~ Uniform(-1, 1)\ns ~ HalfNormal(1)\nplate t = chain {\n  h ~ if first then Normal(0, 1) else Normal(r * prev(h), s)\n"
        "  y ~ Normal(0, exp(h / 2))\n}"
    ),
    "conditions over constants": (
        "g ~ Normal(0, 1)\nplate c {\n  t ~ Normal(g, 1)\n  e = if 0.7 > 0.1 and not 1 > 2 then t else g\n"
        "  plate r { y ~ Normal(if 1 > 2 then g else e, 1) }\n}"
    ),
    "bits": "g ~ Normal(0, 1)\nplate r {\n  input x : real\n  b ~ Bernoulli(logit = g * x)\n}",
    "a mean over all rows": "g ~ Normal(0, 1)\nm = mean(x, over = r)\nplate r {\n  input x : real\n  y ~ Normal(g * (x - m), 1)\n}",
    "functions": (
        "g ~ Normal(0, 1)\nplate r {\n  input x : real\n  y ~ Normal(sigmoid(g * x) + tanh(g) + softplus(g + x) + sqrt(1 + g ^ 2) + "
        "abs(g) + Phi(g) + sin(g) * cos(x) + atan(g) + log1p(exp(g)) + min(g, x) + max(g, 0.3), 1)\n}"
    ),
}  # fmt: skip


def target_over(text: str, rows: dict[str, Any] = ROWS) -> Target:
    used = {n: v for n, v in rows.items() if n in set(text.replace("(", " ").replace("\n", " ").split())}
    return target_of(problem_of(text, used))


def assert_equal(target: Target, scale: float = 0.7) -> NativeLogDensity:
    native = native_log_density(target.joint, target.names, target.sums.names if target.sums else ())
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, target.dimension)) * scale)
    expected, slopes = target.value_and_grad(x)
    values, gradients = native.values_and_gradients(x.numpy())
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-9, atol=1e-9 * float(slopes.abs().max()))
    np.testing.assert_allclose(native.values(x.numpy()), expected, rtol=1e-10, atol=1e-10)
    return native


@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS)
def test_models(text: str) -> None:
    assert_equal(target_over(text))


ARGUMENTS = {"real": "g", "positive": "exp(g)", "unit": "sigmoid(g)", "count": "n", "bit": "sigmoid(g)"}
COLUMN = {"real": "y", "positive": "w", "unit": "p", "count": "k", "integer": "gap", "bit": "b"}
BY_TORCH = {"NoncentralChiSquared", "NoncentralT"}
"""Families whose functions have no loops."""
SCALARS = [
    (f.name, variant)
    for f in FAMILIES.values()
    for variant in range(len(f.variants))
    if f.is_scalar
    and f.formulas
    and not f.takes
    and not f.improper
    and not f.is_angle
    and f.limits is None
    and f.name not in BY_TORCH
]


@pytest.mark.parametrize(
    ("name", "variant"), [pytest.param(*s, marks=pytest.mark.slow if i % 6 else ()) for i, s in enumerate(SCALARS)]
)
def test_families(name: str, variant: int) -> None:
    """Every family of one number, of data, with every argument moved by a latent."""
    family = FAMILIES[name]
    arguments = {"delay": "0.01 * exp(g)"}  # below every row's time
    words = [f"{p.name} = {arguments.get(p.name, ARGUMENTS[p.support])}" for p in family.variants[variant]]
    column = COLUMN[family.support]
    inputs = "  input n : count\n" if "n = n" in words else ""
    text = f"g ~ Normal(0, 1)\nplate r {{\n{inputs}  {column} ~ {name}({', '.join(words)})\n}}"
    assert_equal(target_over(text), 0.4)


@pytest.mark.parametrize(
    "name", ["Gamma", "InverseGamma", "Weibull", "Exponential", "LogNormal", "HalfNormal", "Beta", "StudentT"]
)
def test_families_of_latents(name: str) -> None:
    family = FAMILIES[name]
    words = ", ".join("1.5" if p.support == "positive" else "0.2" for p in family.variants[0])
    assert_equal(target_over(f"v ~ {name}({words})\nplate r {{ y ~ Normal(v, 1) }}"))


def test_weights_and_cells_that_drop_out() -> None:
    text = "g ~ Normal(0, 1)\nplate r {\n  input x : real\n  y ~ Normal(g * x, 1)\n}"
    rows: dict[str, Any] = {
        "x": ROWS["x"],
        "y": np.where(np.arange(N) % 4 == 0, np.nan, ROWS["y"]),
        "w": ROWS["w"],
    }
    assert_equal(target_of(problem_of(text, rows, weights="w")))


def test_any_number_of_threads_is_the_same() -> None:
    target = target_over(MODELS["groups"])
    native = assert_equal(target)
    x = np.random.default_rng(1).normal(size=(7, target.dimension))
    one = native.values_and_gradients(x)
    several = native_log_density(target.joint, target.names)
    several.threads, several.seconds = 3, 1.0
    for a, b in zip(one, several.values_and_gradients(x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_planted_fault_is_seen() -> None:
    """The comparison would tell of an adjoint that is off by a little."""
    target = target_over(MODELS["a regression"])
    native = native_log_density(target.joint, target.names)
    right = native.values_and_gradients(np.full((1, target.dimension), 0.3))[1]
    source = native.program.source
    wrong = source.replace("* 0.5", "* 0.5000001") if "* 0.5" in source else source.replace("0.5 *", "0.5000001 *")
    from pgmlang.native.program_files import load_program

    native.__dict__["module"] = load_program(wrong)
    off = native.values_and_gradients(np.full((1, target.dimension), 0.3))[1]
    assert np.abs(off / right - 1).max() > 1e-9


def test_names_said_twice_are_worked_out_once() -> None:
    """Each name has the one before three times: written out, the last would have 6,561 terms."""
    doubled = "".join(f"a{i} = 0.5 * (a{i - 1} + a{i - 1} * a{i - 1})\n" for i in range(1, 9))
    assert_equal(
        target_over(f"g ~ Normal(0, 1)\na0 = tanh(g) / 64\n{doubled}plate r {{ y ~ Normal(a8, 1) }}"), 0.1
    )


def test_deep_expressions_stay_with_torch() -> None:
    deep = "a0 = g + 1\n" + "".join(f"a{i} = a{i - 1} + g\n" for i in range(1, 300))
    target = target_over(f"g ~ Normal(0, 1)\n{deep}plate r {{ y ~ Normal(a299, 1) }}")
    with pytest.raises(NotScalar, match="nested"):
        native_log_density(target.joint, target.names)


def test_more_columns_than_a_call_of_python_takes() -> None:
    """Calls with over thirty arguments are written in another way, which numba does not inline; they are written out."""
    number = 33
    columns = "".join(f"  input x{i} : real\n" for i in range(number))
    text = f"b ~ Normal(0, 1)\nplate r {{\n{columns}  y ~ Normal(b * ({' + '.join(f'x{i}' for i in range(number))}), 1)\n}}"
    rows = {"y": RNG.normal(size=N), **{f"x{i}": RNG.normal(size=N) for i in range(number)}}
    target = target_of(problem_of(text, rows))
    assert_equal(target)
    drawn = torch.tensor([0.3, -0.2], dtype=torch.float64)
    found = unit_values(target.joint, {"b": drawn}, {}, ("y",), "r", 2, enough=0)
    assert found is not None
    total = np.sum([rows[f"x{i}"] for i in range(number)], 0)
    expected = -0.5 * (rows["y"] - np.outer(drawn, total)) ** 2 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("method", ["ml"])
def test_methods_that_run_no_loops_have_no_such_option(method: str) -> None:
    with pytest.raises(PgmError, match="no option `backend`"):
        options_for(method_named(method), {"backend": "native"})

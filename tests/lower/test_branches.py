"""What an ``if`` does not take has no say in the gradient: against finite differences, for branches that are partial in
data, latents and params, and for every family outside of its support."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import log_joint
from pgmlang.families import FAMILIES
from tests.infer.by_hand import problem_of

GROUPED = {
    "g": ["p", "p", "q", "q", "r", "r"],
    "x": [-2.0, 0.0, 1.5, 800.0, 0.5, -1.0],
    "y": [0.3, -1.0, 2.0, 0.1, 0.0, 1.0],
}
HEAD = """model m
param c : real
a ~ Normal(0, 1)
b ~ Normal(0, 1)
s ~ HalfNormal(1)
plate g {
  u ~ Normal(0, 1)
  plate row in g {
    input x : real
"""

MEANS = {
    "log of data": "if x > 0 then b * log(x) else 0",
    "the other branch": "if x <= 0 then 0 else b * log(x)",
    "log of a latent": "if b > 0 then log(b) else b",
    "log of a param": "if c > 0 then log(c) * u else c",
    "log of an outer latent": "if u > 0 then log(u) + a else u * b",
    "root": "if x > b then sqrt(x - b) else a",
    "quotient": "if x == 0 then a else b / x",
    "power": "if u > 0 then u ^ a else 0",
    "root as a power": "if x > a then (x - a) ^ 0.5 else a",
    "exp overflows": "if b * x < 5 then exp(b * x) else 1",
    "expm1 overflows": "if b * x < 5 then expm1(b * x) else 1",
    "log1p": "if x > -1 then b * log1p(x) else 0",
    "lgamma": "if x > 0 and x < 9 then lgamma(b * b * x) else 0",
    "logit": "if u > 0.1 and u < 0.9 then logit(u) else 0",
    "atan2 at zero": "if x == 0 then b else atan2(b * x, a * x)",
    "nested": "if x > 0 then (if x > 1 then log(x - 1) * b else sqrt(1 - x) * a) else (if x < -1 then log(-1 - x) else b)",
    "sum over a vector": "if x > 0 then sum(log(x * w), over = k) else b",
    "product with a vector": "if x > 0 then log(x) * (w @ w) else b",
}  # fmt: skip

STATEMENTS = {
    "a definition": "    z = log(x)\n    y ~ Normal(if x > 0 then b * z else 0, 1)\n",
    "definition of a definition": "    z = sqrt(x - b)\n    v = 1 / z\n    y ~ Normal(if x > b then v else 0, 1)\n",
    "a definition outside": "    y ~ Normal(if u > 0 then lu * b else a, 1)\n",
    "a chosen sd": "    y ~ if x > 0 and x < 9 then Normal(b, exp(b * x)) else Normal(b, 1)\n",
    "nested choices": "    y ~ if x > 1 then Normal(log(x), s) else (if x > 0 then Normal(sqrt(x) * b, sqrt(x)) else Normal(a, 1))\n",
    "a truncated branch": "    y ~ if x > 1 and x < 9 then Normal(a, 1) else Truncated(Normal(b, exp(b)), upper = 3)\n",
}  # fmt: skip


def joint(statements: str) -> BoundDensity:
    text = HEAD.replace("  plate row", "  lu = log(u)\n  plate row")
    text = text.replace("a ~", "dim k[2]\nw[k] ~ Gamma(2, 2)\na ~", 1) + statements + "  }\n}\n"
    return bound_density(problem_of(text, GROUPED))


def check_gradient(joint: BoundDensity, seed: int = 0) -> None:
    """The gradient of the log-density by every latent and param against central differences."""
    rng = np.random.default_rng(seed)
    draws = {
        k: torch.tensor(rng.normal(size=joint.shapes[k]))
        for k in ("a", "b", "c", "u", "m", "h")
        if k in joint.shapes
    }
    draws |= {"s": torch.tensor(0.7), "w": torch.tensor([0.4, 1.3])}
    values = {k: v.double() for k, v in draws.items() if k in joint.shapes}

    def density(point: dict[str, torch.Tensor]) -> torch.Tensor:
        return log_joint(
            joint, {k: v for k, v in point.items() if k != "c"}, {k: v for k, v in point.items() if k == "c"}
        )

    leaves = {k: v.clone().requires_grad_() for k, v in values.items()}
    total = density(leaves)
    assert bool(torch.isfinite(total))
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    step = 1e-6
    for (name, value), gradient in zip(values.items(), found, strict=True):
        for i in np.ndindex(*value.shape):
            moved = []
            for sign in (1, -1):
                other = value.clone()
                other[i] += sign * step
                moved.append(float(density({**values, name: other})))
            expected = (moved[0] - moved[1]) / (2 * step)
            own = 0.0 if gradient is None else float(gradient[i])
            assert own == pytest.approx(expected, rel=1e-4, abs=1e-4), (name, i)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(MEANS))
def test_expressions(name: str, seed: int) -> None:
    check_gradient(joint(f"    y ~ Normal({MEANS[name]}, 2)\n"), seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(STATEMENTS))
def test_statements(name: str, seed: int) -> None:
    check_gradient(joint(STATEMENTS[name]), seed)


ELSEWHERE = """model m
param c : real
a ~ Normal(0, 1)
b ~ Normal(0, 1)
dim k[2]
w[k] ~ Gamma(2, 2)
lw = sum(log(a - w), over = k)
all = sum(dl, over = item)
plate item[4] {
  u ~ Normal(0, 1)
  m[k] ~ Normal(0, 1)
  dl = log(u)
  de = sqrt(dl) * b
  dm = log(m)
  top = u
  dk = sum(log(u * w), over = k)
}
plate g {
  low = min(x, over = row)
  sum_r = sum(r, over = row)
  gy ~ Normal(if low > c then sum_r else 0, 1)
  plate row in g = chain {
    input x : real
    input pick : item
    input kind : k
    h ~ Normal(0, 1)
    lh = log(h)
    r = log(x - c)
    q = r + sqrt(x)
    f = if first then log(x - c) * a else log(prev(x) - c) + log(x - c)
    uw = u[pick]
"""

PICKED = {"pick": [0, 1, 2, 3, 3, 1], "kind": [0, 1, 1, 0, 1, 0], "gy": [1.0, 1.0, 0.0, 0.0, 0.5, 0.5]}
MEANS_ELSEWHERE = {
    "by an index": "if u[pick] > 0 then dl[pick] * b else a",
    "by an index that some rows take": "if x > 0 then (if u[pick] > 0 then dl[pick] else 0) else a",
    "definition of a definition": "if u[pick] > 1 then de[pick] else 0",
    "a name for the test": "if uw > 0 then dl[pick] else b",
    "by a lag": "if first then a else (if prev(x) > c then prev(r) * b else 0)",
    "two rows back": "if first(2) then a else (if prev(x, 2) > c then prev(r, 2) * b else 0)",
    "lag of a definition of one": "if first then a else (if prev(x) > c and prev(x) > 0 then prev(q) else b)",
    "an input only": "if first then a else (if prev(x) > 0 then log(prev(x)) * b else 0)",
    "lag of a definition with a first": "if first then a else (if prev(x) > c then prev(f) * b else 0)",
    "two rows back with a first": "if first(2) then a else (if prev(x, 2) > c then prev(f, 2) * b else 0)",
    "lag of a latent's": "if first then a else (if prev(h) > 0 then prev(lh) else b)",
    "two indices": "if m[pick, kind] > 0 then dm[pick, kind] else a",
    "an index of a reduction": "if top[pick] > 0 then dk[pick] else a",
    "a reduction outside": "if a > max(w, over = k) then lw * b else a",
    "over the rows of a plate of a size": "if min(u, over = item) > 0 then all * x else a",
    "over the rows that it is one of": "if low > c then sum_r * b else 0",
    "over other rows by an index": "if first then 0 else (if low > c and prev(x) > c then sum_r + prev(r) else b)",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(MEANS_ELSEWHERE))
def test_definitions_of_other_elements(name: str, seed: int) -> None:
    text = f"{ELSEWHERE}    y ~ Normal({MEANS_ELSEWHERE[name]}, 2)\n  }}\n}}\n"
    check_gradient(bound_density(problem_of(text, {**GROUPED, **PICKED})), seed)


REAL_ARGUMENTS = {
    "LogNormal": "b, s", "Exponential": "exp(b)", "Gamma": "s, exp(b)", "InverseGamma": "s, exp(b)", "Weibull": "s, exp(b)",
    "Beta": "s, exp(b)", "HalfNormal": "s", "HalfCauchy": "s", "Uniform": "b, b + s", "StudentT": "s, b, s",
    "Logistic": "b, s", "Gumbel": "b, s", "VonMises": "b, s", "Cauchy": "b, s", "Laplace": "b, s", "Normal": "b, s",
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if n in REAL_ARGUMENTS and f.event == 0])
@pytest.mark.parametrize("wrapping", ["{}", "Truncated({}, upper = x)"])
def test_families_outside_of_their_support(name: str, wrapping: str) -> None:
    """No row takes the branch, and no row's value is possible under it."""
    drawn = wrapping.format(f"{name}({REAL_ARGUMENTS[name]})")
    if name == "VonMises" and wrapping != "{}":
        pytest.skip("it has no distribution function")
    text = f"    y : real ~ if x > 1000 then {drawn} else Normal(b, 1)\n"
    found = joint(text)
    found.observed["y"][:] = torch.tensor([-3.0, -9.0, 4.0, 7.0, 0.0, 1.0])
    check_gradient(found)


MISSING = {
    "Binomial(n, logit = a)": 1, "Truncated(Normal(a, s), lower = lo)": 1.0, "Truncated(Gamma(s, 1), lower = lo)": 1.0,
    "Censored(Normal(a, s), upper = lo)": -3.0, "Uniform(lo, lo + s)": -1.5, "Truncated(Poisson(s), upper = n)": 1,
    "BetaBinomial(n, s, s)": 1, "LogNormal(lo, s)": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("drawn", list(MISSING))
def test_missing_cells_have_no_say(drawn: str) -> None:
    """Rows of other bounds and numbers than the value that was seen: their cells that are missing drop out."""
    text = f"model m\na ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate row {{\n  input n : count\n  input lo : real\n  y ~ {drawn}\n}}\n"
    one = {"n": [9], "lo": [-2.0], "y": [MISSING[drawn]]}
    more = {"n": [9, 2, 0, 1], "lo": [-2.0, 30.0, 900.0, -40.0], "y": [MISSING[drawn], None, None, None]}
    found = []
    for data in (one, more):
        bound = bound_density(problem_of(text, data))
        leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in (("a", 0.3), ("s", 0.7))}
        total = log_joint(bound, leaves)
        found.append((total, *torch.autograd.grad(total, list(leaves.values()))))
    for mine, expected in zip(found[1], found[0], strict=True):
        assert float(mine.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)

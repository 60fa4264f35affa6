"""Combinators, labels and tables as loops: values and gradients are torch's, with latents in every argument."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pgmlang.density.native import native_log_density
from pgmlang.density.target import target_of
from pgmlang.native.formulas import NotScalar
from tests.infer.by_hand import problem_of
from tests.native.test_equal import ROWS, N, assert_equal, target_over

MANY = pytest.mark.slow
EVERY_DAY = (
    "truncated Normal", "truncated below Geometric", "censored Geometric", "censored above Normal", "inflated Normal", "mixture", "by rows", "truncated inflated", "truncated",
)  # fmt: skip
"""Those that are not slow: one of each kind, for programs take seconds to compile."""
HEAD = "g ~ Normal(0, 1)\nh ~ Normal(0, 1)\n"
AXIS = "dim j = {one, two, three}\nm[j] ~ Normal(0, 1)\no[j] ~ Normal(0, 1)\n"
SHARES = "s[j] = exp(o) / sum(exp(o), over = j)\n"
REALS = {
    "Normal": "Normal({l}, {s})", "Cauchy": "Cauchy({l}, {s})", "Laplace": "Laplace({l}, {s})", "Logistic": "Logistic({l}, {s})",
    "Gumbel": "Gumbel({l}, {s})", "StudentT": "StudentT(3 + {s}, {l}, {s})", "Uniform": "Uniform({l} - 3, {l} + 3 + {s})",
    "SkewNormal": "SkewNormal({l}, {s}, 2 * {l})", "AsymmetricLaplace": "AsymmetricLaplace({l}, {s}, sigmoid({l}))",
    "ExponentiallyModifiedGaussian": "ExponentiallyModifiedGaussian({l}, {s}, 1 + {s})", "Moyal": "Moyal({l}, {s})",
    "Triangular": "Triangular({l} - 3, {l}, {l} + 3 + {s})",
}  # fmt: skip
POSITIVES = {
    "LogNormal": "LogNormal({l}, {s})", "HalfNormal": "HalfNormal({s})", "Exponential": "Exponential({s})",
    "Weibull": "Weibull(0.5 + {s}, 1 + {s})", "HalfCauchy": "HalfCauchy({s})",
    "Gamma": "Gamma(0.5 + {s}, 1 + {s})", "InverseGamma": "InverseGamma(0.5 + {s}, 1 + {s})", "Gamma of small shape": "Gamma({s} / 20, {s})",
    "InverseGaussian": "InverseGaussian({s}, 1 + {s})", "Pareto": "Pareto({s}, 0.02)", "Lomax": "Lomax({s}, 1 + {s})",
    "LogLogistic": "LogLogistic(1 + {s}, {s})", "Frechet": "Frechet(1 + {s}, {s})", "Rayleigh": "Rayleigh({s})",
    "Maxwell": "Maxwell({s})", "GeneralizedGamma": "GeneralizedGamma({s}, 1 + {s}, {s})", "ChiSquared": "ChiSquared(1 + {s})",
    "FisherSnedecor": "FisherSnedecor(1 + {s}, 2 + {s})", "HalfStudentT": "HalfStudentT(2 + {s}, {s})", "hazard": "Weibull(1.5, hazard = {s})",
}  # fmt: skip
COUNTS = {
    "Geometric": "Geometric(sigmoid({l}))", "Poisson": "Poisson(2 * {s})", "Binomial": "Binomial(20, sigmoid({l}))",
    "Binomial of odds": "Binomial(20, logit = {l})", "NegativeBinomial": "NegativeBinomial(3 * {s}, exp({l}))",
    "NegativeBinomial of chances": "NegativeBinomial(n = {s}, p = sigmoid({l}))",
    "DiscreteWeibull": "DiscreteWeibull(sigmoid({l}), {s})",
}  # fmt: skip


def rows(column: str, distribution: str, head: str = HEAD) -> str:
    used = [
        n
        for n in ("x", "p", "n")
        if n in set(distribution.replace("(", " ").replace(",", " ").replace(")", " ").split())
    ]
    inputs = "".join(f"  input {n} : {'count' if n == 'n' else 'real'}\n" for n in used)
    return f"{head}plate r {{\n{inputs}  {column} ~ {distribution}\n}}"


def of_bases(frames: dict[str, tuple[str, str, str]]) -> dict[str, str]:
    """Each frame around each base: of real numbers, positive ones and counts."""
    out = {}
    for name, texts in frames.items():
        for text, column, bases in zip(texts, "ywk", (REALS, POSITIVES, COUNTS), strict=True):
            for base, arguments in bases.items():
                out[f"{name} {base}"] = rows(column, text.format(arguments.format(l="g", s="exp(h)")))
    return out


BOUNDED = of_bases({
    "truncated": ("Truncated({}, -2.5 + h, 2.5 + exp(g))", "Truncated({}, sigmoid(g) / 50, 9 + exp(g))", "Truncated({}, 0.5 + g / 9, 9.2 + g / 9)"),
    "truncated below": ("Truncated({}, lower = -3 - exp(h))", "Truncated({}, lower = 0.01)", "Truncated({}, lower = 1)"),
    "truncated above": ("Truncated({}, upper = 3 + exp(h))", "Truncated({}, upper = 9)", "Truncated({}, upper = 5)"),
    "censored": ("Censored({}, -0.5, 0.7)", "Censored({}, 0.4, 2)", "Censored({}, 1, 4)"),
    "censored above": ("Censored({}, upper = 0.3)", "Censored({}, upper = 1.5)", "Censored({}, upper = 3)"),
    "inflated": ("ZeroInflated(sigmoid(g + h), {})", "ZeroInflated(sigmoid(g + h), {})", "ZeroInflated(sigmoid(g + h), {})"),
    "truncated twice": ("Truncated(Truncated({}, -3, 3 + exp(g)), -2.8)", "Truncated(Truncated({}, upper = 9), 0.01)", "Truncated(Truncated({}, 0, 12), 1)"),
    "censored truncated": ("Censored(Truncated({}, -3, 3), -0.5, 0.7)", "Censored(Truncated({}, 0.01, 9), 0.4, 2)", "Censored(Truncated({}, 0, 12), 1, 4)"),
})  # fmt: skip
MIXED = {
    "mixture": rows("y", "Mixture(s, Normal(m, exp(g)))", HEAD + AXIS + SHARES),
    "mixture of counts": rows("k", "Mixture(s, Geometric(sigmoid(m)))", HEAD + AXIS + SHARES),
    "truncated mixture": rows("y", "Truncated(Mixture(s, Normal(m, exp(g))), lower = -3 + g / 9, upper = 3)", HEAD + AXIS + SHARES),
    "mixture of truncated": rows("y", "Mixture(s, Truncated(Normal(m, exp(g)), -3, 3 + exp(m)))", HEAD + AXIS + SHARES),
    "censored mixture": rows("w", "Censored(Mixture(s, Exponential(exp(m))), upper = 2)", HEAD + AXIS + SHARES),
    "mixture of inflated": rows("k", "Mixture(s, ZeroInflated(sigmoid(o), Geometric(sigmoid(m))))", HEAD + AXIS + SHARES),
    "truncated inflated": rows("k", "Truncated(ZeroInflated(sigmoid(h), Geometric(sigmoid(g))), upper = 8)"),
    "inflated truncated": rows("k", "ZeroInflated(sigmoid(h), Truncated(Geometric(sigmoid(g)), 1, 9))"),
    "inflated poisson": rows("k", "ZeroInflated(sigmoid(h), Poisson(exp(g)))"),
    "inflated negative binomial": rows("k", "ZeroInflated(sigmoid(h), NegativeBinomial(mean = exp(g), shape = exp(h)))"),
    "by rows": rows("y", "Truncated(Normal(g * x, exp(h)), lower = x - 4)"),
    "in a choice": rows("y", "if x > 0 then Truncated(Normal(g, 1), lower = -5) else Mixture(s, Normal(m * x, exp(g)))", HEAD + AXIS + SHARES),
}  # fmt: skip
LMN = "dim f = {l, m, n}\no[f] ~ Normal(0, 1)\n"
LABELS = {
    "chances": rows("a : f", "Categorical(s)", HEAD + LMN + "s[f] = exp(o) / sum(exp(o), over = f)\n"),
    "chances by row": rows("a : f", "Categorical(exp(o * x) / sum(exp(o * x), over = f))", HEAD + LMN),
    "logits": rows("a : f", "Categorical(logit = o * x + g)", HEAD + LMN),
    "logits in a choice": rows("a : f", "if x > 0 then Categorical(logit = o) else Categorical(logit = 2 * o * x)", HEAD + LMN),
}  # fmt: skip


WITHIN = {
    "censored": {"y": (-0.5, 0.7), "w": (0.4, 2.0), "k": (1, 4)},
    "censored truncated": {"y": (-0.5, 0.7), "w": (0.4, 2.0), "k": (1, 4)},
    "censored above": {"y": (-9.0, 0.3), "w": (0.0, 1.5), "k": (0, 3)},
    "truncated above": {"k": (0, 5)},
    "truncated below": {"k": (1, 99)},
    "censored mixture": {"w": (0.0, 2.0)},
}
"""What data lie within, where not all do: nothing else is possible."""


def assert_equal_numbers(text: str, name: str = "") -> None:
    """Equality of values that are finite, so that it says something."""
    data = dict(ROWS)
    for frame, bounds in WITHIN.items():
        if name.startswith(frame):
            data |= {n: np.clip(ROWS[n], *ends) for n, ends in bounds.items()}
    target = target_over(text, data)
    native = assert_equal(target, 0.4)
    assert np.isfinite(native.values(np.zeros((1, target.dimension)))).all()


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in EVERY_DAY else MANY) for n in BOUNDED])
def test_bounded(name: str) -> None:
    assert_equal_numbers(BOUNDED[name], name)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in EVERY_DAY else MANY) for n in MIXED])
def test_mixed(name: str) -> None:
    assert_equal_numbers(MIXED[name], name)


LATENT = {
    "truncated": "v ~ Truncated(Normal(g, exp(h)), lower = 0)\n",
    "truncated between": "v ~ Truncated(StudentT(2 + exp(h), g, 1), -1, 2)\n",
    "of positive numbers": "v ~ Truncated(Gamma(exp(h), exp(g)), upper = 4)\n",
    "mixed": AXIS + SHARES + "v ~ Mixture(s, Normal(m, exp(g)))\n",
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in EVERY_DAY else MANY) for n in LATENT])
def test_latent_values(name: str) -> None:
    assert_equal_numbers(rows("y", "Normal(v, 1)", HEAD + LATENT[name]))


@pytest.mark.parametrize("name", LABELS)
def test_labels(name: str) -> None:
    assert_equal_numbers(LABELS[name])


def assert_equal_held(text: str, data: dict[str, Any], **held: np.ndarray) -> None:
    """Equality of a model some of whose params and tables are held."""
    problem = replace(problem_of(text, data), fixed=held)
    assert_equal(target_of(problem), 0.4)


def test_shares_that_do_not_sum_to_one() -> None:
    native = assert_equal(target_over(rows("y", "Mixture(o, Normal(m, exp(g)))", HEAD + AXIS)), 0.4)
    assert (native.values(np.zeros((1, 8))) == -np.inf).all()


def test_an_ordered_scale() -> None:
    """Two latents and four cutpoints, one of them where no label is possible."""
    axis = "dim f = {c1, c2, c3}\nparam u[f] : ordered\nv[f] ~ Normal(0, 1)\nc[f] = u + v / 9\n"
    text = rows("a : {l, m, n, o}", "OrderedLogistic(g * x, c)", HEAD + axis)
    data = {"x": ROWS["x"], "a": [("l", "m", "n", "o")[i % 4] for i in range(N)]}
    assert_equal_held(text, data, u=np.array([-1.0, 0.5, 2.0]))
    assert_equal_held(text, {**data, "a": ["l", "o"] * (N // 2)}, u=np.array([-1.0, 0.5, 0.5]))


def test_shares_that_are_held() -> None:
    text = rows("y", "Mixture(q, Laplace(m + g, exp(h)))", "param q[j] : simplex\n" + HEAD + AXIS)
    assert_equal_held(text, {"y": ROWS["y"]}, q=np.array([0.2, 0.5, 0.3]))
    assert_equal_held(text, {"y": ROWS["y"]}, q=np.array([0.2, 0.8, 0.0]))


def test_labels_picked_from_simplices() -> None:
    """As in topic models: the word's chance under its topic."""
    head = HEAD + "dim t = {l, m, n}\ndim word = {c0, c1, c2}\nparam phi[t, word] : simplex\n"
    text = rows(
        "c : word", "Categorical(phi[a])\n  y ~ Normal(g * h, 1)", head.replace("dim word", "dim word", 1)
    ).replace("plate r {", "plate r {\n  input a : t")
    phi = np.random.default_rng(2).dirichlet(np.ones(3), 3)
    assert_equal_held(text, {n: ROWS[n] for n in "acy"}, phi=phi)


def test_tables() -> None:
    """One that is written out and one that is held, of labels that are there."""
    table = "Table(a) {\n    l: 0.2, 0.3, 0.5\n    m: 0.1, 0.1, 0.8\n    n: 0.4, 0.3, 0.3\n  }\n"
    text = (
        "g ~ Normal(0, 1)\nplate r {\n  input a : {l, m, n}\n  c : {c0, c1, c2} ~ "
        + table
        + "  b : {no, yes} ~ Table(c, a)\n"
        "  y ~ Normal(if b == yes then g else 0, 1)\n}"
    )
    data = {n: ROWS[n] for n in "acy"} | {"b": np.array(["no", "yes"])[ROWS["b"]]}
    chances = np.random.default_rng(2).dirichlet(np.ones(2), (3, 3))
    target = target_of(problem_of(text, data))
    held = {**target.joint.fixed, "b.table": torch.from_numpy(chances)}
    assert_equal(replace(target, joint=replace(target.joint, fixed=held)), 0.4)


def test_what_has_no_scalar_form_says_why() -> None:
    for distribution, why in (("Truncated(BetaBinomial(20, exp(g), 2), 1)", "beta_binomial_tails"),):
        target = target_over(rows("k", distribution))
        with pytest.raises(NotScalar, match=why):
            native_log_density(target.joint, target.names)


def test_labels_that_are_missing_drop_out() -> None:
    text = rows("a : f", "Categorical(logit = o * x + g)", HEAD + LMN)
    labels = [None if i % 4 == 3 else label for i, label in enumerate(ROWS["a"])]
    assert_equal(target_of(problem_of(text, {"x": ROWS["x"], "a": labels})))

"""What is learned and nothing observed hangs on is named, whatever the method, and no such fit has converged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.infer.exact import log_likelihood_of
from pgmlang.plan.undetermined import undetermined_names
from tests.infer.by_hand import problem_of

Y = {"y": [0.1, 0.2, 0.5, -0.3, 1.0, 0.4]}
LATENT = "plate row { z : {p, q} ~ Table()\n w : {p, q} ~ Table(z)\n y ~ Normal(b, 1) }\n"
FIELDS = "param w, q : real\nplate row { field s, t, o : bit\n factor w * s * t\n factor q * o }\n"
BITS = {"s": [0, 1, 1, 0], "t": [0, 1, 1, 1]}
LOOSE = [
    ("param a, b : real\nplate row { y ~ Normal(b, 1) }\n", Y, ("a",), ["map"]),
    ("param a, b : real\nh ~ Normal(a, 1)\nplate row { y ~ Normal(b, 1) }\n", Y, ("a",), ["map", "elbo"]),
    ("param a, b : real\nplate row { h ~ Normal(a, 1)\n y ~ Normal(b, 1) }\n", Y, ("a",), ["map", "elbo"]),
    ("param b : real\nh ~ Flat()\nplate row { y ~ Normal(b, 1) }\n", Y, ("h",), ["map", "elbo"]),
    ("param a, b : real\nu = exp(a)\nplate row { y ~ Normal(b, 1) }\n", Y, ("a",), ["map"]),
    ("param a, b : real\nplate row { y ~ Normal(if 1 > 2 then a else b, 1) }\n", Y, ("a",), ["map"]),
    ("param b : real\n" + LATENT, Y, ("z.table", "w.table"), ["map", "em"]),
    ("plate row { z : {p, q} ~ Table()\n o : {p, q} ~ Table() }\n", {"o": ["p", "q", "q"]}, ("z.table",), ["em"]),
    (FIELDS, BITS, ("q",), ["ml", "pcd", "cd"]),
    (FIELDS.replace("q * o", "q * o * t"), BITS, (), ["ml"]),
    ("param a, b : real\nplate row { y ~ Normal(if b > 0 then a else b, 1) }\n", Y, (), []),
    ("param a : real\nh ~ Normal(a, 1)\nplate row { y ~ Normal(h, 1) }\n", Y, (), ["elbo"]),
    ("plate row { z : {p, q} ~ Table(prior = 2)\n o : {p, q} ~ Table() }\n", {"o": ["p", "q", "q"]}, (), ["em"]),
    ("param a : real\ndim k[2]\nnet f : k -> real = mlp(2)\nparam x[k] : real\nu = f(x)\nplate row { y ~ Normal(a, 1) }\n",
     Y, ("x", "f"), []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "data", "names", "methods"), LOOSE)
def test_they_are_named_and_not_converged(
    text: str, data: Any, names: tuple[str, ...], methods: list[str]
) -> None:
    problem = problem_of(text, data)
    assert undetermined_names(problem.model, problem.facts) == names
    for method in methods:
        options = {"epochs": 40} if method in ("elbo", "pcd", "cd") else {}
        fit = pgmlang.compile(text).fit(data, method=method, seed=1, options=options).record
        said = [w for w in fit.warnings if w.message.startswith("nothing that is observed hangs on")]
        assert len(said) == bool(names)
        assert all(f"`{n}`" in w.message and w.help for w in said for n in names)
        assert not names or fit.status == "not converged"


def test_a_held_value_is_no_estimate() -> None:
    text = "param a, b : real\nh ~ Normal(a, 1)\nplate row { y ~ Normal(b, 1) }\n"
    fit = pgmlang.compile(text).fit(Y, method="map", seed=1, fixed={"a": 1.0}).record
    assert (fit.status, fit.warnings) == ("converged", ())


@pytest.mark.parametrize("seed", range(12))
def test_against_the_probability_of_random_networks(seed: int) -> None:
    """A table is undetermined just when p(data) does not change with it."""
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(6)]
    lines = []
    for i, name in enumerate(names):
        parents = [p for p in names[:i] if rng.random() < 0.4][:3]
        lines.append(f"  {name} : bit ~ Table({', '.join(parents)})")
    seen = [n for n in names if rng.random() < 0.4] or [names[2]]
    problem = problem_of("plate row {\n" + "\n".join(lines) + "\n}\n", {n: rng.integers(0, 2, 8) for n in seen})
    loose = set(undetermined_names(problem.model, problem.facts))
    tables = {}
    for line, name in zip(lines, names, strict=True):
        shape = (2,) * (line.split("Table(")[1].count("v") + 1)
        tables[f"{name}.table"] = rng.dirichlet([1, 1], shape[:-1]).reshape(shape)
    before = log_likelihood_of(problem, tables)
    for name, table in tables.items():
        after = log_likelihood_of(problem, {**tables, name: rng.dirichlet([1, 1], table.shape[:-1])})
        assert before is not None
        assert after is not None
        assert (abs(after - before) < 1e-10) == (name in loose)

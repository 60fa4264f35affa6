"""Fits do not hang on names: the same draws and estimates when everything is called what the compiler calls its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import pgmlang
from tests.names.renaming import keys_of, names_of, renamed

RNG = np.random.default_rng(3)


class Case(NamedTuple):
    """A model, its columns, and how it is fitted."""

    text: str
    data: dict[str, Any]
    options: dict[str, Any]


def labels(count: int, *values: str) -> list[str]:
    return [values[i] for i in RNG.integers(len(values), size=count)]


SHORT = {"chains": 2, "warmup": 20, "draws": 20}
CASES = {
    "rows in groups": Case(
        "plate g { u ~ Normal(0, 2) }\nb ~ Normal(0, 10)\nplate row in g { input x ; y ~ Normal(u + b * x, 1) }",
        {"g": labels(12, "k1", "k2", "k3"), "x": RNG.normal(size=12), "y": RNG.normal(size=12)},
        {"method": "hmc", **SHORT},
    ),
    "input of a chain": Case(
        "a ~ Normal(0, 1)\nplate t = chain { input x ; y ~ if first then Normal(0, 1) else Normal(a * prev(y) + x, 1) }",
        {"x": RNG.normal(size=15), "y": RNG.normal(size=15)},
        {"method": "map"},
    ),
    "hidden chain": Case(
        "dim state[2]\ndim to like state\nstart[state] ~ Dirichlet(1)\nmove[state, to] ~ Dirichlet(1)\n"
        "mean[state] ~ Normal(0, 5)\nplate step = chain {\n"
        "  z : state ~ if first then Categorical(start) else Categorical(move[prev(z)])\n"
        "  y ~ Normal(mean[z], 1)\n}",
        {"y": np.r_[RNG.normal(-2, 1, 10), RNG.normal(2, 1, 10)]},
        {"method": "hmc", **SHORT},
    ),
    "mixture": Case(
        "dim kind[2]\nshare[kind] ~ Dirichlet(1)\nmu[kind] ~ Normal(0, 5)\n"
        "plate row { z : kind ~ Categorical(share) ; y ~ Normal(mu[z], 1) }",
        {"y": np.r_[RNG.normal(-2, 1, 10), RNG.normal(2, 1, 10)]},
        {"method": "gibbs", **SHORT},
    ),
    "hidden table": Case(
        "plate row { c : {c1, c2} ~ Table() ; a : {a1, a2} ~ Table(c) ; b : {b1, b2} ~ Table(c) }",
        {"a": labels(40, "a1", "a2"), "b": labels(40, "b1", "b2")},
        {"method": "em", "restarts": 1},
    ),
    "table by group": Case(
        "plate school { }\nplate row in school { x : {p, q} ~ Table() ; y : {r, s} ~ Table(x, by = school) }",
        {"school": labels(30, "k1", "k2"), "x": labels(30, "p", "q"), "y": labels(30, "r", "s")},
        {"method": "ml"},
    ),
    "written guide": Case(
        "plate row { z ~ Normal(0, 1) ; y ~ Normal(z, 1) }\n"
        "guide row {\n  param w : real\n  param sd : positive\n  z ~ Normal(w * y, sd)\n}",
        {"y": RNG.normal(size=20)},
        {"method": "elbo", "epochs": 5},
    ),
    "network": Case(
        "dim hidden[2]\nnet f : hidden -> real = mlp(4)\nplate row { input x[hidden] ; y ~ Normal(f(x), 1) }",
        {"x.0": RNG.normal(size=20), "x.1": RNG.normal(size=20), "y": RNG.normal(size=20)},
        {"method": "map", "epochs": 5},
    ),
    "lattice": Case(
        "param J : real\nplate image {\n  plate site = grid(3, 3) { field s : spin }\n"
        "  plate bond(k, l) = edges(site) { factor J * s[k] * s[l] }\n}",
        {"s": RNG.integers(0, 2, size=(6, 9)) * 2 - 1},
        {"method": "pseudo"},
    ),
    "bit outside of plates": Case(
        "b ~ Bernoulli(0.3)\nm ~ Normal(0, 1)\nplate row { y ~ Normal(m + b, 1) }",
        {"y": RNG.normal(size=8)},
        {"method": "hmc", **SHORT},
    ),
}
ROUNDS = (
    ("sizes", "layout", "data", "values", "params", "nets", "seen", "at", "start", "guide", "loc", "q", "free", "prev"),
    ("forward", "items", "parameters", "method", "seed", "training", "keys", "weights", "rows", "source", "binding",
     "shape", "log_joint", "one"),
    ("observed", "missing", "scale", "pop", "to", "type", "lp", "counts", "table", "log_q", "sums", "state_dict", "name",
     "row_of_interest"),
)  # fmt: skip


def fitted(text: str, data: dict[str, Any], options: dict[str, Any]) -> Any:
    options = dict(options)
    return pgmlang.compile(text).fit(data, method=options.pop("method"), seed=5, options=options)


@pytest.mark.parametrize("round_", range(len(ROUNDS) + 1))
@pytest.mark.parametrize("name", CASES)
def test_renamed_fit_is_the_same(name: str, round_: int) -> None:
    case = CASES[name]
    model = pgmlang.compile(case.text).model
    names = names_of(model)
    chosen = ROUNDS[round_] if round_ < len(ROUNDS) else keys_of(model)
    pairs = dict(zip(reversed(names), chosen, strict=False))
    text = renamed(case.text, pairs, frozenset(n.name for n in model.nets))
    assert text != case.text

    def new(key: str) -> str:
        head, dot, rest = key.partition(".")
        return pairs.get(head, head) + dot + rest

    data = {new(k): [pairs.get(x, x) for x in v] if isinstance(v, list) else v for k, v in case.data.items()}
    expected, found = fitted(case.text, case.data, case.options), fitted(text, data, case.options)
    mine, theirs = found.record, expected.record
    assert set(mine.parameters) == {new(k) for k in theirs.parameters}
    assert set(mine.draws) == {new(k) for k in theirs.draws}
    for key, value in theirs.parameters.items():
        np.testing.assert_allclose(mine.parameters[new(key)], value, rtol=1e-9, atol=1e-12)
    for key, value in theirs.draws.items():
        np.testing.assert_allclose(mine.draws[new(key)], value, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine.trace, theirs.trace, rtol=1e-9)

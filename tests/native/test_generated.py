"""Random models: expressions of any make over latents, data, groups and axes have one density in loops and in torch."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.density.target import target_of
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal

ONE = ("exp({} / 3)", "tanh({})", "sigmoid({})", "softplus({})", "sin({})", "cos({})", "abs({})", "-({})", "({}) ^ 2", "log(1 + ({}) ^ 2)",
       "sqrt(1 + ({}) ^ 2)", "atan({})", "Phi({})")  # fmt: skip
TWO = ("({}) + ({})", "({}) - ({})", "({}) * ({})", "({}) / (1 + ({}) ^ 2)", "min({}, {})", "max({}, {})",
       "(if x > ({}) then ({}) else g)")  # fmt: skip
LEAVES = ("g", "h", "t", "u[one]", "(v @ u)", "sum(u)", "x", "v[two]", "0.7", "e", "logsumexp(u * x)", "max(u)", "min(u * v)", "prod(u)",
          "softmax(u * x, over = f) @ v")  # fmt: skip


def expression(rng: np.random.Generator, depth: int) -> str:
    if depth == 0 or rng.random() < 0.15:
        return str(rng.choice(LEAVES))
    if rng.random() < 0.4:
        return str(rng.choice(ONE)).format(expression(rng, depth - 1))
    return str(rng.choice(TWO)).format(expression(rng, depth - 1), expression(rng, depth - 1))


def model(seed: int) -> tuple[str, dict[str, object]]:
    rng = np.random.default_rng(seed)
    families = {
        "y": "Normal({}, exp(tanh({})))", "k": "Poisson(exp(tanh({} + {})))", "w": "Gamma(exp(tanh({})), exp(tanh({})))",
        "b": "Bernoulli(logit = {} - ({}))",
    }  # fmt: skip
    column = str(rng.choice(list(families)))
    density = families[column].format(expression(rng, 3), expression(rng, 2))
    text = (
        "dim f = {one, two}\ng ~ Normal(0, 1)\nh ~ StudentT(4, 0, 1)\nu[f] ~ Normal(g, 1)\n"
        "plate c {\n  t ~ Normal(h, exp(g / 3))\n  e = " + expression_of_groups(rng) + "\n  plate r {\n"
        f"    input x : real\n    input v[f] : real\n    {column} ~ {density}\n  }}\n}}"
    )
    n = 9
    rows: dict[str, object] = {
        "c": [f"c{i % 3}" for i in range(n)], "x": rng.normal(size=n), "v.one": rng.normal(size=n), "v.two": rng.normal(size=n),
        "y": rng.normal(size=n), "k": rng.poisson(2, n), "w": rng.gamma(2.0, 1.0, n), "b": rng.integers(0, 2, n),
    }  # fmt: skip
    return text, {k: v for k, v in rows.items() if k in ("c", "x", "v.one", "v.two", column)}


def expression_of_groups(rng: np.random.Generator) -> str:
    return str(
        rng.choice(
            [
                "exp(t / 2) - g",
                "t * h",
                "tanh(t) + u[two]",
                "2 * t",
                "mean(tanh(x * g), over = r) + t",
                "logsumexp(h * x, over = r)",
            ]
        )
    )


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 40))])
def test_random_models(seed: int) -> None:
    text, rows = model(seed)
    assert_equal(target_of(problem_of(text, rows)), 0.5)

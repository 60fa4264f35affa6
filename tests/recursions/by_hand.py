"""Recursions of each kind, with their values by loops over rows in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

LENGTHS = (9, 5, 3)
"""Of the sequences of the data."""


class ByHand(NamedTuple):
    """A model's text, and what its names are at a row: ``row(values, before, i, t)`` with ``before(k)`` the row k back."""

    text: str
    row: Callable[[Mapping[str, np.ndarray], Callable[[int], int], int, int], dict[str, float | np.ndarray]]


def data_of(seed: int = 0) -> dict[str, list[object]]:
    """Rows of sequences of several lengths, in no order of time."""
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(sum(LENGTHS))
    who = np.repeat([f"p{i}" for i in range(len(LENGTHS))], LENGTHS)[mixed]
    time = np.concatenate([np.arange(n) for n in LENGTHS])[mixed]
    numbers = rng.normal(size=(2, len(who)))
    return {"person": list(who), "step": time.tolist(), "x": numbers[0].tolist(), "y": numbers[1].tolist(),
            "a": ["high" if n > 0 else "low" for n in numbers[1]]}  # fmt: skip


def values_by_hand(
    case: ByHand, names: list[str], values: Mapping[str, np.ndarray], sequences: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """The names' values, worked out row after row of each sequence; ``sequences``: the rows of each, in order."""
    held = dict(values)
    for rows in sequences:
        for t, i in enumerate(rows):
            for name, value in case.row(held, lambda k, t=t, rows=rows: int(rows[t - k]), int(i), t).items():
                held.setdefault(name, np.zeros((sum(map(len, sequences)), *np.shape(value))))[i] = value
    return {n: held[n] for n in names}


def _model(body: str) -> str:
    head = "phi ~ Uniform(-1, 1)\nsd ~ HalfNormal(1)\n"
    return (
        f"{head}plate person {{\n  g ~ Normal(0, 1)\n  plate step = chain {{\n    input x : real\n{body}  }}\n}}\n"
    )


CASES = {
    "linear": ByHand(
        _model("    e ~ Normal(0, 1)\n    s = if first then e else phi * (prev(s) - g) + g + sd * e\n    y ~ Normal(s, 0.5)\n"),
        lambda v, before, i, t: {"s": v["e"][i] if t == 0 else v["phi"] * (v["s"][before(1)] - v["g person"][i]) + v["g person"][i] + v["sd"] * v["e"][i]},
    ),
    "linear with a factor of data": ByHand(
        _model("    s = if first then 1 - x else x * (2 - prev(s)) / (1 + sd) - prev(s) * phi\n    y ~ Normal(-s, sd)\n"),
        lambda v, before, i, t: {"s": 1 - v["x"][i] if t == 0 else v["x"][i] * (2 - v["s"][before(1)]) / (1 + v["sd"]) - v["s"][before(1)] * v["phi"]},
    ),
    "variance of the row before": ByHand(
        _model("    v : positive = if first then sd else 0.1 + 0.5 * prev(y)^2 + 0.3 * prev(v)\n    y ~ Normal(phi, sqrt(v))\n"),
        lambda v, before, i, t: {"v": v["sd"] if t == 0 else 0.1 + 0.5 * v["y"][before(1)] ** 2 + 0.3 * v["v"][before(1)]},
    ),
    "two that look at each other": ByHand(
        _model("    nu = if first then g else g + phi * prev(y) + sd * prev(err)\n    err = y - nu\n    y ~ Normal(nu, 9)\n"),
        lambda v, before, i, t: (
            lambda nu: {"nu": nu, "err": v["y"][i] - nu}
        )(v["g person"][i] if t == 0 else v["g person"][i] + v["phi"] * v["y"][before(1)] + v["sd"] * v["err"][before(1)]),
    ),
    "two that both look back, of data too": ByHand(
        _model(
            "    p = if first then g else phi * prev(p) - 0.1 * prev(q) + sd\n"
            "    q = if first then x - p else tanh(prev(p)) + 0.5 * prev(q) + sd * p * x\n"
            "    u = if first then x else 0.9 * prev(u) - 0.1 * prev(w)\n    w = if first then 1 else 0.8 * prev(w) + sin(prev(u)) * u\n"
            "    y ~ Normal(p + q * p + phi * u - w, sd)\n"
        ),
        lambda v, before, i, t: (
            lambda p, u: {
                "p": p, "u": u,
                "q": v["x"][i] - p if t == 0 else np.tanh(v["p"][before(1)]) + 0.5 * v["q"][before(1)] + v["sd"] * p * v["x"][i],
                "w": 1.0 if t == 0 else 0.8 * v["w"][before(1)] + np.sin(v["u"][before(1)]) * u,
            }
        )(v["g person"][i] if t == 0 else v["phi"] * v["p"][before(1)] - 0.1 * v["q"][before(1)] + v["sd"],
          v["x"][i] if t == 0 else 0.9 * v["u"][before(1)] - 0.1 * v["w"][before(1)]),
    ),
    "two rows back": ByHand(
        _model("    s = if first(2) then x else phi * prev(s) - 0.4 * prev(s, 2) + tanh(prev(s))\n    y ~ Normal(s, sd)\n"),
        lambda v, before, i, t: {"s": v["x"][i] if t < 2 else v["phi"] * v["s"][before(1)] - 0.4 * v["s"][before(2)] + np.tanh(v["s"][before(1)])},
    ),
    "branches, and a driver that has none": ByHand(
        _model(
            "    s = tanh(if first then 0 else if first(2) then 0 else sin(2 * prev(s) - prev(s, 2))) + "
            "(if first then 0.1 * sd else if first(2) then 0.2 * sd else sd) * x\n    y ~ Normal(s, sd)\n"
        ),
        lambda v, before, i, t: {"s": (0.0 if t < 2 else np.tanh(np.sin(2 * v["s"][before(1)] - v["s"][before(2)]))) + (0.1, 0.2, 1.0)[min(t, 2)] * v["sd"] * v["x"][i]},
    ),
    "partial functions": ByHand(
        _model("    s : positive = if first then 1 else sqrt(prev(s)) + exp(phi) * log(1 + prev(s)^2) + sqrt(sd)\n    y ~ Normal(log(s), 1)\n"),
        lambda v, before, i, t: {"s": 1.0 if t == 0 else np.sqrt(v["s"][before(1)]) + np.exp(v["phi"]) * np.log(1 + v["s"][before(1)] ** 2) + np.sqrt(v["sd"])},
    ),
    "a vector": ByHand(
        _model("    s[k] = if first then x else tanh(b * prev(s)) + 0.1 * sum(prev(s)) + e\n    e ~ Normal(0, 1)\n    y ~ Normal(sum(s), 1)\n").replace(
            "plate person", "dim k[3]\nb[k] ~ Normal(0, 1)\nplate person", 1
        ),
        lambda v, before, i, t: {
            "s": np.full(3, v["x"][i]) if t == 0 else np.tanh(v["b"] * v["s"][before(1)]) + 0.1 * v["s"][before(1)].sum() + v["e"][i]
        },
    ),
    "labels": ByHand(
        _model("    input a : {low, high}\n    k = if first then a else if x > 0.5 then a else prev(k)\n    y ~ Normal(if k == high then phi else g, sd)\n"),
        lambda v, before, i, t: {"k": v["a"][i] if t == 0 or v["x"][i] > 0.5 else v["k"][before(1)]},
    ),
}  # fmt: skip

"""A user's function is called as documented, by every loop."""

from __future__ import annotations

import pytest

import pgmlang

NORMAL = "mu ~ Normal(0, 5)\nplate row { y ~ Normal(mu, 1) }"
LABELS = "plate row {\n  a : {n, y} ~ Table()\n  b : {l, h} ~ Table(a)\n}"
HIDDEN = "plate row {\n  z : {p, q} ~ Table()\n  y ~ Normal(if z == p then 0 else 3, 1)\n}"


@pytest.mark.parametrize(
    ("text", "method", "options"),
    [
        (NORMAL, "hmc", {"chains": 2, "draws": 20, "warmup": 20}),
        (NORMAL, "mh", {"chains": 2, "draws": 20, "warmup": 20}),
        (NORMAL, "map", {}),
        (NORMAL, "meanfield", {}),
        (NORMAL, "elbo", {"epochs": 20}),
        (LABELS, "ml", {}),
        (LABELS, "em", {}),
        (HIDDEN, "em", {}),
    ],
)
def test_by_the_documented_arguments_alone(text: str, method: str, options: dict[str, int]) -> None:
    calls = []

    def told(iteration: int, value: float, *, label: str, total: int | None, figures: object) -> None:
        assert figures is None or callable(figures)
        calls.append((iteration, label))

    data = {"y": [1.0, 2.0, 3.0]} if "y ~" in text else {"a": ["n", "y", None], "b": ["l", "h", "h"]}
    if method == "ml":
        data = {"a": ["n", "y", "y"], "b": ["l", "h", "h"]}
    pgmlang.compile(text).fit(data, method=method, options=options, seed=0, progress=told)
    assert calls

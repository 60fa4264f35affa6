"""Random models with labels to be summed out, at all levels and along chains: loops and torch have one density and one posterior of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pgmlang.density.native import native_label_chances
from pgmlang.density.target import Target, target_of
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal

SIZES = (3, 4, 1, 5)
"""Rows of each group."""
SEEN = {
    "y": ("Normal({0}, exp(({1}) / 3))", lambda rng, n: rng.normal(size=n)),
    "t": ("StudentT(5, {0}, exp(({1}) / 3))", lambda rng, n: rng.normal(size=n)),
    "k": ("Poisson(exp(tanh({0}) + 0.3 * tanh({1})))", lambda rng, n: rng.poisson(2.0, n)),
    "w": ("Gamma(exp(tanh({0})), exp(tanh({1})))", lambda rng, n: rng.gamma(2.0, 1.0, n)),
    "b": ("Bernoulli(logit = {0} - ({1}))", lambda rng, n: rng.integers(0, 2, n)),
}


class Generated:
    """A random model: ``text`` and ``rows``. Groups c hold rows r, in order where ``is_chain``. Labels: ``A`` of everything, ``C`` of groups,
    ``R`` of rows, as axes' labels or bits; each may hang on those outside of it, and on what it was at the row before."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.is_chain = seed % 2 == 0
        self.known: list[tuple[str, bool]] = []
        head = ["dim j = {one, two, three}", "dim to like j", "g ~ Normal(0, 1)", "h ~ Normal(0, 1)", "m[j] ~ Normal(0, 1)", "u[j] ~ Normal(0, 1)",
                "share[j] ~ Dirichlet(2)", "move[j, to] ~ Dirichlet(2)"]  # fmt: skip
        outer = [self.label("A", 0)] if self.chance(0.3) else []
        group = [f"e ~ Normal({self.number()}, 1)"]
        group += [self.label("C", 1)] if self.chance(0.6) else []
        row = ["input x : real"]
        for i in range(int(self.rng.integers(1, 3))):
            row.append(self.label(f"R{i}", 2))
        if self.chance(0.4):
            row.append(f"s = tanh({self.expression()})")
            self.numbers = "s"
        columns = [str(c) for c in self.rng.choice(list(SEEN), size=int(self.rng.integers(1, 3)), replace=False)]
        row += [f"{c} ~ {SEEN[c][0].format(self.expression(), self.number())}" for c in columns]
        kind = " = chain" if self.is_chain else ""
        inner = "\n".join(f"    {line}" for line in row)
        groups = "\n".join(f"  {line}" for line in group)
        self.text = "\n".join([*head, *outer]) + f"\nplate c {{\n{groups}\n  plate r{kind} {{\n{inner}\n  }}\n}}\n"
        n = sum(SIZES)
        self.rows: dict[str, Any] = {
            "c": [f"c{i}" for i, k in enumerate(SIZES) for _ in range(k)],
            "x": self.rng.normal(size=n),
        }
        self.rows |= {c: SEEN[c][1](self.rng, n) for c in columns}
        if self.chance(0.4):
            name, is_bit = next((k, b) for k, b in self.known if k.startswith("R"))
            codes = self.rng.integers(0, 3 if is_bit else 4, n)
            self.rows[name] = [
                ((0, 1) if is_bit else ("one", "two", "three"))[i] if i < (2 if is_bit else 3) else None
                for i in codes
            ]

    numbers = "g"

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def number(self) -> str:
        return str(self.rng.choice(["g", "h", "0.5 * g - h", "0.3", "tanh(g * h)"]))

    def of_label(self) -> str:
        if not self.known:
            return self.number()
        name, is_bit = self.known[int(self.rng.integers(len(self.known)))]
        if is_bit:
            return str(self.rng.choice([f"{name} * g", f"(if {name} == 1 then h else g)", f"{name}"]))
        return str(self.rng.choice([f"m[{name}]", f"u[{name}] * g", f"(if {name} == two then h else m[{name}])"]))

    def expression(self) -> str:
        parts = [
            self.of_label(),
            str(self.rng.choice([self.number(), self.of_label(), "x * h", "e", self.numbers])),
        ]
        return str(self.rng.choice(["{} + {}", "{} - 0.5 * ({})", "tanh({}) * ({})"])).format(*parts)

    def label(self, name: str, level: int) -> str:
        is_bit = self.chance(0.5)
        within = self.of_label() if self.known else self.number()
        looks_back = level == 2 and self.is_chain and self.chance(0.7)
        if is_bit:
            past = f"if first then {self.number()} else {within} + h * prev({name})" if looks_back else within
            line = f"{name} : bit ~ Bernoulli(logit = {past})"
        elif looks_back:
            line = f"{name} ~ Categorical(if first then share else move[prev({name})])"
        else:
            line = (
                f"{name} : j ~ Categorical(logit = m + ({within}) * u)"
                if self.chance(0.6)
                else f"{name} ~ Categorical(share)"
            )
        self.known.append((name, is_bit))
        return line


def assert_label_chances(target: Target) -> None:
    assert target.sums is not None
    chances = native_label_chances(target.joint, target.names, target.sums.names)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, target.dimension)) * 0.7)
    expected = target.sums.marginals(target.values(x)[0])
    found = chances(x.numpy())
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in (0, *range(2, 40)))])
def test_random_models(seed: int) -> None:
    made = Generated(seed)
    target = target_of(problem_of(made.text, made.rows))
    assert_equal(target)
    if seed % 4 < 2:
        assert_label_chances(target)

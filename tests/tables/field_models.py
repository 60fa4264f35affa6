"""Random small models of fields below and above directed variables, as text and as a function to enumerate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Values = Mapping[str, int]
"""Codes by variable; a spin is -1 or 1."""
Term = tuple[str, Callable[[Values], float]]

LABELS = {"a": ("0", "1"), "b": ("x", "y", "z"), "s": ("0", "1"), "t": ("p", "q", "r"), "u": ("-1", "1"),
          "e": ("0", "1")}  # fmt: skip
FIELDS = ("s", "t", "u")


@dataclass(frozen=True)
class FieldModel:
    """``joint``: the normalised probability of every assignment of codes to ``names``, an array."""

    text: str
    names: tuple[str, ...]
    joint: np.ndarray

    def probability(self, **labels: str) -> float:
        """Of these labels together, the others summed out."""
        index = [LABELS[n].index(labels[n]) if n in labels else slice(None) for n in self.names]
        return float(self.joint[tuple(index)].sum())


def random_model(seed: int, parents: tuple[str, ...] = ("a", "b"), is_hard: bool = False) -> FieldModel:
    """``a``, ``b`` above the fields, ``e`` below one of them. ``is_hard``: some values exclude each other, log(0)."""
    rng = np.random.default_rng(seed)
    p = round(float(rng.uniform(0.1, 0.9)), 3)
    rows = [[round(float(v), 3) for v in rng.dirichlet([1, 1, 1])] for _ in range(2)]
    rows = [[r[0], r[1], round(1 - r[0] - r[1], 3)] for r in rows]
    up, down = (round(float(v), 2) for v in rng.normal(size=2))
    terms = _terms(rng, parents)
    chosen = [terms[i] for i in rng.permutation(len(terms))[: rng.integers(3, 6)]]
    chosen += [(f"{up} * s", lambda v: up * v["s"]), ("0.3 * u + 0.2 * s * u", lambda v: (0.3 + 0.2 * v["s"]) * v["u"]),
               ("if t == q then 0.4 else 0", lambda v: 0.4 * (v["t"] == 1))]  # fmt: skip
    if is_hard:
        hard = _hard_terms(parents)
        chosen += [hard[i] for i in rng.permutation(len(hard))[:2]]
    factors = "\n".join(f"  factor {text}" for text, _ in chosen)
    directed = f"  a : bit ~ Table() {{ {round(1 - p, 3)}, {p} }}\n" if parents else ""
    if "b" in parents:
        directed += "  b : {x, y, z} ~ Table(a) {\n" + "".join(
            f"    {i} : {', '.join(map(str, r))}\n" for i, r in enumerate(rows)
        )
        directed += "  }\n"
    text = (
        f"plate row {{\n{directed}  field s : bit\n  field t : {{p, q, r}}\n  field u : spin\n{factors}\n"
        f"  e ~ Bernoulli(logit = {down} * s - 0.2)\n}}\n"
    )
    names = (*parents, *FIELDS, "e")

    def energy(values: Values) -> float:
        return sum(term(values) for _, term in chosen)

    joint = np.zeros([len(LABELS[n]) for n in names])
    spaces = {n: (-1, 1) if n == "u" else range(len(LABELS[n])) for n in names}
    for above in itertools.product(*(spaces[n] for n in parents)):
        given = dict(zip(parents, above, strict=True))
        prior = (p if given["a"] else 1 - p) if "a" in given else 1.0
        prior *= rows[given["a"]][given["b"]] / sum(rows[given["a"]]) if "b" in given else 1.0
        table = {}
        for inside in itertools.product(*(spaces[n] for n in FIELDS)):
            table[inside] = math.exp(energy({**given, **dict(zip(FIELDS, inside, strict=True))}))
        z = sum(table.values())
        for inside, weight in table.items():
            on = 1 / (1 + math.exp(-(down * inside[0] - 0.2)))
            for e in (0, 1):
                code = (*above, inside[0], inside[1], (inside[2] + 1) // 2, e)
                joint[code] = prior * weight / z * (on if e else 1 - on)
    return FieldModel(text, names, joint)


def _terms(rng: np.random.Generator, parents: tuple[str, ...]) -> list[Term]:
    """Log-potentials; those of a parent alone and constants belong to the field that they stand beside."""
    w = [round(float(v), 2) for v in rng.normal(size=8)]
    terms: list[Term] = [
        (f"{w[3]} + {w[4]} * s * u", lambda v: w[3] + w[4] * v["s"] * v["u"]),
        (f"if t == p then {w[5]} * u else {w[6]} * s", lambda v: w[5] * v["u"] if v["t"] == 0 else w[6] * v["s"]),
    ]
    if "a" in parents:
        terms += [
            (f"{w[0]} * a * s", lambda v: w[0] * v["a"] * v["s"]),
            (f"{w[1]} * a + {w[2]} * u", lambda v: w[1] * v["a"] + w[2] * v["u"]),
            (f"(a - 0.5) * (u + {w[7]} * s)", lambda v: (v["a"] - 0.5) * (v["u"] + w[7] * v["s"])),
        ]
    if "b" in parents:
        terms += [
            (f"if b == y then {w[1]} * s else {w[0]} * u", lambda v: w[1] * v["s"] if v["b"] == 1 else w[0] * v["u"]),
            (f"if b == z and t == r then {w[2]} else {w[4]} * a",
             lambda v: w[2] if v["b"] == 2 and v["t"] == 2 else w[4] * v["a"]),
        ]  # fmt: skip
    return terms


def _hard_terms(parents: tuple[str, ...]) -> list[Term]:
    terms: list[Term] = [
        ("if s == 1 and t == q then log(0) else 0", lambda v: -math.inf if v["s"] == 1 and v["t"] == 1 else 0.0),
        ("log(1 - s * (u + 1) / 2)", lambda v: -math.inf if v["s"] == 1 and v["u"] == 1 else 0.0),
    ]
    if parents:
        terms.append(
            ("if a == 1 and t == p then log(0) else 0.1 * s",
             lambda v: -math.inf if v["a"] == 1 and v["t"] == 0 else 0.1 * v["s"])
        )  # fmt: skip
    return terms

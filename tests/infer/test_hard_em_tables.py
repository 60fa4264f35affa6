"""Hard EM of tables whose rows are tied together: the completion at its end is the most probable of all, listed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgmlang

Tables = dict[str, np.ndarray]
Case = tuple[
    str, Callable[[np.random.Generator], dict[str, Any]], Callable[[dict[str, Any]], int], Callable[..., float]
]


def codes(column: Any, labels: str) -> np.ndarray:
    return np.array([labels.index(v) for v in column])


def letters(rng: np.random.Generator, labels: str, count: int) -> np.ndarray:
    return rng.choice(list(labels), count)


def of_chain(p: Tables, data: dict, path: np.ndarray) -> float:
    y = codes(data["y"], "uv")
    with np.errstate(divide="ignore"):
        start, move, shown = np.log(p["z.table"]), np.log(p["z.table2"]), np.log(p["y.table"])
    return start[path[0]] + move[path[:-1], path[1:]].sum() + shown[path, y].sum()


def of_groups(p: Tables, data: dict, z: np.ndarray) -> float:
    y, g = codes(data["y"], "uv"), codes(data["g"], "ABC")
    with np.errstate(divide="ignore"):
        return np.log(p["z.table"])[z].sum() + np.log(p["y.table"])[z[g], y].sum()


def of_crossing(p: Tables, data: dict, both: np.ndarray) -> float:
    y, g, h = codes(data["y"], "uv"), codes(data["g"], "ABC"), codes(data["h"], "DEF")
    z, w = both[:3], both[3:]
    with np.errstate(divide="ignore"):
        of_outer = np.log(p["z.table"])[z].sum() + np.log(p["w.table"])[w].sum()
        return of_outer + np.log(p["y.table"])[z[g], w[h], y].sum()


def of_fields(p: Tables, data: dict, both: np.ndarray) -> float:
    s, t = both.reshape(-1, 2).T
    log_z = np.log(3 + np.exp(0.8))
    with np.errstate(divide="ignore"):
        shown = np.log(p["y.table"])[s, codes(data["y"], "uv")] + np.log(p["w.table"])[t, codes(data["w"], "uv")]
    return float((0.8 * s * t - log_z + shown).sum())


def with_every(labels: str, rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.permutation([*labels, *letters(rng, labels, count - len(labels))])


CASES: dict[str, Case] = {
    "chain": (
        "plate t = chain { z : {a, b} ~ if first then Table() else Table(prev(z)) ; y : {u, v} ~ Table(z) }",
        lambda rng: {"y": letters(rng, "uv", 10)}, lambda data: len(data["y"]), of_chain),
    "groups": (
        "plate g { z : {a, b} ~ Table(prior = 1) }\nplate row in g { y : {u, v} ~ Table(z) }",
        lambda rng: {"y": letters(rng, "uv", 12), "g": with_every("ABC", rng, 12)}, lambda data: 3, of_groups),
    "crossing": (
        "plate g { z : {a, b} ~ Table() }\nplate h { w : {a, b} ~ Table() }\n"
        "plate row in g, h { y : {u, v} ~ Table(z, w) }",
        lambda rng: {"y": letters(rng, "uv", 14), "g": with_every("ABC", rng, 14), "h": with_every("DEF", rng, 14)},
        lambda data: 6, of_crossing),
    "fields": (
        "plate row { field s : bit\n field t : bit\n factor 0.8 * s * t\n y : {u, v} ~ Table(s) ; w : {u, v} ~ Table(t) }",
        lambda rng: {"y": letters(rng, "uv", 4), "w": letters(rng, "uv", 4)}, lambda data: 8, of_fields),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_the_completion_is_the_best_of_all(name: str, seed: int) -> None:
    text, data_of, num_latents, value = CASES[name]
    data = data_of(np.random.default_rng(seed))
    fit = pgmlang.compile(text).fit(data, method="em", seed=seed, options={"hard": True})
    tables = {k: v for k, v in fit.params.items() if ".table" in k}
    paths = [np.array(c) for c in itertools.product((0, 1), repeat=num_latents(data))]
    heights = np.array([value(tables, data, path) for path in paths])
    assert fit.record.trace[-1] == pytest.approx(heights.max(), abs=1e-9)
    top = heights.max()
    marginal = top + np.log(np.exp(heights - top).sum())
    assert fit.record.log_likelihood == pytest.approx(marginal, abs=1e-9)
    assert fit.record.provenance["objective"] == "log-likelihood of the completed data"
    assert "hard EM" in fit.record.provenance["no_standard_errors"]
    assert all(np.isnan(e).all() for n, e in fit.record.standard_errors.items() if n.startswith("z."))


@pytest.mark.parametrize("seed", range(3))
def test_no_completion_with_its_own_tables_is_much_better(seed: int) -> None:
    """Of few groups every completion is listed, each with the counts that are the best tables for it."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(5), 6)
    y = (rng.random(30) < np.array([0.1, 0.9, 0.2, 0.8, 0.5])[g]).astype(int)
    text = "plate g { z : {a, b} ~ Table() }\nplate row in g { y : {u, v} ~ Table(z) }"
    data = {"y": np.where(y == 0, "u", "v"), "g": [f"g{i}" for i in g]}
    fit = pgmlang.compile(text).fit(data, method="em", seed=seed, options={"hard": True})

    def entropy(counts: np.ndarray) -> float:
        total = counts.sum(-1, keepdims=True)
        share = counts / np.maximum(total, 1)
        return float((counts * np.log(np.where(share > 0, share, 1.0))).sum())

    best = -np.inf
    for z in map(np.array, itertools.product((0, 1), repeat=5)):
        shown = np.array([[((z[g] == k) & (y == v)).sum() for v in (0, 1)] for k in (0, 1)])
        best = max(best, entropy(np.bincount(z, minlength=2)) + entropy(shown))
    assert fit.record.trace[-1] == pytest.approx(best, abs=1e-9)

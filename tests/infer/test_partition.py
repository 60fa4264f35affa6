"""log Z of fields as a factor of the density: against listing every configuration, in many structures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy import optimize
from scipy.special import logsumexp

import pgmlang
from pgmlang.density.partition import density_of
from pgmlang.density.reductions import log_joint
from pgmlang.density.summing import marginaliser_of
from pgmlang.diagnostics import PgmError
from pgmlang.plan.latents import summed_names
from tests.infer.by_hand import problem_of

Energy = Callable[..., float]
Term = tuple[str, Energy]

PARAMS = {"w": 0.7, "h": -0.4}
PRIOR_A, PRIOR_Z = 0.3, (0.4, 0.6)
HEAD = "param w, h : real\n"
DIRECTED = "a : bit ~ Bernoulli(0.3)\n  z : {l, r} ~ Table() { 0.4, 0.6 }\n"


def terms_of(rng: np.random.Generator) -> list[Term]:
    """Log-potentials of the fields ``s``, ``t`` below ``a``, ``z`` and the input ``x``; those without a field cancel."""
    c = [round(float(v), 2) for v in rng.normal(size=4)]
    everything: list[Term] = [
        ("w * a * s", lambda p, a, z, x, s, t: p["w"] * a * s),
        ("if z == l then h * s else -h * s", lambda p, a, z, x, s, t: p["h"] * s * (1 if z == 0 else -1)),
        (f"{c[0]} * x * s + w * x", lambda p, a, z, x, s, t: c[0] * x * s + p["w"] * x),
        (
            f"if t == m then {c[1]} * a - h else w * s",
            lambda p, a, z, x, s, t: c[1] * a - p["h"] if t == 1 else p["w"] * s,
        ),
        (
            "if z == r and t == n then w else 0.2 * s",
            lambda p, a, z, x, s, t: p["w"] if (z, t) == (1, 2) else 0.2 * s,
        ),
        (
            "if s == 1 and t == k then log(0) else 0",
            lambda p, a, z, x, s, t: -math.inf if (s, t) == (1, 0) else 0.0,
        ),
        ("h * s * s + a * z_is", lambda p, a, z, x, s, t: p["h"] * s + a * (z == 1)),
    ]
    chosen = [everything[i] for i in rng.permutation(len(everything))[: rng.integers(3, 6)]]
    return [
        ("w * s + (if t == m then h else 0)", lambda p, a, z, x, s, t: p["w"] * s + p["h"] * (t == 1)),
        *chosen,
    ]


def row_log_likelihood(
    terms: list[Term], p: Mapping[str, float], row: Mapping[str, Any], hidden: tuple[str, ...]
) -> float:
    """Of one row of the model that these terms make, what is hidden summed out."""

    def energy(a: int, z: int, s: int, t: int) -> float:
        return float(sum(e(p, a, z, row["x"], s, t) for _, e in terms))

    spaces = {"a": (0, 1), "z": (0, 1), "s": (0, 1), "t": (0, 1, 2)}
    free = [spaces[n] if n in hidden else (row[n],) for n in spaces]
    out = []
    for a, z, s, t in itertools.product(*free):
        log_z = logsumexp([energy(a, z, *c) for c in itertools.product((0, 1), (0, 1, 2))])
        out.append(math.log(PRIOR_A if a else 1 - PRIOR_A) + math.log(PRIOR_Z[z]) + energy(a, z, s, t) - log_z)
    return float(logsumexp(out))


def rows_of(rng: np.random.Generator, number: int = 8) -> list[dict[str, Any]]:
    return [
        {"a": int(rng.integers(2)), "z": int(rng.integers(2)), "x": round(float(rng.normal()), 2),
         "s": int(rng.integers(2)), "t": int(rng.integers(1, 3))} for _ in range(number)
    ]  # fmt: skip


def columns(rows: list[dict[str, Any]], hidden: tuple[str, ...]) -> dict[str, list[Any]]:
    words = {"z": "lr", "t": "kmn"}
    return {n: [words[n][r[n]] if n in words else r[n] for r in rows] for n in rows[0] if n not in hidden}


def log_marginal(text: str, data: Any, params: Mapping[str, float]) -> float:
    """As the methods have it: log Z a factor, what is hidden summed out."""
    problem = problem_of(text, data)
    joint = density_of(problem)
    values = {k: torch.tensor(v, dtype=torch.float64) for k, v in params.items()}
    names = summed_names(problem.model, problem.facts)
    if names:
        return float(marginaliser_of(joint, names).log_marginal({}, values))
    return float(log_joint(joint, {}, values))


def row_text(terms: list[Term]) -> str:
    body = "\n".join(f"  factor {text}" for text, _ in terms)
    return (
        f"{HEAD}plate row {{\n  input x : real\n  {DIRECTED}  z_is = if z == r then 1 else 0\n"
        f"  field s : bit\n  field t : {{k, m, n}}\n{body}\n}}\n"
    )


HIDDEN = [(), ("z",), ("a", "z"), ("s",), ("z", "t")]


@pytest.mark.parametrize("hidden", HIDDEN, ids="-".join)
@pytest.mark.parametrize("seed", range(5))
def test_rows(seed: int, hidden: tuple[str, ...]) -> None:
    rng = np.random.default_rng(seed)
    terms, rows = terms_of(rng), rows_of(rng)
    expected = sum(row_log_likelihood(terms, PARAMS, r, hidden) for r in rows)
    assert log_marginal(row_text(terms), columns(rows, hidden), PARAMS) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("method", "hidden"),
    [("ml", ()), ("map", ()), ("ml", ("z",)), pytest.param("em", ("z",), marks=pytest.mark.slow)],
    ids=["ml", "map", "ml-z", "em-z"],
)
def test_learned(method: str, hidden: tuple[str, ...]) -> None:
    """The likelihood of a fit is that of its params, and no params near have a greater one."""
    rng = np.random.default_rng(11)
    terms, rows = terms_of(rng), rows_of(rng, 40)
    fit = pgmlang.compile(row_text(terms)).fit(columns(rows, hidden), method=method, seed=1)
    best = {k: float(fit.record.parameters[k]) for k in ("w", "h")}

    def total(p: Mapping[str, float]) -> float:
        return sum(row_log_likelihood(terms, p, r, hidden) for r in rows)

    assert fit.log_likelihood == pytest.approx(total(best), abs=1e-5)
    for name in best:
        for step in (-0.05, 0.05):
            assert total({**best, name: best[name] + step}) < total(best)


def test_fields_of_many_elements_are_listed() -> None:
    """Elements that a factor brings together in a row, below labels of the row: no elimination along plates."""
    text = HEAD + (
        "dim k[3]\nplate row {\n  z : {l, r} ~ Table() { 0.4, 0.6 }\n  field v[k] : bit\n"
        "  factor h * sum(v, over = k) ^ 2 + (if z == l then w else -w) * sum(v, over = k)\n}\n"
    )
    rows = np.random.default_rng(2).integers(0, 2, (6, 3))

    def energy(z: int, v: tuple[int, ...]) -> float:
        return PARAMS["h"] * sum(v) ** 2 + (PARAMS["w"] if z == 0 else -PARAMS["w"]) * sum(v)

    log_z = [logsumexp([energy(z, c) for c in itertools.product((0, 1), repeat=3)]) for z in (0, 1)]
    expected = sum(
        logsumexp([math.log(PRIOR_Z[z]) + energy(z, tuple(v)) - log_z[z] for z in (0, 1)]) for v in rows
    )
    data = {f"v.{i}": rows[:, i].tolist() for i in range(3)}
    assert log_marginal(text, data, PARAMS) == pytest.approx(expected, abs=1e-9)


def test_labels_of_groups() -> None:
    """A hidden label of a group above the fields of its rows."""
    text = HEAD + (
        "plate doc {\n  z : {l, r} ~ Table() { 0.4, 0.6 }\n  plate row {\n    a : bit ~ Bernoulli(0.3)\n"
        "    field s : bit\n    factor (if z == l then w else h) * s + h * a * s\n  }\n}\n"
    )
    docs, a, s = ["A", "A", "B", "C", "C", "C"], [0, 1, 1, 0, 1, 0], [1, 1, 0, 1, 1, 0]
    expected = 0.0
    for doc in "ABC":
        options = []
        for z in (0, 1):
            total = math.log(PRIOR_Z[z])
            for i in (i for i in range(6) if docs[i] == doc):
                logit = (PARAMS["w"] if z == 0 else PARAMS["h"]) + PARAMS["h"] * a[i]
                total += math.log(0.3 if a[i] else 0.7) + logit * s[i] - np.logaddexp(0, logit)
            options.append(total)
        expected += float(logsumexp(options))
    data = {"doc": docs, "a": a, "s": s}
    assert log_marginal(text, data, PARAMS) == pytest.approx(expected, abs=1e-9)


CHAIN = HEAD + (
    "plate seq {\n  {above}  plate step = chain {\n    {here}    field y : bit\n"
    "    factor (w * a + {label}) * y\n    factor if first then 0 else h * prev(y) * y\n  }\n}\n"
)


@pytest.mark.parametrize("is_label_hidden", [False, True])
def test_chains_below_directed_variables(is_label_hidden: bool) -> None:
    """Of each step, observed; of the sequence, summed out."""
    text = CHAIN.replace("{above}", "z : {l, r} ~ Table() { 0.4, 0.6 }\n").replace(
        "{here}", "a : bit ~ Bernoulli(0.3)\n"
    ).replace("{label}", "(if z == l then 0.8 else -0.3)")  # fmt: skip
    seqs = {"A": ([0, 1, 1], [1, 0, 1], 0), "B": ([1, 0], [1, 1], 1)}
    expected = 0.0
    for a, y, label in seqs.values():

        def energy(z: int, y: Any, a: list[int] = a) -> float:
            unary = sum((PARAMS["w"] * i + (0.8 if z == 0 else -0.3)) * j for i, j in zip(a, y, strict=True))
            return unary + PARAMS["h"] * sum(i * j for i, j in itertools.pairwise(y))

        expected += sum(math.log(0.3 if i else 0.7) for i in a)
        options = [
            math.log(PRIOR_Z[z]) + energy(z, y)
            - logsumexp([energy(z, c) for c in itertools.product((0, 1), repeat=len(y))])
            for z in ((0, 1) if is_label_hidden else (label,))
        ]  # fmt: skip
        expected += float(logsumexp(options))
    data: dict[str, list[Any]] = {
        "seq": [n for n, (a, _, _) in seqs.items() for _ in a],
        "a": [i for a, _, _ in seqs.values() for i in a],
        "y": [i for _, y, _ in seqs.values() for i in y],
    }
    if not is_label_hidden:
        data["z"] = ["lr"[k] for a, _, k in seqs.values() for _ in a]
    assert log_marginal(text, data, PARAMS) == pytest.approx(expected, abs=1e-9)


def test_a_hidden_label_of_every_step_is_refused() -> None:
    text = CHAIN.replace("{above}", "").replace("{here}", "a : bit ~ Bernoulli(0.3)\n").replace("{label}", "0")
    data = {"seq": ["A", "A", "B"], "y": [1, 0, 1]}
    with pytest.raises(PgmError, match="hangs on several rows of `a` at once"):
        pgmlang.compile(text).fit(data, method="map")


POSTERIOR = """
w ~ Normal(0, 1)
plate row {
  input x : real
  z : {l, r} ~ Table() { 0.4, 0.6 }
  field s : bit
  field t : spin
  factor w * x * s + 0.5 * w * s * t + (if z == l then 0.7 else -0.7) * t
}
"""


@pytest.mark.parametrize("method", ["hmc", pytest.param("gibbs", marks=pytest.mark.slow)])
def test_posterior_of_a_parent(method: str) -> None:
    """A real parent of fields with labels hidden beside it, against quadrature."""
    rng = np.random.default_rng(5)
    x, s = rng.normal(size=20).round(2), rng.integers(0, 2, 20)
    t = np.where(rng.random(20) < 0.5, 1, -1)
    grid = np.linspace(-6, 6, 2001)
    log_p = -0.5 * grid**2
    for xi, si, ti in zip(x, s, t, strict=True):
        options = []
        for z, prior in enumerate(PRIOR_Z):
            pull = 0.7 if z == 0 else -0.7
            energies = {(i, j): grid * xi * i + 0.5 * grid * i * j + pull * j for i in (0, 1) for j in (-1, 1)}
            options.append(math.log(prior) + energies[si, ti] - logsumexp(list(energies.values()), axis=0))
        log_p = log_p + logsumexp(options, axis=0)
    weight = np.exp(log_p - log_p.max())
    weight /= weight.sum()
    mean = float(weight @ grid)
    sd = math.sqrt(float(weight @ grid**2) - mean**2)
    data = {"x": x.tolist(), "s": s.tolist(), "t": t.tolist()}
    fit = pgmlang.compile(POSTERIOR).fit(data, method=method, seed=3)
    draws = np.asarray(fit.record.draws["w"]).reshape(-1)
    assert draws.mean() == pytest.approx(mean, abs=0.15 * sd)
    assert draws.std() == pytest.approx(sd, rel=0.12)


def test_a_wide_partition_is_refused_with_its_size() -> None:
    text = (
        "w ~ Normal(0, 1)\nplate picture {\n  plate site = grid(5, 5) {\n    field s : spin\n  }\n"
        "  plate bond(i, j) = edges(site) { factor w * s[i] * s[j] }\n}\n"
    )
    data = {"s": np.random.default_rng(0).choice([-1, 1], (2, 25))}
    with pytest.raises(PgmError, match=r"log Z of `s` hangs on `w`.*2\^25 configurations"):
        pgmlang.compile(text).fit(data, method="map")


@pytest.mark.parametrize("method", ["auto", "map"])
def test_missing_cells_of_fields_are_summed_out(method: str) -> None:
    """A cell that is not seen is no value of its own, whoever fits; of two fields that meet, each may miss some."""
    text = "param J, K\nplate row { field s : spin ; field t : spin ; factor J * s + K * s * t }"
    cells = [(1, 1), (1, None), (-1, -1), (None, 1), (1, -1), (-1, None), (1, 1)]
    data = {"s": [c[0] for c in cells], "t": [c[1] for c in cells]}

    def log_likelihood(x: np.ndarray) -> float:
        energy = {(s, t): x[0] * s + x[1] * s * t for s in (-1, 1) for t in (-1, 1)}
        log_z = np.logaddexp.reduce(list(energy.values()))
        return sum(
            np.logaddexp.reduce([e for (s, t), e in energy.items() if a in (s, None) and b in (t, None)]) - log_z
            for a, b in cells
        )

    fit = pgmlang.compile(text).fit(data, method=method, seed=1)
    best = optimize.minimize(lambda x: -log_likelihood(x), [0.0, 0.0])
    assert [float(fit.params[n]) for n in "JK"] == pytest.approx(best.x.tolist(), abs=1e-3)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-6)

"""Every clause of a model or of its binding, by every method: it moves the numbers the way it must, or it is refused with a
code and a reason. It is never left out without a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.plan.registry import METHODS, method_named

SHORT = {
    "epochs": 40,
    "warmup": 40,
    "draws": 40,
    "chains": 4,
    "temperatures": 2,
    "particles": 20,
    "max_iterations": 60,
}
RNG = np.random.default_rng(1)
NORMAL = RNG.normal(1.5, 1.0, 30).round(2).tolist()
APART = [*RNG.normal(-4, 0.5, 24).round(2), *RNG.normal(4, 0.5, 6).round(2)]
SKEWED = ["a"] * 9 + ["b"]
STEPS = [0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]


class Row(NamedTuple):
    """``bare`` and ``stated``: a text without the clause and with it, or the keywords of `bind` that say it; ``number``: the
    name of what is measured; ``sign``: whether the clause makes it greater (1), smaller (-1) or other (0)."""

    bare: str
    stated: str
    data: dict[str, Any]
    number: str
    sign: int
    binding: Mapping[str, Any] = MappingProxyType({})


def both(text: str, clause: str, data: dict[str, Any], number: str, sign: int, instead: str = "") -> Row:
    """A row of a text with a clause at ``@``."""
    return Row(text.replace("@", instead), text.replace("@", clause), data, number, sign)


def bound(text: str, column: str, values: list[Any], data: dict[str, Any], number: str, sign: int) -> Row:
    """A row of a text bound with counts or weights."""
    return Row(text, text, {**data, "n": values}, number, sign, {column: "n"})


def given(text: str, data: dict[str, Any], number: str, sign: int, **binding: Any) -> Row:
    """A row of a text bound in another way."""
    return Row(text, text, data, number, sign, binding)


MEAN = "m ~ Normal(0, 10)\nplate row { y ~ Normal(m, 1) }\n"
PARAM = "param m : real\nplate row { y ~ Normal(m, 1) }\n"
CHAIN = "param p : unit\nplate t = chain { y : bit ~ Bernoulli(if first then 0.5 else if prev(y) == 1 then p else 1 - p) }\n"
FIELDS = "param w : real\nplate row { field s, t : bit\n factor w * s * t @}\n"
BITS = {"s": [0, 1, 1, 0, 1, 1], "t": [0, 1, 1, 1, 1, 0]}
HEAVY_LAST = [1] * 29 + [200]
FAR = {"y": [*NORMAL[:-1], 9.0]}

CLAUSES = {
    "prior, tables alone": both("plate row { x : {a, b} ~ Table(@) }\n", "prior = 50", {"x": SKEWED}, "x.table", -1),
    "bdeu": both("plate row { x : {a, b} ~ Table(@) }\n", "prior = bdeu(20)", {"x": SKEWED}, "x.table", -1),
    "prior, with missing cells": both("plate row { x : {a, b} ~ Table(@) }\n", "prior = 50", {"x": [*SKEWED, None]}, "x.table", -1),
    "prior, latent parent": both("plate row { z : {c, d} ~ Table()\n x : {a, b} ~ Table(z)\n y : {a, b} ~ Table(@) }\n", "prior = 50", {"x": SKEWED, "y": SKEWED}, "y.table", -1),
    "prior, in a chain": both("plate t = chain { x : {a, b} ~ Table(@) }\n", "prior = 50", {"x": SKEWED}, "x.table", -1),
    "prior, hidden, beside densities": both("param q : real\nplate row { z : {a, b} ~ Table(@)\n y ~ Normal(if z == a then -4 + q else 4 + q, 1) }\n", "prior = 50", {"y": APART}, "z.table", -1),
    "prior, seen, beside densities": both("param q : real\nplate row { z : {a, b} ~ Table(@)\n y ~ Normal(q, 1) }\n", "prior = 50", {"z": SKEWED, "y": NORMAL[:10]}, "z.table", -1),
    "prior, beside latent numbers": both("q ~ Normal(0, 10)\nplate row { z : {a, b} ~ Table(@)\n y ~ Normal(q, 1) }\n", "prior = 50", {"z": SKEWED, "y": NORMAL[:10]}, "z.table", -1),
    "prior, beside fields": both("plate row { z : {a, b} ~ Table(@)\n field s, t : bit\n factor 0.3 * s * t }\n", "prior = 50", {"z": SKEWED, "s": [0, 1] * 5, "t": [1, 1] * 5}, "z.table", -1),
    "by": both("plate school { plate pupil { x : {a, b} ~ Table(@) } }\n", "by = school", {"school": ["A"] * 5 + ["B"] * 5, "x": SKEWED}, "x.table", 0),
    "by, latent": both("param q : real\nplate school { plate pupil { z : {a, b} ~ Table(@)\n y ~ Normal(if z == a then -4 + q else 4 + q, 1) } }\n", "by = school", {"school": ["A"] * 15 + ["B"] * 15, "y": APART}, "z.table", 0),
    "rows given": both("q ~ Normal(0, 5)\nplate row { z : {a, b} ~ Table() { @ }\n y ~ Normal(if z == a then q else 4, 1) }\n", "0.999, 0.001", {"y": NORMAL}, "q", 1, "0.5, 0.5"),
    "rows given, discrete": both("plate row { z : {a, b} ~ Table() { @ }\n x : {a, b} ~ Table(z) { a : 0.9, 0.1\n b : 0.2, 0.8 } }\n", "0.999, 0.001", {"x": SKEWED}, "loglik", 0, "0.5, 0.5"),
    "counts, a mean": bound(MEAN, "counts", HEAVY_LAST, FAR, "m", 1),
    "counts, a param": bound(PARAM, "counts", HEAVY_LAST, FAR, "m", 1),
    "counts, tables": bound("plate row { x : {a, b} ~ Table() }\n", "counts", [1] * 9 + [50], {"x": SKEWED}, "x.table", -1),
    "counts, tables and missing cells": bound("plate row { x : {a, b} ~ Table()\n y : {a, b} ~ Table(x) }\n", "counts", [1] * 9 + [50], {"x": SKEWED, "y": [None, *SKEWED[1:]]}, "x.table", -1),
    "counts, a chain": bound(CHAIN, "counts", [1] * 11 + [9], {"y": STEPS}, "p", 0),
    "counts, fields": bound(FIELDS.replace("@", ""), "counts", [1, 30, 1, 1, 1, 1], BITS, "w", 1),
    "counts, latent rows": bound("m ~ Normal(0, 10)\nplate row { h ~ Normal(m, 1)\n y ~ Normal(h, 1) }\n", "counts", HEAVY_LAST, FAR, "m", 1),
    "weights, a mean": bound(MEAN, "weights", [float(n) for n in HEAVY_LAST], FAR, "m", 1),
    "weights, a param": bound(PARAM, "weights", [float(n) for n in HEAVY_LAST], FAR, "m", 1),
    "weights, tables": bound("plate row { x : {a, b} ~ Table() }\n", "weights", [0.5] * 9 + [50.0], {"x": SKEWED}, "x.table", -1),
    "weights, a mixture": bound("param q : real\nplate row { z : {a, b} ~ Table()\n y ~ Normal(if z == a then -4 + q else 4 + q, 1) }\n", "weights", [0.1] * 29 + [90.0], {"y": APART}, "z.table", -1),
    "weights, fields": bound(FIELDS.replace("@", ""), "weights", [1.0, 30, 1, 1, 1, 1], BITS, "w", 1),
    "factor": both(FIELDS, "+ 2 * s ", BITS, "w", 0),
    "factor, in a plate, labels": both("param w : real\nplate row { field s, t : {a, b}\n factor if s == t then w @else 0 }\n", "+ 1 ", {"s": SKEWED, "t": ["a"] * 5 + ["b"] * 5}, "w", -1),
    "prior of a number": both("m ~ Normal(@)\nplate row { y ~ Normal(m, 1) }\n", "-5, 0.1", {"y": NORMAL}, "m", -1, "0, 10"),
    "prior of a number of a plate": both("plate row { h ~ Normal(@)\n y ~ Normal(h, 1) }\n", "-5, 0.1", {"y": NORMAL}, "h", -1, "0, 10"),
    "truncation": both("m ~ Normal(0, 10)\nplate row { y ~ @ }\n", "Truncated(Normal(m, 1), lower = 1)", {"y": [max(y, 1.05) for y in NORMAL]}, "m", -1, "Normal(m, 1)"),
    "censoring": both("m ~ Normal(0, 10)\nplate row { y ~ @ }\n", "Censored(Normal(m, 1), upper = 2)", {"y": [min(y, 2.0) for y in NORMAL]}, "m", 1, "Normal(m, 1)"),
    "first": both("m ~ Normal(0, 10)\nplate t = chain { y ~ Normal(if first then @ else m, 1) }\n", "0", {"y": [9.0, *NORMAL[:5]]}, "m", -1, "m"),
    "prev": both("m ~ Normal(0, 10)\nplate t = chain { y ~ Normal(if first then m else m + @, 1) }\n", "prev(y)", {"y": NORMAL}, "m", -1, "0"),
    "by, with a prior": both("plate school { plate pupil { x : {a, b} ~ Table(prior = 1@) } }\n", ", by = school", {"school": ["A"] * 5 + ["B"] * 5, "x": SKEWED}, "x.table", 0),
    "by, with a parent": both("plate school { plate pupil { v : {c, d} ~ Table()\n x : {a, b} ~ Table(v, prior = 1@) } }\n", ", by = school", {"school": ["A"] * 5 + ["B"] * 5, "v": ["c", "d"] * 5, "x": SKEWED}, "x.table", 0),
    "by, with missing cells": both("plate school { plate pupil { x : {a, b} ~ Table(prior = 1@) } }\n", ", by = school", {"school": ["A"] * 5 + ["B"] * 5, "x": [None, *SKEWED[1:]]}, "x.table", 0),
    "input": both("m ~ Normal(0, 10)\nplate row { input x : real\n y ~ Normal(m@, 1) }\n", " + x", {"x": [3.0] * 30, "y": NORMAL}, "m", -1),
    "input, labels": both("m ~ Normal(0, 10)\nplate row { input x : {no, yes}\n y ~ Normal(@, 1) }\n", "if x == no then m else m + 9", {"x": ["no", "yes"] * 15, "y": NORMAL}, "m", -1, "m"),
    "input, of a plate": both("m ~ Normal(0, 10)\nplate school { input x : real }\nplate row in school { y ~ Normal(m@, 1) }\n", " + x", {"school": ["A", "B"] * 15, "x": [3.0, 4.0] * 15, "y": NORMAL}, "m", -1),
    "softmax": both("dim k = {a, b}\none[k] = 1\nnumber[k] = cumsum(one, over = k)\nw ~ Normal(0, 10)\nplate row { x : k ~ Categorical(softmax(@w * number)) }\n", "3 * ", {"x": SKEWED * 3}, "w", 1),
    "softmax, a param": both("dim k = {a, b}\none[k] = 1\nnumber[k] = cumsum(one, over = k)\nparam w : real\nplate row { x : k ~ Categorical(softmax(@w * number)) }\n", "3 * ", {"x": SKEWED * 3}, "w", 1),
    "logit": both("dim k = {a, b}\none[k] = 1\nnumber[k] = cumsum(one, over = k)\nw ~ Normal(0, 10)\nplate row { x : k ~ Categorical(logit = @w * number) }\n", "3 * ", {"x": SKEWED * 3}, "w", 1),
    "softmax, hidden": both("dim k = {a, b}\none[k] = 1\nnumber[k] = cumsum(one, over = k)\nw ~ Normal(0, 10)\nplate row { z : k ~ Categorical(softmax(@w * number))\n y ~ Normal(if z == a then -4 else 4, 1) }\n", "3 * ", {"y": APART}, "w", 1),
    "a written guide": both(MEAN + "@", "guide { param c : real\n m ~ Normal(c, 0.002) }\n", {"y": NORMAL}, "m.sd", -1),
    "a written guide of rows": both("plate row { h ~ Normal(0, 3)\n y ~ Normal(h, 1) }\n@", "guide row { param c, d : real\n h ~ Normal(c + d * y, 0.002) }\n", {"y": NORMAL[:4]}, "bound", -1),
    "observed number": given("s ~ HalfNormal(1)\nm ~ Normal(0, 10)\nplate row { y ~ Normal(m + s, 0.5) }\n", {"y": NORMAL}, "m", -1, observe={"s": "9"}),
    "observed label": given("m ~ Normal(0, 10)\nz ~ Bernoulli(0.05)\nplate row { y ~ Normal(m - 5 * z, 1) }\n", {"y": NORMAL}, "m", 1, observe={"z": "1"}),
    "hidden column": given("m ~ Normal(0, 10)\nplate row { h ~ Normal(m, 1)\n y ~ Normal(h, 1) }\n", {"h": [8.0] * 30, "y": NORMAL}, "m", -1, hide=("h",)),
    "hidden labels": given("plate row { z : {c, d} ~ Table(prior = 1)\n x : {a, b} ~ Table(z, prior = 1) { @ } }\n".replace(" { @ }", ""), {"z": ["c"] * 10, "x": SKEWED}, "loglik", 0, hide=("z",)),
    "mapped column": given(MEAN, {"y": NORMAL, "other": [y + 3 for y in NORMAL]}, "m", 1, mapping={"y": "other"}),
    "mapped labels": given("plate row { x : {a, b} ~ Table() }\n", {"x": SKEWED, "other": ["b"] * 9 + ["a"]}, "x.table", -1, mapping={"x": "other"}),
    "rows dropped": given("m ~ Normal(0, 10)\nplate row { x ~ Normal(m, 1)\n y ~ Normal(x, 1) }\n", {"x": [1.0] * 6 + [None] * 6, "y": [1.0] * 6 + [9.0] * 6}, "m", -1, missing="drop"),
    "rows dropped, tables": given("plate row { x : {a, b} ~ Table(prior = 1)\n y : {c, d} ~ Table(x, prior = 1) }\n", {"x": [*SKEWED, None, None], "y": ["c"] * 10 + ["d"] * 2}, "y.table", 1, missing="drop"),
    "a word for missing": given("plate row { x : {a, b} ~ Table(prior = 1)\n y : {c, d} ~ Table(x, prior = 1) }\n", {"x": ["a", "b", "a", "a"], "y": ["c", "d", "c", "d"]}, "x.table", 0, na=("b",)),
}  # fmt: skip

SAME = {
    "an open set": ("plate row { x : {a, b} ~ Table(prior = 1) }\n", "plate row { x : {...} ~ Table(prior = 1) }\n", {"x": SKEWED}),
    "open sets, a hidden parent": ("plate row { z : {c, d} ~ Table(prior = 2)\n x : {a, b} ~ Table(z, prior = 1) }\n", "plate row { z : {c, d} ~ Table(prior = 2)\n x : {...} ~ Table(z, prior = 1) }\n", {"x": SKEWED}),
    "an open dim": ("dim k = {a, b}\nw[k] ~ Normal(0, 1)\nplate row { x : k ~ Categorical(softmax(w)) }\n", "dim k\nw[k] ~ Normal(0, 1)\nplate row { x : k ~ Categorical(softmax(w)) }\n", {"x": SKEWED}),
    "an open dim, params": ("dim k = {a, b}\nparam w[k]\nplate row { input x : k\n y ~ Normal(w[x], 1) }\n", "dim k\nparam w[k]\nplate row { input x : k\n y ~ Normal(w[x], 1) }\n", {"x": SKEWED, "y": NORMAL[:10]}),
    "open sets, fields": ("param w : real\nplate row { field s, t : {a, b}\n factor if s == t then w else 0 }\n", "dim k\nparam w : real\nplate row { field s, t : k\n factor if s == t then w else 0 }\n", {"s": SKEWED, "t": ["a"] * 5 + ["b"] * 5}),
    "an open set in a chain": ("plate t = chain { x : {a, b} ~ Table(prior = 1) }\n", "plate t = chain { x : {...} ~ Table(prior = 1) }\n", {"x": SKEWED}),
}  # fmt: skip
"""A text with declared labels and one with those of the data."""

TYPES = {
    "positive": ("param p : positive\nplate row { y ~ Normal(-p, 1) }\n", lambda p: p > 0),
    "unit": ("param p : unit\nplate row { y ~ Normal(p, 1) }\n", lambda p: 0 < p < 1),
    "ordered": ("dim k[2]\nparam p[k] : ordered\nplate row { y ~ Normal(sum(p), 1) }\n", lambda p: np.all(np.diff(p) > 0)),
    "simplex": ("dim k[3]\nparam p[k] : simplex\nplate row { y ~ Normal(sum(p * p), 1) }\n", lambda p: abs(p.sum() - 1) < 1e-6),
    "latent positive": ("p : positive ~ HalfNormal(3)\nplate row { y ~ Normal(-p, 1) }\n", lambda p: p > 0),
    "latent simplex": ("dim k[3]\np[k] ~ Dirichlet(1)\nplate row { y ~ Normal(sum(p * p), 1) }\n", lambda p: abs(p.sum() - 1) < 1e-6),
    "latent ordered": ("dim k[2]\np[k] : ordered ~ Normal(0, 3)\nplate row { y ~ Normal(sum(p), 1) }\n", lambda p: np.all(np.diff(p) > 0)),
}  # fmt: skip


def fitted(text: str, data: dict[str, Any], method: str, binding: Mapping[str, Any]) -> Any:
    """The fit, or None and why not."""
    known = {n: v for n, v in SHORT.items() if n in method_named(method).options.__dataclass_fields__}
    model = pgmlang.compile(text)
    try:
        bound_model = model.bind(data, **binding)
    except PgmError as error:
        return error
    while True:
        try:
            return model.fit(bound_model, method=method, seed=3, options=known)
        except PgmError as error:
            said = error.diagnostics[0]
            idle = [n for n in known if said.code == "PGM0612" and f"`{n}`" in said.message]
            if not idle:
                return error
            known = {n: v for n, v in known.items() if n not in idle}


def measured(fit: Any, name: str) -> Any:
    """What a fit says of a name: of a table its probabilities, with ``.sd`` the spread of its draws; ``bound``: the objective."""
    if name == "loglik":
        return fit.log_likelihood
    if name == "bound":
        return fit.record.trace[-1]
    if name.endswith(".sd"):
        drawn = fit.draws.get(name.removesuffix(".sd"))
        return None if drawn is None else float(np.asarray(drawn).std((0, 1)).mean())
    if name in fit.params:
        value = np.asarray(fit.params[name], dtype=float)
    elif name in fit.draws:
        value = np.asarray(fit.draws[name], dtype=float).mean((0, 1))
    else:
        return None
    return value if name.endswith(".table") else float(value.mean())


ALIKE = ("langevin", "mh", "tempering")
"""Samplers of the density that `hmc` samples: most of their cases are slow."""
FOR_ALL = (
    "counts, latent rows",
    "weights, a mean",
    "input, of a plate",
    "softmax",
    "observed label",
    "rows dropped",
    "a written guide",
)
EVERY = [
    pytest.param(clause, method, marks=[pytest.mark.slow] if method in ALIKE and clause not in FOR_ALL else [])
    for clause in CLAUSES
    for method in METHODS
]


@pytest.mark.parametrize(("clause", "method"), EVERY)
def test_a_clause_is_honoured_or_refused(clause: str, method: str) -> None:
    row = CLAUSES[clause]
    fits = [fitted(t, row.data, method, b) for t, b in ((row.bare, {}), (row.stated, row.binding))]
    for fit in fits:
        if isinstance(fit, PgmError):
            assert all(d.code.startswith("PGM0") and d.code != "PGM0899" and d.message for d in fit.diagnostics)
    if any(isinstance(fit, PgmError) for fit in fits):
        return
    if "guide" in clause and not method_named(method).reads_guide:
        assert "PGM0812" in {w.code for w in fits[1].record.warnings}
        return
    one, two = (measured(fit, row.number) for fit in fits)
    if one is None or two is None:
        if not fits[0].draws:
            # `exact` keeps nothing of the rows' own numbers
            assert fits[0].log_likelihood != fits[1].log_likelihood
            return
        # draws of labels alone: they say whether the clause counts
        assert any(not np.array_equal(fits[0].draws[n], fits[1].draws[n]) for n in fits[0].draws)
        return
    if clause.startswith("by"):
        # the first school has no `b`, the second has
        first, second = np.asarray(two).reshape(2, -1, 2)[..., 0].mean(1)
        assert np.shape(two) == (2, *np.shape(one))
        assert first > second + 0.05
        return
    if row.number.endswith(".table"):
        one, two = float(one.flat[0]), float(two.flat[0])
    assert not math.isclose(one, two, rel_tol=1e-6)
    assert row.sign == 0 or (two - one) * row.sign > 0, (one, two)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SAME)
def test_labels_of_the_data_are_as_good_as_declared_ones(name: str, method: str) -> None:
    one, two, data = SAME[name]
    fits = [fitted(text, data, method, {}) for text in (one, two)]
    if any(isinstance(fit, PgmError) for fit in fits):
        assert [isinstance(fit, PgmError) and fit.diagnostics[0].code for fit in fits] == [
            fits[0].diagnostics[0].code
        ] * 2
        return
    for values in (lambda fit: fit.params, lambda fit: fit.draws):
        kept = [values(fit) for fit in fits]
        assert set(kept[0]) == set(kept[1])
        assert all(np.allclose(kept[0][n], kept[1][n], rtol=1e-9, atol=1e-12) for n in kept[0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", TYPES)
def test_a_type_holds_by_every_method(kind: str, method: str) -> None:
    text, holds = TYPES[kind]
    fit = fitted(text, {"y": NORMAL}, method, {})
    if isinstance(fit, PgmError):
        assert all(d.code != "PGM0899" and d.message for d in fit.diagnostics)
        return
    values = (
        np.asarray(fit.params["p"])[None]
        if "p" in fit.params
        else fit.draws["p"].reshape(-1, *fit.draws["p"].shape[2:])
    )
    check: Callable[[Any], Any] = holds
    assert all(bool(check(v)) for v in values)


def test_each_clause_is_taken_by_some_method() -> None:
    """A table in which all is refused would say nothing."""
    for clause in (
        "prior, tables alone",
        "by",
        "counts, a mean",
        "weights, a param",
        "factor",
        "first",
        "censoring",
    ):
        row = CLAUSES[clause]
        fit = fitted(row.stated, row.data, _taker(clause), row.binding)
        assert not isinstance(fit, PgmError), (clause, fit)


def _taker(clause: str) -> str:
    return {"prior, tables alone": "ml", "by": "ml", "factor": "ml", "weights, a param": "map"}.get(clause, "hmc")

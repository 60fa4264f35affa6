"""Standard errors of hundreds of numbers: closed forms, Louis's formula written out, and what they may cost."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pgmlang
from pgmlang.kernels import curvature, second_derivatives
from pgmlang.results.summary_view import Summary


def errors_of(fit: pgmlang.Fit, name: str) -> list[float]:
    return [r["sd"] for r in fit.summary() if r["name"].split("[")[0] == name]


def effects(groups: int, rows: int = 5) -> tuple[str, dict]:
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(groups), rows)
    y = 1 + rng.normal(size=groups)[g] + 0.5 * rng.normal(size=len(g))
    text = "param mu : real\nplate g { u ~ Normal(0, 1) }\nplate row in g { y ~ Normal(mu + u, 0.5) }"
    return text, {"y": y, "g": [f"g{i}" for i in g]}


def test_effects_of_groups_have_the_inverse_of_their_precision() -> None:
    groups, rows = 400, 5
    text, data = effects(groups, rows)
    fit = pgmlang.compile(text).fit(data, method="map", seed=1)
    assert fit.record.status == "converged"
    precision = np.diag([rows * groups * 4.0, *[rows * 4.0 + 1] * groups])
    precision[0, 1:] = precision[1:, 0] = rows * 4.0
    expected = np.sqrt(np.diagonal(np.linalg.inv(precision)))
    assert errors_of(fit, "mu") == pytest.approx(expected[:1], rel=1e-5)
    assert errors_of(fit, "u") == pytest.approx(expected[1:], rel=1e-5)


def louis(bits: np.ndarray, share: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Standard errors of the log-odds ``[class, item]`` of a latent class model whose cells all have a pseudo-count of one:
    the expected complete information less the covariance of the complete score (Louis 1982)."""
    weights = np.log(share) + bits @ np.log(p).T + (1 - bits) @ np.log1p(-p).T
    weights = np.exp(weights - weights.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    classes, items = p.shape
    scores = weights[:, :, None] * (bits[:, None, :] - p)
    of_share = weights - share
    width = classes * items
    mean = np.concatenate([scores.reshape(len(bits), width), of_share[:, 1:]], 1)
    counts = weights.sum(0)
    second = np.zeros((width + classes - 1,) * 2)
    for k in range(classes):
        away = bits - p[k]
        block = slice(k * items, (k + 1) * items)
        second[block, block] = (away * weights[:, k : k + 1]).T @ away
        for m in range(1, classes):
            second[block, width + m - 1] = second[width + m - 1, block] = (away * weights[:, k : k + 1]).sum(0) * (
                (m == k) - share[m]
            )
    hot = np.eye(classes) - share
    second[width:, width:] = (hot[:, 1:] * counts[:, None]).T @ hot[:, 1:]
    complete = np.zeros_like(second)
    complete[range(width), range(width)] = ((counts[:, None] + 2) * p * (1 - p)).ravel()
    complete[width:, width:] = (len(bits) + classes) * (np.diag(share[1:]) - np.outer(share[1:], share[1:]))
    information = complete - second + mean.T @ mean
    return np.sqrt(np.diagonal(np.linalg.inv(information))[:width]).reshape(p.shape)


def test_latent_classes_have_the_errors_of_louis() -> None:
    """300 numbers by the expectations of tables, and once more by the density."""
    rng = np.random.default_rng(2)
    classes, items, rows = 4, 74, 500
    truth = rng.beta(0.7, 0.7, (classes, items))
    bits = (rng.random((rows, items)) < truth[rng.integers(classes, size=rows)]).astype(float)
    labels = ", ".join("abcd")
    text = f"plate row {{ z : {{{labels}}} ~ Table(prior = 1) ; " + " ; ".join(
        f"x{j} : bit ~ Table(z, prior = 1)" for j in range(items)
    )
    data = {f"x{j}": bits[:, j].astype(int) for j in range(items)}
    fit = pgmlang.compile(text + " }").fit(data, method="em", seed=1, options={"restarts": 1})
    assert fit.record.status == "converged"
    p = np.stack([fit.params[f"x{j}.table"][:, 1] for j in range(items)], 1)
    logit = louis(bits, fit.params["z.table"], p)
    # under a prior the error is that of the Dirichlet that has seen as much
    variance = (logit * p * (1 - p)) ** 2
    expected = np.sqrt(variance / (1 + variance / (p * (1 - p))))
    told = np.stack([fit.record.standard_errors[f"x{j}.table"][:, 1] for j in range(items)], 1)
    assert told == pytest.approx(expected, rel=2e-2)
    by_axis = (
        f"dim item[{items}]\nshare[k] ~ Dirichlet(2)\nplate k[{classes}] {{ p[item] ~ Beta(2, 2) }}\n"
        "plate row { z ~ Categorical(share) ; x[item] : bit ~ Bernoulli(p[z]) }"
    )
    other = pgmlang.compile(by_axis).fit({"x": bits.astype(int)}, method="em", seed=1, options={"restarts": 4})
    q = other.params["p"]
    order = [int(np.abs(q - p[k]).sum(1).argmin()) for k in range(classes)]
    assert sorted(order) == list(range(classes))
    assert q[order] == pytest.approx(p, abs=1e-2)
    by_density = other.record.standard_errors["p"][order] / (q * (1 - q))[order]
    assert by_density == pytest.approx(louis(bits, other.params["share"][order], q[order]), rel=2e-2)


def test_tables_that_the_data_show_are_counted_beside_those_with_missing_cells() -> None:
    """400 rows of a seen table cost no expectations: multinomial errors; the missing third of `b` widens its own."""
    rng = np.random.default_rng(1)
    rows = 3_000
    a, c = rng.integers(300, size=rows), rng.integers(2, size=rows)
    d = rng.integers(3, size=rows)
    b = np.where(rng.random(rows) < 0.3, "y", "n").astype(object)
    b[::3] = None
    text = "plate row { a : {...} ~ Table() ; c : {u, v} ~ Table() ; d : {...} ~ Table(c) ; b : {y, n} ~ Table() }"
    data = {"a": [f"a{i}" for i in a], "c": np.where(c == 0, "u", "v"), "d": [f"d{i}" for i in d], "b": b}
    fit = pgmlang.compile(text).fit(data, method="em", seed=1)
    assert fit.record.status == "converged"
    errors = fit.record.standard_errors
    p = fit.params["a.table"]
    assert errors["a.table"] == pytest.approx(np.sqrt(p * (1 - p) / rows))
    q = fit.params["d.table"]
    assert errors["d.table"] == pytest.approx(np.sqrt(q * (1 - q) / np.bincount(c)[:, None]))
    share = fit.params["b.table"][0]
    assert errors["b.table"] == pytest.approx([math.sqrt(share * (1 - share) / 2_000)] * 2, rel=1e-5)


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MOST_SECONDS", 0.0, "over 0 s of processor time"),
        ("MOST", 300, "memory for the curvature of at most 300"),
    ],
)
@pytest.mark.parametrize("method", ["map", "em"])
def test_what_costs_too_much_is_said(monkeypatch, method: str, limit: str, value: float, words: str) -> None:
    monkeypatch.setattr(second_derivatives if limit == "MOST_SECONDS" else curvature, limit, value)
    if method == "map":
        text, data = effects(310)
    else:
        items = 110
        text = "plate row { z : {a, b} ~ Table(prior = 1) ; " + " ; ".join(
            f"x{j} : {{u, v, w}} ~ Table(z, prior = 1)" for j in range(items)
        )
        text += " ; seen : {s, t} ~ Table() }"
        data = {"seen": ["s"] * 5 + ["t"] * 15} | {
            f"x{j}": np.random.default_rng(j).choice(["u", "v", "w"], 20) for j in range(items)
        }
    fit = pgmlang.compile(text).fit(data, method=method, seed=1, options={"restarts": 1} if method == "em" else {})
    assert fit.record.status == "converged"
    assert words in fit.record.provenance["no_standard_errors"]
    assert words in str(Summary(fit.record))
    if method == "em":
        assert fit.record.standard_errors["seen.table"] == pytest.approx([math.sqrt(0.25 * 0.75 / 20)] * 2)


def test_models_of_many_cells_are_looked_at_point_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """More cells than all points together may have: each point is a block of its own."""
    rng = np.random.default_rng(0)
    bits = (rng.random((200, 4)) < rng.random((2, 4))[rng.integers(2, size=200)]).astype(int)
    text = (
        "dim item[4]\nshare[class] ~ Dirichlet(2)\nplate class[2] { p[item] ~ Beta(2, 2) }\n"
        "plate row { z ~ Categorical(share)\n x[item] ~ Bernoulli(p[z]) }"
    )
    usual = pgmlang.compile(text).fit({"x": bits}, method="em", seed=1)
    monkeypatch.setattr("pgmlang.infer.density_errors.SIDE_BY_SIDE", 1)
    alone = pgmlang.compile(text).fit({"x": bits}, method="em", seed=1)
    assert errors_of(alone, "p") == pytest.approx(errors_of(usual, "p"), rel=1e-9)

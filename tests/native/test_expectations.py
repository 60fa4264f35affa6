"""Sums over labels and paths by compiled code: the same log-likelihoods, expected statistics and fits as torch's, and as enumeration."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density import native_reduction
from pgmlang.density.bind import density_of_binding
from pgmlang.density.gradients import slopes_of
from pgmlang.density.row_blocks import RowBlocks, row_blocks
from pgmlang.density.summing import marginaliser_of
from pgmlang.diagnostics import PgmError
from pgmlang.native import expectations, lane_chains, path_sums
from tests.infer.test_sufficient_factors import MODELS, heights_and_slopes, values_of

pytest.importorskip("numba")
RNG = np.random.default_rng(8)
N = 400
X = RNG.normal(size=N) + 3.0 * (np.arange(N) % 3)
SEEN = [None if i % 3 else f"{'uvw'[i % 2]}" for i in range(N)]
CHAIN = "param start[into] : simplex\nparam move[k, into] : simplex\ndim k[3]\ndim into like k\nparam m[k] : real\nparam s[k] : positive\n"
STEP = "z : k ~ Categorical(if first then start else move[prev(z)])\n x ~ Normal(m[z], s[z]) }"
MORE = {
    "two labels of a row": (
        "dim k[3]\ndim j[2]\nparam a[k] : simplex\nparam b[k, j] : simplex\nparam m[k, j] : real\nparam s : positive\n"
        "plate row { z : k ~ Categorical(a)\n y : j ~ Categorical(b[z])\n x ~ Normal(m[z, y], s) }", {"x": X}, ["z", "y"]),
    "labels apart": (
        "dim k[3]\ndim j[2]\nparam a[k] : simplex\nparam b[j] : simplex\nparam m[k] : real\nparam q[j] : real\n"
        "plate row { z : k ~ Categorical(a)\n y : j ~ Categorical(b)\n x ~ Normal(m[z], 1)\n w ~ Normal(q[y], 2) }",
        {"x": X, "w": X[::-1].copy()}, ["z", "y"]),
    "labels that are partly seen": (
        "dim k = {u, v, w}\nparam a[k] : simplex\nparam m[k] : real\nparam s[k] : positive\n"
        "plate row { z : k ~ Categorical(a)\n x ~ Normal(m[z], s[z]) }", {"x": X, "z": SEEN}, ["z"]),
    "a chain, partly seen": (
        CHAIN.replace("k[3]", "k = {u, v, w}") + "plate row = chain { " + STEP, {"x": X, "z": SEEN}, ["z"]),
    "two chains of one row": (
        CHAIN + "param other[into] : simplex\nplate row = chain { z : k ~ Categorical(if first then start else move[prev(z)])\n"
        " y : k ~ Categorical(if first then other else move[prev(y)])\n x ~ Normal(m[z] + m[y], s[z]) }", {"x": X}, ["z", "y"]),
    "sequences of one step and of many": (
        CHAIN + "plate g { }\nplate row in g = chain { " + STEP,
        {"x": X, "g": np.array([f"g{i}" for i in np.sort(RNG.integers(40, size=N) ** 2 // 40)], dtype=object)}, ["z"]),
    "what a chain can never do": (
        "plate row = chain { z : {u, v, w} ~ if first then Table() { 1, 0, 0 } else Table(prev(z)) { u : 0.5, 0.5, 0 ; v : 0, 0.5, 0.5 ; "
        "w : 0.1, 0, 0.9 }\n x ~ Normal(if z == u then a else if z == v then b else c, s) }\nparam a : real\nparam b : real\n"
        "param c : real\nparam s : positive", {"x": X}, ["z"]),
    "mixtures of regressions": (
        "dim k[2]\nparam a[k] : simplex\nparam b[k] : real\nparam c[k] : real\nparam s[k] : positive\n"
        "plate row { input t\n z : k ~ Categorical(a)\n x ~ Normal(b[z] + c[z] * t, s[z]) }", {"x": X, "t": X[::-1].copy()}, ["z"]),
    "labels along an axis": (
        "dim k[2]\ndim d[4]\nparam a[k] : simplex\nparam m[k] : real\nplate row { z[d] : k ~ Categorical(a)\n x[d] ~ Normal(m[z], 1) }",
        {"x": X.reshape(-1, 4)}, ["z"]),
}  # fmt: skip
EVERY = {**{n: (text, data, ["z"]) for n, (text, data, _) in MODELS.items()}, **MORE}


def both(name: str, threads: int = 1) -> tuple[RowBlocks, RowBlocks]:
    """The compiled sum and torch's."""
    text, data, names = EVERY[name]
    model = pgmlang.compile(text)
    joint = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    whole = marginaliser_of(joint, names)
    torch.set_num_threads(threads)
    return row_blocks(whole, 1, "native"), row_blocks(whole, 1)


def differences(sums: RowBlocks, params: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    """The slopes of the sum by differences, ``[start, ...]``."""
    value = params[name]
    out = torch.empty_like(value)
    for cell in np.ndindex(*value.shape[1:]):
        step = torch.zeros_like(value)
        step[(slice(None), *cell)] = 1e-6
        with torch.no_grad():
            up, down = (sums.log_marginal({}, {**params, name: value + sign * step}) for sign in (1, -1))
        out[(slice(None), *cell)] = (up - down) / 2e-6
    return out


def assert_equal(name: str, starts: int) -> None:
    native, plain = both(name)
    assert native.is_native
    assert not plain.is_native
    params = values_of(native, starts)
    height, slopes = heights_and_slopes(native, params)
    wanted, wanted_slopes = heights_and_slopes(plain, params)
    torch.testing.assert_close(height.expand(starts), wanted.expand(starts), rtol=1e-11, atol=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(
            native.log_marginal({}, params).expand(starts), wanted.expand(starts), rtol=1e-11, atol=1e-9
        )
    assert slopes.keys() == wanted_slopes.keys()
    for n, slope in slopes.items():
        if not bool(
            torch.isfinite(wanted_slopes[n]).all()
        ):  # torch's products of matrices have no slope at a step that cannot be
            wanted_slopes[n] = differences(plain, params, n)
            torch.testing.assert_close(slope, wanted_slopes[n], rtol=1e-5, atol=1e-5)
            continue
        torch.testing.assert_close(
            slope, wanted_slopes[n], rtol=1e-8, atol=1e-9 * float(wanted_slopes[n].abs().max())
        )
    total, known = native.expected({}, params)
    _, wanted_known = plain.expected({}, params)
    torch.testing.assert_close(total, wanted.expand(starts), rtol=1e-11, atol=1e-9)
    for key, statistics in wanted_known.statistics.items():
        if not bool(torch.isfinite(statistics).all()):
            continue
        torch.testing.assert_close(
            known.statistics[key], statistics, rtol=1e-8, atol=1e-9 * (1 + float(statistics.abs().max()))
        )


@pytest.mark.parametrize("starts", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("name", EVERY)
def test_sums_slopes_and_expected_statistics_are_those_of_torch(name, starts):
    assert_equal(name, starts)


@pytest.mark.parametrize(
    "name",
    ["Normal", "bits along an axis", "two labels of a row", "labels that are partly seen", "rows in groups"],
)
def test_second_derivatives_are_those_of_differences(name):
    native, _ = both(name)
    params = values_of(native, 1)
    near = native.near({}, params)
    assert near is not None

    def slopes_at(function, values):
        given = {n: v.detach().clone().requires_grad_() for n, v in values.items()}
        return slopes_of(function({}, given).sum(), list(given.values()))

    for name, value in params.items():
        for cell in range(value.numel()):
            step = torch.zeros(value.numel(), dtype=torch.float64)
            step[cell] = 1e-5 * (1 + float(value.flatten()[cell].abs()))
            moved = [{**params, name: params[name] + sign * step.reshape(value.shape)} for sign in (1, -1)]
            for exact, to_second_order in zip(
                *(
                    [a - b for a, b in zip(*(slopes_at(f, m) for m in moved), strict=True)]
                    for f in (native.log_marginal, near)
                ),
                strict=True,
            ):
                size = 1e-6 * float(exact.abs().max()) + 1e-7
                torch.testing.assert_close(to_second_order, exact, rtol=1e-5, atol=size)


@pytest.mark.parametrize("name", ["Normal", "a chain of numbers", "sequences", "rows in groups"])
def test_bytes_are_the_same_for_any_number_of_threads(name, monkeypatch):
    monkeypatch.setattr(expectations, "SHORTEST_PART", 128)
    monkeypatch.setattr(lane_chains, "PART", 1)
    outcomes = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            sums, _ = both(name, threads)
            params = values_of(sums, 2)
            total, known = sums.expected({}, params)
            outcomes.append([total, *known.statistics.values()])
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*outcomes, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "name", ["Normal", "a chain of numbers", "sequences", "classes of groups", "an input tells rows apart"]
)
def test_rows_of_weights_count_so_often(name):
    text, data, names = EVERY[name]
    model = pgmlang.compile(text)
    joint = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    weights = {
        p.name: torch.as_tensor(RNG.integers(4, size=joint.layout.size(p.name)), dtype=torch.float64)
        for p in joint.model.plates
        if p.is_rows
    }
    whole = marginaliser_of(replace(joint, weights=weights), names)
    native, plain = row_blocks(whole, 1, "native"), row_blocks(whole, 1)
    params = values_of(native, 2)
    for one, other in zip(heights_and_slopes(native, params), heights_and_slopes(plain, params), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-8)
    alone = {n: v[:1] for n, v in params.items()}
    near = native.near({}, alone)
    if near is not None:
        torch.testing.assert_close(near({}, alone), plain.log_marginal({}, alone), rtol=1e-11, atol=1e-8)


def test_a_chain_is_summed_as_by_enumeration():
    x, rng = RNG.normal(size=6), np.random.default_rng(1)
    start, move, m = rng.dirichlet([1, 1, 1]), rng.dirichlet([1, 1, 1], size=3), rng.normal(size=3)
    shown = expectations.ShownRows(
        np.array([x]), np.zeros((0, 6), np.int16), np.zeros((0, 6), bool), np.array([[0, 0, 0, -1], [1, 0, 0, -1], [2, 0, 0, -1]]),
        np.zeros(0), 6,
    )  # fmt: skip
    coefficients = np.stack([-0.5 * m**2, m, np.full(3, -0.5)], -1)
    pairs = np.log(np.stack([np.broadcast_to(start, (3, 3)), move]))
    kind = np.minimum(np.arange(6), 1)
    chains = path_sums.ChainSums(shown, np.arange(6), np.array([0, 6]), np.ones(1), kind, expectations.Threads(1))
    tables = expectations.RowTables(np.zeros((1, 3, 0)), np.zeros((0, 1, 0), np.int16), np.zeros((0, 3), np.int64))
    out = chains(coefficients[None], pairs[None], tables, -math.inf, moments=True)
    weights, counts = [], []
    for path in itertools.product(range(3), repeat=6):
        chance = start[path[0]] * math.prod(move[a, b] for a, b in itertools.pairwise(path))
        weights.append(
            chance
            * math.exp(sum(-0.5 * (v - m[k]) ** 2 + 0.5 * v**2 - 0.5 * v**2 for v, k in zip(x, path, strict=True)))
        )
        pair = np.zeros((3, 3))
        for a, b in itertools.pairwise(path):
            pair[a, b] += 1
        counts.append(pair)
    share = np.array(weights) / sum(weights)
    assert out.totals[0] == pytest.approx(math.log(sum(weights)), rel=1e-12)
    np.testing.assert_allclose(out.pairs[0, 1], np.tensordot(share, np.array(counts), 1), rtol=1e-11)


def test_stretches_side_by_side_are_one_chain_after_another(monkeypatch):
    """Chains of all lengths and weights over several parts, with steps of several kinds, as step by step in logarithms."""
    rng, rows = np.random.default_rng(3), 700
    begins = np.unique([0, *rng.integers(rows, size=9), rows])
    shown = expectations.ShownRows(
        rng.normal(size=(1, rows)), rng.integers(2, size=(1, rows)).astype(np.int16), rng.random((1, rows)) < 0.8,
        np.array([[0, 0, 0, -1], [1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 1, -1]]), np.zeros(0), rows,
    )  # fmt: skip
    chains = path_sums.ChainSums(
        shown, rng.permutation(rows), begins, rng.integers(4, size=len(begins) - 1) / 2.0, rng.integers(2, size=rows),
        expectations.Threads(1),
    )  # fmt: skip
    coefficients, pairs = rng.normal(size=(1, 3, 4)), np.log(rng.dirichlet([0.3] * 3, size=(1, 2, 3)))
    held = rng.integers(-3, 3, size=(1, 1, rows)).clip(-1).astype(np.int16)
    tables = expectations.RowTables(rng.normal(size=(1, 3, rows)), held, np.arange(3)[None])
    monkeypatch.setattr(lane_chains, "PART", 2)
    sums = lane_chains.LaneChains.__call__
    reached = []
    monkeypatch.setattr(lane_chains.LaneChains, "__call__", lambda *a: reached.append(sums(*a)) or reached[-1])
    side_by_side = chains(coefficients, pairs, tables, -math.inf, moments=True)
    assert math.isfinite(reached[0])
    monkeypatch.setattr(lane_chains.LaneChains, "__call__", lambda *a: math.nan)
    in_logs = chains(coefficients, pairs, tables, -math.inf, moments=True)
    for one, other in zip(side_by_side, in_logs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_number_too_small_for_scaling_is_not_lost():
    """The state that the chain is in at the end is e^-2000 times less likely at first than another, from which nothing leads there."""
    text = (
        "plate row = chain { z : {u, v} ~ if first then Table() { 0.5, 0.5 } else Table(prev(z)) { u : 1, 0 ; v : 0, 1 }\n"
        "x ~ Normal(if z == u then a else b, s) }\nparam a : real\nparam b : real\nparam s : positive"
    )
    x = np.concatenate([np.full(40, -1.0), np.full(80, 99.0)])
    model = pgmlang.compile(text)
    joint = density_of_binding(model.model, model.bind({"x": x}), {}, torch.float64, torch.device("cpu"))
    whole = marginaliser_of(joint, ["z"])
    values = {"a": torch.tensor([0.0]), "b": torch.tensor([99.0]), "s": torch.tensor([0.8])}
    values = {n: v.double() for n, v in values.items()}
    native, plain = row_blocks(whole, 1, "native"), row_blocks(whole, 1)
    height, slopes = heights_and_slopes(native, values)
    torch.testing.assert_close(height, plain.log_marginal({}, values).detach(), rtol=1e-11, atol=0)
    for n, slope in slopes.items():
        torch.testing.assert_close(slope, differences(plain, values, n), rtol=1e-5, atol=1e-5)


FITS = ("Normal", "rows in groups", "sequences", "two labels of a row", "labels that are partly seen", "mixtures of regressions",
        "a chain, partly seen")  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_that_of_torch(name):
    text, data, _ = EVERY[name]
    model = pgmlang.compile(text)
    fits = [
        model.fit(
            data, method="em", seed=2, options={"restarts": 1, "max_iterations": 8, "backend": b, "tolerance": 0.0}
        )
        for b in ("native", "torch")
    ]
    np.testing.assert_allclose(fits[0].record.trace, fits[1].record.trace, rtol=1e-9)
    for n, value in fits[0].params.items():
        np.testing.assert_allclose(value, fits[1].params[n], rtol=1e-8, atol=1e-10)


def test_a_fault_in_the_statistics_is_seen(monkeypatch):
    right = expectations.LabelSums.__call__

    def wrong(self, *arguments, **keywords):
        out = right(self, *arguments, **keywords)
        out.moments[..., -1] *= 1 + 1e-6
        return out

    monkeypatch.setattr(expectations.LabelSums, "__call__", wrong)
    with pytest.raises(AssertionError):
        assert_equal("Normal", 1)


def test_what_has_no_loops_stays_with_torch():
    text = (
        "dim k[2]\nparam a[k] : simplex\nparam b[k, k2] : simplex\ndim k2 like k\nparam m[k] : real\nplate g { z : k ~ Categorical(a)\n"
        "plate row { y : k2 ~ Categorical(b[z])\n x ~ Normal(m[y], 1) } }"
    )
    data = {"x": X, "g": np.repeat(np.arange(40), 10)}
    model = pgmlang.compile(text)
    with pytest.raises(PgmError, match="have not the same rows"):
        model.fit(data, method="em", seed=1, options={"backend": "native"})
    assert model.fit(data, method="em", seed=1, options={"restarts": 1, "max_iterations": 3}).record.trace


def test_the_choice_is_by_cost(monkeypatch):
    text, data, names = EVERY["Normal"]
    model = pgmlang.compile(text)
    joint = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    whole = marginaliser_of(joint, names)
    assert not row_blocks(whole, 1, "auto", 10).is_native
    assert row_blocks(whole, 1, "auto", 10**7).is_native
    monkeypatch.setattr(native_reduction, "find_spec", lambda name: None)
    assert not row_blocks(whole, 1, "auto", 10**7).is_native

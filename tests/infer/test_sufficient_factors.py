"""Factors that are products with the rows' statistics, against the same sums row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density import plain_rows
from pgmlang.density import row_blocks as blocks_module
from pgmlang.density.bind import density_of_binding
from pgmlang.density.row_blocks import RowBlocks, row_blocks
from pgmlang.density.summing import marginaliser_of
from pgmlang.density.transforms import constrain, free_shape
from pgmlang.families import FAMILIES
from pgmlang.model import Dist
from tests.infer.largest_tensor import Largest

RNG = np.random.default_rng(6)
N = 400
BITS = (RNG.random((N, 4)) < 0.4).astype(int)
WORDS = np.array(["a", "b", "c"], dtype=object)[RNG.integers(3, size=N)]
HOLES = WORDS.copy()
HOLES[::4] = None
REALS = RNG.normal(50, 3, size=(N, 3)) @ np.array([[1, 0.6, 0], [0, 1, 0.2], [0, 0, 0.1]])
LOST = REALS.copy()
LOST[::5, 1] = np.nan
POSITIVE = RNG.gamma(2, 30, size=N)
SHARES = RNG.dirichlet([2.0, 3.0, 1.0], size=N)
HEAD = "dim k[2]\ndim item[4]\ndim d[3]\ndim e like d\nparam share[k] : simplex\n"
ROWS = "plate row { z : k ~ Categorical(share)\n "
OF_FAMILIES = {
    "Normal": ("param m[k, d] : real\nparam s[k, d] : positive", "x[d] ~ Normal(m[z], s[z])", REALS),
    "LogNormal": ("param m[k] : real\nparam s[k] : positive", "x ~ LogNormal(m[z], s[z])", POSITIVE),
    "HalfNormal": ("param s[k] : positive", "x ~ HalfNormal(s[z])", POSITIVE),
    "Exponential": ("param r[k] : positive", "x ~ Exponential(r[z])", POSITIVE),
    "Gamma": ("param a[k] : positive\nparam r[k] : positive", "x ~ Gamma(a[z], r[z])", POSITIVE),
    "InverseGamma": ("param a[k] : positive\nparam r[k] : positive", "x ~ InverseGamma(a[z], r[z])", POSITIVE),
    "Poisson": ("param r[k] : positive", "x ~ Poisson(r[z])", RNG.integers(2, 800, size=N)),
    "Geometric": ("param q[k] : unit", "x ~ Geometric(q[z])", RNG.integers(0, 800, size=N)),
    "Beta": ("param a[k] : positive\nparam b[k] : positive", "x ~ Beta(a[z], b[z])", RNG.beta(2, 3, size=N)),
    "VonMises": ("param m[k] : real\nparam c[k] : positive", "x ~ VonMises(m[z], c[z])", RNG.vonmises(1, 2, size=N)),
    "Dirichlet": ("param a[k, d] : positive", "x[d] ~ Dirichlet(a[z])", SHARES),
    "MultivariateNormal": (
        "plate k[2] { param m[d] : real\n param c[d, e] : cov }", "x[d] ~ MultivariateNormal(m[z], c[z])", REALS),
}  # fmt: skip
MODELS = {
    "bits along an axis": (
        HEAD + "param p[k, item] : unit\n" + ROWS + "x[item] ~ Bernoulli(p[z]) }", {"x": BITS}, {"z", "x"}),
    "two kinds of targets": (
        HEAD + "param p[k, item] : unit\nparam q[k, word] : simplex\ndim word = {a, b, c}\n"
        + ROWS + "x[item] ~ Bernoulli(p[z])\n w : word ~ Categorical(q[z]) }",
        {"x": BITS, "w": WORDS}, {"z", "x", "w"}),
    "the same chance for all items": (
        HEAD + "param p[k] : unit\n" + ROWS + "x[item] ~ Bernoulli(p[z]) }", {"x": BITS}, {"z", "x"}),
    "learned tables, cells missing": (
        "plate row { z : {u, v} ~ Table()\n w : {a, b, c} ~ Table(z) }", {"w": HOLES}, {"z", "w"}),
    "chances of nothing and of one": (
        HEAD + "param p[k] : unit\n" + ROWS
        + " w : {a, b, c} ~ Categorical(if z == 0 then q else r) }\nparam q[word] : simplex\nparam r[word] : simplex\ndim word = {a, b, c}",
        {"w": WORDS}, {"z", "w"}),
    "numbers with cells missing": (
        HEAD + "param m[k, d] : real\nparam s[k] : positive\n" + ROWS + "x[d] ~ Normal(m[z], s[z]) }", {"x": LOST}, {"z", "x"}),
    "an argument that is a function of params": (
        HEAD + "param m[k] : real\nparam s : positive\n" + ROWS + "x[d] ~ Normal(exp(m[z]) + 40, 2 * s) }", {"x": REALS}, {"z", "x"}),
    "counts of a few values, any family": (
        HEAD + "param a[k] : positive\nparam b[k] : positive\n" + ROWS + "n ~ NegativeBinomial(a[z], b[z]) }",
        {"n": RNG.integers(9, size=N)}, {"z", "n"}),
    "no cluster in it": (
        HEAD + "param m : real\nparam s : positive\nparam p[k, item] : unit\n" + ROWS + "x[item] ~ Bernoulli(p[z])\n y ~ Normal(m, s) }",
        {"x": BITS, "y": REALS[:, 0]}, {"z", "x", "y"}),
    "an input tells rows apart": (
        HEAD + "param b[k] : real\nplate row { input t\n z : k ~ Categorical(share)\n y : bit ~ Bernoulli(logit = b[z] * t) }",
        {"t": RNG.normal(size=N), "y": BITS[:, 0]}, {"z"}),
    "an input tells the shares apart": (
        HEAD + "param p[k] : unit\nparam b[k] : real\nplate row { input t\n z : k ~ Categorical(logit = b * t)\n y : bit ~ Bernoulli(p[z]) }",
        {"t": RNG.normal(size=N), "y": BITS[:, 0]}, {"y"}),
    "a chain": (
        HEAD + "param p[k] : unit\nplate row = chain { z : k ~ Categorical(if first then share else share)\n y : bit ~ Bernoulli(p[z]) }",
        {"y": BITS[:, 0]}, {"z", "y"}),
    **{name: ((HEAD if "plate k" not in above else HEAD.replace("dim k[2]\n", "")) + above + "\n" + ROWS + inside + " }", {"x": data}, {"z", "x"}) for name, (above, inside, data) in OF_FAMILIES.items()},
}  # fmt: skip

NORMAL = "param m[k] : real\nparam s[k] : positive\nparam move[k, to] : simplex\ndim to like k\n"
GROUPS = np.array([f"g{i}" for i in np.sort(RNG.integers(9, size=N))], dtype=object)
IN_ONE_PIECE = {
    "a chain of numbers": (
        HEAD + NORMAL + "plate row = chain { z : k ~ Categorical(if first then share else move[prev(z)])\n x ~ Normal(m[z], s[z]) }",
        {"x": REALS[:, 0]}, {"z", "x"}),
    "sequences": (
        HEAD + NORMAL + "plate g { }\nplate row in g = chain { z : k ~ Categorical(if first then share else move[prev(z)])\n x ~ Normal(m[z], s[z]) }",
        {"x": REALS[:, 0], "g": GROUPS}, {"z", "x"}),
    "learned tables of a chain": (
        "plate row = chain { z : {u, v} ~ if first then Table() else Table(prev(z))\n w : {a, b, c} ~ Table(z) }",
        {"w": WORDS}, {"z", "w"}),
    "a chain that an input drives": (
        HEAD + NORMAL + "param b[k] : real\nplate row = chain { input t\n z : k ~ Categorical(if first then share else move[prev(z)])\n"
        "x ~ Normal(m[z] + b[z] * t, s[z]) }", {"t": BITS[:, 1], "x": REALS[:, 0]}, {"z"}),
    "what is shown hangs on the state before": (
        HEAD + NORMAL + "plate row = chain { z : k ~ Categorical(if first then share else move[prev(z)])\n"
        "x ~ Normal(if first then m[z] else m[prev(z)], s[z]) }", {"x": REALS[:, 0]}, {"z"}),
    "rows in groups": (
        HEAD + NORMAL + "plate g { }\nplate row in g { z : k ~ Categorical(share)\n x ~ Normal(m[z], s[z]) }",
        {"x": REALS[:, 0], "g": GROUPS}, {"z", "x"}),
    "classes of groups": (
        HEAD + NORMAL + "plate g { z : k ~ Categorical(share) }\nplate row in g { x ~ Normal(m[z], s[z]) }",
        {"x": REALS[:, 0], "g": GROUPS}, {"x"}),
    "inputs of groups": (
        HEAD + NORMAL + "plate g { input c }\nplate row in g { z : k ~ Categorical(share)\n x ~ Normal(m[z] + c, s[z]) }",
        {"x": REALS[:, 0], "g": GROUPS, "c": np.array([float(g[1:]) for g in GROUPS])}, {"z"}),
}  # fmt: skip
MODELS |= IN_ONE_PIECE


def sums_of(name: str) -> tuple[RowBlocks, RowBlocks]:
    """The sum with statistics, and the same without any."""
    text, data, _ = MODELS[name]
    model = pgmlang.compile(text)
    joint = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    whole = marginaliser_of(joint, ["z"])
    return row_blocks(whole, 1), blocks_module._in_blocks(whole, (), 1)


def values_of(sums: RowBlocks, starts: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    joint = sums.joint
    free = {
        n: 0.5 * torch.randn((starts, *free_shape(joint, n)), generator=generator, dtype=torch.float64)
        for n in joint.learned
    }
    return {n: v.detach() for n, v in constrain(joint, free)[0].items()}


def heights_and_slopes(sums: RowBlocks, params: dict[str, torch.Tensor]):
    leaves = {n: v.clone().requires_grad_() for n, v in params.items()}
    height = sums.log_marginal({}, leaves)
    slopes = torch.autograd.grad(height.sum(), list(leaves.values()), allow_unused=True)
    return height.detach(), {n: s for n, s in zip(leaves, slopes, strict=True) if s is not None}


@pytest.mark.parametrize("block_cells", [2**19, 2**8])
@pytest.mark.parametrize("starts", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_sum_its_gradients_and_the_e_step_stay(name, starts, block_cells, monkeypatch):
    monkeypatch.setattr(blocks_module, "BLOCK_CELLS", block_cells)
    sums, plain = sums_of(name)
    assert {n for g in sums.groups for n in g.names} == MODELS[name][2]
    has_blocks = name != "a chain" and name not in IN_ONE_PIECE
    assert not has_blocks or (len(sums.blocks) > 1) == (block_cells < N)
    params = values_of(sums, starts)
    height, slopes = heights_and_slopes(sums, params)
    wanted, wanted_slopes = heights_and_slopes(plain, params)
    torch.testing.assert_close(height.expand(starts), wanted.expand(starts), rtol=1e-10, atol=1e-8)
    assert slopes.keys() == wanted_slopes.keys()
    for n, slope in slopes.items():
        torch.testing.assert_close(
            slope, wanted_slopes[n], rtol=1e-7, atol=1e-7 * float(wanted_slopes[n].abs().max())
        )
    # by Fisher's identity the gradient of the expected log-joint at the same values is that of the sum
    for one in (sums, plain):
        total, known = one.expected({}, params)
        torch.testing.assert_close(total, wanted.expand(starts), rtol=1e-10, atol=1e-8)
        leaves = {n: v.clone().requires_grad_() for n, v in params.items()}
        q = known.sums.expected_log_joint({}, leaves, known, tuple(leaves))
        for n, slope in zip(
            leaves, torch.autograd.grad(q.sum(), list(leaves.values()), allow_unused=True), strict=True
        ):
            if n in wanted_slopes:
                torch.testing.assert_close(
                    slope, wanted_slopes[n], rtol=1e-7, atol=1e-7 * float(wanted_slopes[n].abs().max())
                )


def test_every_family_with_statistics_is_looked_at():
    assert {name for name, family in FAMILIES.items() if family.statistics} == set(OF_FAMILIES)
    for name in OF_FAMILIES:
        model = pgmlang.compile(MODELS[name][0]).model
        distribution = model.conditional_of["x"].distribution
        assert isinstance(distribution, Dist)
        assert distribution.family == name


def test_a_cluster_too_narrow_for_products_is_summed_row_by_row():
    sums, plain = sums_of("MultivariateNormal")
    params = values_of(sums, 1)
    params["m"] = torch.as_tensor(REALS[:2])[None].clone()
    params["c"] = torch.eye(3, dtype=torch.float64).expand(1, 2, 3, 3) * torch.tensor([1.0, 1e-14])[:, None, None]
    height, slopes = heights_and_slopes(sums, params)
    wanted, wanted_slopes = heights_and_slopes(plain, params)
    assert float(height) == pytest.approx(float(wanted), rel=1e-13)
    torch.testing.assert_close(slopes["c"], wanted_slopes["c"], rtol=1e-9, atol=0)
    assert not {"x"} & {n for g in sums.expected({}, params)[1].sums.groups for n in g.names}


def test_rows_of_weights_count_so_often():
    text, data, _ = MODELS["Normal"]
    model = pgmlang.compile(text)
    assert data["x"].shape[0] == N
    heavy = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    weights = torch.as_tensor(RNG.integers(1, 4, size=N), dtype=torch.float64)
    object.__setattr__(heavy, "weights", {"row": weights})
    whole = marginaliser_of(heavy, ["z"])
    sums, plain = row_blocks(whole, 1), blocks_module._in_blocks(whole, (), 1)
    params = values_of(sums, 1)
    (height, slopes), (wanted, wanted_slopes) = heights_and_slopes(sums, params), heights_and_slopes(plain, params)
    assert float(height) == pytest.approx(float(wanted), rel=1e-12)
    torch.testing.assert_close(slopes["m"], wanted_slopes["m"], rtol=1e-9, atol=1e-9)


def test_an_impossible_row_stays_impossible():
    sums, plain = sums_of("learned tables, cells missing")
    tables = {
        "z.table": torch.tensor([0.5, 0.5], dtype=torch.float64),
        "w.table": torch.tensor([[0.0, 0.5, 0.5], [0.0, 0.3, 0.7]], dtype=torch.float64),
    }
    assert float(plain.log_marginal({}, tables)) == -math.inf
    assert float(sums.log_marginal({}, tables)) == -math.inf
    tables["w.table"] = torch.tensor([[0.0, 0.5, 0.5], [0.2, 0.3, 0.5]], dtype=torch.float64)
    assert float(sums.log_marginal({}, tables)) == pytest.approx(float(plain.log_marginal({}, tables)), rel=1e-12)


IN_BLOCKS = {
    "MultivariateNormal": ("MultivariateNormal", REALS),
    "Gamma, whose M-step is a climb": ("Gamma", POSITIVE),
    "no statistics": (None, POSITIVE),
}
ROW_BY_ROW = HEAD + "param m[k] : real\nparam s[k] : positive\n" + ROWS + "x ~ StudentT(4, m[z], s[z]) }"


@pytest.mark.parametrize("hard", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", IN_BLOCKS)
def test_em_in_blocks_of_rows_is_em(name, hard, monkeypatch):
    key, data = IN_BLOCKS[name]
    model = pgmlang.compile(ROW_BY_ROW if key is None else MODELS[key][0])
    options = {"restarts": 2, "max_iterations": 8, "hard": hard}
    whole = model.fit({"x": data}, method="em", seed=2, options=options)
    monkeypatch.setattr(blocks_module, "BLOCK_CELLS", 2**8)
    monkeypatch.setattr(plain_rows, "CACHED_STATISTICS", 0)
    in_blocks = model.fit({"x": data}, method="em", seed=2, options=options)
    np.testing.assert_allclose(in_blocks.record.trace, whole.record.trace, rtol=1e-9)
    for param, value in whole.params.items():
        np.testing.assert_allclose(in_blocks.params[param], value, rtol=1e-5)


@pytest.mark.parametrize("starts", [1, 3])
@pytest.mark.parametrize("text", [MODELS["MultivariateNormal"][0], ROW_BY_ROW], ids=["statistics", "row by row"])
def test_no_block_lays_out_more_than_its_bound(text, starts, monkeypatch):
    bound = 2**11
    monkeypatch.setattr(blocks_module, "BLOCK_CELLS", bound)
    monkeypatch.setattr(plain_rows, "CACHED_STATISTICS", 0)
    model = pgmlang.compile(text)
    data = {"x": np.concatenate([REALS if "Multivariate" in text else POSITIVE] * 4)}
    joint = density_of_binding(model.model, model.bind(data), {}, torch.float64, torch.device("cpu"))
    sums = row_blocks(marginaliser_of(joint, ["z"]), starts)
    params = values_of(sums, starts)
    assert len(sums.blocks) > 1
    with Largest() as largest:
        _, known = sums.expected({}, params)
        leaves = {n: v.clone().requires_grad_() for n, v in params.items()}
        q = known.sums.expected_log_joint({}, leaves, known, tuple(leaves))
        torch.autograd.grad(q.sum(), list(leaves.values()))
    assert 0 < largest.elements <= bound

"""Labels and numbers without conjugate families in one compiled sweep: against the posterior by quadrature, whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.density.element_sweeps import element_sweeps
from pgmlang.density.reductions import log_joint
from pgmlang.diagnostics import PgmError
from pgmlang.infer.cycle import first_values
from pgmlang.infer.sweep_blocks import SweepBlock
from pgmlang.results.convergence import convergence
from tests.native.test_conditionals import joint_of

TEXT = """
a ~ Normal(0, 1)
s ~ Gamma(2, 2)
p ~ Beta(2, 3)
u ~ Uniform(1, 4)
plate row { z : bit ~ Bernoulli(0.1 + 0.8 * p) ; y ~ StudentT(4, if z then a + u else a - u, s) }
"""
ROWS = {"y": [2.1, -1.0, 0.4, 3.0, -2.2]}
PICKED = """
plate k[2] { m ~ StudentT(3, 0, 1) }
plate row { z : k ~ Categorical(1 / 2) ; y ~ StudentT(4, m[z], 0.7) }
"""


def by_quadrature(power: float) -> dict[str, float]:
    """Means of the numbers, labels summed out; ``power``: of the derivative by the free numbers, of which the posterior has none."""
    free = np.linspace(-6, 6, 25)
    unit = 1 / (1 + np.exp(-free))
    scales = np.linspace(-4, 3, 31)
    a, s, p, u = np.meshgrid(
        np.linspace(-5, 5, 41), np.exp(scales), unit, 1 + 3 * unit, indexing="ij", sparse=True
    )
    log = stats.norm.logpdf(a) + stats.gamma.logpdf(s, 2, scale=0.5) + stats.beta.logpdf(p, 2, 3)
    chance = 0.1 + 0.8 * p
    for y in ROWS["y"]:
        up, down = (stats.t.pdf((y - m) / s, 4) / s for m in (a + u, a - u))
        log = log + np.log(chance * up + (1 - chance) * down)
    volume = np.log(s) + np.log(p * (1 - p)) + np.log((u - 1) * (4 - u))
    weights = np.exp(log + (1 + power) * volume)
    return {name: float((weights * x).sum() / weights.sum()) for name, x in zip("aspu", (a, s, p, u), strict=True)}


@pytest.mark.slow
def test_means_by_quadrature() -> None:
    options = {"chains": 8, "warmup": 300, "draws": 3000, "backend": "native"}
    fit = pgmlang.compile(TEXT).fit(ROWS, method="gibbs", seed=1, options=options)
    assert fit.record.provenance["backend"] == "native"
    right, wrong = by_quadrature(0.0), by_quadrature(-1.0)
    errors = {}
    for name in "aspu":
        figures = convergence(fit.draws[name][..., None])
        errors[name] = float(figures.mcse[0])
        assert abs(fit.draws[name].mean() - right[name]) < 4 * errors[name], name
    # the planted fault: no derivative in the Metropolis test
    assert all(abs(right[n] - wrong[n]) > 8 * errors[n] for n in "spu")
    joint = joint_of(TEXT, ROWS)
    last = {n: torch.from_numpy(fit.draws[n][:, -1].copy()) for n in "aspuz"}
    heights = torch.from_numpy(fit.record.sample_stats["lp"][:, -1].copy())
    torch.testing.assert_close(heights, log_joint(joint, last))
    rate = fit.record.sample_stats["acceptance_rate"]
    assert abs(rate.mean() - 0.44) < 0.04


def test_numbers_that_labels_pick() -> None:
    joint = joint_of(PICKED, ROWS)
    sweeps = element_sweeps(joint, ("z", "m"))
    block = SweepBlock(("z", "m"), sweeps, warmup=60)
    generator = torch.Generator().manual_seed(0)
    values = first_values(joint, joint.latent, generator, 4000)
    state = block.start(generator, values)
    for i in range(160):
        values, state, _ = block.step(generator, values, state, i)
    x = np.linspace(-12, 12, 601)
    m, n = np.meshgrid(x, x, indexing="ij", sparse=True)
    log = stats.t.logpdf(m, 3) + stats.t.logpdf(n, 3)
    for y in ROWS["y"]:
        log = log + np.log(sum(stats.t.pdf((y - c) / 0.7, 4) for c in (m, n)))
    weights = np.exp(log - log.max())
    for of in (np.maximum, np.minimum, lambda a, b: (a - b) ** 2):
        here = of(*values["m"].numpy().T)
        mean = float((weights * of(m, n)).sum() / weights.sum())
        assert abs(here.mean() - mean) < 4 * here.std() / np.sqrt(len(here))


def test_any_number_of_threads_walks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgmlang.native.conditional_chains.FEWEST_DRAWS", 1)
    joint = joint_of(PICKED, ROWS)
    first = first_values(joint, joint.latent, torch.Generator().manual_seed(0), 7)
    found = []
    for threads in (1, 3):
        sweeps = element_sweeps(joint, ("z", "m"))
        sweeps.chains.threads = threads
        block, generator, values = (
            SweepBlock(("z", "m"), sweeps, warmup=4),
            torch.Generator().manual_seed(5),
            first,
        )
        state = block.start(generator, values)
        for i in range(6):
            values, state, rate = block.step(generator, values, state, i)
        found.append((values["m"], values["z"], state, rate))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_a_recursion_of_numbers_that_move_is_torchs() -> None:
    text = (
        "a ~ Normal(0, 1)\nphi ~ Uniform(-1, 1)\nplate t = chain {\n  z : bit ~ Bernoulli(0.4)\n"
        "  v = if first then a else phi * prev(v) + a\n  y ~ StudentT(4, if z then v else -v, 0.7)\n}"
    )
    with pytest.raises(PgmError, match="`v`, which looks back at itself") as raised:
        pgmlang.compile(text).fit(
            ROWS, method="gibbs", seed=1, options={"backend": "native", "chains": 2, "warmup": 2, "draws": 2}
        )
    assert raised.value.diagnostics[0].code == "PGM0602"


def test_plan_says_who_walks() -> None:
    model = pgmlang.compile(TEXT)
    kernels = [
        {n: b.kernel for b in model.plan(ROWS, method="gibbs", options={"backend": b}).blocks for n in b.variables}
        for b in ("native", "auto")
    ]
    assert {kernels[0][n] for n in "aspu"} == {"random walk"}
    assert {kernels[1][n] for n in "aspu"} == {"hmc"}

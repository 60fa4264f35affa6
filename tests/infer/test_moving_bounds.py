"""Variables whose bounds hang on other values: supports that move, in every sampler, and against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from pgmlang.density.transforms import constrain, free_shape, unconstrain
from pgmlang.diagnostics import PgmError
from tests.infer.by_hand import problem_of

WITHIN = "theta ~ Exponential(0.5)\nu ~ Uniform(0, theta)\nplate row { x ~ Normal(u, 1) }\n"
ROWS = [0.5, 1.2, 2.0]
GROUPS = """
a ~ Normal(0, 1)
plate group {
  w ~ HalfNormal(1)
  b ~ Uniform(a, a + w)
  c ~ Truncated(Normal(0, 1), lower = a, upper = 3)
  d ~ Truncated(Gamma(2, 1), upper = w + 1)
  e ~ Truncated(Normal(b, 1), upper = b)
}
plate row in group { y ~ Normal(b + c + d + e, 1) }
"""


def moments_by_quadrature() -> dict[str, tuple[float, float]]:
    """Mean and sd of theta and u under `WITHIN` and `ROWS`."""
    u = np.linspace(1e-4, 12, 3001)
    theta = np.linspace(1e-4, 40, 6001)
    log = -0.5 * theta - np.log(theta)
    like = sum(-0.5 * (x - u) ** 2 for x in ROWS)
    weight = np.where(u[:, None] < theta, np.exp(log + np.asarray(like)[:, None]), 0.0)
    weight /= weight.sum()
    out = {}
    for name, grid, own in (("u", u, weight.sum(1)), ("theta", theta, weight.sum(0))):
        mean = float(own @ grid)
        out[name] = (mean, float(np.sqrt(own @ (grid - mean) ** 2)))
    return out


@pytest.mark.parametrize("method", ["hmc", "langevin", "mh", "tempering(hmc, 2)"])
def test_posteriors_by_quadrature(method: str) -> None:
    options = {"chains": 16, "warmup": 400, "draws": 400}
    fit = pgmlang.compile(WITHIN).fit({"x": ROWS}, method=method, seed=3, options=options)
    for name, (mean, sd) in moments_by_quadrature().items():
        row = next(r for r in fit.summary() if r["name"] == name)
        assert row["mean"] == pytest.approx(mean, abs=4 * row["mcse"] + 0.01 * sd), (name, mean, row)
        assert row["sd"] == pytest.approx(sd, rel=0.15)


def test_an_automatic_guide_stays_within_the_bounds() -> None:
    fit = pgmlang.compile(WITHIN).fit({"x": ROWS}, method="elbo", seed=3)
    assert (fit.draws["u"] < fit.draws["theta"]).all()
    mean, sd = moments_by_quadrature()["u"]
    assert fit.draws["u"].mean() == pytest.approx(mean, abs=0.25 * sd)


def test_the_map_goes_there_and_back_and_its_determinant_is_the_jacobians() -> None:
    joint = bound_density(problem_of(GROUPS, {"group": ["p", "q", "q"], "y": [0.1, 0.4, 1.0]}))
    names = ("e", "d", "c", "b", "w", "a")  # children first: the order is the program's
    sizes = [int(np.prod(free_shape(joint, n))) for n in names]
    x = torch.randn(5, sum(sizes), dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def values_of(x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        parts = x.split(sizes, -1)
        free = {n: p.reshape(x.shape[:-1] + free_shape(joint, n)) for n, p in zip(names, parts, strict=True)}
        return constrain(joint, free)

    values, log_det = values_of(x)
    a, b = values["a"][..., None], values["b"]
    assert ((a < b) & (b < a + values["w"])).all()
    assert ((a < values["c"]) & (values["c"] < 3)).all()
    assert ((values["d"] > 0) & (values["d"] < values["w"] + 1)).all()
    assert (values["e"] < b).all()
    assert torch.isfinite(log_joint(joint, values)).all()
    back = unconstrain(joint, values)
    torch.testing.assert_close(torch.cat([back[n].reshape(5, -1) for n in names], -1), x)

    def flat(x: torch.Tensor) -> torch.Tensor:
        found = values_of(x)[0]
        return torch.cat([found[n].flatten() for n in names])

    for i in range(5):
        jacobian = torch.autograd.functional.jacobian(flat, x[i])
        assert log_det[i] == pytest.approx(float(torch.linalg.slogdet(jacobian)[1]), abs=1e-9)


@pytest.mark.slow
def test_new_groups_keep_to_their_bounds() -> None:
    model = pgmlang.compile(GROUPS)
    rows = {"group": ["p", "p", "q"], "y": [0.1, 0.4, 1.0]}
    fit = model.fit(rows, method="hmc", seed=1, options={"chains": 4, "warmup": 200, "draws": 200})
    found = fit.predict_columns({"group": ["p", "r"]})
    assert np.isfinite(np.asarray(found.columns["y"], dtype=float)).all()


def test_bounds_of_the_row_before_are_refused_and_those_of_summed_labels() -> None:
    chain = "plate t = chain { s ~ if first then Uniform(0, 10) else Uniform(prev(s), 10) ; y ~ Normal(s, 1) }\n"
    labels = "z ~ Bernoulli(0.5)\nu ~ Uniform(0, if z then 1 else 2)\nplate row { y ~ Normal(u, 1) }\n"
    for text, word in ((chain, "row before"), (labels, "summed out")):
        with pytest.raises(PgmError) as caught:
            pgmlang.compile(text).fit({"y": [0.3, 0.5]}, method="hmc", seed=1)
        assert word in " ".join(f"{d.message} {' '.join(d.notes)}" for d in caught.value.diagnostics)
    gibbs = {"chains": 8, "warmup": 300, "draws": 400}
    fit = pgmlang.compile(labels).fit({"y": [0.3, 0.5]}, method="gibbs", seed=1, options=gibbs)
    u = np.linspace(1e-6, 2, 20001)
    like = np.exp(-0.5 * (0.3 - u) ** 2 - 0.5 * (0.5 - u) ** 2)
    weight = like * (0.5 * (u < 1) + 0.25)
    row = next(r for r in fit.summary() if r["name"] == "u")
    assert row["mean"] == pytest.approx(float(weight @ u / weight.sum()), abs=4 * row["mcse"])

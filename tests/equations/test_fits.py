"""Models of differential equations as they are first written, fitted by `auto`: right and converged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import pgmlang

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.slow


def fitted(text: str, data: Any) -> pgmlang.FittedModel:
    begun = time.process_time()
    fit = pgmlang.compile(text).fit(data, seed=1)
    assert fit.record.status == "converged"
    assert time.process_time() - begun < 60
    return fit


def assert_truth(fit: pgmlang.FittedModel, truth: dict[str, float]) -> None:
    """Every true value lies within four posterior sds of its mean."""
    for name, value in truth.items():
        draws = fit.draws[name]
        assert abs(draws.mean() - value) < 4 * draws.std(), (name, draws.mean(), draws.std())


def test_hares_and_lynxes_have_the_published_posterior() -> None:
    """posteriordb, hudson_lynx_hare."""
    text = (EXAMPLES / "hares" / "hares.pgm").read_text()
    fit = fitted(text, pd.read_csv(EXAMPLES / "hares" / "hares.csv"))
    published = {"birth": (0.547, 0.064), "caught": (0.0277, 0.0043), "death": (0.80, 0.091), "fed": (0.0241, 0.0036),
                 "hares0": (34.0, 2.9), "lynxes0": (5.94, 0.53), "sd_hare": (0.25, 0.044), "sd_lynx": (0.252, 0.044)}  # fmt: skip
    for name, (mean, sd) in published.items():
        draws = fit.draws[name]
        assert draws.mean() == pytest.approx(mean, abs=0.15 * sd)
        assert draws.std() == pytest.approx(sd, rel=0.15)


ELIMINATION = """
ka ~ LogNormal(0, 1)
vm ~ LogNormal(2, 1)
km ~ LogNormal(1, 1)
volume ~ LogNormal(2, 1)
sd ~ HalfNormal(1)
plate subject {
  input dose : positive
  plate sample {
    input t : real
    gut = ode(-ka * gut, start = dose, times = t, start_time = 0)
    blood : positive = ode(ka * gut / volume - vm / volume * blood / (km + blood), start = 0, times = t, start_time = 0)
    conc ~ LogNormal(log(blood), sd)
  }
}
"""


def test_absorption_and_elimination_that_saturates() -> None:
    rng, rows = np.random.default_rng(3), []
    ka, vm, km, volume = 1.2, 15.0, 4.0, 10.0
    times = [0.25, 0.5, 1, 2, 4, 6, 9, 12, 18, 24]
    for subject, dose in enumerate([50.0, 100.0, 200.0, 300.0] * 2):

        def slopes(_: float, z: np.ndarray) -> list[float]:
            return [-ka * z[0], ka * z[0] / volume - vm / volume * z[1] / (km + z[1])]

        blood = solve_ivp(slopes, (0, 24), [dose, 0.0], t_eval=times, rtol=1e-9, atol=1e-10).y[1]
        noisy = blood * np.exp(0.1 * rng.normal(size=len(times)))
        rows += [
            {"subject": f"s{subject}", "dose": dose, "t": t, "conc": c} for t, c in zip(times, noisy, strict=True)
        ]
    fit = fitted(ELIMINATION, pd.DataFrame(rows))
    assert_truth(fit, {"ka": ka, "vm": vm, "km": km, "volume": volume, "sd": 0.1})


EPIDEMIC = """
contact ~ LogNormal(-1, 1)
leave ~ LogNormal(-1, 1)
ill ~ LogNormal(1, 1)
plate row {
  input day : real
  infection = contact * S * I / 1000
  S = ode(-infection, start = 1000 - ill, times = day, start_time = 0)
  I : positive = ode(infection - leave * I, start = ill, times = day, start_time = 0)
  cases ~ Poisson(I)
}
"""


def test_an_epidemic() -> None:
    days = np.arange(1.0, 41.0)
    ill = solve_ivp(
        lambda _, z: [-0.5 * z[0] * z[1] / 1000, 0.5 * z[0] * z[1] / 1000 - 0.2 * z[1]],
        (0, 40),
        [995, 5],
        t_eval=days,
        rtol=1e-9,
    ).y[1]
    fit = fitted(EPIDEMIC, {"day": days, "cases": np.random.default_rng(3).poisson(ill)})
    assert_truth(fit, {"contact": 0.5, "leave": 0.2, "ill": 5.0})


SOIL = """
dim pool = {fast, slow}
k1 ~ HalfNormal(0.1)
k2 ~ HalfNormal(0.01)
on ~ Beta(2, 2)
back ~ Beta(2, 2)
share ~ Beta(5, 10)
sigma ~ HalfNormal(1)
c0[pool] = [8 * share, 8 * (1 - share)]
K[pool, pool'] = [[-k1, back * k2], [on * k1, -k2]]
plate row {
  input t : real
  C[pool] = ode(K @ C, start = c0, times = t, start_time = 0)
  evolved ~ Normal(8 - sum(C), sigma)
}
"""


def test_two_pools_of_soil() -> None:
    """As in B. Carpenter, Soil carbon modeling with RStan, 2014."""
    matrix = np.array([[-0.02, 0.2 * 0.004], [0.4 * 0.02, -0.004]])
    times = np.array([1, 3, 5, 8, 12, 17, 22, 29, 36, 45, 60, 75, 90, 110.0])
    left = np.array([(expm(matrix * t) @ [8 * 0.3, 8 * 0.7]).sum() for t in times])
    evolved = 8 - left + 0.02 * np.random.default_rng(3).normal(size=len(times))
    fit = fitted(SOIL, {"t": times, "evolved": evolved})
    assert_truth(fit, {"k1": 0.02, "k2": 0.004, "on": 0.4, "back": 0.2, "share": 0.3, "sigma": 0.02})


REACTIONS = """
k1 ~ LogNormal(-3, 1)
k2 ~ LogNormal(17, 1)
k3 ~ LogNormal(9, 1)
sd ~ HalfNormal(0.1)
plate row {
  input t : real
  fast = k3 * b * c
  a = ode(fast - k1 * a, start = 1, times = t, start_time = 0, solver = stiff, atol = 1e-10)
  b = ode(k1 * a - fast - k2 * b^2, start = 0, times = t, start_time = 0, solver = stiff, atol = 1e-10)
  c = ode(k2 * b^2, start = 0, times = t, start_time = 0, solver = stiff, atol = 1e-10)
  much ~ Normal(a, sd)
  little ~ Normal(b * 10000, sd)
}
"""


def test_reactions_whose_rates_differ_by_nine_orders_of_size() -> None:
    """H. H. Robertson's of 1966, as in Hairer and Wanner, Solving Ordinary Differential Equations II, IV.1."""
    times = np.geomspace(0.01, 1000, 25)

    def slopes(_: float, z: np.ndarray) -> list[float]:
        fast = 1e4 * z[1] * z[2]
        return [fast - 0.04 * z[0], 0.04 * z[0] - fast - 3e7 * z[1] ** 2, 3e7 * z[1] ** 2]

    states = solve_ivp(slopes, (0, 1000), [1, 0, 0], method="Radau", t_eval=times, rtol=1e-9, atol=1e-13).y
    noise = 0.01 * np.random.default_rng(0).normal(size=(2, len(times)))
    data = {"t": times, "much": states[0] + noise[0], "little": 1e4 * states[1] + noise[1]}
    assert_truth(fitted(REACTIONS, data), {"k1": 0.04, "k2": 3e7, "k3": 1e4, "sd": 0.01})

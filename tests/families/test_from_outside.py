"""A family that no file of the package knows: one record, registered from outside, does everything."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.stats
import torch

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES, Family, Formulas, Parameter, register
from pgmlang.lower import lower
from pgmlang.sema import compile_source

MINIMAX = Family(
    "Minimax",
    ((Parameter("a", "positive"), Parameter("b", "positive")),),
    "unit",
    says="two shapes",
    formulas=(
        Formulas(
            "log(a) + log(b) + (a - 1) * log(x) + (b - 1) * log1mexp(-a * log(x))",
            log_cdf="log1mexp(-b * log1mexp(-a * log(x)))",
            log_survival="b * log1mexp(-a * log(x))",
            quantile="exp(log1mexp(-log1p(-u) / b) / a)",
            mean="exp(log(b) + lgamma(1 + 1 / a) + lgamma(b) - lgamma(1 + 1 / a + b))",
        ),
    ),
    bounds=("0.0", "1.0"),
    interior="0.5",
    is_open=True,
)
TEXT = """
model outside
s ~ Gamma(2, 1)
plate row {
  y ~ Minimax(s, 3)
  t ~ Truncated(Minimax(2, s), upper = 0.6)
}
"""


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    register(MINIMAX)
    yield
    del FAMILIES["Minimax"]
    torch.set_default_dtype(torch.float32)


def log_density(x: np.ndarray, a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    return np.log(a) + np.log(b) + (a - 1) * np.log(x) + (b - 1) * np.log1p(-(x**a))


def test_it_is_checked_fitted_truncated_drawn_and_scored() -> None:
    rng = np.random.default_rng(0)
    y = rng.beta(2.0, 3.0, 40)
    t = np.minimum(rng.beta(2.0, 3.0, 40), 0.59)

    grid = np.linspace(0.05, 12, 40_001)
    log = scipy.stats.gamma.logpdf(grid, 2.0)
    for a, b in zip(y, t, strict=True):
        log = log + log_density(a, grid, 3.0) + log_density(b, 2.0, grid) - np.log1p(-((1 - 0.36) ** grid))
    mode = pgmlang.compile(TEXT).fit({"y": y, "t": t}, method="hmc", seed=1, options={"draws": 400, "warmup": 200})
    weight = np.exp(log - log.max())
    assert np.asarray(mode.draws["s"]).mean() == pytest.approx((grid * weight).sum() / weight.sum(), abs=0.1)

    flat = pgmlang.compile(TEXT.replace("s ~ Gamma(2, 1)", "param s : positive"))
    fit = flat.fit({"y": y, "t": t}, method="map", seed=1)
    s = float(np.asarray(fit.params["s"]))
    likelihood = log - scipy.stats.gamma.logpdf(grid, 2.0)
    assert s == pytest.approx(grid[likelihood.argmax()], abs=2e-3)
    scored = np.asarray(fit.score({"y": y[:3], "t": t[:3]}))
    wanted = log_density(y[:3], s, 3.0) + log_density(t[:3], 2.0, s) - math.log1p(-((1 - 0.36) ** s))
    np.testing.assert_allclose(scored, wanted, rtol=1e-8)
    drawn = np.asarray(fit.sample_columns(2000, seed=1).columns["t"], dtype=float)
    assert ((drawn > 0) & (drawn <= 0.6)).all()


def test_it_is_printed_for_pyro() -> None:
    import pyro

    program = lower(compile_source(TEXT), file_name="outside.pgm")
    assert "class Minimax(Elementwise)" in program.source
    assert not program.left_out
    module = program.load()
    data, layout, params, nets, values = module.example()
    values = {**values, "t": values["t"].clamp(max=0.5)}
    trace = pyro.poutine.trace(module.model).get_trace({**data, **values}, layout, params, nets)
    wanted = float(module.log_joint(values, data, layout, params, nets))
    assert float(trace.log_prob_sum()) == pytest.approx(wanted, rel=1e-10)


def test_its_arguments_are_checked() -> None:
    with pytest.raises(PgmError) as error:
        compile_source("y ~ Minimax(-1, 2)\n")
    assert error.value.diagnostics[0].code == "PGM0410"


def test_a_bad_record_is_refused() -> None:
    with pytest.raises(ValueError, match="there is a family"):
        register(MINIMAX)
    with pytest.raises(ValueError, match="`c` is neither"):
        register(Family("Bad", MINIMAX.variants, "unit", formulas=(Formulas("log(a) + c * x"),)))

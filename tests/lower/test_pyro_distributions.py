"""Pyro's own classes for what torch lacks: the same densities as the program's, and draws of the same distribution."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pgmlang.lower import Program, lower
from pgmlang.sema import compile_source

TEXT = """
model varied
mu ~ Normal(0, 1)
s ~ Exponential(1)
c1 ~ Flat()
c[cut] : ordered ~ Normal(0, 1)
dim cut[2]
plate row {
  input q : real
  z ~ Bernoulli(0.3)
  y ~ if z then Normal(mu, s) else StudentT(4, c1, 2 * s)
  v ~ if q > 0.5 then Poisson(s) else NegativeBinomial(3, s)
  n ~ ZeroInflated(0.2, Poisson(exp(mu)))
  k ~ BetaBinomial(9, 2, s)
  t ~ Truncated(Normal(mu, s), lower = 0)
  u ~ Truncated(Normal(mu, s), -3, 4)
  w ~ Logistic(mu, s)
  m ~ NegativeBinomial(3, s)
  g : {lo, mid, hi} ~ OrderedLogistic(q, c)
}
"""


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    yield
    torch.set_default_dtype(torch.float32)


def program(text: str = TEXT) -> Program:
    return lower(compile_source(text), file_name="varied.pgm")


def test_the_trace_has_the_density_of_log_joint() -> None:
    import pyro

    lowered = program()
    assert not lowered.left_out
    module = lowered.load()
    data, layout, params, nets, values = module.example()
    values = {**values, "c": torch.tensor([-0.5, 0.7]), "t": values["t"].abs(), "c1": torch.tensor(0.3)}
    pyro.clear_param_store()
    trace = pyro.poutine.trace(module.model).get_trace({**data, **values}, layout, params, nets)
    trace.compute_log_prob()
    each = module.log_joint(values, data, layout, params, nets)
    assert float(trace.log_prob_sum()) == pytest.approx(float(each), rel=1e-10)


def test_draws_of_pyro_are_those_of_simulate() -> None:
    """Means of 20,000 rows by both programs, within five standard errors."""
    import pyro

    module = program().load()
    data, layout, params, nets, _ = module.example()
    rows = 20_000
    layout.sizes["row"] = rows
    data = {**data, "q": torch.rand(rows)}
    given = {
        "mu": torch.tensor(0.4),
        "s": torch.tensor(1.3),
        "c1": torch.tensor(-2.0),
        "c": torch.tensor([-0.5, 0.7]),
    }
    ours = module.simulate(data, layout, params, nets, given=given)
    theirs = pyro.poutine.trace(module.model).get_trace({**data, **given}, layout, params, nets)
    for name in ("z", "y", "v", "n", "k", "t", "u", "w", "m", "g"):
        a, b = ours[name].double(), theirs.nodes[name]["value"].double()
        error = ((a.var() + b.var()) / rows).sqrt()
        assert abs(float(a.mean() - b.mean())) < 5 * float(error), name
        assert float(a.var() / b.var()) == pytest.approx(1, abs=0.2), name


def test_what_pyro_has_no_class_for_is_the_program_s_own_object() -> None:
    import pyro

    text = """model c
dim k[2]
dim a[3]
dim b like a
s[k] ~ Dirichlet(1)
m[k] ~ Normal(0, 3)
c[a, b] ~ LKJ(2)
plate row {
  input n : count
  y ~ Censored(Normal(0, 1), upper = 2)
  z ~ ZeroInflated(0.3, Truncated(Poisson(3), lower = 1))
  w ~ Truncated(Mixture(s, Normal(m, 1)), lower = -1)
  x[k] ~ Multinomial(n, s)
}
"""
    lowered = program(text)
    assert "model" not in lowered.left_out
    module = lowered.load()
    data, layout, params, nets, _ = module.example()
    given = module.simulate(data, layout, params, nets)
    trace = pyro.poutine.trace(module.model).get_trace({**data, **given}, layout, params, nets)
    each = module.log_joint(given, data, layout, params, nets)
    assert float(trace.log_prob_sum()) == pytest.approx(float(each), rel=1e-10)
    drawn = pyro.poutine.trace(module.model).get_trace(data, layout, params, nets)
    assert torch.isfinite(drawn.log_prob_sum())

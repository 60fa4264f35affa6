"""Correlation and covariance matrices: supports, densities, draws, and a posterior by `hmc` against quadrature."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.lower import lower
from pgmlang.sema import compile_source

TEXT = """
model effects
dim k = {a, b, c}
dim j like k
input V[k, j] : real
R[k, j] ~ LKJ(2)
S[k, j] ~ Wishart(5, V)
plate row {
  y[k] ~ MultivariateNormal(0, R)
  x[k] ~ MultivariateNormal(0, S)
  n ~ NegativeBinomial(n = 4, p = 0.3)
  m ~ NegativeBinomial(3, 2)
  w ~ Logistic(1, 2)
}
"""


@pytest.fixture(autouse=True)
def double() -> object:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    yield
    torch.set_default_dtype(torch.float32)


def module() -> ModuleType:
    return lower(compile_source(TEXT)).load()


@pytest.mark.parametrize(
    ("name", "size"), [("Correlation", 3), ("Correlation", 1), ("Covariance", 6), ("Covariance", 1)]
)
def test_transforms(name: str, size: int) -> None:
    transform = getattr(module(), name)()
    x = torch.randn(4, size)
    y = transform(x)
    torch.testing.assert_close(transform.inv(y), x)
    assert transform.inverse_shape(y.shape) == x.shape
    assert transform.forward_shape(x.shape) == y.shape
    low = torch.tril_indices(y.shape[-1], y.shape[-1], -1 if name == "Correlation" else 0)
    for row in range(4):
        jacobian = torch.autograd.functional.jacobian(lambda v: transform(v)[low[0], low[1]], x[row])
        expected = torch.linalg.slogdet(jacobian)[1]
        torch.testing.assert_close(transform.log_abs_det_jacobian(x, y)[row], expected)


def test_lkj_is_normalised() -> None:
    rho = torch.linspace(-0.99999, 0.99999, 20001)
    one = torch.ones_like(rho)
    matrices = torch.stack([torch.stack([one, rho], -1), torch.stack([rho, one], -1)], -2)
    density = module().LKJ(2.0, 2).log_prob(matrices).exp()
    assert float(torch.trapezoid(density, rho)) == pytest.approx(1, abs=1e-6)


@pytest.mark.filterwarnings("ignore:Singular sample")
def test_draws_have_the_moments_of_the_families() -> None:
    program = module()
    layout = program.TensorLayout(sizes={"row": 2000})
    data = {"V": torch.eye(3)}
    found = program.simulate(data, layout)
    assert np.isfinite(float(program.log_joint(found, data, layout)))
    # n: failures before the 4th success; m: mean 3, variance 3 + 9/2; w: mean 1, variance 4 pi^2 / 3
    for name, mean, variance in (("n", 4 * 0.7 / 0.3, 4 * 0.7 / 0.09), ("m", 3, 7.5), ("w", 1, 4 * np.pi**2 / 3)):
        drawn = found[name]
        assert abs(float(drawn.mean()) - mean) < 4.5 * (variance / 2000) ** 0.5
        assert float(drawn.var()) == pytest.approx(variance, rel=0.25)
    lkj = program.LKJ(torch.tensor(2.0), 3).expand((20000,)).sample()
    # an entry is a beta on (-1, 1) with both shapes eta - 1 + K / 2: variance 1 / 6
    assert float(lkj[:, 0, 2].var()) == pytest.approx(1 / 6, rel=0.05)
    assert float(lkj[:, 1, 2].var()) == pytest.approx(1 / 6, rel=0.05)
    assert abs(float(lkj[:, 0, 2].mean())) < 0.02
    # draws of one weighed to another: both are normalised alike
    ratio = (
        program.LKJ(torch.tensor(2.5), 3).log_prob(lkj) - program.LKJ(torch.tensor(2.0), 3).log_prob(lkj)
    ).exp()
    assert abs(float(ratio.mean()) - 1) < 4.5 * float(ratio.std()) / 20000**0.5


def test_a_posterior_of_a_correlation() -> None:
    """A correlation of twelve rows, against quadrature."""
    torch.set_default_dtype(torch.float32)
    text = """
dim k = {a, b}
dim j like k
R[k, j] ~ LKJ(1.5)
plate row { y[k] ~ MultivariateNormal(0, R) }
"""
    rows = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 12)
    fit = pgmlang.compile(text).fit(
        {"y.a": rows[:, 0], "y.b": rows[:, 1]}, method="hmc", seed=1,
        options={"chains": 16, "warmup": 200, "draws": 300},
    )  # fmt: skip
    drawn = fit.draws["R"]
    np.testing.assert_allclose(drawn[..., 0, 0], 1, atol=1e-9)
    rho = np.linspace(-0.9999, 0.9999, 40001)
    log_p = 0.5 * np.log1p(-(rho**2))
    for a, b in rows:
        log_p += -0.5 * np.log1p(-(rho**2)) - 0.5 * (a * a + b * b - 2 * rho * a * b) / (1 - rho**2)
    weight = np.exp(log_p - log_p.max())
    mean = (weight * rho).sum() / weight.sum()
    sd = np.sqrt((weight * (rho - mean) ** 2).sum() / weight.sum())
    assert abs(drawn[..., 0, 1].mean() - mean) < 0.15 * sd
    assert drawn[..., 0, 1].std() == pytest.approx(sd, rel=0.1)

"""Other arguments of a family stand for those of its record: the same density, moments that are what they are called, the same pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES
from pgmlang.infer.conjugate import conjugate_family

SPELLED = {
    "Normal(0.3, precision = 4)": "Normal(0.3, 0.5)",
    "Normal(0.3, var = 4)": "Normal(0.3, 2)",
    "LogNormal(0.3, precision = 4)": "LogNormal(0.3, 0.5)",
    "LogNormal(0.3, var = 4)": "LogNormal(0.3, 2)",
    "HalfNormal(precision = 4)": "HalfNormal(0.5)",
    "HalfNormal(var = 4)": "HalfNormal(2)",
    "StudentT(3, 0.3, precision = 4)": "StudentT(3, 0.3, 0.5)",
    "Laplace(0.3, rate = 4)": "Laplace(0.3, 0.25)",
    "Logistic(0.3, rate = 4)": "Logistic(0.3, 0.25)",
    "AsymmetricLaplace(0.3, rate = 2, asymmetry = 0.5)": "AsymmetricLaplace(0.3, 0.4, 0.2)",
    "ExponentiallyModifiedGaussian(0.3, 2, scale = 4)": "ExponentiallyModifiedGaussian(0.3, 2, 0.25)",
    "Exponential(scale = 4)": "Exponential(0.25)",
    "Exponential(mean = 4)": "Exponential(0.25)",
    "Gamma(3, scale = 4)": "Gamma(3, 0.25)",
    "Gamma(mean = 3, sd = 2)": "Gamma(9 / 4, 3 / 4)",
    "Gamma(shape = 3, mean = 2)": "Gamma(3, 1.5)",
    "InverseGamma(mean = 3, sd = 2)": "InverseGamma(4.25, 9.75)",
    "Beta(mean = 0.3, concentration = 10)": "Beta(3, 7)",
    "Beta(mean = 0.5, sd = 0.25)": "Beta(1.5, 1.5)",
    "NegativeBinomial(shape = 3, rate = 2)": "NegativeBinomial(1.5, 3)",
    "NegativeBinomial(mean = 3, sd = 3)": "NegativeBinomial(3, 1.5)",
    "BetaBinomial(6, mean = 0.3, concentration = 10)": "BetaBinomial(6, 3, 7)",
}


def test_every_spelling_is_in_the_table() -> None:
    count = {f.name: len(f.spellings) for f in FAMILIES.values() if f.spellings and not f.event}
    assert {name: sum(text.startswith(f"{name}(") for text in SPELLED) for name in count} == count


def test_neighbours_by_precision_and_by_none() -> None:
    """Of numbers beside each other, which are vectors."""
    for spelled, sd in (("precision = 4", 0.5), ("", 1)):
        found, wanted = (
            pgmlang.compile(f"dim k[3]\nw[k, k'] = if k == k' then 0 else 1\nplate row {{ x[k] ~ ICAR(w{given}) }}").given().score({"x": [[0.5, -1.25, 0.75]]})
            for given in (f", {spelled}" if spelled else "", f", {sd}")
        )  # fmt: skip
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def scores(text: str) -> np.ndarray:
    given = pgmlang.compile(f"plate row {{ y ~ {text} }}").given()
    y = [1.0, 2.0, 3.0] if "Binomial" in text else [0.2, 0.4, 0.7]
    return np.asarray(given.score({"y": y}))


@pytest.mark.parametrize("text", SPELLED)
def test_the_density_is_that_of_the_record(text: str) -> None:
    np.testing.assert_allclose(scores(text), scores(SPELLED[text]), rtol=1e-12)


@pytest.mark.parametrize("text", [t for t in SPELLED if "mean =" in t and "Binomial(6" not in t])
def test_means_and_sds_are_what_they_are_called(text: str) -> None:
    words = dict(w.split(" = ") for w in text[:-1].split("(")[1].split(", ") if "=" in w)
    given = pgmlang.compile(f"plate row {{ input z : real ; y ~ {text} }}").given()
    columns = given.predict_columns({"z": [0.0]}, seed=1).columns
    assert float(columns["y"][0]) == pytest.approx(float(words["mean"]), rel=1e-5)
    if "sd" in words:
        assert float(columns["y.sd"][0]) == pytest.approx(float(words["sd"]), rel=1e-5)


PAIRS = {
    "Normal(0, precision = v)": ("Gamma", "Exponential", "ChiSquared"),
    "Normal(0, var = v)": ("InverseGamma", "ScaledInverseChiSquared"),
    "Gamma(3, scale = v)": ("InverseGamma", "InverseChiSquared"),
    "Weibull(1.5, hazard = v)": ("Gamma",),
    "Pareto(v, 0.1)": ("Gamma",),
    "Rayleigh(sqrt(v))": ("InverseGamma",),
    "InverseGaussian(1, v)": ("Gamma",),
    "Kumaraswamy(2, v)": ("Gamma",),
}
PRIORS = {"Gamma": "Gamma(2, 3)", "Exponential": "Exponential(3)", "ChiSquared": "ChiSquared(5)", "InverseGamma": "InverseGamma(3, 2)",
          "ScaledInverseChiSquared": "ScaledInverseChiSquared(5, 0.8)", "InverseChiSquared": "InverseChiSquared(5)"}  # fmt: skip


CONJUGATE = [(c, p) for c, priors in PAIRS.items() for p in priors]


@pytest.mark.parametrize(
    ("child", "prior"),
    [pytest.param(*c, marks=pytest.mark.slow if i % 6 else ()) for i, c in enumerate(CONJUGATE)],
)
def test_pairs_are_seen_through_spellings(child: str, prior: str) -> None:
    """The complete conditional by `gibbs` against the normalised product of the densities on a grid."""
    model = pgmlang.compile(f"v ~ {PRIORS[prior]}\nplate row {{ y ~ {child} }}")
    wanted = (
        "InverseGamma" if prior in ("InverseGamma", "ScaledInverseChiSquared", "InverseChiSquared") else "Gamma"
    )
    assert conjugate_family(model.model, "v") == wanted
    y = np.array([0.2, 0.4, 0.7, 0.35, 0.9])
    fit = model.fit({"y": y}, method="gibbs", seed=1, options={"draws": 1000, "warmup": 10, "chains": 2})
    data, layout = model.tensors({"y": y})
    module, grid = model.program.load(), np.geomspace(1e-3, 60, 4001)
    data = {k: v.double() for k, v in data.items()}
    torch.set_default_dtype(torch.float64)
    try:
        logs = [float(module.log_joint({**data, "v": torch.tensor(v)}, data, layout, {}, {})) for v in grid]
    finally:
        torch.set_default_dtype(torch.float32)
    weights = np.exp(np.array(logs) - max(logs)) * grid
    mean = (weights * grid).sum() / weights.sum()
    sd = math.sqrt((weights * (grid - mean) ** 2).sum() / weights.sum())
    draws = np.asarray(fit.draws["v"], float).ravel()
    assert draws.mean() == pytest.approx(mean, abs=5 * sd / math.sqrt(len(draws)))
    assert draws.std() == pytest.approx(sd, rel=0.25)


def test_what_is_wrong_is_said_in_the_words_that_were_written() -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile("plate row { y ~ Beta(mean = 1.3, concentration = 2) }")
    assert "`mean` of `Beta` must be unit" in str(error.value)

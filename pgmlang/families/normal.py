"""The normal family and its kin: LogNormal, HalfNormal."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, LocationScale, Pair, Spelling
from pgmlang.families.family import parameter as _p

_LOC, _SD = _p("loc"), _p("sd", "positive")
_PRECISION, _VARIANCE = _p("precision", "positive"), _p("var", "positive")
_SPREADS = (
    Spelling((_LOC, _PRECISION), {"loc": "loc", "sd": "1 / sqrt(precision)"}),
    Spelling((_LOC, _VARIANCE), {"loc": "loc", "sd": "sqrt(var)"}),
)

OF_MEANS = (
    Pair("Normal", "loc", "affine", collapsed="moments"), Pair("LogNormal", "loc", "affine"), Pair("LogitNormal", "loc", "affine"),
    *(Pair("MultivariateNormal", "mean", "affine", variant=i) for i in range(3)),
)  # fmt: skip
"""Likelihoods that are normal in a mean that is normal itself, alone or as a vector."""

FAMILIES = (
    Family(
        "Normal", ((_LOC, _SD),), "real",
        says="the bell curve: mean and standard deviation",
        formulas=(
            Formulas(
                "-0.5 * z * z - log(sd) - 0.5 * log(2 * pi)", "log_ndtr(z)", "log_ndtr(-z)", "loc + sd * ndtri(u)",
                "dist.Normal(loc, sd)", "loc", "sd * sd", let={"z": "(x - loc) / sd"},
            ),
        ),
        torch=("dist.Normal(loc, sd)",), pyro=("dist.Normal(loc, sd)",),
        exponential="Normal", exponential_form="pgmlang.infer.exponential.NORMAL",
        m_steps="pgmlang.infer.m_steps.NORMAL",
        pairs=OF_MEANS,
        location_scale=LocationScale("loc", "sd"), quadratic_in="loc", statistics=("x",), with_products=True, zero_sum="ZeroSumNormal",
        spellings=_SPREADS,
    ),
    Family(
        "LogNormal", ((_LOC, _SD),), "positive",
        says="a positive number whose logarithm is normal; loc and sd are those of the logarithm",
        formulas=(
            Formulas(
                "-0.5 * z * z - log(sd) - log(x) - 0.5 * log(2 * pi)", "log_ndtr(z)", "log_ndtr(-z)",
                "exp(loc + sd * ndtri(u))", "dist.LogNormal(loc, sd)", "exp(loc + 0.5 * sd * sd)",
                "expm1(sd * sd) * exp(2 * loc + sd * sd)", let={"z": "(log(x) - loc) / sd"},
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0", is_open=True, pyro=("dist.LogNormal(loc, sd)",),
        location_scale=LocationScale("loc", "sd", "Normal", is_log=True), m_steps="pgmlang.infer.m_steps.NORMAL",
        quadratic_in="loc", statistics=("log(x)",), with_products=True, spellings=_SPREADS,
    ),
    Family(
        "HalfNormal", ((_SD,),), "positive",
        says="the size of a normal number of mean 0: a usual prior of a spread",
        formulas=(
            Formulas(
                "-0.5 * z * z - log(sd) + 0.5 * log(2 / pi)", "log(erf(z * sqrt(0.5)))", "log(2) + log_ndtr(-z)",
                "sd * sqrt(2) * erfinv(u)", "dist.HalfNormal(sd)", "sd * sqrt(2 / pi)", "sd * sd * (1 - 2 / pi)",
                let={"z": "x / sd"},
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0", pyro=("dist.HalfNormal(sd)",), statistics=("x * x",),
        spellings=(
            Spelling((_PRECISION,), {"sd": "1 / sqrt(precision)"}), Spelling((_VARIANCE,), {"sd": "sqrt(var)"}),
        ),
    ),
)  # fmt: skip

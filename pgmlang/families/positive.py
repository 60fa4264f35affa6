"""Families of positive numbers: Exponential, Gamma, InverseGamma, Weibull."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, Marginal, Pair, Spelling
from pgmlang.families.family import parameter as _p

_SHAPE, _RATE, _SCALE = _p("shape", "positive"), _p("rate", "positive"), _p("scale", "positive")
_MEAN, _SD = _p("mean", "positive"), _p("sd", "positive")


def _integrated(shape: str) -> tuple[Marginal, Marginal]:
    """Of a prior of this shape and a rate: counts, and waiting times, of a rate that is integrated out."""
    rest = "rate + factor"
    return (
        Marginal(
            "NegativeBinomial",
            {"n": shape, "p": f"rate / ({rest})"},
            {"shape": f"{shape} + draw", "rate": rest},
            1,
        ),
        Marginal(
            "Lomax",
            {"shape": shape, "scale": "rate / factor"},
            {"shape": f"{shape} + 1", "rate": f"{rest} * draw"},
        ),
    )


def _pairs(rate: str, scale: str, root: str, shape: str = "") -> tuple[Pair, ...]:
    """Of a prior of rates and precisions, or of scales and variances: the forms that a rate, a scale and an sd have."""
    rates = (
        ("Gamma", "rate"), ("InverseGamma", "scale"), ("Pareto", "shape"), ("Lomax", "shape"), ("Kumaraswamy", "b"),
        ("InverseGaussian", "shape"),
    )  # fmt: skip
    counts, waiting = _integrated(shape) if shape else (None, None)
    return (
        Pair("Poisson", "rate", rate, marginal=counts),
        Pair("Exponential", "rate", rate, marginal=waiting),
        *(Pair(child, argument, rate) for child, argument in rates),
        Pair("Weibull", "hazard", rate, variant=1),
        *(Pair(child, "scale", scale) for child in ("Laplace", "AsymmetricLaplace")),
        *(Pair(child, "scale", root) for child in ("Rayleigh", "Maxwell")),
        *(Pair(child, "sd", root) for child in ("Normal", "LogNormal", "HalfNormal", "LogitNormal")),
    )


_OF_RATES = _pairs("scaled", "inverse", "inverse root", "shape")
_OF_ONE_RATE = _pairs("scaled", "inverse", "inverse root", "1")
"""Of an exponential prior: a gamma one of shape 1."""
_OF_SCALES = _pairs("inverse", "scaled", "root")

FAMILIES = (
    Family(
        "Exponential", ((_RATE,),), "positive",
        says="waiting times without memory; the mean is 1 / rate",
        formulas=(
            Formulas(
                "log(rate) - rate * x", "log1mexp(rate * x)", "-rate * x", "-log1p(-u) / rate",
                "dist.Exponential(rate)", "1 / rate", "1 / (rate * rate)",
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0", pyro=("dist.Exponential(rate)",), exponential="Gamma", pairs=_OF_ONE_RATE,
        statistics=("x",),
        spellings=(Spelling((_SCALE,), {"rate": "1 / scale"}), Spelling((_MEAN,), {"rate": "1 / mean"})),
    ),
    Family(
        "Gamma", ((_SHAPE, _RATE),), "positive",
        says="a positive number: waiting for `shape` events that come at `rate`",
        formulas=(
            Formulas(
                "gamma_kernel(shape, rate * x, log_t) - log(x)", "gamma_tails(shape, rate * x, log_t)[0]",
                "gamma_tails(shape, rate * x, log_t)[1]", draw="dist.Gamma(shape, rate)", mean="shape / rate",
                variance="shape / (rate * rate)", let={"log_t": "log(rate) + log(x)"},
                edges=("where(shape == 1, log(rate), where(shape < 1, inf, -inf))", "-inf"),
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0", pyro=("dist.Gamma(shape, rate)",), exponential="Gamma", pairs=_OF_RATES,
        exponential_form="pgmlang.infer.exponential.GAMMA", m_steps="pgmlang.infer.m_steps.GAMMA",
        statistics=("x", "log(x)"),
        spellings=(
            Spelling((_SHAPE, _SCALE), {"shape": "shape", "rate": "1 / scale"}),
            Spelling((_MEAN, _SD), {"shape": "mean ** 2 / sd ** 2", "rate": "mean / sd ** 2"}),
            Spelling((_SHAPE, _MEAN), {"shape": "shape", "rate": "shape / mean"}),
        ),
    ),
    Family(
        "InverseGamma", ((_SHAPE, _SCALE),), "positive",
        says="one over a Gamma number: the prior of a variance that keeps its family",
        formulas=(
            Formulas(
                "gamma_kernel(shape, scale / x, log_t) - log(x)", "gamma_tails(shape, scale / x, log_t)[1]",
                "gamma_tails(shape, scale / x, log_t)[0]", draw="dist.InverseGamma(shape, scale)",
                mean="where(shape > 1, scale / (shape - 1), inf)",
                variance="where(shape > 2, scale * scale / ((shape - 1) * (shape - 1) * (shape - 2)), inf)",
                let={"log_t": "log(scale) - log(x)"},
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0", is_open=True, pyro=("dist.InverseGamma(shape, scale)",),
        exponential="InverseGamma", pairs=_OF_SCALES, exponential_form="pgmlang.infer.exponential.INVERSE_GAMMA",
        m_steps="pgmlang.infer.m_steps.INVERSE_GAMMA", statistics=("1 / x", "log(x)"),
        spellings=(
            Spelling((_MEAN, _SD), {"shape": "mean ** 2 / sd ** 2 + 2", "scale": "mean * (mean ** 2 / sd ** 2 + 1)"}),
        ),
    ),
    Family(
        "Weibull", ((_SHAPE, _SCALE), (_SHAPE, _p("hazard", "positive"))), "positive",
        says="lifetimes: the risk rises with age for shape above 1 and falls below it; it is hazard * shape * age^(shape - 1)",
        formulas=(
            Formulas(
                "log(shape) - log(x) + power - exp(power)", "log1mexp(exp(power))", "-exp(power)",
                "scale * exp(log(-log1p(-u)) / shape)", "dist.Weibull(scale, shape)",
                "scale * exp(lgamma(1 + 1 / shape))",
                "scale * scale * (exp(lgamma(1 + 2 / shape)) - exp(2 * lgamma(1 + 1 / shape)))",
                let={"power": "shape * log(x / scale)"},
                edges=("where(shape == 1, -log(scale), where(shape < 1, inf, -inf))", "-inf"),
            ),
            # by what multiplies the risk, as BUGS has it
            Formulas(
                "log(shape) + log(hazard) + (shape - 1) * log(x) - hazard * power", "log1mexp(hazard * power)",
                "-hazard * power", "exp(log(-log1p(-u) / hazard) / shape)",
                mean="exp(lgamma(1 + 1 / shape) - log(hazard) / shape)",
                variance="(exp(lgamma(1 + 2 / shape)) - exp(2 * lgamma(1 + 1 / shape))) * exp(-2 * log(hazard) / shape)",
                let={"power": "exp(shape * log(x))"},
                edges=("where(shape == 1, log(hazard), where(shape < 1, inf, -inf))", "-inf"),
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
        pyro=("dist.Weibull(scale, shape)", "dist.Weibull(exp(-log(hazard) / shape), shape)"),
    ),
)  # fmt: skip

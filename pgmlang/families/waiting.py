"""Families of waiting times, sizes and extremes: Pareto, Lomax, GeneralizedPareto, LogLogistic, Gompertz, Frechet, InverseGaussian, Rayleigh,
Rice, Maxwell, GeneralizedGamma."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas
from pgmlang.families.family import parameter as _p

_SHAPE, _RATE, _SCALE = _p("shape", "positive"), _p("rate", "positive"), _p("scale", "positive")
_POWER = {
    "z": "x / scale",
    "y": "shape * z",
    "t": "where(y == 0, z, z * log1p(where(y == 0, 1.0, y)) / where(y == 0, 1.0, y))",
}
"""log1p(shape z) / shape, and z where shape is zero."""
_AT_ZERO = "where(shape == 1, {}, where(shape < 1, inf, -inf))"

FAMILIES = (
    Family(
        "Pareto", ((_p("shape", "positive", safe=1.0), _p("scale", "positive", safe=1.0)),), "positive",
        says="incomes, sizes: numbers from `scale` on whose chances fall by a power, the slower the smaller the shape",
        formulas=(
            Formulas(
                "log(shape) - log(x) - shape * ratio", "log1mexp(shape * ratio)", "-shape * ratio",
                "scale * exp(-log1p(-u) / shape)", mean="where(shape > 1, scale * shape / (shape - 1), inf)",
                variance="where(shape > 2, scale * scale * shape / ((shape - 1) * (shape - 1) * (shape - 2)), inf)",
                let={"ratio": "log(x) - log(scale)"},
            ),
        ),
        bounds=("scale", "inf"), interior="2 * scale", limits=("scale", ""),
    ),
    Family(
        "Lomax", ((_SHAPE, _SCALE),), "positive",
        says="a Pareto number of the second kind, from zero on: an exponential whose rate itself is Gamma(shape, scale)",
        formulas=(
            Formulas(
                "log(shape) - log(scale) - (shape + 1) * log1p(x / scale)", "log1mexp(shape * log1p(x / scale))",
                "-shape * log1p(x / scale)", "scale * expm1(-log1p(-u) / shape)",
                mean="where(shape > 1, scale / (shape - 1), inf)",
                variance="where(shape > 2, scale * scale * shape / ((shape - 1) * (shape - 1) * (shape - 2)), inf)",
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "GeneralizedPareto", ((_SCALE, _p("shape")),), "positive",
        says="what exceeds a high threshold: a Lomax number for shape above 0, an exponential one at 0, bounded below it (Pickands 1975)",
        formulas=(
            Formulas(
                "-log(scale) - (1 + shape) * t", "log1mexp(t)", "-t",
                "-scale * log1p(-u) * where(v == 0, 1.0, expm1(v) / where(v == 0, 1.0, v))",
                mean="where(shape < 1, scale / (1 - shape), inf)",
                variance="where(shape < 0.5, scale * scale / ((1 - shape) * (1 - shape) * (1 - 2 * shape)), inf)",
                let=_POWER | {"v": "-shape * log1p(-u)"},
            ),
        ),
        bounds=("0.0", "where(shape < 0, -scale / where(shape < 0, shape, -1.0), inf)"),
        interior="where(shape < 0, -0.5 * scale / where(shape < 0, shape, -1.0), scale)",
    ),
    Family(
        "Gompertz", ((_SHAPE, _RATE),), "positive",
        says="lifetimes whose risk grows as they age: rate * exp(shape * x) at age x",
        formulas=(
            Formulas(
                "log(rate) + shape * x - risk", "log1mexp(risk)", "-risk", "log1p(-shape * log1p(-u) / rate) / shape",
                let={"risk": "rate * expm1(shape * x) / shape"},
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "LogLogistic", ((_SHAPE, _SCALE),), "positive",
        says="lifetimes whose risk rises, then falls (shape above 1): the logarithm is logistic, the median is scale",
        formulas=(
            Formulas(
                "log(shape) - log(x) - softplus(power) - softplus(-power)", "-softplus(-power)", "-softplus(power)",
                "scale * exp(logit(u) / shape)", mean="where(shape > 1, scale * angle / sin(angle), inf)",
                variance="where(shape > 2, scale * scale * (2 * angle / sin(2 * angle) - angle * angle / (sin(angle) * sin(angle))),"
                " inf)",
                let={"power": "shape * (log(x) - log(scale))", "angle": "pi / shape"},
                edges=(_AT_ZERO.format("-log(scale)"), "-inf"),
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "Frechet", ((_SHAPE, _SCALE),), "positive",
        says="the largest of many heavy-tailed numbers: one over a Weibull number",
        formulas=(
            Formulas(
                "log(shape) - log(x) + power - exp(power)", "-exp(power)", "log1mexp(exp(power))",
                "scale * exp(-log(-log(u)) / shape)", mean="where(shape > 1, scale * exp(lgamma(1 - 1 / shape)), inf)",
                variance="where(shape > 2, scale * scale * (exp(lgamma(1 - 2 / shape)) - exp(2 * lgamma(1 - 1 / shape))), inf)",
                let={"power": "-shape * (log(x) - log(scale))"},
            ),
        ),
        is_open=True, bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "InverseGaussian", ((_p("mean", "positive"), _SHAPE),), "positive", reparameterised=False,
        says="how long a drifting walk takes to reach a level (the Wald distribution): mean and shape (variance mean^3 / shape)",
        formulas=(
            Formulas(
                "0.5 * (log(shape) - log(2 * pi)) - 1.5 * log(x) - 0.5 * short * short",
                "where(short < 0, lower, log1mexp(-upper))", "where(short < 0, log1mexp(-lower), upper)",
                draw="inverse_gaussian_draws(mean, shape)", mean="mean", variance="mean * mean * mean / shape",
                let={
                    "root": "sqrt(shape / x)",
                    "short": "root * (x - mean) / mean",
                    "below": "where(short < 0, short, -1.0)",
                    "above": "where(short < 0, 0.0, short)",
                    "lower": "log_mills_sum(below, 2 * sqrt(shape * x) / mean) - 0.5 * below * below - 0.5 * log(2 * pi)",
                    "upper": "log_mills_difference(-above, 2 * root) - 0.5 * above * above - 0.5 * log(2 * pi)",
                },
            ),
        ),
        is_open=True, bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "Rayleigh", ((_SCALE,),), "positive",
        says="the length of a vector of two normal numbers of sd `scale`: heights of waves, speeds of wind",
        formulas=(
            Formulas(
                "log(x) - 2 * log(scale) - 0.5 * z * z", "log1mexp(0.5 * z * z)", "-0.5 * z * z", "scale * sqrt(-2 * log1p(-u))",
                mean="scale * sqrt(pi / 2)", variance="scale * scale * (2 - pi / 2)", let={"z": "x / scale"},
            ),
        ),
        is_open=True, bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "Rice", ((_p("distance", "positive"), _SCALE),), "positive",
        says="how far a point is from a centre that lies `distance` from its mean, in the plane with noise of sd `scale`: amplitudes",
        formulas=(
            Formulas(
                "log(x) - 2 * log(scale) - 0.5 * (z - v) * (z - v) + log(i0e(z * v))",
                draw="sqrt((distance + scale * dist.Normal(0 * scale, 1 + 0 * scale).rsample()) ** 2"
                " + (scale * dist.Normal(0 * scale, 1 + 0 * scale).rsample()) ** 2)",
                mean="mean", variance="2 * scale * scale + distance * distance - mean * mean",
                let={
                    "z": "x / scale",
                    "v": "distance / scale",
                    "quarter": "0.25 * v * v",
                    "mean": "scale * sqrt(pi / 2) * ((1 + 2 * quarter) * i0e(quarter) + 2 * quarter * i1e(quarter))",
                },
            ),
        ),
        is_open=True, bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "Maxwell", ((_SCALE,),), "positive",
        says="the length of a vector of three normal numbers of sd `scale`: speeds of the molecules of a gas",
        formulas=(
            Formulas(
                "0.5 * log(2 / pi) + 2 * log(x) - 3 * log(scale) - t", "gamma_tails(1.5 + 0 * t, t, log_t)[0]",
                "gamma_tails(1.5 + 0 * t, t, log_t)[1]",
                draw="scale * sqrt(2 * dist.Gamma(1.5 + 0 * scale, 1 + 0 * scale).rsample())", mean="2 * scale * sqrt(2 / pi)",
                variance="scale * scale * (3 - 8 / pi)",
                let={"t": "0.5 * (x / scale) * (x / scale)", "log_t": "2 * (log(x) - log(scale)) - log(2)"},
            ),
        ),
        is_open=True, bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "GeneralizedGamma", ((_SHAPE, _RATE, _p("power", "positive")),), "positive",
        says="a number whose product with rate, raised to power, is Gamma(shape, 1): the gamma and Weibull families and what lies between",
        formulas=(
            Formulas(
                "gamma_kernel(shape, t, log_t) + log(power) - log(x)", "gamma_tails(shape, t, log_t)[0]",
                "gamma_tails(shape, t, log_t)[1]",
                draw="exp(log(dist.Gamma(shape, 1 + 0 * shape).rsample()) / power) / rate",
                mean="exp(lgamma(shape + 1 / power) - lgamma(shape)) / rate",
                variance="(exp(lgamma(shape + 2 / power) - lgamma(shape)) - exp(2 * (lgamma(shape + 1 / power) - lgamma(shape))))"
                " / (rate * rate)",
                let={"log_t": "power * (log(rate) + log(x))", "t": "exp(log_t)"},
                edges=(
                    "where(shape * power == 1, log(power) + log(rate) - lgamma(shape), where(shape * power < 1, inf, -inf))",
                    "-inf",
                ),
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
)  # fmt: skip

"""Families of a location and a scale beside the normal: StudentT, Cauchy, Laplace, Logistic, Gumbel, GeneralizedExtremeValue,
HalfLogistic, HalfCauchy."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, LocationScale, Spelling
from pgmlang.families.family import parameter as _p

_LOC, _SD, _SCALE = _p("loc"), _p("sd", "positive"), _p("scale", "positive")
_BY_RATE = (Spelling((_LOC, _p("rate", "positive")), {"loc": "loc", "scale": "1 / rate"}),)
_Z = {"z": "(x - loc) / scale"}
_BOTH = LocationScale("loc", "scale")

FAMILIES = (
    Family(
        "StudentT", ((_p("df", "positive"), _LOC, _SD),), "real",
        says="a bell with heavier tails, the heavier the smaller df: numbers with outliers",
        formulas=(
            Formulas(
                "peak - 0.5 * (df + 1) * log1p(z * z / df) - 0.5 * log(pi * df) - log(sd)",
                "student_t_log_tail(df, -z)", "student_t_log_tail(df, z)", draw="dist.StudentT(df, loc, sd)",
                mean="loc + where(df > 1, 0.0, inf - inf)",
                variance="sd * sd * where(df > 2, df / (df - 2), inf)",
                let={"z": "(x - loc) / sd", "half": "0.5 * df", "peak": "log_rising(half, 0 * half + 0.5)"},
            ),
        ),
        pyro=("dist.StudentT(df, loc, sd)",), location_scale=LocationScale("loc", "sd"),
        spellings=(
            Spelling(
                (_p("df", "positive"), _LOC, _p("precision", "positive")),
                {"df": "df", "loc": "loc", "sd": "1 / sqrt(precision)"},
            ),
        ),
    ),
    Family(
        "Cauchy", ((_LOC, _SCALE),), "real",
        says="a bell with tails so heavy that it has no mean: middle and half width",
        formulas=(
            Formulas(
                "-log1p(z * z) - log(scale) - log(pi)", "log(atan2(0 * z + 1, -z) / pi)",
                "log(atan2(0 * z + 1, z) / pi)", "loc + scale * tan(pi * (u - 0.5))", "dist.Cauchy(loc, scale)",
                "0 * loc + (inf - inf)", "0 * loc + (inf - inf)", let=_Z,
            ),
        ),
        torch=("dist.Cauchy(loc, scale)",), pyro=("dist.Cauchy(loc, scale)",), location_scale=_BOTH,
    ),
    Family(
        "Laplace", ((_LOC, _SCALE),), "real",
        says="two exponentials back to back, a sharp peak: middle and scale",
        formulas=(
            Formulas(
                "-abs(z) - log(2 * scale)",
                "where(z < 0, -abs(z) - log(2), log1p(-0.5 * exp(-abs(z))))",
                "where(z > 0, -abs(z) - log(2), log1p(-0.5 * exp(-abs(z))))",
                "loc - scale * where(u < 0.5, -log(2 * u), log(2 - 2 * u))", "dist.Laplace(loc, scale)",
                "loc", "2 * scale * scale", let=_Z,
            ),
        ),
        torch=("dist.Laplace(loc, scale)",), pyro=("dist.Laplace(loc, scale)",), location_scale=_BOTH, spellings=_BY_RATE,
    ),
    Family(
        "Logistic", ((_LOC, _SCALE),), "real",
        says="a bell with tails a little heavier than the normal's: middle and scale",
        formulas=(
            Formulas(
                "-softplus(z) - softplus(-z) - log(scale)", "-softplus(-z)", "-softplus(z)", "loc + scale * logit(u)",
                mean="loc", variance="scale * scale * pi * pi / 3", let=_Z,
            ),
        ),
        pyro=("dist.Logistic(loc, scale)",), location_scale=_BOTH, spellings=_BY_RATE,
    ),
    Family(
        "Gumbel", ((_LOC, _SCALE),), "real",
        says="the largest of many: most probable value and scale",
        formulas=(
            Formulas(
                "-z - exp(-z) - log(scale)", "-exp(-z)", "log1mexp(exp(-z))", "loc - scale * log(-log(u))",
                "dist.Gumbel(loc, scale)", "loc + 0.5772156649015329 * scale", "scale * scale * pi * pi / 6", let=_Z,
            ),
        ),
        pyro=("dist.Gumbel(loc, scale)",), location_scale=_BOTH,
    ),
    Family(
        "GeneralizedExtremeValue", ((_LOC, _SCALE, _p("shape")),), "real",
        says="the largest of many in a year: Gumbel's at shape 0, with a heavy tail above it, bounded above below it (Jenkinson 1955)",
        formulas=(
            Formulas(
                "-log(scale) - (1 + shape) * t - exp(-t)", "-exp(-t)", "log1mexp(exp(-t))",
                "loc + scale * v * where(w == 0, 1.0, expm1(w) / where(w == 0, 1.0, w))",
                mean="loc + scale * where(shape < 1, where(is_small, 0.5772156649015329 + 0.9890559953279725 * shape,"
                " expm1(log_first) / where(is_small, 1.0, shape)), inf)",
                variance="scale * scale * where(shape < 0.5, where(is_small, pi * pi / 6, exp(2 * log_first)"
                " * expm1(log_second - 2 * log_first) / where(is_small, 1.0, shape * shape)), inf)",
                let=_Z | {
                    "y": "shape * z",
                    "t": "where(y == 0, z, z * log1p(where(y == 0, 1.0, y)) / where(y == 0, 1.0, y))",
                    "v": "-log(-log(u))",
                    "w": "shape * v",
                    "is_small": "abs(shape) < 1e-4",
                    "log_first": "lgamma(1 - where(shape < 1, shape, 0.0))",
                    "log_second": "lgamma(1 - 2 * where(shape < 0.5, shape, 0.0))",
                },
            ),
        ),
        bounds=(
            "where(shape > 0, loc - scale / where(shape > 0, shape, 1.0), -inf)",
            "where(shape < 0, loc - scale / where(shape < 0, shape, -1.0), inf)",
        ),
        interior="loc", location_scale=_BOTH,
    ),
    Family(
        "HalfLogistic", ((_SCALE,),), "positive",
        says="the size of a logistic number: scale is that of the logistic before its halves are folded together",
        formulas=(
            Formulas(
                "log(2) - softplus(z) - softplus(-z) - log(scale)", "log1mexp(z) - softplus(-z)", "log(2) - softplus(z)",
                "scale * (log1p(u) - log1p(-u))", mean="2 * scale * log(2)",
                variance="scale * scale * (pi * pi / 3 - 4 * log(2) * log(2))", let={"z": "x / scale"},
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "HalfCauchy", ((_SCALE,),), "positive",
        says="the size of a Cauchy number: a prior of a spread that lets it be large",
        formulas=(
            Formulas(
                "-log1p(z * z) - log(scale) + log(2 / pi)", "log(atan2(z, 0 * z + 1) * 2 / pi)",
                "log(atan2(0 * z + 1, z) * 2 / pi)", "scale * tan(0.5 * pi * u)", "dist.HalfCauchy(scale)",
                "0 * scale + inf", "0 * scale + inf", let={"z": "x / scale"},
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0", pyro=("dist.HalfCauchy(scale)",),
    ),
)  # fmt: skip

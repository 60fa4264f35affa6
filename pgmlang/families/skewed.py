"""Families of numbers that lean to one side: SkewNormal, AsymmetricLaplace, ExponentiallyModifiedGaussian, SkewStudentT, Moyal."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, LocationScale, Spelling
from pgmlang.families.family import parameter as _p

_LOC, _SD, _SCALE = _p("loc"), _p("sd", "positive"), _p("scale", "positive")
_Z = {"z": "(x - loc) / scale"}
_BOTH = LocationScale("loc", "scale")

FAMILIES = (
    Family(
        "SkewNormal", ((_LOC, _SCALE, _p("shape")),), "real",
        says="a bell that leans to the right for shape above 0, to the left below it; at 0 it is the normal (Azzalini 1985)",
        formulas=(
            Formulas(
                "-0.5 * z * z + log_ndtr(shape * z) - log(scale) + 0.5 * log(2 / pi)", "skew_normal_log_below(z, shape)",
                "skew_normal_log_below(-z, -shape)",
                draw="dist.Normal(loc + scale * lean * dist.HalfNormal(1 + 0 * loc).rsample(), scale / spread)",
                mean="loc + scale * lean * sqrt(2 / pi)", variance="scale * scale * (1 - 2 * lean * lean / pi)",
                let=_Z | {"spread": "sqrt(1 + shape * shape)", "lean": "shape / spread"},
            ),
        ),
        location_scale=_BOTH,
    ),
    Family(
        "AsymmetricLaplace", ((_LOC, _SCALE, _p("p", "unit")),), "real",
        says="two exponentials back to back, of which p lies below loc: its loc is a quantile, as in quantile regression",
        formulas=(
            Formulas(
                "log_of(p) + log_of(1 - p) + log(2) - log(scale) - 2 * abs(z) * where(z < 0, 1 - p, p)",
                "where(z < 0, log_of(p) + 2 * (1 - p) * z, log1p(-(1 - p) * exp(-2 * p * abs(z))))",
                "where(z > 0, log_of(1 - p) - 2 * p * z, log1p(-p * exp(-2 * (1 - p) * abs(z))))",
                "loc + 0.5 * scale * where(u < p, log(u / p) / (1 - p), (log1p(-p) - log1p(-u)) / p)",
                mean="loc + scale * (1 - 2 * p) / (2 * p * (1 - p))",
                variance="scale * scale * (1 - 2 * p + 2 * p * p) / (4 * p * p * (1 - p) * (1 - p))", let=_Z,
            ),
        ),
        spellings=(
            Spelling(
                (_LOC, _p("rate", "positive"), _p("asymmetry", "positive")),
                {"loc": "loc", "scale": "2 * asymmetry / (rate * (1 + asymmetry ** 2))",
                 "p": "asymmetry ** 2 / (1 + asymmetry ** 2)"},
            ),
        ),
        location_scale=_BOTH,
    ),
    Family(
        "ExponentiallyModifiedGaussian", ((_LOC, _SD, _p("rate", "positive")),), "real",
        says="a normal number and an exponential one added up: times of reaction, peaks with a tail",
        formulas=(
            Formulas(
                "log(rate) + where(z < fall, log_mills(where(z < fall, z - fall, 0.0)) - 0.5 * z * z - 0.5 * log(2 * pi),"
                " fall * (0.5 * fall - z) + log_ndtr(z - fall))",
                "where(z < 0, lower, log1mexp(-upper))", "where(z < 0, log1mexp(-lower), upper)",
                draw="dist.Normal(loc + dist.Exponential(rate).rsample(), sd)", mean="loc + 1 / rate",
                variance="sd * sd + 1 / (rate * rate)",
                let={
                    "z": "(x - loc) / sd",
                    "fall": "rate * sd",
                    "below": "where(z < 0, z, -1.0)",
                    "between": "where((z >= 0) & (z < fall), z, 0.5 * fall)",
                    "lower": "log_mills_difference(below, fall) - 0.5 * below * below - 0.5 * log(2 * pi)",
                    "middle": "log_mills_sum(where(between < 0.5 * fall, -between, between - fall), abs(fall - 2 * between))"
                    " - 0.5 * between * between - 0.5 * log(2 * pi)",
                    "above": "where(z >= fall, z, fall)",
                    "far": "logaddexp(log_ndtr(-above), fall * (0.5 * fall - above) + log_ndtr(above - fall))",
                    "upper": "where(z < fall, middle, far)",
                },
            ),
        ),
        spellings=(Spelling((_LOC, _SD, _SCALE), {"loc": "loc", "sd": "sd", "rate": "1 / scale"}),),
    ),
    Family(
        "SkewStudentT", ((_p("a", "positive"), _p("b", "positive"), _LOC, _SCALE),), "real",
        says="a bell with heavy tails that leans to the right for a above b, to the left below it; where they are equal it is Student's of df 2 a"
        " (Jones and Faddy 2003)",
        formulas=(
            Formulas(
                "beta_kernel(a, b, p, q, log_p, log_q) + 0.5 * (log_p + log_q) + 2 * log(2) - 0.5 * log(a + b) - log(scale)",
                "beta_tails(a, b, p, q, log_p, log_q)[0]", "beta_tails(a, b, p, q, log_p, log_q)[1]",
                draw="loc + scale * sqrt(a + b) * sinh(0.5 * logit(dist.Beta(a, b).rsample()))",
                let=_Z | {
                    "length": "sqrt(a + b + z * z)",
                    "inner": "0.5 * (a + b) / length / (length + where(z > 0, z, -z))",
                    "p": "where(z > 0, 1 - inner, inner)",
                    "q": "where(z > 0, inner, 1 - inner)",
                    "log_p": "where(z > 0, log1p(-inner), log(inner))",
                    "log_q": "where(z > 0, log(inner), log1p(-inner))",
                },
            ),
        ),
        location_scale=_BOTH,
    ),
    Family(
        "Moyal", ((_LOC, _SCALE),), "real",
        says="energy lost on the way through matter: most probable value and scale, with a long tail to the right",
        formulas=(
            Formulas(
                "-0.5 * (z + exp(-z)) - log(scale) - 0.5 * log(2 * pi)", "log(2) + log_ndtr(-exp(-0.5 * z))",
                "log(erf(exp(-0.5 * z) * sqrt(0.5)))", "loc - 2 * scale * log(-ndtri(0.5 * u))",
                mean="loc + scale * (0.5772156649015329 + log(2))", variance="0.5 * scale * scale * pi * pi", let=_Z,
            ),
        ),
        location_scale=_BOTH,
    ),
)  # fmt: skip

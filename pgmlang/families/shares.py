"""Families of shares and of numbers between given ends beside Beta and Uniform: Kumaraswamy, LogitNormal, ContinuousBernoulli,
Triangular."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas
from pgmlang.families.family import parameter as _p

_A, _B, _SD = _p("a", "positive"), _p("b", "positive"), _p("sd", "positive")


def _continuous_bernoulli(let: dict[str, str]) -> Formulas:
    """An exponential number of rate ``-logit`` between 0 and 1 (Loaiza-Ganem and Cunningham 2019)."""
    return Formulas(
        "x * logit - log_mean_exp(logit)", "log(x) + log_mean_exp(logit * x) - log_mean_exp(logit)",
        "log1p(-x) + log_mean_exp(logit * (x - 1)) - log_mean_exp(-logit)",
        "where(abs(logit) < 0.001, u + 0.5 * logit * u * (1 - u), log1p(u * expm1(steep)) / steep)",
        mean="where(abs(logit) < 0.01, 0.5 + logit / 12, -1 / expm1(-steeper) - 1 / steeper)",
        variance="where(abs(logit) < 0.01, 1 / 12 - logit * logit / 240,"
        " 1 / (steeper * steeper) + 1 / (expm1(steeper) * expm1(-steeper)))",
        let=let | {"steep": "where(abs(logit) < 0.001, 1.0, logit)", "steeper": "where(abs(logit) < 0.01, 1.0, logit)"},
    )  # fmt: skip


FAMILIES = (
    Family(
        "Kumaraswamy", ((_A, _B),), "unit", says="a share, much like Beta(a, b), whose distribution function is 1 - (1 - x^a)^b",
        formulas=(
            Formulas(
                "log(a) + log(b) + (a - 1) * log(x) + (b - 1) * rest", "log1mexp(-b * rest)", "b * rest",
                "exp(log1mexp(-log1p(-u) / b) / a)", mean="exp(log(b) + lgamma(1 + 1 / a) + lgamma(b) - lgamma(1 + 1 / a + b))",
                variance="exp(log(b) + lgamma(1 + 2 / a) + lgamma(b) - lgamma(1 + 2 / a + b))"
                " - exp(2 * (log(b) + lgamma(1 + 1 / a) + lgamma(b) - lgamma(1 + 1 / a + b)))",
                let={"rest": "log1mexp(-a * log(x))"},
                edges=("where(a == 1, log(b), where(a < 1, inf, -inf))", "where(b == 1, log(a), where(b < 1, inf, -inf))"),
            ),
        ),
        bounds=("0.0", "1.0"), interior="0.5",
    ),
    Family(
        "LogitNormal", ((_p("loc"), _SD),), "unit",
        says="a share whose log-odds are normal; loc and sd are those of the log-odds",
        formulas=(
            Formulas(
                "-0.5 * z * z - log(sd) - log(x) - log1p(-x) - 0.5 * log(2 * pi)", "log_ndtr(z)", "log_ndtr(-z)",
                "sigmoid(loc + sd * ndtri(u))", let={"z": "(log(x) - log1p(-x) - loc) / sd"},
            ),
        ),
        is_open=True, quadratic_in="loc", bounds=("0.0", "1.0"), interior="0.5",
    ),
    Family(
        "ContinuousBernoulli", ((_p("p", "unit"),), (_p("logit"),)), "unit",
        says="a share whose density is p^x (1 - p)^(1 - x), made to sum to one: grey pixels as Bernoulli takes black and white ones",
        formulas=(
            _continuous_bernoulli({"logit": "log_of(p) - log1p_of(-p)"}),
            _continuous_bernoulli({}),
        ),
        bounds=("0.0", "1.0"), interior="0.5",
    ),
    Family(
        "Triangular", ((_p("low", safe=0.0), _p("mode", safe=0.5), _p("high", safe=1.0)),), "real",
        says="a number between low and high, likeliest at mode, to which its density rises and falls in straight lines",
        formulas=(
            Formulas(
                "where((low <= mode) & (mode <= high), log(2) - log(high - low)"
                " + where(x < mode, log(up) - log(rise), log(down) - log(fall)), -inf)",
                "where(x < mode, 2 * log(up) - log(high - low) - log(rise), log1p(-down * down / ((high - low) * fall)))",
                "where(x < mode, log1p(-up * up / ((high - low) * rise)), 2 * log(down) - log(high - low) - log(fall))",
                "where(u * (high - low) < mode - low, low + sqrt(u * (high - low) * (mode - low)),"
                " high - sqrt((1 - u) * (high - low) * (high - mode)))",
                mean="(low + mode + high) / 3",
                variance="(low * low + mode * mode + high * high - low * mode - low * high - mode * high) / 18",
                let={
                    "rise": "where(low < mode, mode - low, 1.0)",
                    "fall": "where(mode < high, high - mode, 1.0)",
                    "up": "where(x < mode, x - low, 1.0)",
                    "down": "where((x < mode) | (mode == high), 1.0, high - x)",
                },
            ),
        ),
        bounds=("low", "high"), interior="0.5 * (low + high)", limits=("low", "high"),
    ),
)  # fmt: skip

"""Families of sums of squares and their ratios: ChiSquared, NoncentralChiSquared, NoncentralT, InverseChiSquared, ScaledInverseChiSquared, FisherSnedecor, BetaPrime,
HalfStudentT."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, Respelling
from pgmlang.families.family import parameter as _p

_DF, _SCALE = _p("df", "positive"), _p("scale", "positive")
_NONCENTRALITY = _p("noncentrality", "positive")


def _ratio(a: str, b: str, log_ratio: str, edge: str, **others: str) -> Formulas:
    """Of a Gamma(a) number over a Gamma(b) one, times a constant: ``log_ratio`` is the log of the former two's ratio."""
    let = {
        "log_r": log_ratio,
        "log_p": "-softplus(-log_r)",
        "log_q": "-softplus(log_r)",
        "p": "exp(log_p)",
        "q": "exp(log_q)",
    }
    arguments = f"{a}, {b}, p, q, log_p, log_q"
    return Formulas(
        f"beta_kernel({arguments}) - log(x)", f"beta_tails({arguments})[0]", f"beta_tails({arguments})[1]", let=let,
        edges=(edge, "-inf"), **others,
    )  # fmt: skip


def _inverse(scale: str, log_scale: str, mean: str, variance: str, draw: str) -> Formulas:
    """Of ``scale`` over a Gamma(df / 2) number."""
    arguments = f"0.5 * df, {scale} / x, log_t"
    return Formulas(
        f"gamma_kernel({arguments}) - log(x)", f"gamma_tails({arguments})[1]", f"gamma_tails({arguments})[0]",
        draw=draw, mean=mean, variance=variance, let={"log_t": f"{log_scale} - log(x)"},
    )  # fmt: skip


FAMILIES = (
    Family(
        "ChiSquared", ((_DF,),), "positive", says="the squares of df standard normal numbers added up",
        formulas=(
            Formulas(
                "gamma_kernel(0.5 * df, 0.5 * x, log_t) - log(x)", "gamma_tails(0.5 * df, 0.5 * x, log_t)[0]",
                "gamma_tails(0.5 * df, 0.5 * x, log_t)[1]", draw="dist.Chi2(df)", mean="df", variance="2 * df",
                let={"log_t": "log(x) - log(2)"}, edges=("where(df == 2, -log(2), where(df < 2, inf, -inf))", "-inf"),
            ),
        ),
        pyro=("dist.Chi2(df)",), respellings=(Respelling(0, 0, {"shape": "0.5 * df", "rate": "0.5"}, "Gamma"),),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "NoncentralChiSquared", ((_DF, _NONCENTRALITY),), "positive", reparameterised=False,
        says="the squares of df normal numbers of sd 1 added up, whose squared means add up to the noncentrality",
        formulas=(
            Formulas(
                "noncentral_chi_squared_log_prob(x, df, noncentrality)",
                draw="dist.Chi2(df + 2 * dist.Poisson(0.5 * noncentrality).sample())", mean="df + noncentrality",
                variance="2 * (df + 2 * noncentrality)",
                edges=("where(df == 2, -log(2) - 0.5 * noncentrality, where(df < 2, inf, -inf))", "-inf"),
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "NoncentralT", ((_DF, _p("noncentrality")),), "real",
        says="a normal number of mean noncentrality over the sd that df others show: effects in units of their spread",
        formulas=(
            Formulas(
                "noncentral_t_log_prob(x, df, noncentrality)",
                draw="dist.Normal(noncentrality, 1 + 0 * df).rsample() / sqrt(dist.Chi2(df).rsample() / df)",
                mean="where(df > 1, noncentrality * ratio, inf - inf)",
                variance="where(df > 2, df * (1 + noncentrality * noncentrality) / (df - 2) - noncentrality * noncentrality"
                " * ratio * ratio, inf)",
                let={"ratio": "sqrt(0.5 * df) * exp(lgamma(0.5 * where(df > 1, df - 1, 1.0)) - lgamma(0.5 * df))"},
            ),
        ),
    ),
    Family(
        "InverseChiSquared", ((_DF,),), "positive", says="one over a ChiSquared number",
        formulas=(
            _inverse(
                "0.5", "-log(2)", "where(df > 2, 1 / (df - 2), inf)",
                "where(df > 4, 2 / ((df - 2) * (df - 2) * (df - 4)), inf)", "dist.InverseGamma(0.5 * df, 0.5 + 0 * df)",
            ),
        ),
        is_open=True, respellings=(Respelling(0, 0, {"shape": "0.5 * df", "scale": "0.5"}, "InverseGamma"),),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "ScaledInverseChiSquared", ((_DF, _SCALE),), "positive",
        says="a variance, as if df numbers of sd `scale` had been seen: df times scale^2 over a ChiSquared number",
        formulas=(
            _inverse(
                "0.5 * df * scale * scale", "log(0.5 * df) + 2 * log(scale)",
                "where(df > 2, df * scale * scale / (df - 2), inf)",
                "where(df > 4, 2 * df * df * scale * scale * scale * scale / ((df - 2) * (df - 2) * (df - 4)), inf)",
                "dist.InverseGamma(0.5 * df, 0.5 * df * scale * scale)",
            ),
        ),
        is_open=True,
        respellings=(Respelling(0, 0, {"shape": "0.5 * df", "scale": "0.5 * df * scale * scale"}, "InverseGamma"),),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "FisherSnedecor", ((_p("df1", "positive"), _p("df2", "positive")),), "positive",
        says="the F distribution: the ratio of two mean squares, of df1 and of df2 normal numbers",
        formulas=(
            _ratio(
                "0.5 * df1", "0.5 * df2", "log(df1) - log(df2) + log(x)",
                "where(df1 == 2, 0 * df2, where(df1 < 2, inf, -inf))", draw="dist.FisherSnedecor(df1, df2)",
                mean="where(df2 > 2, df2 / (df2 - 2), inf)",
                variance="where(df2 > 4, 2 * df2 * df2 * (df1 + df2 - 2) / (df1 * (df2 - 2) * (df2 - 2) * (df2 - 4)), inf)",
            ),
        ),
        pyro=("dist.FisherSnedecor(df1, df2)",), bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "BetaPrime", ((_p("a", "positive"), _p("b", "positive")),), "positive", says="the odds p / (1 - p) of a Beta(a, b) share",
        formulas=(
            _ratio(
                "a", "b", "log(x)", "where(a == 1, log(b), where(a < 1, inf, -inf))",
                draw="dist.Gamma(a, 1 + 0 * a).rsample() / dist.Gamma(b, 1 + 0 * b).rsample()",
                mean="where(b > 1, a / (b - 1), inf)",
                variance="where(b > 2, a * (a + b - 1) / ((b - 2) * (b - 1) * (b - 1)), inf)",
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
    Family(
        "HalfStudentT", ((_DF, _SCALE),), "positive",
        says="the size of a Student's t number: a prior of a spread that lets it be large, the larger the smaller df",
        formulas=(
            Formulas(
                "peak - 0.5 * (df + 1) * log1p(z * z / df) - 0.5 * log(pi * df) - log(scale) + log(2)",
                "beta_tails(half, 0.5 + 0 * df, p, q, log_p, log_q)[1]", "beta_tails(half, 0.5 + 0 * df, p, q, log_p, log_q)[0]",
                draw="abs(dist.StudentT(df, 0 * df, scale).rsample())",
                mean="where(df > 1, 2 * scale * sqrt(df / pi) * exp(lgamma(half + 0.5) - lgamma(half)) / (df - 1), inf)",
                variance="where(df > 2, scale * scale * (df / (df - 2) - 4 * df * exp(2 * (lgamma(half + 0.5) - lgamma(half)))"
                " / (pi * (df - 1) * (df - 1))), inf)",
                let={
                    "z": "x / scale",
                    "half": "0.5 * df",
                    "peak": "log_rising(half, 0 * half + 0.5)",
                    "log_odds": "2 * log(z) - log(df)",
                    "log_p": "-softplus(log_odds)",
                    "log_q": "-softplus(-log_odds)",
                    "p": "exp(log_p)",
                    "q": "exp(log_q)",
                },
            ),
        ),
        bounds=("0.0", "inf"), interior="1.0",
    ),
)  # fmt: skip

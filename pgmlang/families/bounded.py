"""Families on an interval or a circle, and no distribution at all: Beta, Uniform, LogUniform, VonMises, Flat."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, Marginal, Pair, Spelling
from pgmlang.families.family import parameter as _p

_A, _B, _MEAN = _p("a", "positive"), _p("b", "positive"), _p("mean", "unit")

FAMILIES = (
    Family(
        "Beta", ((_A, _B),), "unit",
        says="a share: as if a - 1 successes and b - 1 failures had been seen",
        formulas=(
            Formulas(
                "beta_kernel(a, b, x, q, log_p, log_q) - log_p - log_q",
                "beta_tails(a, b, x, q, log_p, log_q)[0]", "beta_tails(a, b, x, q, log_p, log_q)[1]",
                draw="dist.Beta(a, b)", mean="a / (a + b)", variance="a * b / ((a + b) * (a + b) * (a + b + 1))",
                let={"q": "1 - x", "log_p": "log(x)", "log_q": "log1p(-x)"},
                edges=("where(a == 1, log(b), where(a < 1, inf, -inf))",
                       "where(b == 1, log(a), where(b < 1, inf, -inf))"),
            ),
        ),
        bounds=("0.0", "1.0"), interior="0.5", pyro=("dist.Beta(a, b)",), exponential="Beta",
        exponential_form="pgmlang.infer.exponential.BETA", m_steps="pgmlang.infer.m_steps.BETA",
        statistics=("log(x)", "log1p(-x)"),
        pairs=(
            Pair(
                "Bernoulli", "p", "itself or its complement", collapsed="zero and one",
                marginal=Marginal("Bernoulli", {"p": "a / (a + b)"}, {"a": "a + draw", "b": "b + 1 - draw"}),
            ),
            Pair(
                "Binomial", "p", "itself or its complement",
                marginal=Marginal("BetaBinomial", {"n": "n", "a": "a", "b": "b"}, {"a": "a + draw", "b": "b + n - draw"}),
            ),
            Pair("Geometric", "p", "itself or its complement"),
            Pair("NegativeBinomial", "p", "itself or its complement", variant=1),
        ),
        spellings=(
            Spelling(
                (_MEAN, _p("concentration", "positive")), {"a": "mean * concentration", "b": "(1 - mean) * concentration"}
            ),
            Spelling(
                (_MEAN, _p("sd", "positive")),
                {"a": "mean * (mean * (1 - mean) / sd ** 2 - 1)", "b": "(1 - mean) * (mean * (1 - mean) / sd ** 2 - 1)"},
            ),
        ),
    ),
    Family(
        "Uniform", ((_p("low", safe=0.0), _p("high", safe=1.0)),), "real",
        says="every value between low and high alike",
        formulas=(
            Formulas(
                "-log(high - low)", "log((x - low) / (high - low))", "log((high - x) / (high - low))",
                "low + (high - low) * u", "dist.Uniform(low, high)", "0.5 * (low + high)",
                "(high - low) * (high - low) / 12",
            ),
        ),
        bounds=("low", "high"), interior="0.5 * (low + high)", pyro=("dist.Uniform(low, high)",),
        limits=("low", "high"),
    ),
    Family(
        "LogUniform", ((_p("low", "positive", safe=1.0), _p("high", "positive", safe=2.0)),), "positive",
        says="a positive number whose logarithm is uniform: every order of size between low and high alike",
        formulas=(
            Formulas(
                "-log(x) - log(span)", "log((log(x) - log(low)) / span)", "log((log(high) - log(x)) / span)",
                "low * exp(span * u)", mean="(high - low) / span",
                variance="0.5 * (high - low) * ((high + low) * span - 2 * (high - low)) / (span * span)",
                let={"span": "log(high) - log(low)"},
            ),
        ),
        bounds=("low", "high"), interior="0.5 * (low + high)", limits=("low", "high"),
    ),
    Family(
        "VonMises", ((_p("loc"), _p("concentration", "positive")),), "real", reparameterised=False, is_angle=True,
        says="an angle: middle and concentration, the normal of the circle",
        formulas=(
            Formulas(
                "-2 * concentration * half * half - log(i0e(concentration)) - log(2 * pi)",
                draw="dist.VonMises(loc, concentration)", mean="loc",
                variance="1 - i1e(concentration) / i0e(concentration)", let={"half": "sin(0.5 * (x - loc))"},
            ),
        ),
        pyro=("dist.VonMises(loc, concentration)",),
        statistics=("cos(x)", "sin(x)"),
    ),
    Family(
        "Flat", ((),), "real", improper=True, reparameterised=False,
        says="an improper uniform density: no preference at all",
        runtime=("Flat",),
    ),
)  # fmt: skip

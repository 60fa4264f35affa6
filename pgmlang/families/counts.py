"""Families of whole numbers: Poisson, GeneralizedPoisson, NegativeBinomial, Geometric, Binomial, BetaBinomial, BetaNegativeBinomial, DiscreteWeibull,
DiscreteUniform, Hypergeometric, Skellam."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas, Respelling, Spelling
from pgmlang.families.family import parameter as _p

_N, _P, _LOGIT = _p("n", "count"), _p("p", "unit"), _p("logit")
_GOOD, _BAD = _p("good", "count"), _p("bad", "count")
_TABLES = "pgmlang.tables.finite."
_CHANCE = {"q": "1 - p", "log_p": "log_of(p)", "log_q": "log1p_of(-p)"}
_LOGITS = {
    "p": "sigmoid(logit)",
    "q": "sigmoid(-logit)",
    "log_p": "-softplus(-logit)",
    "log_q": "-softplus(logit)",
}


def _binomial(let: dict[str, str], draw: str) -> Formulas:
    below = {"left": "where(x < n, n - x, 1.0)", "tails": "beta_tails(left, x + 1, q, p, log_q, log_p)"}
    return Formulas(
        "binomial_log_prob(x, n, p, q, log_p, log_q)", "tails[0]", "tails[1]", draw=draw, mean="n * p",
        variance="n * p * q", let=let | below,
    )  # fmt: skip


def _negative_binomial(shape: str, let: dict[str, str], draw: str, mean: str, variance: str) -> Formulas:
    tails = {"tails": f"beta_tails({shape}, x + 1, p, q, log_p, log_q)"}
    return Formulas(
        f"negative_binomial_log_prob(x, {shape}, p, q, log_p, log_q)", "tails[0]", "tails[1]", draw=draw, mean=mean,
        variance=variance, let=let | tails,
    )  # fmt: skip


FAMILIES = (
    Family(
        "Poisson", ((_p("rate", "positive"),),), "count", discrete=True, reparameterised=False,
        says="counts of independent events; mean and variance are the rate",
        formulas=(
            Formulas(
                "poisson_log_prob(x, rate)", "gamma_tails(x + 1, rate, log_of(rate))[1]",
                "gamma_tails(x + 1, rate, log_of(rate))[0]", draw="dist.Poisson(rate)", mean="rate", variance="rate",
            ),
        ),
        bounds=("0.0", "inf"), pyro=("dist.Poisson(rate)",), statistics=("x", "lgamma(x + 1)"),
    ),
    Family(
        "GeneralizedPoisson", ((_p("rate", "positive"), _p("dispersion", "unit")),), "count", discrete=True, reparameterised=False,
        says="counts of events each of which brings on `dispersion` more: Poisson's at 0, spread wider above it (Consul and Jain 1973)",
        formulas=(
            Formulas(
                "poisson_log_prob(x, total) + log(rate / total)", draw="generalized_poisson_draws(rate, dispersion)",
                mean="rate / (1 - dispersion)", variance="rate / ((1 - dispersion) * (1 - dispersion) * (1 - dispersion))",
                let={"total": "rate + dispersion * x"},
            ),
        ),
        bounds=("0.0", "inf"),
    ),
    Family(
        "NegativeBinomial", ((_p("mean", "positive"), _p("shape", "positive")), (_p("n", "positive"), _P)), "count",
        discrete=True, reparameterised=False,
        says="mean and shape (variance mean + mean^2 / shape), or successes n and probability p",
        formulas=(
            _negative_binomial(
                "shape",
                {"p": "shape / (shape + mean)", "q": "mean / (shape + mean)", "log_p": "-log1p(mean / shape)",
                 "log_q": "-log1p(shape / mean)"},
                "dist.NegativeBinomial(shape, logits=log(mean) - log(shape))", "mean",
                "mean + mean * mean / shape",
            ),
            _negative_binomial(
                "n", _CHANCE, "dist.NegativeBinomial(n, probs=1 - p)", "n * (1 - p) / p", "n * (1 - p) / (p * p)"
            ),
        ),
        bounds=("0.0", "inf"),
        pyro=("dist.NegativeBinomial(shape, logits=log(mean) - log(shape))", "dist.NegativeBinomial(n, probs=1 - p)"),
        respellings=(Respelling(0, 1, {"n": "shape", "p": "shape / (mean + shape)"}),),
        spellings=(
            Spelling(
                (_p("shape", "positive"), _p("rate", "positive")), {"mean": "shape / rate", "shape": "shape"},
            ),
            Spelling((_p("mean", "positive"), _p("sd", "positive")), {"mean": "mean", "shape": "mean ** 2 / (sd ** 2 - mean)"}),
        ),
    ),
    Family(
        "Geometric", ((_P,),), "count", discrete=True, reparameterised=False, says="failures before the first success",
        formulas=(
            Formulas(
                "times_log(x, log_q) + log_p", "log1mexp(-(x + 1) * log_q)", "(x + 1) * log_q",
                draw="dist.Geometric(p)", mean="(1 - p) / p", variance="(1 - p) / (p * p)", let=_CHANCE,
            ),
        ),
        bounds=("0.0", "inf"), pyro=("dist.Geometric(p)",), statistics=("x",),
    ),
    Family(
        "Binomial", ((_N, _P), (_N, _LOGIT)), "count", discrete=True, reparameterised=False,
        says="successes in n tries, by the probability of one or its log-odds",
        formulas=(
            _binomial(_CHANCE, "dist.Binomial(n, p)"),
            _binomial(_LOGITS, "dist.Binomial(n, logits=logit)"),
        ),
        bounds=("0.0", "n"), pyro=("dist.Binomial(n, p)", "dist.Binomial(n, logits=logit)"), finite=_TABLES + "binomial",
    ),
    Family(
        "BetaBinomial", ((_N, _p("a", "positive"), _p("b", "positive")),), "count", discrete=True,
        reparameterised=False,
        says="successes in n tries whose probability itself varies by Beta(a, b): counts spread wider than the binomial's",
        formulas=(
            Formulas(
                "beta_binomial_log_prob(x, n, a, b)", "beta_binomial_tails(x, n, a, b)[0]",
                "beta_binomial_tails(x, n, a, b)[1]", draw="dist.Binomial(n, dist.Beta(a, b).sample())",
                mean="n * a / (a + b)", variance="n * a * b * (a + b + n) / ((a + b) * (a + b) * (a + b + 1))",
            ),
        ),
        bounds=("0.0", "n"), pyro=("dist.BetaBinomial(a, b, total_count=n)",), finite=_TABLES + "binomial",
        spellings=(
            Spelling(
                (_N, _p("mean", "unit"), _p("concentration", "positive")),
                {"n": "n", "a": "mean * concentration", "b": "(1 - mean) * concentration"},
            ),
        ),
    ),
    Family(
        "BetaNegativeBinomial", ((_p("n", "positive"), _p("a", "positive"), _p("b", "positive")),), "count", discrete=True,
        reparameterised=False,
        says="failures before n successes whose probability itself varies by Beta(a, b): counts with a heavy tail",
        formulas=(
            Formulas(
                "negative_binomial_log_prob(x, n, p, q, log_p, log_q) + beta_kernel(a, b, p, q, log_p, log_q)"
                " - beta_kernel(a + n, b + x, p, q, log_p, log_q)",
                draw="dist.NegativeBinomial(n, probs=1 - dist.Beta(a, b).sample())", mean="where(a > 1, n * b / (a - 1), inf)",
                variance="where(a > 2, n * b * (n + a - 1) * (a + b - 1) / ((a - 2) * (a - 1) * (a - 1)), inf)",
                let={
                    "total": "a + n + b + x",
                    "p": "(a + n) / total",
                    "q": "(b + x) / total",
                    "log_p": "log(p)",
                    "log_q": "log(q)",
                },
            ),
        ),
        bounds=("0.0", "inf"),
    ),
    Family(
        "DiscreteWeibull", ((_p("q", "unit"), _p("shape", "positive")),), "count", discrete=True, reparameterised=False,
        says="lifetimes in whole steps: the chance to live through k of them is q^(k^shape)",
        formulas=(
            Formulas(
                "times_log(x ** shape, log_q) + log1mexp(-((x + 1) ** shape - x ** shape) * log_q)",
                "log1mexp(-(x + 1) ** shape * log_q)", "(x + 1) ** shape * log_q",
                "floor((log1p(-u) / log_q) ** (1 / shape))", let={"log_q": "log_of(q)"},
            ),
        ),
        bounds=("0.0", "inf"),
    ),
    Family(
        "DiscreteUniform", ((_p("low", "count", safe=0.0), _p("high", "count", safe=1.0)),), "count", discrete=True,
        reparameterised=False, says="every whole number from low to high alike",
        formulas=(
            Formulas(
                "-log(size)", "log((x - low + 1) / size)", "log((high - x) / size)", "low + floor(size * u)",
                mean="0.5 * (low + high)", variance="(size * size - 1) / 12", let={"size": "high - low + 1"},
            ),
        ),
        bounds=("low", "high"), interior="low", limits=("low", "high"), finite=_TABLES + "uniform",
    ),
    Family(
        "Hypergeometric", ((_N, _GOOD, _BAD), (_N, _GOOD, _BAD, _p("odds", "positive"))), "count", discrete=True,
        reparameterised=False,
        says="how many good ones are among n drawn without putting back; with odds, where a good one is drawn so much more easily"
        " (Fisher's noncentral distribution)",
        formulas=(
            Formulas(
                "hypergeometric_log_prob(x, n, good, bad)", "hypergeometric_tails(x, n, good, bad, 1 + 0 * n)[0]",
                "hypergeometric_tails(x, n, good, bad, 1 + 0 * n)[1]", draw="hypergeometric_draws(n, good, bad, 1 + 0 * n)",
                mean="n * good / total", variance="n * good * bad * (total - n) / (total * total * (total - 1))",
                let={"total": "good + bad"},
            ),
            Formulas(
                "hypergeometric_log_prob(x, n, good, bad) + x * log(odds) - hypergeometric_log_total(n, good, bad, odds)",
                "hypergeometric_tails(x, n, good, bad, odds)[0]", "hypergeometric_tails(x, n, good, bad, odds)[1]",
                draw="hypergeometric_draws(n, good, bad, odds)",
            ),
        ),
        bounds=("where(n > bad, n - bad, 0.0)", "where(n < good, n, good)"), interior="where(n > bad, n - bad, 0.0)",
        finite=_TABLES + "hypergeometric",
    ),
    Family(
        "Skellam", ((_p("rate1", "positive"), _p("rate2", "positive")),), "integer", discrete=True, reparameterised=False,
        says="the difference of two Poisson counts: goals of one side less those of the other (Skellam 1946)",
        formulas=(
            # both counts where they have this difference with the greatest chance, and the integral around that
            Formulas(
                "most1 * deviance(most1, rate1, log(rate1)) + most2 * deviance(most2, rate2, log(rate2))"
                " + log(saddle_integral(width, x))",
                draw="dist.Poisson(rate1).sample() - dist.Poisson(rate2).sample()", mean="rate1 - rate2", variance="rate1 + rate2",
                let={
                    "width": "sqrt(x * x + 4 * rate1 * rate2)",
                    "larger": "0.5 * (width + abs(x))",
                    "most1": "where(x > 0, larger, rate1 * rate2 / larger)",
                    "most2": "where(x > 0, rate1 * rate2 / larger, larger)",
                },
            ),
        ),
    ),
)  # fmt: skip

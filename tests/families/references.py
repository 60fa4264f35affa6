"""Densities and distribution functions by their definitions, in sixty digits (mpmath)."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

Function = Callable[..., mp.mpf]


def gamma_below(a: mp.mpf, t: mp.mpf) -> mp.mpf:
    return mp.gammainc(a, 0, t, regularized=True) if t > 0 else mp.mpf(0)


def gamma_above(a: mp.mpf, t: mp.mpf) -> mp.mpf:
    return mp.gammainc(a, t, mp.inf, regularized=True) if t > 0 else mp.mpf(1)


def beta_below(a: mp.mpf, b: mp.mpf, x: mp.mpf) -> mp.mpf:
    return mp.betainc(a, b, 0, x, regularized=True)


def log_beta(a: mp.mpf, b: mp.mpf) -> mp.mpf:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def log_choose(n: mp.mpf, k: mp.mpf) -> mp.mpf:
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


def ndtr(z: mp.mpf) -> mp.mpf:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def normal(z: mp.mpf) -> mp.mpf:
    return -z * z / 2 - mp.log(2 * mp.pi) / 2


def student_above(df: mp.mpf, z: mp.mpf) -> mp.mpf:
    tail = beta_below(df / 2, mp.mpf(1) / 2, df / (df + z * z)) / 2
    return tail if z > 0 else 1 - tail


def _times(x: mp.mpf, log: mp.mpf) -> mp.mpf:
    return mp.mpf(0) if x == 0 else x * log


def _log(x: mp.mpf) -> mp.mpf:
    return mp.log(x) if x > 0 else -mp.inf


def sigmoid(x: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-x))


def binomial(x: mp.mpf, n: mp.mpf, p: mp.mpf) -> mp.mpf:
    return log_choose(n, x) + _times(x, _log(p)) + _times(n - x, _log(1 - p))


def beta_binomial(x: mp.mpf, n: mp.mpf, a: mp.mpf, b: mp.mpf) -> mp.mpf:
    return log_choose(n, x) + log_beta(x + a, n - x + b) - log_beta(a, b)


def negative_binomial(x: mp.mpf, n: mp.mpf, p: mp.mpf) -> mp.mpf:
    return mp.loggamma(x + n) - mp.loggamma(n) - mp.loggamma(x + 1) + _times(n, _log(p)) + _times(x, _log(1 - p))


LOG_PROB: dict[str, Function] = {
    "Normal": lambda x, m, s: normal((x - m) / s) - mp.log(s),
    "LogNormal": lambda x, m, s: normal((mp.log(x) - m) / s) - mp.log(s) - mp.log(x),
    "HalfNormal": lambda x, s: normal(x / s) - mp.log(s) + mp.log(2),
    "StudentT": lambda x, df, m, s: (
        mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2 - mp.log(s)
        - (df + 1) / 2 * mp.log1p(((x - m) / s) ** 2 / df)
    ),
    "Cauchy": lambda x, m, s: -mp.log(mp.pi * s * (1 + ((x - m) / s) ** 2)),
    "HalfCauchy": lambda x, s: mp.log(2) - mp.log(mp.pi * s * (1 + (x / s) ** 2)),
    "Laplace": lambda x, m, s: -abs((x - m) / s) - mp.log(2 * s),
    "Logistic": lambda x, m, s: -(x - m) / s - mp.log(s) - 2 * mp.log(1 + mp.exp(-(x - m) / s)),
    "Gumbel": lambda x, m, s: -(x - m) / s - mp.exp(-(x - m) / s) - mp.log(s),
    "Exponential": lambda x, r: mp.log(r) - r * x,
    "Gamma": lambda x, a, r: a * mp.log(r) + (a - 1) * mp.log(x) - r * x - mp.loggamma(a),
    "InverseGamma": lambda x, a, s: a * mp.log(s) - (a + 1) * mp.log(x) - s / x - mp.loggamma(a),
    "Weibull": lambda x, a, s: mp.log(a / s) + (a - 1) * mp.log(x / s) - (x / s) ** a,
    "Beta": lambda x, a, b: (a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - log_beta(a, b),
    "Uniform": lambda x, low, high: -mp.log(high - low),
    "VonMises": lambda x, m, c: c * mp.cos(x - m) - mp.log(2 * mp.pi * mp.besseli(0, c)),
    "Poisson": lambda x, r: _times(x, _log(r)) - r - mp.loggamma(x + 1),
    "NegativeBinomial": lambda x, m, s: negative_binomial(x, s, s / (s + m)),
    "NegativeBinomialNP": negative_binomial,
    "Geometric": lambda x, p: _times(x, _log(1 - p)) + _log(p),
    "Binomial": binomial,
    "BinomialLogit": lambda x, n, g: binomial(x, n, sigmoid(g)),
    "BetaBinomial": beta_binomial,
    "Bernoulli": lambda x, p: _log(p) if x == 1 else _log(1 - p),
    "BernoulliLogit": lambda x, g: mp.log(sigmoid(g if x == 1 else -g)),
}  # fmt: skip

BELOW: dict[str, Function] = {
    "Normal": lambda x, m, s: ndtr((x - m) / s),
    "LogNormal": lambda x, m, s: ndtr((mp.log(x) - m) / s),
    "HalfNormal": lambda x, s: mp.erf(x / s / mp.sqrt(2)),
    "StudentT": lambda x, df, m, s: student_above(df, (m - x) / s),
    "Cauchy": lambda x, m, s: mp.atan2(1, (m - x) / s) / mp.pi,
    "HalfCauchy": lambda x, s: 2 * mp.atan(x / s) / mp.pi,
    "Laplace": lambda x, m, s: mp.exp((x - m) / s) / 2 if x < m else 1 - mp.exp((m - x) / s) / 2,
    "Logistic": lambda x, m, s: sigmoid((x - m) / s),
    "Gumbel": lambda x, m, s: mp.exp(-mp.exp(-(x - m) / s)),
    "Exponential": lambda x, r: -mp.expm1(-r * x),
    "Gamma": lambda x, a, r: gamma_below(a, r * x),
    "InverseGamma": lambda x, a, s: gamma_above(a, s / x),
    "Weibull": lambda x, a, s: -mp.expm1(-((x / s) ** a)),
    "Beta": lambda x, a, b: beta_below(a, b, x),
    "Uniform": lambda x, low, high: (x - low) / (high - low),
    "Poisson": lambda x, r: gamma_above(x + 1, r),
    "NegativeBinomial": lambda x, m, s: beta_below(s, x + 1, s / (s + m)),
    "NegativeBinomialNP": lambda x, n, p: beta_below(n, x + 1, p),
    "Geometric": lambda x, p: 1 - (1 - p) ** (x + 1),
    "Binomial": lambda x, n, p: beta_below(n - x, x + 1, 1 - p) if x < n else mp.mpf(1),
    "BinomialLogit": lambda x, n, g: beta_below(n - x, x + 1, sigmoid(-g)) if x < n else mp.mpf(1),
    "BetaBinomial": lambda x, n, a, b: mp.fsum(
        mp.exp(beta_binomial(mp.mpf(i), n, a, b)) for i in range(int(x) + 1)
    ),
    "Bernoulli": lambda x, p: 1 - p if x < 1 else mp.mpf(1),
    "BernoulliLogit": lambda x, g: sigmoid(-g) if x < 1 else mp.mpf(1),
}
"""P(X <= x)."""

ABOVE: dict[str, Function] = {
    "Normal": lambda x, m, s: ndtr((m - x) / s),
    "LogNormal": lambda x, m, s: ndtr((m - mp.log(x)) / s),
    "HalfNormal": lambda x, s: mp.erfc(x / s / mp.sqrt(2)),
    "StudentT": lambda x, df, m, s: student_above(df, (x - m) / s),
    "Cauchy": lambda x, m, s: mp.atan2(1, (x - m) / s) / mp.pi,
    "HalfCauchy": lambda x, s: 2 * mp.atan2(1, x / s) / mp.pi,
    "Laplace": lambda x, m, s: mp.exp((m - x) / s) / 2 if x > m else 1 - mp.exp((x - m) / s) / 2,
    "Logistic": lambda x, m, s: sigmoid((m - x) / s),
    "Gumbel": lambda x, m, s: -mp.expm1(-mp.exp(-(x - m) / s)),
    "Exponential": lambda x, r: mp.exp(-r * x),
    "Gamma": lambda x, a, r: gamma_above(a, r * x),
    "InverseGamma": lambda x, a, s: gamma_below(a, s / x),
    "Weibull": lambda x, a, s: mp.exp(-((x / s) ** a)),
    "Beta": lambda x, a, b: beta_below(b, a, 1 - x),
    "Uniform": lambda x, low, high: (high - x) / (high - low),
    "Poisson": lambda x, r: gamma_below(x + 1, r),
    "NegativeBinomial": lambda x, m, s: beta_below(x + 1, s, m / (s + m)),
    "NegativeBinomialNP": lambda x, n, p: beta_below(x + 1, n, 1 - p),
    "Geometric": lambda x, p: (1 - p) ** (x + 1),
    "Binomial": lambda x, n, p: beta_below(x + 1, n - x, p) if x < n else mp.mpf(0),
    "BinomialLogit": lambda x, n, g: beta_below(x + 1, n - x, sigmoid(g)) if x < n else mp.mpf(0),
    "BetaBinomial": lambda x, n, a, b: mp.fsum(
        mp.exp(beta_binomial(mp.mpf(i), n, a, b)) for i in range(int(x) + 1, int(n) + 1)
    ),
    "Bernoulli": lambda x, p: p if x < 1 else mp.mpf(0),
    "BernoulliLogit": lambda x, g: sigmoid(g) if x < 1 else mp.mpf(0),
}
"""P(X > x)."""

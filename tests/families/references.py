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


def odds_below(x: mp.mpf, a: mp.mpf, b: mp.mpf) -> mp.mpf:
    return beta_below(a, b, x / (1 + x))


def odds_above(x: mp.mpf, a: mp.mpf, b: mp.mpf) -> mp.mpf:
    return beta_below(b, a, 1 / (1 + x))


def owen(h: mp.mpf, a: mp.mpf) -> mp.mpf:
    """Owen's T, for a > 0."""
    edges = [t / (1 + abs(h)) for t in (0, 1, 3, 9, 27) if t / (1 + abs(h)) < a]
    falls = [*edges, min(a, edges[-1] * 3) if len(edges) == 5 else a]
    return mp.quad(
        lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), falls if abs(h) > 1 else [0, min(a, 1), a]
    ) / (2 * mp.pi)


def skew_below(z: mp.mpf, a: mp.mpf) -> mp.mpf:
    return ndtr(z) - mp.sign(a) * 2 * owen(z, abs(a))


def modified_below(x: mp.mpf, m: mp.mpf, s: mp.mpf, r: mp.mpf) -> mp.mpf:
    z, v = (x - m) / s, r * s
    return ndtr(z) - mp.exp(v * v / 2 - v * z) * ndtr(z - v)


def modified_above(x: mp.mpf, m: mp.mpf, s: mp.mpf, r: mp.mpf) -> mp.mpf:
    z, v = (x - m) / s, r * s
    return ndtr(-z) + mp.exp(v * v / 2 - v * z) * ndtr(z - v)


def passage_below(x: mp.mpf, m: mp.mpf, s: mp.mpf) -> mp.mpf:
    root = mp.sqrt(s / x)
    return ndtr(root * (x / m - 1)) + mp.exp(2 * s / m) * ndtr(-root * (x / m + 1))


def passage_above(x: mp.mpf, m: mp.mpf, s: mp.mpf) -> mp.mpf:
    root = mp.sqrt(s / x)
    return ndtr(root * (1 - x / m)) - mp.exp(2 * s / m) * ndtr(-root * (x / m + 1))


def logit(x: mp.mpf) -> mp.mpf:
    return mp.log(x) - mp.log1p(-x)


def exponential_share(x: mp.mpf, g: mp.mpf) -> mp.mpf:
    return g * x - mp.log(mp.expm1(g) / g)


def hypergeometric(x: mp.mpf, n: mp.mpf, good: mp.mpf, bad: mp.mpf, odds: mp.mpf | int = 1) -> mp.mpf:
    def weight(k: int) -> mp.mpf:
        return mp.exp(log_choose(good, mp.mpf(k)) + log_choose(bad, n - k)) * mp.mpf(odds) ** k

    total = mp.fsum(weight(k) for k in range(int(max(0, n - bad)), int(min(n, good)) + 1))
    return mp.log(weight(int(x)) / total)


def sum_of(log_prob: Function, first: mp.mpf, last: mp.mpf) -> mp.mpf:
    return mp.fsum(mp.exp(log_prob(mp.mpf(k))) for k in range(int(first), int(last) + 1))


def hyper_below(x: mp.mpf, n: mp.mpf, good: mp.mpf, bad: mp.mpf, odds: mp.mpf | int = 1) -> mp.mpf:
    return sum_of(lambda k: hypergeometric(k, n, good, bad, odds), max(mp.mpf(0), n - bad), x)


def hyper_above(x: mp.mpf, n: mp.mpf, good: mp.mpf, bad: mp.mpf, odds: mp.mpf | int = 1) -> mp.mpf:
    return sum_of(lambda k: hypergeometric(k, n, good, bad, odds), x + 1, min(n, good))


def triangle(x: mp.mpf, low: mp.mpf, mode: mp.mpf, high: mp.mpf) -> mp.mpf:
    side = (x - low) / (mode - low) if x < mode else (high - x) / (high - mode)
    return mp.log(2 * side / (high - low))


def triangle_below(x: mp.mpf, low: mp.mpf, mode: mp.mpf, high: mp.mpf) -> mp.mpf:
    if x < mode:
        return (x - low) ** 2 / ((high - low) * (mode - low))
    return 1 - (high - x) ** 2 / ((high - low) * (high - mode))


def log_power(z: mp.mpf, k: mp.mpf) -> mp.mpf:
    return mp.log1p(k * z) / k if k else z


def noncentral_t(x: mp.mpf, df: mp.mpf, shift: mp.mpf) -> mp.mpf:
    """By confluent hypergeometric functions (Johnson, Kotz and Balakrishnan 1995, chapter 31)."""
    wide = x * x + df
    z = (shift * x) ** 2 / (2 * wide)
    one = mp.sqrt(2) * shift * x * mp.hyp1f1(df / 2 + 1, mp.mpf(3) / 2, z) / (wide * mp.gamma((df + 1) / 2))
    other = mp.hyp1f1((df + 1) / 2, mp.mpf(1) / 2, z) / (mp.sqrt(wide) * mp.gamma(df / 2 + 1))
    bulk = df / 2 * mp.log(df) + mp.loggamma(df + 1) - shift**2 / 2 - df * mp.log(2) - df / 2 * mp.log(wide)
    return bulk - mp.loggamma(df / 2) + mp.log(one + other)


def skewed(x: mp.mpf, a: mp.mpf, b: mp.mpf, m: mp.mpf, s: mp.mpf) -> mp.mpf:
    z = (x - m) / s
    return z / mp.sqrt(a + b + z * z)


def wiener(x: mp.mpf, boundary: mp.mpf, delay: mp.mpf, bias: mp.mpf, drift: mp.mpf) -> mp.mpf:
    """By images of the boundaries, of which the far ones add nothing."""
    start, way = (1 - bias, drift) if x > 0 else (bias, -drift)
    t, a = abs(x) - delay, boundary
    images = mp.fsum((start + 2 * k) * mp.exp(-((start + 2 * k) ** 2) * a * a / (2 * t)) for k in range(-60, 61))
    return way * a * start - way * way * t / 2 + mp.log(a * images / mp.sqrt(2 * mp.pi * t**3))


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
    "SkewNormal": lambda x, m, s, a: mp.log(2) + normal((x - m) / s) + mp.log(ndtr(a * (x - m) / s)) - mp.log(s),
    "AsymmetricLaplace": lambda x, m, s, p: mp.log(2 * p * (1 - p) / s) - 2 * abs((x - m) / s) * (1 - p if x < m else p),
    "ExponentiallyModifiedGaussian": lambda x, m, s, r: (
        mp.log(r) + r * r * s * s / 2 - r * (x - m) + mp.log(ndtr((x - m) / s - r * s))
    ),
    "Moyal": lambda x, m, s: -((x - m) / s + mp.exp(-(x - m) / s)) / 2 - mp.log(s) - mp.log(2 * mp.pi) / 2,
    "Pareto": lambda x, a, s: mp.log(a) + a * mp.log(s) - (a + 1) * mp.log(x),
    "Lomax": lambda x, a, s: mp.log(a / s) - (a + 1) * mp.log1p(x / s),
    "LogLogistic": lambda x, a, s: mp.log(a / s) + (a - 1) * mp.log(x / s) - 2 * mp.log1p((x / s) ** a),
    "Frechet": lambda x, a, s: mp.log(a / s) - (a + 1) * mp.log(x / s) - (x / s) ** -a,
    "InverseGaussian": lambda x, m, s: mp.log(s / (2 * mp.pi * x**3)) / 2 - s * (x - m) ** 2 / (2 * m * m * x),
    "Rayleigh": lambda x, s: mp.log(x) - 2 * mp.log(s) - (x / s) ** 2 / 2,
    "Maxwell": lambda x, s: mp.log(2 / mp.pi) / 2 + 2 * mp.log(x) - 3 * mp.log(s) - (x / s) ** 2 / 2,
    "GeneralizedGamma": lambda x, a, r, b: (
        mp.log(b) + a * b * mp.log(r) + (a * b - 1) * mp.log(x) - (r * x) ** b - mp.loggamma(a)
    ),
    "ChiSquared": lambda x, d: (d / 2 - 1) * mp.log(x) - x / 2 - d / 2 * mp.log(2) - mp.loggamma(d / 2),
    "InverseChiSquared": lambda x, d: -(d / 2 + 1) * mp.log(x) - 1 / (2 * x) - d / 2 * mp.log(2) - mp.loggamma(d / 2),
    "ScaledInverseChiSquared": lambda x, d, s: (
        d / 2 * mp.log(d * s * s / 2) - (d / 2 + 1) * mp.log(x) - d * s * s / (2 * x) - mp.loggamma(d / 2)
    ),
    "FisherSnedecor": lambda x, a, b: (
        a / 2 * mp.log(a * x) + b / 2 * mp.log(b) - (a + b) / 2 * mp.log(a * x + b) - mp.log(x) - log_beta(a / 2, b / 2)
    ),
    "BetaPrime": lambda x, a, b: (a - 1) * mp.log(x) - (a + b) * mp.log1p(x) - log_beta(a, b),
    "HalfStudentT": lambda x, df, s: (
        mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2 - mp.log(s / 2)
        - (df + 1) / 2 * mp.log1p((x / s) ** 2 / df)
    ),
    "NoncentralChiSquared": lambda x, d, g: (
        -(x + g) / 2 + (d / 4 - mp.mpf(1) / 2) * mp.log(x / g) + mp.log(mp.besseli(d / 2 - 1, mp.sqrt(g * x)) / 2)
    ),
    "NoncentralT": noncentral_t,
    "GeneralizedPareto": lambda x, s, k: -mp.log(s) - (1 + k) * log_power(x / s, k),
    "Gompertz": lambda x, b, r: mp.log(r) + b * x - r * mp.expm1(b * x) / b,
    "HalfLogistic": lambda x, s: mp.log(2 / s) - x / s - 2 * mp.log(1 + mp.exp(-x / s)),
    "LogUniform": lambda x, low, high: -mp.log(x) - mp.log(mp.log(high / low)),
    "SkewStudentT": lambda x, a, b, m, s: (
        (a + 0.5) * mp.log(1 + skewed(x, a, b, m, s)) + (b + 0.5) * mp.log(1 - skewed(x, a, b, m, s))
        - (a + b - 1) * mp.log(2) - log_beta(a, b) - mp.log(a + b) / 2 - mp.log(s)
    ),
    "GeneralizedPoisson": lambda x, r, d: mp.log(r) + (x - 1) * mp.log(r + d * x) - r - d * x - mp.loggamma(x + 1),
    "Skellam": lambda x, r, s: -r - s + x * mp.log(r / s) / 2 + mp.log(mp.besseli(abs(x), 2 * mp.sqrt(r * s))),
    "Wiener": wiener,
    "Rice": lambda x, v, s: mp.log(x / s**2) - (x * x + v * v) / (2 * s * s) + mp.log(mp.besseli(0, x * v / s**2)),
    "GeneralizedExtremeValue": lambda x, m, s, k: (
        -mp.log(s) - (1 + k) * log_power((x - m) / s, k) - mp.exp(-log_power((x - m) / s, k))
    ),
    "Kumaraswamy": lambda x, a, b: mp.log(a * b) + (a - 1) * mp.log(x) + (b - 1) * mp.log(-mp.expm1(a * mp.log(x))),
    "LogitNormal": lambda x, m, s: normal((logit(x) - m) / s) - mp.log(s * x * (1 - x)),
    "ContinuousBernoulli": lambda x, p: exponential_share(x, logit(p)),
    "ContinuousBernoulliLogit": exponential_share,
    "Triangular": triangle,
    "WeibullHazard": lambda x, a, h: mp.log(a * h) + (a - 1) * mp.log(x) - h * x**a,
    "BetaNegativeBinomial": lambda x, n, a, b: (
        mp.loggamma(x + n) - mp.loggamma(n) - mp.loggamma(x + 1) + log_beta(a + n, b + x) - log_beta(a, b)
    ),
    "DiscreteWeibull": lambda x, q, s: mp.log(q ** (x**s) - q ** ((x + 1) ** s)),
    "DiscreteUniform": lambda x, low, high: -mp.log(high - low + 1),
    "Hypergeometric": hypergeometric,
    "HypergeometricOdds": hypergeometric,
}  # fmt: skip

BELOW: dict[str, Function] = {
    "SkewStudentT": lambda x, a, b, m, s: beta_below(a, b, (1 + skewed(x, a, b, m, s)) / 2),
    "LogUniform": lambda x, low, high: mp.log(x / low) / mp.log(high / low),
    "HalfLogistic": lambda x, s: mp.tanh(x / s / 2),
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
    "SkewNormal": lambda x, m, s, a: skew_below((x - m) / s, a),
    "AsymmetricLaplace": lambda x, m, s, p: (
        p * mp.exp(2 * (1 - p) * (x - m) / s) if x < m else 1 - (1 - p) * mp.exp(-2 * p * (x - m) / s)
    ),
    "ExponentiallyModifiedGaussian": modified_below,
    "Moyal": lambda x, m, s: mp.erfc(mp.exp(-(x - m) / s / 2) / mp.sqrt(2)),
    "Pareto": lambda x, a, s: -mp.expm1(-a * mp.log(x / s)),
    "Lomax": lambda x, a, s: -mp.expm1(-a * mp.log1p(x / s)),
    "LogLogistic": lambda x, a, s: 1 / (1 + (x / s) ** -a),
    "Frechet": lambda x, a, s: mp.exp(-((x / s) ** -a)),
    "InverseGaussian": passage_below,
    "Rayleigh": lambda x, s: -mp.expm1(-((x / s) ** 2) / 2),
    "Maxwell": lambda x, s: gamma_below(mp.mpf(3) / 2, (x / s) ** 2 / 2),
    "GeneralizedGamma": lambda x, a, r, b: gamma_below(a, (r * x) ** b),
    "ChiSquared": lambda x, d: gamma_below(d / 2, x / 2),
    "InverseChiSquared": lambda x, d: gamma_above(d / 2, 1 / (2 * x)),
    "ScaledInverseChiSquared": lambda x, d, s: gamma_above(d / 2, d * s * s / (2 * x)),
    "FisherSnedecor": lambda x, a, b: odds_below(a * x / b, a / 2, b / 2),
    "BetaPrime": odds_below,
    "HalfStudentT": lambda x, df, s: beta_below(mp.mpf(1) / 2, df / 2, (x / s) ** 2 / (df + (x / s) ** 2)),
    "GeneralizedPareto": lambda x, s, k: -mp.expm1(-log_power(x / s, k)),
    "Gompertz": lambda x, b, r: -mp.expm1(-r * mp.expm1(b * x) / b),
    "GeneralizedExtremeValue": lambda x, m, s, k: mp.exp(-mp.exp(-log_power((x - m) / s, k))),
    "Kumaraswamy": lambda x, a, b: -mp.expm1(b * mp.log1p(-(x**a))),
    "LogitNormal": lambda x, m, s: ndtr((logit(x) - m) / s),
    "ContinuousBernoulli": lambda x, p: mp.expm1(logit(p) * x) / mp.expm1(logit(p)),
    "ContinuousBernoulliLogit": lambda x, g: mp.expm1(g * x) / mp.expm1(g),
    "Triangular": triangle_below,
    "WeibullHazard": lambda x, a, h: -mp.expm1(-h * x**a),
    "DiscreteWeibull": lambda x, q, s: 1 - q ** ((x + 1) ** s),
    "DiscreteUniform": lambda x, low, high: (x - low + 1) / (high - low + 1),
    "Hypergeometric": hyper_below,
    "HypergeometricOdds": hyper_below,
}
"""P(X <= x)."""

ABOVE: dict[str, Function] = {
    "SkewStudentT": lambda x, a, b, m, s: beta_below(b, a, (1 - skewed(x, a, b, m, s)) / 2),
    "LogUniform": lambda x, low, high: mp.log(high / x) / mp.log(high / low),
    "HalfLogistic": lambda x, s: 2 / (1 + mp.exp(x / s)),
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
    "SkewNormal": lambda x, m, s, a: skew_below((m - x) / s, -a),
    "AsymmetricLaplace": lambda x, m, s, p: (
        (1 - p) * mp.exp(-2 * p * (x - m) / s) if x > m else 1 - p * mp.exp(2 * (1 - p) * (x - m) / s)
    ),
    "ExponentiallyModifiedGaussian": modified_above,
    "Moyal": lambda x, m, s: mp.erf(mp.exp(-(x - m) / s / 2) / mp.sqrt(2)),
    "Pareto": lambda x, a, s: (x / s) ** -a,
    "Lomax": lambda x, a, s: (1 + x / s) ** -a,
    "LogLogistic": lambda x, a, s: 1 / (1 + (x / s) ** a),
    "Frechet": lambda x, a, s: -mp.expm1(-((x / s) ** -a)),
    "InverseGaussian": passage_above,
    "Rayleigh": lambda x, s: mp.exp(-((x / s) ** 2) / 2),
    "Maxwell": lambda x, s: gamma_above(mp.mpf(3) / 2, (x / s) ** 2 / 2),
    "GeneralizedGamma": lambda x, a, r, b: gamma_above(a, (r * x) ** b),
    "ChiSquared": lambda x, d: gamma_above(d / 2, x / 2),
    "InverseChiSquared": lambda x, d: gamma_below(d / 2, 1 / (2 * x)),
    "ScaledInverseChiSquared": lambda x, d, s: gamma_below(d / 2, d * s * s / (2 * x)),
    "FisherSnedecor": lambda x, a, b: odds_above(a * x / b, a / 2, b / 2),
    "BetaPrime": odds_above,
    "HalfStudentT": lambda x, df, s: beta_below(df / 2, mp.mpf(1) / 2, df / (df + (x / s) ** 2)),
    "GeneralizedPareto": lambda x, s, k: mp.exp(-log_power(x / s, k)),
    "Gompertz": lambda x, b, r: mp.exp(-r * mp.expm1(b * x) / b),
    "GeneralizedExtremeValue": lambda x, m, s, k: -mp.expm1(-mp.exp(-log_power((x - m) / s, k))),
    "Kumaraswamy": lambda x, a, b: (1 - x**a) ** b,
    "LogitNormal": lambda x, m, s: ndtr((m - logit(x)) / s),
    "ContinuousBernoulli": lambda x, p: mp.expm1(logit(p) * (x - 1)) / mp.expm1(-logit(p)),
    "ContinuousBernoulliLogit": lambda x, g: mp.expm1(g * (x - 1)) / mp.expm1(-g),
    "Triangular": lambda x, low, mode, high: 1 - triangle_below(x, low, mode, high),
    "WeibullHazard": lambda x, a, h: mp.exp(-h * x**a),
    "DiscreteWeibull": lambda x, q, s: q ** ((x + 1) ** s),
    "DiscreteUniform": lambda x, low, high: (high - x) / (high - low + 1),
    "Hypergeometric": hyper_above,
    "HypergeometricOdds": hyper_above,
}
"""P(X > x)."""

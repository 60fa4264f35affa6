"""Functions of native programs that Python's `math` has not."""

from __future__ import annotations

import math

from pgmlang.native.compiled import part


@part
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@part
def softplus(x):
    """log(1 + exp(x))."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@part
def log_of(x):
    """log x with log 0 = -inf."""
    return math.log(x) if x != 0.0 else -math.inf


@part
def log1p_of(x):
    """log(1 + x) with -inf at x = -1."""
    return math.log1p(x) if x != -1.0 else -math.inf


@part
def times_log(x, log):
    """x times a logarithm, with 0 log 0 = 0: a function of its own, whose product no program takes apart into sums of infinities."""
    return 0.0 if x == 0.0 and log == -math.inf else x * log


@part
def logaddexp(a, b):
    """log(exp(a) + exp(b))."""
    if a == b:
        return a + 0.6931471805599453
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


@part
def exponentials(each, largest):
    """Numbers as their exponentials beside that of the largest of them; gives the sum. Infinite ones alone count where there are any."""
    total = 0.0
    is_finite = abs(largest) < math.inf
    for i in range(each.shape[0]):
        rest = math.exp(each[i] - largest) if is_finite else 1.0 if each[i] == math.inf else 0.0
        each[i] = rest
        total += rest
    return total


@part
def log_sum_of(largest, rest):
    """The log of a sum of exponentials; of none is minus infinity."""
    return largest + math.log(rest) if rest != 0.0 else -math.inf


@part
def log1mexp(x):
    """log(1 - exp(-x)) for x >= 0 (Maechler 2012)."""
    return math.log(-math.expm1(-x)) if x < 0.6931471805599453 else math.log1p(-math.exp(-x))


@part
def log1pmx(r):
    """log(1 + r) - r for r > -1, accurate near 0."""
    if abs(r) < 0.01:
        series = 1 / 3 + r * (-0.25 + r * (0.2 + r * (-1 / 6 + r * (1 / 7 - r * 0.125))))
        return r * r * (r * series - 0.5)
    return math.log1p(r) - r


@part
def stirling(x):
    """log Gamma(x) less Stirling's formula, (x - 1/2) log x - x + log(2 pi) / 2, for x > 0."""
    if x > 10.0:
        y = 1.0 / x
        z = y * y
        series = -1 / 1680 + z * (1 / 1188 - z * 691 / 360360)
        return y * (1 / 12 + z * (-1 / 360 + z * (1 / 1260 + z * series)))
    return math.lgamma(x) - (x - 0.5) * math.log(x) + x - 0.9189385332046727


@part
def digamma(x):
    """The derivative of log Gamma; NaN at its poles (DLMF 5.5.4, 5.11.2)."""
    if x <= 0.0:
        if x == math.floor(x):
            return math.nan
        return digamma_above(1.0 - x) - math.pi / math.tan(math.pi * x)
    return digamma_above(x)


@part
def digamma_above(x):
    """`digamma` for x > 0: upwards by the recurrence, then the asymptotic series (DLMF 5.11.2)."""
    value = 0.0
    while x < 10.0:
        value -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    series = z * (
        1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12)))))
    )
    return value + math.log(x) - 0.5 / x - series


@part
def trigamma(x):
    """The second derivative of log Gamma for x > 0 (DLMF 5.15.5, 5.15.8)."""
    value = 0.0
    while x < 10.0:
        value += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / x
    z = y * y
    series = y * z * (1 / 6 - z * (1 / 30 - z * (1 / 42 - z * (1 / 30 - z * (5 / 66 - z * 691 / 2730)))))
    return value + y + 0.5 * z + series


@part
def stirling_slope(x):
    """The derivative of `stirling`: digamma(x) - log x + 1 / (2 x), which cancels for large x."""
    if x > 10.0:
        z = 1.0 / (x * x)
        return -z * (
            1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12)))))
        )
    return digamma_above(x) - math.log(x) + 0.5 / x


@part
def deviance(shape, t, log_t):
    """log(t / shape) - (t - shape) / shape, accurate where the two are near (Loader 2000)."""
    r = (t - shape) / shape
    if abs(r) < 0.01:
        series = 1 / 3 + r * (-0.25 + r * (0.2 + r * (-1 / 6 + r * (1 / 7 - r * 0.125))))
        return r * r * (r * series - 0.5)
    return log_t - math.log(shape) - r


@part
def deviance_by_t(shape, t):
    """The derivative of `deviance` by t, log t apart where that is what it is worked out of."""
    if abs((t - shape) / shape) < 0.01:
        return (shape - t) / (t * shape)
    return -1.0 / shape


@part
def deviance_by_log(shape, t):
    """The derivative of `deviance` by log t, where it is worked out of that."""
    return 0.0 if abs((t - shape) / shape) < 0.01 else 1.0


@part
def log_ndtr(x):
    """The log of the standard normal distribution function, accurate in both tails."""
    if x > -5.0:
        return (
            math.log1p(-0.5 * math.erfc(x * 0.7071067811865476))
            if x > 0.0
            else math.log(0.5 * math.erfc(-x * 0.7071067811865476))
        )
    # continued fraction of Mills' ratio (Abramowitz and Stegun 26.2.14)
    ratio = 0.0
    for k in range(60, 0, -1):
        ratio = k / (-x + ratio)
    return -0.5 * x * x - 0.9189385332046727 - math.log(-x + ratio)


@part
def log_mills(u):
    """The log of Mills' ratio, of the standard normal distribution function over its density, for u <= 0."""
    if u > -5.0:
        return log_ndtr(u) + 0.5 * u * u + 0.9189385332046727
    ratio = 0.0
    for k in range(60, 0, -1):
        ratio = k / (-u + ratio)
    return -math.log(-u + ratio)


@part
def log_mills_slope(u):
    """The derivative of `log_mills`, far out by that of its series (DLMF 7.12.1)."""
    if u > -50.0:
        return u + math.exp(-log_mills(u))
    y = 1.0 / (u * u)
    series = y * (-1.0 + y * (3.0 + y * (105.0 * y - 15.0)))
    return -(1.0 + 2.0 * y * (-1.0 + y * (6.0 + y * (420.0 * y - 45.0))) / (1.0 + series)) / u


@part
def log_mean_exp(x):
    """log((exp(x) - 1) / x)."""
    if abs(x) < 0.05:
        square = x * x
        return 0.5 * x + square * (1 / 24 - square * (1 / 2880 - square / 181440))
    return math.log(-math.expm1(-abs(x)) / abs(x)) + max(x, 0.0)


@part
def log_mean_exp_slope(x):
    """The derivative of `log_mean_exp`."""
    if abs(x) < 0.05:
        square = x * x
        return 0.5 + x * (1 / 12 - square * (1 / 720 - square / 30240))
    return -1.0 / math.expm1(-x) - 1.0 / x

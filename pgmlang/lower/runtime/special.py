"""Functions that densities are written in, where torch has none or one that cancels or underflows.

All are elementwise and smooth, so that a gradient is that of the formula. Differences of large log-gammas are written by
Stirling's remainder and the deviance (Loader 2000, "Fast and accurate computation of binomial probabilities"), tails as
logarithms.
"""

from __future__ import annotations

import math

import torch

from pgmlang.lower.runtime.support import unrepeated


def log_of(x):
    """log x with log 0 = -inf, whose gradient at 0 is 0, so that a branch of probability zero spoils no other."""
    is_zero = x == 0
    return torch.where(is_zero, -math.inf, torch.log(torch.where(is_zero, 1.0, x)))


def log1p_of(x):
    """log(1 + x) with -inf at x = -1, whose gradient there is 0."""
    is_zero = x == -1
    return torch.where(is_zero, -math.inf, torch.log1p(torch.where(is_zero, 0.0, x)))


def times_log(x, log):
    """x times a logarithm, where 0 times minus infinity is 0."""
    return x * torch.where((x == 0) & (log == -math.inf), 0.0, log)


def log1mexp(x):
    """log(1 - exp(-x)) for x >= 0 (Maechler 2012)."""
    is_small = x < 0.6931471805599453
    small = torch.log(-torch.expm1(-torch.where(is_small, x, 1.0)))
    return torch.where(is_small, small, torch.log1p(-torch.exp(-torch.where(is_small, 1.0, x))))


def log1pmx(r):
    """log(1 + r) - r for r > -1, accurate near 0."""
    is_near = r.abs() < 0.01
    s, far = torch.where(is_near, r, 0.0), torch.where(is_near, 1.0, r)
    series = 1 / 3 + s * (-0.25 + s * (0.2 + s * (-1 / 6 + s * (1 / 7 - s * 0.125))))
    return torch.where(is_near, s * s * (s * series - 0.5), torch.log1p(far) - far)


def stirling(x):
    """log Gamma(x) less (x - 1/2) log x - x + log(2 pi) / 2, for x > 0: what Stirling's formula leaves."""
    small, y = x.clamp(max=10.0), 1 / x.clamp(min=10.0)
    z = y * y
    series = -1 / 1680 + z * (1 / 1188 - z * 691 / 360360)
    series = y * (1 / 12 + z * (-1 / 360 + z * (1 / 1260 + z * series)))
    exact = torch.lgamma(small) - (small - 0.5) * torch.log(small) + small - 0.9189385332046727
    return torch.where(x > 10.0, series, exact)


def deviance(shape, t, log_t):
    """log(t / shape) - (t - shape) / shape, accurate where the two are near."""
    r = (t - shape) / shape
    is_near = r.abs() < 0.01
    s = torch.where(is_near, r, 0.0)
    series = 1 / 3 + s * (-0.25 + s * (0.2 + s * (-1 / 6 + s * (1 / 7 - s * 0.125))))
    return torch.where(is_near, s * s * (s * series - 0.5), log_t - torch.log(shape) - r)


def log_rising(a, d):
    """log Gamma(a + d) - log Gamma(a) for positive a and d."""
    r = d / a
    return a * log1pmx(r) - 0.5 * torch.log1p(r) + d * torch.log(a + d) + stirling(a + d) - stirling(a)


def gamma_kernel(shape, t, log_t):
    """shape log t - t - log Gamma(shape): the log-density of log t when t is Gamma(shape, 1)."""
    bulk = 0.5 * torch.log(shape) - 0.9189385332046727 - stirling(shape)
    return shape * deviance(shape, t, log_t) + bulk


def beta_kernel(a, b, p, q, log_p, log_q):
    """a log p + b log q - log B(a, b), q = 1 - p: the log-density of logit p when p is Beta(a, b)."""
    n = a + b
    log_n = torch.log(n)
    exponent = a * deviance(a, n * p, log_n + log_p) + b * deviance(b, n * q, log_n + log_q)
    bulk = 0.5 * (torch.log(a) + torch.log(b) - log_n) - 0.9189385332046727
    return exponent + bulk - stirling(a) - stirling(b) + stirling(n)


def poisson_log_prob(k, rate):
    """Log-probability of a count k >= 0."""
    up = torch.where(k > 0, k, 1.0)
    log_rate = log_of(rate)
    return torch.where(k > 0, gamma_kernel(up, rate, log_rate) - torch.log(up), -rate)


def binomial_log_prob(k, n, p, q, log_p, log_q):
    """Log-probability of k successes of n, 0 <= k <= n."""
    is_edge = (k == 0) | (k == n)
    up, down = torch.where(is_edge, 1.0, k), torch.where(is_edge, 1.0, n - k)
    inner = beta_kernel(up, down, p, q, log_p, log_q) + torch.log((up + down) / up / down)
    return torch.where(is_edge, times_log(k, log_p) + times_log(n - k, log_q), inner)


def negative_binomial_log_prob(k, shape, p, q, log_p, log_q):
    """Log-probability of k failures before the success number ``shape``, whose chance is p."""
    up = torch.where(k > 0, k, 1.0)
    later = beta_kernel(shape, up, p, q, log_p, log_q) - torch.log(up)
    return torch.where(k > 0, later, shape * log_p)


def beta_binomial_log_prob(k, n, a, b):
    """Log-probability of k successes of n whose chance is Beta(a, b)."""
    p, q = a / (a + b), b / (a + b)
    log_p, log_q = torch.log(p), torch.log(q)
    spread = beta_kernel(a, b, p, q, log_p, log_q) - beta_kernel(a + k, b + n - k, p, q, log_p, log_q)
    return binomial_log_prob(k, n, p, q, log_p, log_q) + spread


def dirichlet_log_prob(x, alpha):
    """Log-density of a vector of nonnegative numbers under Dirichlet(alpha); off the simplex what the formula gives."""
    total = alpha.sum(-1, keepdim=True)
    inside = (x >= 0).all(-1)
    x = torch.where(inside[..., None], x, 1.0)
    t = x * total
    is_zero = x == 0
    log_x = torch.log(torch.where(is_zero, 1.0, x))
    # concentrations are often one number repeated
    log_alpha, remainder = torch.log(unrepeated(alpha)), stirling(unrepeated(alpha))
    far = (alpha - 1) * log_x + alpha * (torch.log(total) - log_alpha) - (t - alpha)
    is_near = ~is_zero & (((t - alpha) / alpha).abs() < 0.01)
    near = alpha * deviance(alpha, torch.where(is_near, t, alpha), 0.0) - log_x
    edge = torch.where(is_zero & (alpha != 1), torch.where(alpha < 1, math.inf, -math.inf), 0.0)
    bulk = 0.5 * log_alpha - 0.9189385332046727 - remainder
    each = torch.where(is_near, near, far) + edge + bulk
    whole = 0.5 * torch.log(total) - 0.9189385332046727 - stirling(total)
    log = each.sum(-1) - whole.squeeze(-1) + (t.sum(-1) - total.squeeze(-1))
    return torch.where(inside, log, -math.inf)


def multinomial_log_prob(x, n, p):
    """Log-probability of counts that sum to n, by Poisson counts given their sum."""
    counts = poisson_log_prob(x, n[..., None] * p).sum(-1) - poisson_log_prob(n, n)
    return counts + n * (p.sum(-1) - 1)


def log_tail_length(slope, curvature, drop):
    """How far a log-concave density falls by e^-40 from a point outwards. ``drop``: its fall by the way gone; slope and
    curvature at the point, of which the latter changes at most by the factor e^way."""
    with torch.no_grad():
        both, linear = slope + curvature, 2 * slope - 40
        root = linear.abs() + torch.sqrt(linear * linear + 320 * both)
        high = torch.where(linear > 0, 160 / root, root / (2 * both))
        low = torch.log1p(40 / both)
        for _ in range(8):
            middle = torch.sqrt(low * high)
            is_short = drop(middle) < 40
            low, high = torch.where(is_short, middle, low), torch.where(is_short, high, middle)
        return high


def log_integral(drop, length, kink):
    """The log of the integral of exp(-drop) from 0 to a length, by Gauss's rule on three stretches. ``kink``:
    where what is flat begins to fall."""
    nodes, weights = (v.to(dtype=length.dtype, device=length.device) for v in GAUSS_LEGENDRE)
    first, second = ((kink + d).clamp(min=0.0).minimum(length)[..., None] for d in (-6.0, 8.0))
    middle, last = second - first, length[..., None] - second
    density = first * torch.exp(-drop(first * nodes)) + middle * torch.exp(-drop(first + middle * nodes))
    density = density + last * torch.exp(-drop(second + last * nodes))
    return torch.log((density * weights).sum(-1))


def gauss_legendre():
    """Nodes and weights of Gauss's rule on the unit interval, from the eigenvalues of its Jacobi matrix
    (Golub and Welsch 1969)."""
    k = torch.arange(1, 32, dtype=torch.float64)
    beside = k / torch.sqrt(4 * k * k - 1)
    values, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    weights = vectors[0] * vectors[0]
    return (values + 1) / 2, weights


GAUSS_LEGENDRE = gauss_legendre()


def gamma_tails(shape, t, log_t):
    """The logs of the chances that Gamma(shape, 1) is below and above t."""
    shape, t, log_t = torch.broadcast_tensors(shape, t, log_t)
    is_series = (shape < 0.1) & (t < 1)
    elsewhere = ((shape, 0.05), (t, 0.5), (log_t, math.log(0.5)))
    series = (torch.where(is_series, v, other) for v, other in elsewhere)
    small_below, small_above = small_shape_tails(*series)
    shape, t, log_t = (torch.where(is_series, 1.0, v) for v in (shape, t, log_t))
    is_left = t < shape
    kernel = gamma_kernel(shape, t, log_t)
    # P(a, t) = t^a e^-t / Gamma(a + 1) + P(a + 1, t): what is left falls fast
    is_raised = is_left & (shape < 1)
    a = torch.where(is_raised, shape + 1, shape)
    sign = torch.where(is_left, -1.0, 1.0)
    distance = (t - a) * sign

    def drop(way, distance, t, sign):
        return distance * way + t * (torch.expm1(sign * way) - sign * way)

    length = log_tail_length(distance, t, lambda way: drop(way, distance, t, sign))
    wide = distance[..., None], t[..., None], sign[..., None]
    kink = torch.where(is_left, 0.0, -log_t.detach()).clamp(min=0)
    outer = kernel + log_integral(lambda way: drop(way, *wide), length, kink)
    outer = torch.where(is_raised, torch.logaddexp(kernel, outer + log_t) - torch.log(shape), outer)
    inner = log1mexp(-outer)
    below, above = torch.where(is_left, outer, inner), torch.where(is_left, inner, outer)
    return torch.where(is_series, small_below, below), torch.where(is_series, small_above, above)


def small_shape_tails(shape, t, log_t):
    """The logs of the chances that Gamma(shape, 1) is below and above t, for shape < 0.1 and t < 1: the power series of
    the incomplete gamma function (DLMF 8.7.1), in which the chance above, about shape times E1(t), does not cancel."""
    series = torch.zeros_like(t)
    for n in range(18, 0, -1):
        series = t / n * (1 / (shape + n) - series)
    power = shape * log_t - lgamma1p(shape)
    above = torch.exp(power) * shape * series - torch.expm1(power)
    is_rare = above < 0.5
    rare = torch.where(is_rare, above, 0.25)
    below = power + torch.log1p(-shape * series)
    other = log1mexp(-torch.where(is_rare, -1.0, below))
    return torch.where(is_rare, torch.log1p(-rare), below), torch.where(is_rare, torch.log(rare), other)


def lgamma1p(x):
    """log Gamma(1 + x), accurate near 0, for |x| < 0.1 (Abramowitz and Stegun 6.1.33)."""
    series = torch.zeros_like(x)
    for n, zeta in reversed(list(enumerate(ZETA_LESS_ONE, 2))):
        series = x * (zeta / n - series)
    return x * (series + 0.42278433509846714) - torch.log1p(x)


ZETA_LESS_ONE = (
    0.6449340668482264,
    0.20205690315959424,
    0.08232323371113814,
    0.03692775514336999,
    0.017343061984449237,
    0.008349277381922926,
    0.0040773561979443596,
    0.002008392826082117,
    0.000994575127817976,
    0.0004941886041194277,
    0.00024608655330804474,
    0.00012271334757851804,
    6.124813505881122e-05,
)
"""Riemann's zeta of 2, 3, ..., less one."""


def beta_tails(a, b, p, q, log_p, log_q):
    """The logs of the chances that Beta(a, b) is below and above p; q = 1 - p."""
    a, b, p, q, log_p, log_q = torch.broadcast_tensors(a, b, p, q, log_p, log_q)
    is_left = a * q - b * p > 0
    kernel = beta_kernel(a, b, p, q, log_p, log_q)
    inwards, outwards = torch.where(is_left, b, a), torch.where(is_left, a, b)
    p, q = torch.where(is_left, p, q), torch.where(is_left, q, p)
    log_p, log_q = torch.where(is_left, log_p, log_q), torch.where(is_left, log_q, log_p)
    # I_p(a, b) = p^a q^b / (a B(a, b)) + I_p(a + 1, b): what is left falls fast
    is_raised = outwards < 1
    a = torch.where(is_raised, outwards + 1, outwards)
    n, distance = a + inwards, a * q - inwards * p

    limit = torch.where(q < p, -log_q, 0.0)

    def drop(way, distance, n, p, q, limit):
        # log(q + p e^-way) + p way, by the smaller of p and q
        is_late = way < limit
        other = torch.where(is_late, way, 0.0)
        late = torch.log1p(q * torch.expm1(other)) - q * other
        return distance * way + n * torch.where(is_late, late, torch.log1p(p * torch.expm1(-way)) + p * way)

    length = log_tail_length(distance, n * p * q, lambda way: drop(way, distance, n, p, q, limit))
    wide = tuple(v[..., None] for v in (distance, n, p, q, limit))
    kink = (log_p - log_q).detach().clamp(min=0)
    outer = kernel + log_integral(lambda way: drop(way, *wide), length, kink)
    raised = torch.logaddexp(kernel, outer + log_p + torch.log(outwards + inwards)) - torch.log(outwards)
    outer = torch.where(is_raised, raised, outer)
    inner = log1mexp(-outer)
    return torch.where(is_left, outer, inner), torch.where(is_left, inner, outer)


def beta_binomial_tails(k, n, a, b):
    """The logs of the chances of at most k and of more than k successes of n whose chance is Beta(a, b): sums."""
    each = torch.arange(float(n.max()) + 1, dtype=k.dtype, device=k.device)
    k, n, a, b = (v[..., None] for v in (k, n, a, b))
    inside = each <= n
    terms = torch.where(inside, beta_binomial_log_prob(torch.where(inside, each, 0.0), n, a, b), -math.inf)
    below = torch.where(each <= k, terms, -math.inf).logsumexp(-1)
    return below, torch.where(each > k, terms, -math.inf).logsumexp(-1)


def student_t_log_tail(df, z):
    """The log of the chance that Student's t is above z."""
    is_centre = z.abs() < 1e-10
    far = torch.where(is_centre, 1.0, z.abs())
    log_square = 2 * torch.log(far)
    log_p, log_q = -softplus(log_square - torch.log(df)), -softplus(torch.log(df) - log_square)
    both = torch.log(torch.tensor(0.5, dtype=z.dtype, device=z.device))
    outer = both + beta_tails(0.5 * df, both * 0 + 0.5, log_p.exp(), log_q.exp(), log_p, log_q)[0]
    # near the centre by the density there
    peak = torch.exp(log_rising(0.5 * df, both * 0 + 0.5) - 0.5 * torch.log(math.pi * df))
    beside = torch.log(0.5 - peak * torch.where(is_centre, z, 0.0))
    return torch.where(is_centre, beside, torch.where(z > 0, outer, log1mexp(-outer)))


def softplus(x):
    """log(1 + exp(x)); above 40 it is x to the last digit."""
    return torch.nn.functional.softplus(x, threshold=40.0)

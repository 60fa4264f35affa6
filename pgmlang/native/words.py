"""The words of scalar programs: how each is written, its derivatives, and the formulas of those made of others.

Derivatives are formulas in ``a``, ``b``, ``c``, ``e`` (the arguments), ``y`` (the value) and ``d``, what a change of the value is
worth; one for each argument, empty where there is none. ``moved`` is zero, with the derivative ``b`` by ``a``.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ScalarFunction:
    """``written``: the value as Python, in ``a``, ``b``, ``c``, ``e``; ``derivatives``: see above. ``runtime``: the functions of
    `special` that it needs."""

    written: str
    derivatives: tuple[str, ...] = ()


WORDS: dict[str, ScalarFunction] = {
    "add": ScalarFunction("a + b", ("d", "d")),
    "sub": ScalarFunction("a - b", ("d", "-d")),
    "mul": ScalarFunction("a * b", ("d * b", "d * a")),
    "div": ScalarFunction("a / b", ("d / b", "-d * y / b")),
    "neg": ScalarFunction("-a", ("-d",)),
    "pow": ScalarFunction("a ** b", ("d * b * a ** (b - 1.0)", "d * (y * math.log(a) if a > 0.0 else 0.0)")),
    "square": ScalarFunction("a * a", ("2.0 * d * a",)),
    "eq": ScalarFunction("a == b"), "ne": ScalarFunction("a != b"), "lt": ScalarFunction("a < b"), "le": ScalarFunction("a <= b"), "gt": ScalarFunction("a > b"),
    "ge": ScalarFunction("a >= b"), "and": ScalarFunction("a and b"), "or": ScalarFunction("a or b"), "not": ScalarFunction("not a"),
    "real": ScalarFunction("1.0 if a else 0.0"), "float": ScalarFunction("float(a)"), "whole": ScalarFunction("int(a)"),
    "where": ScalarFunction("b if a else c", ("", "d if a else 0.0", "0.0 if a else d")),
    "min": ScalarFunction("min(a, b)", ("d if a <= b else 0.0", "d if b < a else 0.0")),
    "max": ScalarFunction("max(a, b)", ("d if a >= b else 0.0", "d if b > a else 0.0")),
    "exp": ScalarFunction("math.exp(a)", ("d * y",)),
    "log": ScalarFunction("math.log(a)", ("d / a",)),
    "log1p": ScalarFunction("math.log1p(a)", ("d / (1.0 + a)",)),
    "expm1": ScalarFunction("math.expm1(a)", ("d * (y + 1.0)",)),
    "sqrt": ScalarFunction("math.sqrt(a)", ("0.5 * d / y",)),
    "abs": ScalarFunction("abs(a)", ("d if a > 0.0 else -d if a < 0.0 else 0.0",)),
    "sign": ScalarFunction("1.0 if a > 0.0 else -1.0 if a < 0.0 else 0.0"),
    "floor": ScalarFunction("np.floor(a)"), "ceil": ScalarFunction("np.ceil(a)"), "round": ScalarFunction("round(a)"),
    "sigmoid": ScalarFunction("sigmoid(a)", ("d * y * sigmoid(-a)",)),
    "logit": ScalarFunction("math.log(a) - math.log1p(-a)", ("d / (a * (1.0 - a))",)),
    "softplus": ScalarFunction("softplus(a)", ("d * sigmoid(a)",)),
    "relu": ScalarFunction("max(a, 0.0)", ("d if a > 0.0 else 0.0",)),
    "tanh": ScalarFunction("math.tanh(a)", ("d * (1.0 - y * y)",)),
    "sin": ScalarFunction("math.sin(a)", ("d * math.cos(a)",)),
    "cos": ScalarFunction("math.cos(a)", ("-d * math.sin(a)",)),
    "tan": ScalarFunction("math.tan(a)", ("d * (1.0 + y * y)",)),
    "atan": ScalarFunction("math.atan(a)", ("d / (1.0 + a * a)",)),
    "atan2": ScalarFunction("math.atan2(a, b)", ("d * b / (a * a + b * b)", "-d * a / (a * a + b * b)")),
    "erf": ScalarFunction("math.erf(a)", ("1.1283791670955126 * d * math.exp(-a * a)",)),
    "Phi": ScalarFunction("0.5 * math.erfc(-0.7071067811865476 * a)", ("0.3989422804014327 * d * math.exp(-0.5 * a * a)",)),
    "log_ndtr": ScalarFunction("log_ndtr(a)", ("d * math.exp(-0.5 * a * a - 0.9189385332046727 - y)",)),
    "lgamma": ScalarFunction("math.lgamma(a)", ("d * digamma(a)",)),
    "digamma": ScalarFunction("digamma(a)", ("d * trigamma(a)",)),
    "logaddexp": ScalarFunction("logaddexp(a, b)", ("d * math.exp(a - y)", "d * math.exp(b - y)")),
    "log1mexp": ScalarFunction("log1mexp(a)", ("d / math.expm1(a)",)),
    "log1pmx": ScalarFunction("log1pmx(a)", ("-d * a / (1.0 + a)",)),
    "stirling": ScalarFunction("stirling(a)", ("d * stirling_slope(a)",)),
    "deviance": ScalarFunction("deviance(a, b, c)", ("d * (b - a) / (a * a)", "d * deviance_by_t(a, b)", "d * deviance_by_log(a, b)")),
    "moved": ScalarFunction("0.0", ("d * b",)),
    "log_of": ScalarFunction("log_of(a)", ("d / a if a != 0.0 else 0.0",)),
    "log1p_of": ScalarFunction("log1p_of(a)", ("d / (1.0 + a) if a != -1.0 else 0.0",)),
    "times_log": ScalarFunction("times_log(a, b)", ("d * b if a != 0.0 or b > -math.inf else 0.0", "d * a")),
    "log_mills": ScalarFunction("log_mills(a)", ("d * log_mills_slope(a)",)),
    "log_mills_sum": ScalarFunction(
        "mills_pair(a, b, 1.0)[0]", ("d * mills_pair(a, b, 1.0)[1]", "d * mills_pair(a, b, 1.0)[2]")
    ),
    "log_mills_difference": ScalarFunction(
        "mills_pair(a, b, -1.0)[0]", ("d * mills_pair(a, b, -1.0)[1]", "d * mills_pair(a, b, -1.0)[2]")
    ),
    "skew_normal_log_below": ScalarFunction(
        "skew_normal_tail(a, b)[0]", ("d * skew_normal_tail(a, b)[1]", "d * skew_normal_tail(a, b)[2]")
    ),
    "hypergeometric_log_total": ScalarFunction(
        "hypergeometric_total(a, b, c, e)[0]", ("", "", "", "d * hypergeometric_total(a, b, c, e)[1]")
    ),
    "saddle_integral": ScalarFunction("saddle_integral(a, b)[0]", ("d * saddle_integral(a, b)[1]", "")),
    "i0e": ScalarFunction("saddle_integral(a, 0.0)[0]", ("d * saddle_integral(a, 0.0)[1]",)),
    "log_mean_exp": ScalarFunction("log_mean_exp(a)", ("d * log_mean_exp_slope(a)",)),
    # of the chances below and above; by t and p their slopes are sent to the logarithms
    "gamma_log_below": ScalarFunction(
        "gamma_tails(a, b, c)[0]", ("d * gamma_tails(a, b, c)[2]", "", "d * gamma_tails(a, b, c)[4]")
    ),
    "gamma_log_above": ScalarFunction(
        "gamma_tails(a, b, c)[1]", ("d * gamma_tails(a, b, c)[3]", "", "d * gamma_tails(a, b, c)[5]")
    ),
    "beta_log_below": ScalarFunction(
        "beta_tails(a, b, c, e)[0]",
        ("d * beta_tails(a, b, c, e)[2]", "d * beta_tails(a, b, c, e)[4]", "d * beta_tails(a, b, c, e)[6]", ""),
    ),
    "beta_log_above": ScalarFunction(
        "beta_tails(a, b, c, e)[1]",
        ("d * beta_tails(a, b, c, e)[3]", "d * beta_tails(a, b, c, e)[5]", "d * beta_tails(a, b, c, e)[7]", ""),
    ),
}  # fmt: skip

ARGUMENTS = "abce"
"""The names of arguments."""

PAIRS: dict[str, tuple[str, str]] = {
    "gamma_tails": ("gamma_log_below", "gamma_log_above"),
    "beta_tails": ("beta_log_below_p", "beta_log_above_p"),
}
"""Functions with two values, and the words for each."""


@dataclass(frozen=True)
class Reduction:
    """All values along a loop as one: ``start``, and what each value ``b`` makes of what is there, ``a``."""

    start: float
    step: str


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction(0.0, "a + b"),
    "max_over": Reduction(-math.inf, "max(a, b)"),
    "min_over": Reduction(math.inf, "min(a, b)"),
    "prod_over": Reduction(1.0, "a * b"),
    "logsumexp": Reduction(-math.inf, "logaddexp(a, b)"),
}

PARTIAL = frozenset({
    "div", "pow", "log", "log1p", "sqrt", "logit", "lgamma", "digamma", "exp", "expm1", "tan", "log1mexp", "log1pmx", "stirling",
    "deviance", "mul", "square", "log_ndtr", "logaddexp", "atan2", "sigmoid", "softplus", "tanh", "sin", "cos", "atan", "erf", "Phi",
    "log_of", "log1p_of", "times_log", "gamma_log_below", "gamma_log_above", "beta_log_below", "beta_log_above",
    "log_mills", "log_mills_sum", "log_mills_difference", "skew_normal_log_below", "log_mean_exp", "hypergeometric_log_total",
    "saddle_integral", "i0e",
})  # fmt: skip
"""Words whose derivatives may be infinite or no number."""


@dataclass(frozen=True)
class Expansion:
    """A word as a formula of others: ``let`` in order, then ``value``."""

    parameters: tuple[str, ...]
    value: str
    let: tuple[tuple[str, str], ...] = ()


EXPANSIONS: dict[str, Expansion] = {
    "log_difference": Expansion(
        ("a", "b"),
        "where(is_nothing, -inf, a + log1mexp(where(is_nothing, 1.0, a - where(is_nothing, 0.0, b))))",
        (("is_nothing", "a == -inf"),),
    ),
    "beta_log_below_p": Expansion(("a", "b", "p", "q", "log_p", "log_q"), "beta_log_below(a, b, log_p, log_q)"),
    "beta_log_above_p": Expansion(("a", "b", "p", "q", "log_p", "log_q"), "beta_log_above(a, b, log_p, log_q)"),
    "student_t_log_tail": Expansion(
        ("df", "z"),
        "where(is_centre, log(0.5 - peak * where(is_centre, z, 0.0)), where(z > 0, outer, log1mexp(-outer)))",
        (
            ("is_centre", "abs(z) < 1e-10"),
            ("log_square", "2 * log(where(is_centre, 1.0, abs(z)))"),
            ("log_p", "-softplus(log_square - log(df))"),
            ("log_q", "-softplus(log(df) - log_square)"),
            ("outer", "log(0.5) + beta_log_below(0.5 * df, 0.5, log_p, log_q)"),
            ("peak", "exp(log_rising(0.5 * df, 0.5) - 0.5 * log(pi * df))"),
        ),
    ),
    "log_rising": Expansion(
        ("s", "k"),
        "s * log1pmx(r) - 0.5 * log1p(r) + k * log(s + k) + stirling(s + k) - stirling(s)",
        (("r", "k / s"),),
    ),
    "gamma_kernel": Expansion(
        ("shape", "t", "log_t"),
        "shape * deviance(shape, t, log_t) + 0.5 * log(shape) - 0.9189385332046727 - stirling(shape)",
    ),
    "beta_kernel": Expansion(
        ("s", "t", "p", "q", "log_p", "log_q"),
        "s * deviance(s, n * p, log_n + log_p) + t * deviance(t, n * q, log_n + log_q)"
        " + 0.5 * (log(s) + log(t) - log_n) - 0.9189385332046727 - stirling(s) - stirling(t) + stirling(n)",
        (("n", "s + t"), ("log_n", "log(n)")),
    ),
    "poisson_log_prob": Expansion(
        ("k", "rate"),
        "where(k > 0, gamma_kernel(up, rate, log_of(rate)) - log(up), -rate)",
        (("up", "where(k > 0, k, 1.0)"),),
    ),
    "binomial_log_prob": Expansion(
        ("k", "n", "p", "q", "log_p", "log_q"),
        "where(is_edge, times_log(k, log_p) + times_log(n - k, log_q),"
        " beta_kernel(up, down, p, q, log_p, log_q) + log((up + down) / up / down))",
        (
            ("is_edge", "(k == 0) | (k == n)"),
            ("up", "where(is_edge, 1.0, k)"),
            ("down", "where(is_edge, 1.0, n - k)"),
        ),
    ),
    "hypergeometric_log_prob": Expansion(
        ("k", "n", "good", "bad"),
        "binomial_log_prob(k, good, p, q, log_p, log_q) + binomial_log_prob(n - k, bad, p, q, log_p, log_q)"
        " - binomial_log_prob(n, total, p, q, log_p, log_q)",
        (
            ("total", "good + bad"),
            ("p", "where(total > 0, n / where(total > 0, total, 1.0), 0.5)"),
            ("q", "1 - p"),
            ("log_p", "log_of(p)"),
            ("log_q", "log1p_of(-p)"),
        ),
    ),
    "negative_binomial_log_prob": Expansion(
        ("k", "shape", "p", "q", "log_p", "log_q"),
        "where(k > 0, beta_kernel(shape, up, p, q, log_p, log_q) - log(up), shape * log_p)",
        (("up", "where(k > 0, k, 1.0)"),),
    ),
    "beta_binomial_log_prob": Expansion(
        ("k", "n", "s", "t"),
        "binomial_log_prob(k, n, p, q, log_p, log_q) + beta_kernel(s, t, p, q, log_p, log_q)"
        " - beta_kernel(s + k, t + n - k, p, q, log_p, log_q)",
        (("p", "s / (s + t)"), ("q", "t / (s + t)"), ("log_p", "log(p)"), ("log_q", "log(q)")),
    ),
}

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.BitAnd: "and", ast.BitOr: "or",
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip

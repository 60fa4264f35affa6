"""Probabilities of the families with finitely many values, over arrays with named axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.families import FAMILIES
from pgmlang.model.named import NamedArray, align, elementwise, lgamma, sigmoid

CHILD = "#child"
"""The axis of the drawn value in what ``probabilities`` returns."""


def probabilities(family: str, arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """p(value | arguments) along the axes of the arguments and CHILD (``size`` long), by the function that the family's
    record names.

    ``event``: the axis of a vector argument (the probabilities of ``Categorical``).
    """
    module, _, function = FAMILIES[family].finite.rpartition(".")
    return getattr(import_module(module), function)(arguments, event, size)  # type: ignore[no-any-return]


def bernoulli(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """Of 0 and 1."""
    p = arguments["p"] if "p" in arguments else elementwise(sigmoid, arguments["logit"])
    q = elementwise(lambda x: 1.0 - np.asarray(x, float), p)
    if "logit" in arguments:
        q = elementwise(lambda x: sigmoid(-np.asarray(x, float)), arguments["logit"])
    return NamedArray(np.stack([q.values, p.values], -1).astype(float), (*p.axes, CHILD))


def categorical(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """Of the labels. Raises PgmError PGM0410 for probabilities that do not sum to one."""
    weights = arguments.get("p")
    if weights is None:
        logit = arguments["logit"]
        position = logit.axes.index(event or logit.axes[-1])
        shifted = np.exp(logit.values - logit.values.max(axis=position, keepdims=True))
        weights = NamedArray(shifted, logit.axes)
    position = weights.axes.index(event or weights.axes[-1])
    totals = weights.values.sum(axis=position, keepdims=True)
    off = np.abs(totals - 1) > 1e-6
    if "p" in arguments and off.any():
        message = f"the probabilities of a `Categorical` sum to {float(totals[off].flat[0]):.6g}, not to one"
        raise PgmError(Diagnostic("PGM0410", message, help="divide them by their sum"))
    p = weights.values / totals
    return NamedArray(
        np.moveaxis(p, position, -1), (*(a for i, a in enumerate(weights.axes) if i != position), CHILD)
    )


def binomial(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """Of 0 .. size - 1; zero beyond n."""
    k = NamedArray(np.arange(size), (CHILD,))
    if "a" in arguments:
        (n, a, b, x), axes = align([arguments["n"], arguments["a"], arguments["b"], k])
        inside = x <= n
        y = np.where(inside, n - x, 0)
        log_p = _log_choose(n, x, inside) + _log_beta(x + a, y + b) - _log_beta(a, b)
        return NamedArray(np.where(inside, np.exp(log_p), 0.0), axes)
    p = arguments["p"] if "p" in arguments else elementwise(sigmoid, arguments["logit"])
    (n, q, x), axes = align([arguments["n"], p, k])
    inside = x <= n
    y = np.where(inside, n - x, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        hits, misses = (np.where(k == 0, 0.0, k * np.log(c)) for k, c in ((x, q), (y, 1.0 - q)))
    values = np.exp(_log_choose(n, x, inside) + hits + misses)
    return NamedArray(np.where(inside, values, 0.0), axes)


def uniform(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """Of low .. high."""
    (low, high, x), axes = align([arguments["low"], arguments["high"], NamedArray(np.arange(size), (CHILD,))])
    inside = (x >= low) & (x <= high)
    return NamedArray(np.where(inside, 1 / np.maximum(high - low + 1.0, 1.0), 0.0), axes)


def hypergeometric(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """Of 0 .. size - 1 good ones among n."""
    odds = arguments.get("odds", NamedArray(np.array(1.0), ()))
    parts = [arguments["n"], arguments["good"], arguments["bad"], odds, NamedArray(np.arange(size), (CHILD,))]
    (n, good, bad, ratio, x), axes = align(parts)
    inside = (x <= n) & (x <= good) & (n - x <= bad)
    x = np.where(inside, x, 0)
    others = np.where(inside, n - x, 0)
    log_p = _log_choose(good, x, inside) + _log_choose(bad, others, inside) + x * np.log(ratio)
    log_p = np.where(inside, log_p, -np.inf)
    weights = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    return NamedArray(weights / weights.sum(axis=-1, keepdims=True), axes)


def _log_choose(n: np.ndarray, k: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(np.where(inside, n - k, 0) + 1.0)


def _log_beta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return lgamma(a * 1.0) + lgamma(b * 1.0) - lgamma(a + b * 1.0)


def ordered(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """P(y <= k) = sigmoid(cutpoint_k - predictor) (McCullagh 1980)."""
    return _cut(arguments, event, sigmoid)


def ordered_normal(arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """P(y <= k) = Phi(cutpoint_k - predictor)."""
    return _cut(arguments, event, normal_below)


def normal_below(x: np.ndarray) -> np.ndarray:
    """Phi(x)."""
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2.0)), otypes=[float])(x)


def _cut(
    arguments: Mapping[str, NamedArray], event: str | None, below_of: Callable[[np.ndarray], np.ndarray]
) -> NamedArray:
    """Of an ordered scale, by the chance that the hidden number is below each cutpoint."""
    cuts = arguments["cutpoints"]
    axis = event or cuts.axes[-1]
    below = elementwise(lambda c, x: below_of(c - x), cuts, arguments["predictor"])
    cumulative = np.moveaxis(below.values, below.axes.index(axis), -1)
    edge = np.ones((*cumulative.shape[:-1], 1))
    p = np.diff(np.concatenate([0 * edge, cumulative, edge], -1), axis=-1)
    return NamedArray(p, (*(a for a in below.axes if a != axis), CHILD))

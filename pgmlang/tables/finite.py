"""Probabilities of the families with finitely many values, over arrays with named axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pgmlang.model.named import NamedArray, align, elementwise, lgamma, sigmoid

FINITE_FAMILIES = ("Bernoulli", "Categorical", "Binomial", "BetaBinomial", "OrderedLogistic")
"""Families that a table can hold, beside ``Table`` itself."""

CHILD = "#child"
"""The axis of the drawn value in what ``probabilities`` returns."""


def probabilities(family: str, arguments: Mapping[str, NamedArray], event: str | None, size: int) -> NamedArray:
    """p(value | arguments) along the axes of the arguments and CHILD (``size`` long).

    ``event``: the axis of a vector argument (the probabilities of ``Categorical``).
    """
    match family:
        case "Bernoulli":
            p = arguments["p"] if "p" in arguments else elementwise(sigmoid, arguments["logit"])
            q = elementwise(lambda x: 1.0 - np.asarray(x, float), p)
            if "logit" in arguments:
                q = elementwise(lambda x: sigmoid(-np.asarray(x, float)), arguments["logit"])
            return NamedArray(np.stack([q.values, p.values], -1).astype(float), (*p.axes, CHILD))
        case "Categorical":
            return _categorical(arguments, event)
        case "Binomial" | "BetaBinomial":
            return _binomial(arguments, size)
        case "OrderedLogistic":
            return _ordered(arguments, event)
    raise KeyError(family)


def _categorical(arguments: Mapping[str, NamedArray], event: str | None) -> NamedArray:
    weights = arguments.get("p")
    if weights is None:
        logit = arguments["logit"]
        at = logit.axes.index(event or logit.axes[-1])
        shifted = np.exp(logit.values - logit.values.max(axis=at, keepdims=True))
        weights = NamedArray(shifted, logit.axes)
    at = weights.axes.index(event or weights.axes[-1])
    p = weights.values / weights.values.sum(axis=at, keepdims=True)
    return NamedArray(np.moveaxis(p, at, -1), (*(a for i, a in enumerate(weights.axes) if i != at), CHILD))


def _binomial(arguments: Mapping[str, NamedArray], size: int) -> NamedArray:
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
    values = np.exp(_log_choose(n, x, inside)) * np.power(q, x * 1.0) * np.power(1.0 - q, y * 1.0)
    return NamedArray(np.where(inside, values, 0.0), axes)


def _log_choose(n: np.ndarray, k: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(np.where(inside, n - k, 0) + 1.0)


def _log_beta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return lgamma(a * 1.0) + lgamma(b * 1.0) - lgamma(a + b * 1.0)


def _ordered(arguments: Mapping[str, NamedArray], event: str | None) -> NamedArray:
    """P(y <= k) = sigmoid(cutpoint_k - predictor) (McCullagh 1980)."""
    cuts = arguments["cutpoints"]
    axis = event or cuts.axes[-1]
    below = elementwise(lambda c, x: sigmoid(c - x), cuts, arguments["predictor"])
    cumulative = np.moveaxis(below.values, below.axes.index(axis), -1)
    edge = np.ones((*cumulative.shape[:-1], 1))
    p = np.diff(np.concatenate([0 * edge, cumulative, edge], -1), axis=-1)
    return NamedArray(p, (*(a for a in below.axes if a != axis), CHILD))

"""Distributions of labels as scalars: the chance of the label that is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pgmlang.native.scalar_densities import ScalarDensity, chosen
from pgmlang.native.scalars import Loop, Scalar

At = Callable[[Scalar], Scalar]
"""A vector, by the element."""


def on_simplex(density: ScalarDensity, p: At, at: Scalar, loop: Loop) -> Scalar:
    """An element of a vector of probabilities as it is where they sum to one; where they do not, nothing is possible."""
    graph = density.graph
    here = p(graph.make("loop", payload=loop))
    total = graph.make("sum", here, payload=loop)
    negative = graph.make("sum", density.said("where(p < 0, 1.0, 0.0)", p=here), payload=loop)
    is_good = density.said("(abs(t - 1) <= 1e-6) & (n == 0)", t=total, n=negative)
    return graph.make("where", is_good, p(at), density.number(0.0))


@dataclass(frozen=True)
class LabelDensity(ScalarDensity):
    """A distribution of labels."""

    @property
    def is_discrete(self) -> bool:
        return True


@dataclass(frozen=True)
class ChancesOfLabels(LabelDensity):
    """By probabilities."""

    p: At

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        return self.said("log_of(p)", p=self.p(x))


@dataclass(frozen=True)
class LogOddsOfLabels(LabelDensity):
    """By logits along a loop."""

    logit: At
    loop: Loop

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        graph = self.graph
        each = self.logit(graph.make("loop", payload=self.loop))
        return graph.make("sub", self.logit(x), graph.make("logsumexp", each, payload=self.loop))


@dataclass(frozen=True)
class OrderedLabels(LabelDensity):
    """P(label > k) = sigmoid(predictor - cutpoint k), the cutpoints along an axis."""

    predictor: Scalar
    cutpoint: At
    axis: str

    def log_prob(self, x: Scalar, *, is_inside: bool = False) -> Scalar:
        graph = self.graph
        make, zero, one, size = graph.make, graph.code(0), graph.code(1), graph.make("size", payload=self.axis)
        is_first, is_last = make("eq", x, zero), make("eq", x, size)
        left = self.cutpoint(make("where", is_first, zero, make("sub", x, one)))
        right = self.cutpoint(make("where", is_last, make("sub", size, one), x))
        is_good = make("gt", make("sub", right, left), self.number(0.0))
        above, below, between = self.chances(left, right, is_good)
        between = chosen(graph, is_good, between, self.number(-math.inf))
        return chosen(graph, is_first, below, chosen(graph, is_last, above, between))

    def chances(self, left: Scalar, right: Scalar, is_good: Scalar) -> tuple[Scalar, Scalar, Scalar]:
        """The logs of the chances above the cutpoint to the left, below that to the right, and between, for cutpoints in order."""
        above = self.said("-softplus(c - e)", e=self.predictor, c=left)
        below = self.said("-softplus(e - c)", e=self.predictor, c=right)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
        step = self.graph.make("sub", right, left)
        between = self.said(
            "above + below + log1mexp(where(good, step, 1.0))", above=above, below=below, good=is_good, step=step
        )
        return above, below, between


@dataclass(frozen=True)
class NormalOrderedLabels(OrderedLabels):
    """P(label > k) = Phi(predictor - cutpoint k)."""

    def chances(self, left: Scalar, right: Scalar, is_good: Scalar) -> tuple[Scalar, Scalar, Scalar]:
        above = self.said("log_ndtr(e - c)", e=self.predictor, c=left)
        below = self.said("log_ndtr(c - e)", e=self.predictor, c=right)
        # by the tail that is the smaller
        is_low = self.said("e - c + (e - f) <= 0.0", e=self.predictor, c=left, f=right)
        large = self.said("where(low, above, below)", low=is_low, above=above, below=below)
        small = self.said("log_ndtr(where(low, e - f, c - e))", low=is_low, e=self.predictor, c=left, f=right)
        between = self.said(
            "large + log1mexp(where(good, large - small, 1.0))", large=large, small=small, good=is_good
        )
        return above, below, between

"""Distributions as Pyro says them, where it has a class of its own for what torch lacks."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import Distributions
from pgmlang.lower.expressions import Axes, to_come
from pgmlang.model import Dist

_NOT_PYRO = ("Censored", "LKJ")
"""Pyro has no class for the first, and a wrong draw (of torch's LKJCholesky) for the second."""

_INVERTIBLE = frozenset({
    "Normal", "LogNormal", "HalfNormal", "Cauchy", "HalfCauchy", "Laplace", "Exponential", "Weibull", "Gumbel",
    "Logistic", "Uniform",
})  # fmt: skip
"""Families whose quantile function torch has."""


class PyroDistributions(Distributions):
    """As the base, for ``dist`` being ``pyro.distributions``. Raises PGM0601 for what Pyro has no class for."""

    def dist(self, distribution: Dist, frame: Axes) -> ast.expr:
        """As the base's, by Pyro's own classes for some families."""
        if distribution.family in _NOT_PYRO:
            raise to_come(f"`{distribution.family}` as a Pyro distribution", distribution.span)
        match distribution.family:
            case "BetaBinomial":
                n, a, b = self.beta_binomial(distribution, frame)
                return py.call("dist.BetaBinomial", self._tensor(a), self._tensor(b), total_count=n)
            case "ZeroInflated":
                p, base = self.inflated(distribution, frame)
                return py.call("dist.ZeroInflatedDistribution", base, gate=self._tensor(p))
            case "Truncated":
                return self._truncated(distribution, frame)
            case "Logistic" | "OrderedLogistic":
                node = super().dist(distribution, frame)
                assert isinstance(node, ast.Call)
                return py.call(f"dist.{distribution.family}", *map(self._tensor, node.args))
            case "NegativeBinomial" if distribution.variant == 0:
                node = super().dist(distribution, frame)
                assert isinstance(node, ast.Call)
                mean, shape = map(self._tensor, node.args)
                logits = py.binary("sub", py.call("torch.log", mean), py.call("torch.log", shape))
                return py.call("dist.NegativeBinomial", shape, logits=logits)
            case _:
                return super().dist(distribution, frame)

    def _truncated(self, distribution: Dist, frame: Axes) -> ast.expr:
        """Uniform between the bounds' probabilities, taken through the quantile function."""
        inside = dict(distribution.arguments)["base"]
        assert isinstance(inside, Dist)
        if inside.family not in _INVERTIBLE:
            raise to_come(f"`Truncated({inside.family})` as a Pyro distribution", distribution.span)
        base, lower, upper = self.bounded(distribution, frame)
        self.expressions.uses.add("mass_between")
        chance = py.call("dist.Uniform", ast.Starred(py.call("mass_between", base, lower, upper), ast.Load()))
        inwards = py.call("dist.transforms.CumulativeDistributionTransform", base)
        outwards = ast.Attribute(inwards, "inv", ast.Load())
        return py.call("dist.TransformedDistribution", chance, ast.List([outwards], ast.Load()))

    def _tensor(self, node: ast.expr) -> ast.expr:
        self.expressions.uses.add("real")
        return py.call("real", node)

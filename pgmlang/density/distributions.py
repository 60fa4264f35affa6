"""What a random variable of one number is distributed as, given what it hangs on: moments and distribution functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values, completed
from pgmlang.density.numerics import numerics
from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Model
from pgmlang.model.branches import branches


def has_distribution(model: Model, name: str) -> bool:
    """Whether a variable is of one number and of families whose moments and distribution functions are known."""
    conditional = model.conditional_of.get(name)
    if conditional is None or model.by_name[name].type.kind == "ordered":
        return False
    return all(_is_known(d) for d in branches(conditional.distribution))


def _is_known(distribution: Any) -> bool:
    if not isinstance(distribution, Dist):
        return False
    family = FAMILIES[distribution.family]
    if family.adds_zero or family.shares:
        return all(_is_known(a) for _, a in distribution.arguments if isinstance(a, Dist))
    if family.takes or family.event or not family.formulas or family.support == "labels":
        return False
    formulas = family.formulas[distribution.variant]
    return bool(formulas.mean and formulas.variance and formulas.log_cdf and formulas.log_survival)


@dataclass(frozen=True, eq=False)
class ConditionalDistribution:
    """``node``: a distribution object, or a triple of a condition and the two distributions that it chooses of. Arrays are
    ``[..., *axes]``, of size one where nothing varies."""

    node: Any

    @property
    def mean(self) -> Tensor:
        return self._read(lambda d: d.mean)

    @property
    def variance(self) -> Tensor:
        return self._read(lambda d: d.variance)

    def log_prob(self, x: Tensor) -> Tensor:
        return self._read(lambda d: d.log_prob(x))

    def log_cdf(self, x: Tensor) -> Tensor:
        """ln P(X <= x)."""
        return self._read(lambda d: d.log_cdf(x))

    def log_survival(self, x: Tensor) -> Tensor:
        """ln P(X > x)."""
        return self._read(lambda d: d.log_survival(x))

    @property
    def is_discrete(self) -> bool:
        return _all_discrete(self.node)

    def _read(self, of: Callable[[Any], Tensor]) -> Tensor:
        return _read(self.node, of)


def _read(node: Any, of: Callable[[Any], Tensor]) -> Tensor:
    if isinstance(node, tuple):
        test, then, otherwise = node
        return torch.where(torch.as_tensor(test), _read(then, of), _read(otherwise, of))
    return of(node)


def _all_discrete(node: Any) -> bool:
    return all(map(_all_discrete, node[1:])) if isinstance(node, tuple) else bool(node.is_discrete)


def distribution_of(
    joint: BoundDensity, name: str, values: Values, params: Values | None = None, nets: Any = None
) -> ConditionalDistribution:
    """The distribution of a variable given ``values`` ``[..., *shape]`` of what it hangs on; others are as observed."""
    program = joint.programs.of_distributions((name,))
    with numerics(joint.dtype, joint.device), torch.no_grad():
        known = {**completed(joint.observed, joint.missing, values), **values}
        out = program.distributions(known, joint.data, joint.layout, {**joint.fixed, **(params or {})}, nets)
    return ConditionalDistribution(out[name])

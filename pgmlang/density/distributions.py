"""What a random variable of one number is distributed as, given what it hangs on: moments and distribution functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from pgmlang.density.angles import Angle
from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values, completed
from pgmlang.density.numerics import numerics
from pgmlang.density.tail_moments import tail_moments
from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Model
from pgmlang.model.branches import branches
from pgmlang.model.types import SORTED_KINDS


def has_distribution(model: Model, name: str) -> bool:
    """Whether a variable is of one number and of families whose moments and distribution functions are known."""
    conditional = model.conditional_of.get(name)
    if conditional is None or model.by_name[name].type.kind in SORTED_KINDS:
        return False
    return all(_is_known(d) for d in branches(conditional.distribution))


def _is_known(distribution: Any) -> bool:
    if not isinstance(distribution, Dist):
        return False
    family = FAMILIES[distribution.family]
    if family.takes:
        return all(_is_known(a) for _, a in distribution.arguments if isinstance(a, Dist))
    if family.event or not family.formulas or family.support == "labels":
        return False
    formulas = family.formulas[distribution.variant]
    has_moments = bool(formulas.mean and formulas.variance)
    return has_moments and (family.is_angle or bool(formulas.log_cdf and formulas.log_survival))


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
    return ConditionalDistribution(_with_moments(out[name]))


def _with_moments(node: Any) -> Any:
    """The tree with moments for what is known by its tails, or as an angle, alone."""
    if isinstance(node, tuple):
        test, *chosen = node
        return (test, *map(_with_moments, chosen))
    if hasattr(node, "base"):
        node = copy(node)
        node.base = _with_moments(node.base)
        return node if _has_moments(node) else _Bounded(node)
    # of families by formulas angles alone have no tails (`_is_known`)
    is_angle = hasattr(node, "density") and not hasattr(node, "log_below")
    return Angle(node) if is_angle else node


def _has_moments(node: Any) -> bool:
    return type(node).mean is not Distribution.mean


@dataclass(frozen=True, eq=False)
class _Bounded:
    """A distribution of a base and its two bounds, truncated or censored, with its moments by its tails."""

    inner: Any

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        lower, upper = (
            torch.as_tensor(n, dtype=torch.float64).expand(self.batch_shape) for n in self.inner.numbers
        )
        low, high = _support(self.inner.base)
        lower = torch.maximum(lower, torch.as_tensor(low, dtype=lower.dtype))
        upper = torch.minimum(upper, torch.as_tensor(high, dtype=upper.dtype))
        if self.is_discrete:
            lower, upper = lower.ceil(), upper.floor()
        with numerics(lower.dtype), torch.no_grad():
            return tail_moments(
                self.inner.log_cdf, self.inner.log_survival, lower, upper, is_discrete=self.is_discrete
            )

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size(self.inner.batch_shape)

    @property
    def mean(self) -> Tensor:
        return self._moments[0]

    @property
    def variance(self) -> Tensor:
        return self._moments[1]

    @property
    def is_discrete(self) -> bool:
        return bool(self.inner.is_discrete)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.inner.log_prob(x)  # type: ignore[no-any-return]

    def log_cdf(self, x: Tensor) -> Tensor:
        return self.inner.log_cdf(x)  # type: ignore[no-any-return]

    def log_survival(self, x: Tensor) -> Tensor:
        return self.inner.log_survival(x)  # type: ignore[no-any-return]


def _support(base: Any) -> tuple[Any, Any]:
    """The ends of what a distribution can be, as far as it says."""
    if hasattr(base, "bounds"):
        return tuple(base.bounds(*base.arguments))  # type: ignore[return-value]
    support = getattr(base, "support", None)
    return getattr(support, "lower_bound", -math.inf), getattr(support, "upper_bound", math.inf)

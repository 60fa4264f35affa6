"""A discrete network: variables with labels, and tables over them. Numpy only; knows nothing of models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pgmlang.model.labels import Labels


@dataclass(frozen=True)
class DiscreteVariable:
    """A variable with a finite, ordered set of labels (text, never codes)."""

    name: str
    labels: Labels

    @property
    def size(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TableFactor:
    """A nonnegative table over ``scope`` (indices of variables), one array axis a variable, in that order.

    ``child``: the variable of which this is p(child | rest of scope), None for an undirected potential.
    A directed factor's child is the last axis. ``values`` are probabilities or potentials, or their natural
    logarithms when ``is_log`` (``-inf`` for zero), float64.
    """

    scope: tuple[int, ...]
    values: np.ndarray
    child: int | None = None
    is_log: bool = False

    def log_values(self) -> np.ndarray:
        if self.is_log:
            return self.values
        with np.errstate(divide="ignore"):
            return np.log(self.values)

    def linear(self) -> tuple[np.ndarray, float]:
        """Values and a log scale: the table is ``values * exp(scale)``; the largest value is 1 for a log table."""
        if not self.is_log:
            return self.values, 0.0
        top = float(np.max(self.values, initial=-np.inf))
        if not np.isfinite(top):
            top = 0.0
        return np.exp(self.values - top), top


@dataclass(frozen=True, eq=False)
class DiscreteNetwork:
    """Variables and factors; the joint is the product of the factors (divided by Z where some are undirected)."""

    variables: tuple[DiscreteVariable, ...]
    factors: tuple[TableFactor, ...]
    name: str = "network"

    @cached_property
    def index(self) -> dict[str, int]:
        return {v.name: i for i, v in enumerate(self.variables)}

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(v.size for v in self.variables)

    @property
    def is_directed(self) -> bool:
        """True when every factor is a conditional and every variable has exactly one."""
        children = [f.child for f in self.factors]
        return None not in children and sorted(children) == list(range(len(self.variables)))  # type: ignore[type-var]

    def parents(self, child: int) -> tuple[int, ...]:
        """Parents of a variable with a directed factor, in the factor's order."""
        for factor in self.factors:
            if factor.child == child:
                return factor.scope[:-1]
        raise KeyError(self.variables[child].name)

"""A conditional Gaussian network: labels in tables, and numbers that are normal around a linear predictor of other numbers
whose coefficients and sd the labels choose (Lauritzen 1992). Numpy only; knows nothing of models."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pgmlang.tables.network import DiscreteNetwork


@dataclass(frozen=True, eq=False)
class NumberConditional:
    """``x ~ Normal(intercept + coefficients @ parents, sd)`` for each configuration of some labels.

    ``child``, ``parents``: numbers of a network by their places; ``labels``: discrete variables by theirs. Of ``U`` units
    whose numbers differ (rows with inputs), or one where they do not: ``intercept`` ``[U, C]``, ``coefficients``
    ``[U, C, parents]``, ``sd`` ``[U, C]``, above zero; C configurations of the labels, the last fastest.
    """

    child: int
    parents: tuple[int, ...]
    labels: tuple[int, ...]
    intercept: np.ndarray
    coefficients: np.ndarray
    sd: np.ndarray

    @cached_property
    def is_plain(self) -> bool:
        """Whether neither labels nor units tell its numbers apart."""
        return not self.labels and len(self.intercept) == len(self.coefficients) == len(self.sd) == 1

    def of_units(self, units: np.ndarray) -> NumberConditional:
        """The same of some of the units; what is one for all stays."""

        def chosen(values: np.ndarray) -> np.ndarray:
            return values if len(values) == 1 else values[units]

        return replace(
            self, intercept=chosen(self.intercept), coefficients=chosen(self.coefficients), sd=chosen(self.sd)
        )


@dataclass(frozen=True, eq=False)
class GaussianNetwork:
    """Labels (``discrete``, whose tables hang on labels alone) and ``numbers`` by name, with a conditional for each in their
    order. The arrows among the numbers have no cycle. ``vectors``: numbers that are drawn together, each given those before it: of
    an intervention one alone has no meaning."""

    discrete: DiscreteNetwork
    numbers: tuple[str, ...]
    conditionals: tuple[NumberConditional, ...]
    name: str = "network"
    vectors: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def number_index(self) -> dict[str, int]:
        return {n: i for i, n in enumerate(self.numbers)}

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The numbers, parents before children."""
        waiting = [set(c.parents) for c in self.conditionals]
        children: list[list[int]] = [[] for _ in waiting]
        for i, parents in enumerate(waiting):
            for p in parents:
                children[p].append(i)
        ready = [i for i, parents in enumerate(waiting) if not parents]
        out: list[int] = []
        while ready:
            i = ready.pop()
            out.append(i)
            for c in children[i]:
                waiting[c].discard(i)
                if not waiting[c]:
                    ready.append(c)
        if len(out) < len(waiting):
            raise ValueError("the arrows among the numbers have a cycle")
        return tuple(out)

    @cached_property
    def rank(self) -> np.ndarray:
        """The place of each number in `order`."""
        out = np.empty(len(self.order), dtype=np.int64)
        out[list(self.order)] = np.arange(len(self.order))
        return out

    @cached_property
    def plain_rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the conditionals that neither labels nor units tell apart (others are zero): slopes ``[N, N]``, a row each, -1 at the child itself, intercepts and
        sds ``[N]``."""
        count = len(self.numbers)
        slopes, intercept, sd = -np.eye(count), np.zeros(count), np.ones(count)
        plain = [c for c in self.conditionals if c.is_plain]
        if plain:
            children = [c.child for c in plain]
            intercept[children] = [c.intercept.item() for c in plain]
            sd[children] = [c.sd.item() for c in plain]
            heads = np.repeat(children, [len(c.parents) for c in plain])
            parents = np.array([p for c in plain for p in c.parents], dtype=np.int64)
            slopes[heads, parents] = np.concatenate([c.coefficients.reshape(-1) for c in plain])
        return slopes, intercept, sd

    @cached_property
    def is_plain(self) -> bool:
        """Whether neither labels nor units tell any conditional's numbers apart."""
        return all(c.is_plain for c in self.conditionals)

    def num_configurations(self, labels: Iterable[int]) -> int:
        return math.prod(self.discrete.sizes[v] for v in labels)

    def ancestors(self, numbers: Iterable[int], done: Collection[int] = ()) -> frozenset[int]:
        """Numbers and all that is above them; ``done``: what is set, and hangs on nothing."""
        pending = list(numbers)
        if len(set(pending)) == len(self.conditionals):
            return frozenset(pending)
        out: set[int] = set()
        while pending:
            i = pending.pop()
            if i not in out:
                out.add(i)
                pending.extend(() if i in done else self.conditionals[i].parents)
        return frozenset(out)

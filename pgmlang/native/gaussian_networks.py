"""Rows of a Gaussian network without labels, each with its own pattern of missing cells, by compiled loops."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from types import ModuleType
from weakref import WeakKeyDictionary

import numpy as np

from pgmlang.gaussian import GaussianNetwork
from pgmlang.native.program_files import load_program


@cache
def network_programs() -> ModuleType:
    """The compiled elimination."""
    from pgmlang.native.runtime import normal_networks

    return load_program(inspect.getsource(normal_networks))


@dataclass(frozen=True, eq=False)
class SparsePrecision:
    """The precision of all numbers in an order of elimination of few entries, with places for those that it fills in; fields as of the
    runtime."""

    cuts: np.ndarray
    order: np.ndarray
    mean: np.ndarray
    begins: np.ndarray
    columns: np.ndarray
    pairs: np.ndarray
    diagonal: np.ndarray
    entries: np.ndarray
    heads: np.ndarray
    weights: np.ndarray
    parents: np.ndarray
    slopes: np.ndarray
    constant: float

    @property
    def is_narrow(self) -> bool:
        """Whether so little fills in that elimination pays."""
        return bool(len(self.pairs)) or not (np.diff(self.begins) > 1).any()


def sparse_precision(network: GaussianNetwork) -> SparsePrecision:
    """Of a network that neither labels nor units tell apart, by least degree."""
    conditionals = network.conditionals
    cuts = np.array([0, *accumulate([len(c.parents) for c in conditionals])])
    numbers = [p for c in conditionals for p in c.parents]
    coefficients = np.concatenate([c.coefficients for c in conditionals], axis=2).reshape(-1)
    intercept = np.concatenate([c.intercept for c in conditionals]).reshape(-1)
    sd = np.concatenate([c.sd for c in conditionals]).reshape(-1)
    prepared = network_programs().prepare(cuts, np.array(numbers, dtype=np.int64), coefficients, intercept, sd)
    return SparsePrecision(cuts, *prepared)


_PRECISIONS: WeakKeyDictionary[GaussianNetwork, SparsePrecision] = WeakKeyDictionary()


def conditioned(network: GaussianNetwork, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of ``rows [R, N]`` (NaN: not seen) means and sds ``[2, R, N]`` given what each shows, the log-density of that, and the rows without
    an answer: their digits would be lost, or more fills in than is worth it."""
    if network not in _PRECISIONS:
        _PRECISIONS[network] = sparse_precision(network)
    of = _PRECISIONS[network]
    figures = np.empty((2, *rows.shape))
    if not of.is_narrow:
        return figures, np.empty(len(rows)), np.arange(len(rows))
    log_density, is_lost = np.empty(len(rows)), np.empty(len(rows), dtype=bool)
    network_programs().condition(
        of.order, of.mean, of.begins, of.columns, of.pairs, of.diagonal, of.entries, of.heads, of.weights, of.cuts, of.parents, of.slopes,
        of.constant, np.ascontiguousarray(rows), figures[0], figures[1], log_density, is_lost,
    )  # fmt: skip
    return figures, log_density, np.flatnonzero(is_lost)

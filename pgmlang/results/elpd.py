"""Expected log predictive densities of data left out: PSIS-LOO and WAIC from pointwise log-likelihoods, and their ranks.

Vehtari, Gelman and Gabry (2017), "Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC"; the
same numbers as arviz-stats (the tests compare them), by blocks of elements and for weighted rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgmlang.display import DisplayTable, TableTuple, column
from pgmlang.results.pointwise import Pointwise
from pgmlang.results.psis import reliable, smoothed

_BLOCK = 1 << 21
WAIC = "waic"
SHOWN = 5
"""Most elements of probability zero that are named."""
LARGE_VARIANCE = 0.4
"""Posterior variance of an element's log-likelihood above which WAIC is not to be trusted (section 2.2)."""


@dataclass(frozen=True, eq=False, repr=False)
class Elpd:
    """``elpd``: of all elements of ``plate``, with its standard error ``se`` over them; ``p``: the effective number of
    parameters, NaN where it is not known; ``pointwise``: of each element, shape (elements,). ``pareto_k``: of each element
    (PSIS-LOO), of which ``num_poor`` are above ``limit``; of WAIC ``num_poor`` counts variances above 0.4. ``method``:
    psis-loo, waic or k-fold; ``given``: what the likelihoods are conditional on, in words; ``impossible``: names of the
    elements that have probability zero where they are left out, for which ``elpd`` is minus infinity and has no error; ``mcse``: Monte
    Carlo error of a k-fold ``elpd`` whose refits or scores are drawn, None where they are not."""

    method: str
    plate: str
    given: str
    elpd: float
    se: float
    p: float
    pointwise: np.ndarray
    weights: np.ndarray
    pareto_k: np.ndarray | None = None
    limit: float = math.nan
    num_poor: int = 0
    impossible: tuple[str, ...] = ()
    mcse: float | None = None

    @property
    def is_reliable(self) -> bool:
        return self.num_poor == 0

    @property
    def k_hats(self) -> str:
        """How many shapes are over the limit, and the largest; nothing where there are none."""
        if self.pareto_k is None or not len(self.pareto_k):
            return ""
        worst = float(self.pareto_k.max())
        return f"{self.num_poor} of {len(self.pareto_k):,} k-hats over {self.limit:.2f}, the largest {worst:.2f}"

    @property
    def large_variances(self) -> str:
        """How many variances are too large for WAIC; nothing where none is, and of others."""
        if self.method != WAIC or not self.num_poor:
            return ""
        return f"{self.num_poor} variances over {LARGE_VARIANCE}, where LOO is better"

    @property
    def doubts(self) -> str:
        """Why the sum is minus infinity; nothing where it is not."""
        if not self.impossible:
            return ""
        shown = ", ".join(self.impossible[:SHOWN]) + (", ..." if len(self.impossible) > SHOWN else "")
        number = len(self.impossible)
        have = f"{self.plate} {shown} has" if number == 1 else f"{number:,} of {self.plate} ({shown}) have"
        return f"{have} probability zero where left out"

    def __str__(self) -> str:
        """``psis-loo of school: elpd -31.16 (se 1.42), p 0.93; 0 of 8 k-hats over 0.70, the largest 0.61``."""
        told = [] if math.isnan(self.se) else [f"se {self.se:.2f}"]
        if self.mcse is not None:
            told.append(f"mcse {self.mcse:.2g}")
        errors = f" ({', '.join(told)})" if told else ""
        text = f"{self.method} of {self.plate}: elpd {self.elpd:.2f}{errors}"
        if not math.isnan(self.p):
            text += f", p {self.p:.2f}"
        if self.k_hats:
            text += f"; {self.k_hats}"
        doubts = f"; {self.doubts}" if self.doubts else ""
        return f"{text}; log-likelihood {self.given}{doubts}"

    __repr__ = __str__

    @property
    def display(self) -> DisplayTable:
        """The sums with what they hang on, as a notebook shows them."""
        two = "{:.2f}".format
        notes = [f"log-likelihood {self.given}"]
        notes += filter(None, [self.k_hats, self.large_variances, self.doubts])
        return DisplayTable((
            column("figure", ["elpd", "p"], is_head=True),
            column("estimate", [self.elpd, _known(self.p)], two),
            column("se", [_known(self.se), None], two),
        ), f"{self.method} of {self.plate}", tuple(notes))  # fmt: skip

    def _repr_html_(self) -> str:
        return self.display._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, those of each element left out."""
        out = {
            "method": self.method, "plate": self.plate, "given": self.given, "elpd": self.elpd, "se": self.se,
            "p": None if math.isnan(self.p) else self.p, "elements": float(self.weights.sum()), "num_poor": self.num_poor,
        }  # fmt: skip
        if self.pareto_k is not None:
            out |= {"max_pareto_k": float(self.pareto_k.max(initial=-math.inf)), "pareto_k_limit": self.limit}
        if self.mcse is not None:
            out["mcse"] = self.mcse
        if self.impossible:
            out["impossible"] = list(self.impossible)
        return out


def psis_loo(pointwise: Pointwise, relative_ess: float = 1.0) -> Elpd:
    """Leave-one-out by Pareto-smoothed importance sampling. ``relative_ess``: effective draws over draws."""
    elpd, shapes, lppd = (np.zeros(pointwise.values.shape[2]) for _ in range(3))
    for block, values in _blocks(pointwise):
        weights, shapes[block] = smoothed(-values, relative_ess)
        elpd[block] = np.logaddexp.reduce(weights + values, axis=0)
        lppd[block] = np.logaddexp.reduce(values, axis=0) - math.log(len(values))
    limit = reliable(pointwise.values.shape[0] * pointwise.values.shape[1])
    # equal weights have no tail, and few draws none that could be fitted
    poor = int(np.sum(~(shapes <= limit)))
    return elpd_of("psis-loo", pointwise, elpd, lppd, shapes, limit, poor)


def waic(pointwise: Pointwise) -> Elpd:
    """The widely applicable information criterion (Watanabe 2010), on the scale of elpd."""
    elpd, variance, lppd = (np.zeros(pointwise.values.shape[2]) for _ in range(3))
    for block, values in _blocks(pointwise):
        variance[block] = values.var(axis=0, ddof=1) if len(values) > 1 else math.nan
        lppd[block] = np.logaddexp.reduce(values, axis=0) - math.log(len(values))
        elpd[block] = lppd[block] - variance[block]
    return elpd_of(WAIC, pointwise, elpd, lppd, None, math.nan, int(np.sum(~(variance <= LARGE_VARIANCE))))


def _blocks(pointwise: Pointwise) -> Iterator[tuple[slice, np.ndarray]]:
    """Log-likelihoods (draws, elements) of some elements at a time, all chains together."""
    chains, draws, elements = pointwise.values.shape
    step = max(1, _BLOCK // max(1, chains * draws))
    for start in range(0, elements, step):
        block = slice(start, min(start + step, elements))
        yield block, np.array(pointwise.values[:, :, block], dtype=float).reshape(chains * draws, -1)


def elpd_of(
    method: str, of: Pointwise, pointwise: np.ndarray, lppd: np.ndarray | None, shapes: np.ndarray | None,
    limit: float, num_poor: int,
) -> Elpd:  # fmt: skip
    """The sum over elements and its error. ``lppd``: log pointwise densities of the data as they were fitted, None where
    they are not known."""
    weights = np.ones(len(pointwise)) if of.weights is None else of.weights
    p = math.nan if lppd is None else weighted_sum(lppd - pointwise, weights)
    total = weighted_sum(pointwise, weights)
    error = standard_error(pointwise, weights)
    return Elpd(method, of.plate, of.says(), total, error, p, pointwise, weights, shapes, limit, num_poor)


def weighted_sum(pointwise: np.ndarray, weights: np.ndarray) -> float:
    """The sum over elements; those of no weight do not count, even where they are impossible."""
    return float(weights @ np.where(weights > 0, pointwise, 0.0))


def standard_error(pointwise: np.ndarray, weights: np.ndarray) -> float:
    """Of a sum over elements that are draws of one population (section 2.4); NaN of one element, and where one is
    infinite."""
    count = float(weights.sum())
    counted = np.where(weights > 0, pointwise, 0.0)
    if count <= 1 or not np.isfinite(counted).all():
        return math.nan
    mean = float(weights @ counted) / count
    return math.sqrt(max(0.0, float(weights @ (counted - mean) ** 2)))


@dataclass(frozen=True, eq=False)
class Ranked:
    """One fit of several: ``rank`` from 1, ``difference`` of its elpd to the best one's (0 or less) and the standard
    error of that, over the elements; NaN where the best one's elpd is minus infinity."""

    name: str
    rank: int
    elpd: Elpd
    difference: float
    difference_se: float

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "rank": self.rank, "difference": self.difference, "difference_se": self.difference_se,
                **self.elpd.to_dict()}  # fmt: skip


class Ranks(TableTuple[Ranked]):
    """Fits by their elpd, the best first."""

    __slots__ = ()

    @property
    def display(self) -> DisplayTable:
        elpds = [r.elpd for r in self]
        shapes = [e.pareto_k if e.pareto_k is not None and len(e.pareto_k) else None for e in elpds]
        notes = [f"{self[0].elpd.method}: log-likelihood {self[0].elpd.given}"] if self else []
        if any(not e.is_reliable and e.pareto_k is not None for e in elpds):
            notes.append(
                "k-hats over the limit: those sums are not to be relied on; `--folds 10` fits again instead"
            )
        notes += [f"`{r.name}`: {r.elpd.doubts}, so its sum is minus infinity; a table's prior (`prior = 1`) allows for "
                  "what the others do not show" for r in self if r.elpd.impossible]  # fmt: skip
        two = "{:.2f}".format
        return DisplayTable((
            column("fit", [r.name for r in self], is_head=True),
            column("rank", [r.rank for r in self]),
            column("elpd", [e.elpd for e in elpds], two),
            column("se", [_known(e.se) for e in elpds], two),
            *([column("mcse", [e.mcse for e in elpds], "{:.2g}".format)] if any(e.mcse is not None for e in elpds) else []),
            column("p", [_known(e.p) for e in elpds], two),
            column("difference", [_known(r.difference) for r in self], two),
            column("its se", [_known(r.difference_se) for r in self], two),
            column("poor", [e.num_poor for e in elpds]),
            column("max k", [None if k is None else float(k.max()) for k in shapes], two),
        ), notes=tuple(notes))  # fmt: skip


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def ranked(elpds: Mapping[str, Elpd]) -> Ranks:
    """The best first. Raises ValueError where they are not of the same elements."""
    sizes = {(e.plate, len(e.pointwise)) for e in elpds.values()}
    if len(sizes) > 1:
        raise ValueError(
            "predictive densities of different elements: " + ", ".join(f"{n} of {p}" for p, n in sorted(sizes))
        )
    order = sorted(elpds.items(), key=lambda item: -item[1].elpd)
    best = order[0][1]
    out = []
    for i, (name, elpd) in enumerate(order):
        if best.impossible:
            difference, error = math.nan, math.nan
        else:
            gap = elpd.pointwise - best.pointwise
            difference = weighted_sum(gap, best.weights) if i else 0.0
            error = standard_error(gap, best.weights) if i else 0.0
        out.append(Ranked(name, i + 1, elpd, difference, error))
    return Ranks(out)

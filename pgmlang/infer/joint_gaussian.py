"""Numbers that rows share, or that follow each other beside them, jointly normal given all data: one sparse least-squares problem. What it leaves is the log-evidence and
independent draws of the posterior, whose means and covariances are those of the posterior to rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.gaussian.joint_rows import JointParts, JointRows, joint_parts, joint_reasons, joint_rows
from pgmlang.gaussian.square_root import LOG_2PI
from pgmlang.graph.childless import event_axes
from pgmlang.infer.base import Facts, Problem
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.plan.latents import sampled_variables
from pgmlang.plan.method import once_per_problem
from pgmlang.plan.reasons import lowering_reasons
from pgmlang.plan.table_reasons import missing_parameters
from pgmlang.results.normal_posterior import NormalPosterior
from pgmlang.tables.row_reductions import reductions_of_rows

if TYPE_CHECKING:
    from pgmlang.native.sparse_squares import SolvedRows

MOST_NUMBERS = 200_000
"""Most numbers that are not seen."""
MOST_DENSE = 2_000
"""Most of them beside those of the largest plate, for `auto`: were all joined, that would take seconds."""
MOST_IN_VECTOR = 400
"""Longest vector (a Gaussian process over rows) for `auto`: its conditionals are written out one after the other."""
MOST_KEPT = 1 << 24
"""Numbers of all draws."""
MOST_CELLS = 1 << 26
"""Numbers of the matrix that the kept root is worked out of."""
CHAINS, DRAWS = 4, 1000
MOST_DENSE_ROOT = 1_000
"""Most elements of the normal distribution that a fit keeps."""
MOST_MATCHED = 500
"""Most numbers whose draws are given the covariance of the posterior itself."""


@once_per_problem
def open_names(model: Model, facts: Facts) -> frozenset[str]:
    """Numbers with elements that the data leave open."""
    return frozenset(v.name for v in sampled_variables(model, facts))


@once_per_problem
def joint_gaussian_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why the numbers that are not seen are not jointly normal given all data, with everything else known."""
    if facts.binding is None:
        return (Diagnostic("PGM0602", "the data say what is latent"),)
    names = open_names(model, facts)
    known = dict.fromkeys(facts.fixed | {v.name for v in model.of_role("input")})
    told = tuple(joint_reasons(model, known, names)) if names else ()
    if not names:
        return (Diagnostic("PGM0602", "nothing is latent"),)
    binding = facts.binding
    if (
        binding.weights is not None
        and not binding.is_counts
        and any(binding.plate in model.by_name[n].plates for n in names)
    ):
        told = (*told, Diagnostic("PGM0602", "weights of rows with numbers of their own that are not seen are no counts"))  # fmt: skip
    tied = sorted(names & set(names_behind(model, *reductions_of_rows(model))))
    if tied:
        told = (*told, Diagnostic("PGM0602", f"a value of all rows is taken of `{tied[0]}`, which is not seen"))
    size = num_open(model, facts)
    if size > MOST_NUMBERS:
        message = f"{size:,} numbers are not seen; the limit is {MOST_NUMBERS:,}"
        told = (*told, Diagnostic("PGM0611", message))
    parts = joint_parts(model, known, names)
    if parts.given:
        told = (*told, *lowering_reasons(model))
    return (*told, *missing_parameters(model, facts))


def _sizes(model: Model, facts: Facts) -> dict[str, int]:
    """How many elements of each variable may be open."""
    assert facts.binding is not None
    return {
        n: math.prod(facts.binding.layout.shape(model.array_axes(model.by_name[n])))
        for n in open_names(model, facts)
    }


def num_open(model: Model, facts: Facts) -> int:
    """How many numbers may be open, one at least."""
    return max(1, sum(_sizes(model, facts).values()))


def may_fill(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why `auto` should rather draw: of so many numbers beside those of one plate, which hang together through others alone, the factor may be dense."""
    assert facts.binding is not None
    by_plate: dict[str, int] = {}
    sizes = _sizes(model, facts)
    for name in sizes:
        length = max((facts.binding.layout.size(a) for a in event_axes(model, name)), default=0)
        if length > MOST_IN_VECTOR:
            message = (
                f"`{name}` is a vector of {length:,} numbers, each given those before it: `--method exact` tries"
            )
            return (Diagnostic("PGM0602", message, model.by_name[name].span),)
    for name, size in sizes.items():
        plates = model.by_name[name].plates
        if plates and not event_axes(model, name):
            by_plate[plates[-1]] = by_plate.get(plates[-1], 0) + size
    rest = sum(sizes.values()) - max(by_plate.values(), default=0)
    if rest <= MOST_DENSE:
        return ()
    message = f"{rest:,} numbers may all hang together: `--method exact` tries"
    return (Diagnostic("PGM0602", message),)


@dataclass(frozen=True, eq=False)
class JointGaussian:
    """What is not seen, given all data and ``codes`` of the labels that are not."""

    problem: Problem
    codes: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def parts(self) -> JointParts:
        model, facts = self.problem.model, self.problem.facts
        inputs = {v.name for v in model.of_role("input")}
        return joint_parts(model, dict.fromkeys(facts.fixed | inputs), open_names(model, facts))

    @cached_property
    def joint(self) -> JointRows:
        """Raises PgmError as `joint_rows`."""
        problem, binding = self.problem, self.problem.binding
        model = problem.model
        inputs = {n: np.asarray(v) for n, v in binding.values.items() if model.by_name[n].role == "input"}
        seen = {n: np.asarray(v) for n, v in binding.values.items() if model.by_name[n].role == "random"}
        seen = {n: v for n, v in seen.items() if n not in problem.fixed} | dict(self.codes)
        weights = None if binding.weights is None else (binding.plate, np.asarray(binding.weights, dtype=float))
        return joint_rows(model, {**problem.fixed, **inputs}, seen, self.parts, binding.layout, weights)

    @cached_property
    def solved(self) -> SolvedRows:
        from pgmlang.native.sparse_squares import solved

        return solved(self.joint.rows)

    def log_evidence(self) -> float:
        """The log-density of what is seen and linear in what is not."""
        solved, count = self.solved, len(self.joint.hidden)
        return float(self.joint.log_scale.sum()) - 0.5 * solved.squares - solved.log_root + 0.5 * count * LOG_2PI

    def values_at(self, away: np.ndarray) -> dict[str, np.ndarray]:
        """``[draw, *shape]`` of each variable, what is seen of it as it is: ``away [unknowns, draw]`` from the mean."""
        joint, mean = self.joint, self.solved.mean
        out = {}
        for name in self.parts.numbers:
            block = joint.blocks[name]
            first, last = np.searchsorted(joint.hidden, (block.first, block.first + block.count))
            own = np.tile(joint.values[block.first : block.first + block.count], (away.shape[1], 1))
            own[:, joint.hidden[first:last] - block.first] = mean[first:last] + away[first:last].T
            out[name] = own.reshape(-1, *block.shape)
        return out

    def normal(self) -> NormalPosterior | None:
        """All that is not seen but numbers of rows, and these too where they are few; None of too many."""
        joint = self.joint
        rows = {p.name for p in self.problem.model.plates if p.is_rows and p.name == self.problem.binding.plate}
        shared = [n for n in self.parts.numbers if not rows & set(self.problem.model.by_name[n].plates)]
        for names in (self.parts.numbers, tuple(shared)):
            blocks = [joint.blocks[n] for n in names]
            size = sum(b.count for b in blocks)
            if 0 < size <= MOST_DENSE_ROOT and size * len(joint.hidden) <= MOST_CELLS:
                break
        else:
            return None
        nodes = np.concatenate([np.arange(b.first, b.first + b.count) for b in blocks])
        place = np.searchsorted(joint.hidden, nodes)
        is_open = np.isnan(joint.values[nodes])
        mean = np.where(is_open, 0.0, joint.values[nodes])
        mean[is_open] = self.solved.mean[place[is_open]]
        root = np.zeros((len(nodes), int(is_open.sum())))
        root[is_open] = self.solved.root_of(place[is_open])
        return NormalPosterior({n: b.shape for n, b in zip(names, blocks, strict=True)}, mean, root)


def matched(solved: SolvedRows, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draws ``[unknowns, count]`` around zero whose own mean is zero and whose own covariance is that of the posterior (second-order sampling: Pham 1998); of many
    unknowns their sds alone. Of too few draws neither."""
    noise = rng.standard_normal((len(solved.root), count))
    if count > 2 * len(noise):
        noise -= noise.mean(1, keepdims=True)
        if len(noise) <= MOST_MATCHED:
            noise = np.linalg.solve(np.linalg.cholesky(noise @ noise.T / (count - 1)), noise)
    away = solved.scattered(noise)
    if count > 1 and not len(noise) <= MOST_MATCHED:
        away -= away.mean(1, keepdims=True)
        away *= (solved.sds / away.std(1, ddof=1))[:, None]
    return away

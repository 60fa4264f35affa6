"""A contraction plan with its kernels: the forward pass (log Z) and the backward pass (posteriors).

The forward pass is the collect phase of Shafer and Shenoy (1990); the backward pass, its reverse-mode derivative,
is the distribute phase: no division, so zeros are harmless (Darwiche 2003 for the equivalence).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgmlang.exact.kernels import Contraction, contraction, reduction
from pgmlang.exact.log_kernels import log_contraction, log_sum, maximum
from pgmlang.exact.plan import ContractionPlan
from pgmlang.graph.elimination import bits

# Between two rescalings the largest cell may shrink or grow by e^300 at most, far inside the range of a double;
# a small table is rescaled before that, so that a large one seldom has to be.
_SPAN = 300.0
_SMALL_SPAN = 60.0
_SMALL_CELLS = 512
_AFTER_RESCALING = 20.0


def _drift(sizes: Sequence[int], scope: Sequence[int], scope_out: Collection[int]) -> float:
    """Log of how much a sum over what of ``scope`` is not ``kept`` may let the largest cell grow."""
    cells = 1
    for v in scope:
        if v not in scope_out:
            cells *= sizes[v]
    return math.log(cells) if cells > 1 else 0.0


def _must_rescale(drift: float, sizes: Sequence[int], scope: Sequence[int]) -> bool:
    if drift <= _SMALL_SPAN:
        return False
    return drift > _SPAN or math.prod([sizes[v] for v in scope]) <= _SMALL_CELLS


def _linear_sum(values: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    return np.asarray(values.sum(axis=axes))


_TOTALS = {"linear": _linear_sum, "log": log_sum, "max": maximum}


class Leaf(NamedTuple):
    """A table the plan starts from. ``rows``: a last axis of evidence rows; ``low``: -log of its least nonzero
    cell when its largest is 1; ``static``: the same whatever the evidence."""

    scope: tuple[int, ...]
    rows: bool
    low: float
    static: bool


class ForwardStep(NamedTuple):
    a: int
    b: int
    out: int
    run: Contraction
    axes: tuple[int, ...]
    rescale: bool


class BackwardStep(NamedTuple):
    """Gradient of table ``into`` from that of ``above`` and its ``sibling``.

    ``axes``: what the sibling is summed over first. ``kernel`` None: the gradient is the summed sibling itself
    (``above`` is a root) or that of ``above`` (``sibling`` is -1). ``last``: nothing later
    needs that of ``above``.
    """

    into: int
    above: int
    sibling: int
    axes: tuple[int, ...]
    kernel: Contraction | None
    rescale: bool
    last: bool


class Extraction(NamedTuple):
    """The unnormalised posterior over ``scope`` from a table and its gradient (None at a root)."""

    table: int
    axes: tuple[int, ...]
    kernel: Contraction | None
    scope: tuple[int, ...]


@dataclass
class ContractionProgram:
    """Everything of a contraction that does not depend on the evidence's values.

    ``space``: "linear" (probabilities, rescaled), "log" (log-sum-exp) or "max" (maximum of logarithms).
    """

    plan: ContractionPlan
    leaves: tuple[Leaf, ...]
    sizes: tuple[int, ...]
    space: str = "linear"
    scopes: list[tuple[int, ...]] = field(default_factory=list)
    has_rows: list[bool] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    forward: list[ForwardStep] = field(default_factory=list)
    static: list[bool] = field(default_factory=list)
    folded: dict[int, tuple[np.ndarray, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for leaf in self.leaves:
            self.scopes.append(leaf.scope)
            self.has_rows.append(leaf.rows)
            self.low.append(leaf.low)
            self.static.append(leaf.static)
        for a, b, out, mask in self.plan.steps:
            assert out == len(self.scopes)
            self._compile_step(a, b, out, mask)

    def _compile_step(self, a: int, b: int, out: int, mask: int) -> None:
        scope_out = bits(mask)
        scope_a = self.scopes[a]
        low = self.low[a] + _drift(self.sizes, scope_a, scope_out)
        if b < 0:
            axes, scope = reduction(scope_a, scope_out)
            kernel = Contraction(scope, np.multiply)
            rows, static = self.has_rows[a], self.static[a]
        else:
            axes = ()
            kernel = self.kernel(scope_a, self.scopes[b], scope_out, self.has_rows[a], self.has_rows[b])
            low += self.low[b]
            rows, static = self.has_rows[a] or self.has_rows[b], self.static[a] and self.static[b]
        rescale = low > _SMALL_SPAN and self.space == "linear" and _must_rescale(low, self.sizes, kernel.scope)
        self.forward.append(ForwardStep(a, b, out, kernel, axes, rescale))
        self.scopes.append(kernel.scope)
        self.has_rows.append(rows)
        self.low.append(_AFTER_RESCALING if rescale else low)
        self.static.append(static)

    def kernel(
        self, a: tuple[int, ...], b: tuple[int, ...], scope_out: tuple[int, ...], a_rows: bool, b_rows: bool
    ) -> Contraction:
        if self.space == "linear":
            return contraction(self.sizes, a, b, scope_out, a_rows, b_rows)
        return log_contraction(self.sizes, a, b, scope_out, a_rows, b_rows, summed=self.space == "log")

    def total(self, values: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
        """``values`` summed (or maximised) over ``axes``, in this program's space."""
        if axes is not None and not axes:
            return values
        return _TOTALS[self.space](values, axes)

    @cached_property
    def spread(self) -> float:
        """Log of the largest over the least nonzero product of cells that the leaves allow, at most."""
        return sum(leaf.low for leaf in self.leaves)

    @cached_property
    def cells(self) -> list[int]:
        return [math.prod([self.sizes[v] for v in scope]) for scope in self.scopes]

    @cached_property
    def above(self) -> dict[int, int]:
        """The step that uses each table."""
        step_above: dict[int, int] = {}
        for number, step in enumerate(self.forward):
            step_above[step.a] = number
            if step.b >= 0:
                step_above[step.b] = number
        return step_above

    @cached_property
    def home(self) -> dict[int, int]:
        """The smallest table that holds each variable."""
        best: dict[int, int] = {}
        cells = self.cells
        for table, scope in enumerate(self.scopes):
            for v in scope:
                # Of equals the last: it is nearer to the root, and fewer gradients lead to it.
                if v not in best or cells[table] <= cells[best[v]]:
                    best[v] = table
        return best


@dataclass(frozen=True)
class Backward:
    """The part of the backward pass that some extractions need."""

    steps: tuple[BackwardStep, ...]
    extractions: tuple[Extraction, ...]

    @cached_property
    def reached(self) -> frozenset[int]:
        """Tables that have a gradient other than one."""
        return frozenset(step.into for step in self.steps)

    @cached_property
    def needed_above(self) -> frozenset[int]:
        """Tables whose gradient others are made from."""
        return frozenset(step.above for step in self.steps)

    @cached_property
    def at(self) -> dict[int, list[int]]:
        """Numbers of the extractions from each table."""
        numbers: dict[int, list[int]] = {}
        for number, extraction in enumerate(self.extractions):
            numbers.setdefault(extraction.table, []).append(number)
        return numbers


class _BackwardCompiler:
    def __init__(self, program: ContractionProgram, tables: Iterable[int]) -> None:
        self.program = program
        needed = set(tables)
        above, forward = program.above, program.forward
        for table in tuple(needed):
            while table in above:
                table = forward[above[table]].out
                if table in needed:
                    break
                needed.add(table)
        # Scope and row flag of each gradient; roots have none (their gradient is one).
        self.scopes: dict[int, tuple[int, ...]] = {}
        self.rows: dict[int, bool] = {}
        self.low: dict[int, float] = {}
        self.steps: list[BackwardStep] = []
        for a, b, out, _, _, _ in reversed(forward):
            if out not in needed:
                continue
            both = b >= 0 and b in needed
            if a in needed:
                self.step(a, out, b, not both)
            if both:
                self.step(b, out, a, True)

    def step(self, into: int, above: int, sibling: int, last: bool) -> None:
        program, scopes = self.program, self.scopes
        if sibling < 0:
            if above in scopes:
                scopes[into], self.rows[into] = scopes[above], self.rows[above]
                self.low[into] = self.low[above]
                self.steps.append(BackwardStep(into, above, -1, (), None, False, last))
            return
        scope_out, beside = program.scopes[into], program.scopes[sibling]
        low = program.low[sibling] + _drift(program.sizes, beside, scope_out)
        if above not in scopes:
            axes, scopes[into] = reduction(beside, scope_out)
            self.rows[into], self.low[into] = program.has_rows[sibling], low
            self.steps.append(BackwardStep(into, above, sibling, axes, None, False, last))
            return
        low += self.low[above]
        rows, above_rows = program.has_rows[sibling], self.rows[above]
        axes, scope = reduction(beside, scope_out + scopes[above])
        kernel = program.kernel(scope, scopes[above], scope_out, rows, above_rows)
        rescale = (
            low > _SMALL_SPAN and program.space == "linear" and _must_rescale(low, program.sizes, kernel.scope)
        )
        scopes[into], self.low[into] = kernel.scope, _AFTER_RESCALING if rescale else low
        self.rows[into] = above_rows or rows
        self.steps.append(BackwardStep(into, above, sibling, axes, kernel, rescale, last))

    def extraction(self, table: int, wanted: tuple[int, ...]) -> Extraction:
        program = self.program
        if table not in self.scopes:
            axes, scope = reduction(program.scopes[table], wanted)
            return Extraction(table, axes, None, scope)
        axes, scope = reduction(program.scopes[table], wanted + self.scopes[table])
        kernel = program.kernel(scope, self.scopes[table], wanted, program.has_rows[table], self.rows[table])
        return Extraction(table, axes, kernel, kernel.scope)


def backward_for(program: ContractionProgram, wanted: Sequence[tuple[int, tuple[int, ...]]]) -> Backward:
    """The backward pass that yields the posterior of each (table, variables of it)."""
    compiler = _BackwardCompiler(program, (table for table, _ in wanted))
    extractions = tuple(compiler.extraction(table, variables) for table, variables in wanted)
    return Backward(tuple(compiler.steps), extractions)

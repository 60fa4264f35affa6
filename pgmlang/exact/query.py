"""Compiling a query on a pattern of evidence: pruning, elimination order, plan, program, and the width check."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.evidence import EvidenceRows
from pgmlang.exact.leaves import FactorTable, LeafSource, describe, leaf_sources, leaf_values
from pgmlang.exact.plan import contraction_plan
from pgmlang.exact.program import Backward, ContractionProgram, Leaf, backward_for
from pgmlang.exact.rows import RowIndex
from pgmlang.graph.elimination import Elimination, bits, elimination_order, interaction_graph
from pgmlang.tables import DiscreteNetwork

DEFAULT_MAX_CELLS = 200_000_000


@dataclass(frozen=True)
class WidthReport:
    """What exact inference would cost, known before anything is allocated.

    ``treewidth``: largest clique less one; ``largest_clique``: its variables; ``largest_cells``: cells of its
    table; ``clique_cells``: cells of all cliques (the work of a row); ``total_cells``: cells kept for a row;
    ``bytes``: memory of one row.
    """

    treewidth: int
    largest_clique: tuple[int, ...]
    largest_cells: int
    clique_cells: int
    total_cells: int
    bytes: int


@dataclass(frozen=True)
class CompiledQuery:
    """A compiled query: leaves, program and what it costs."""

    chosen: tuple[int, ...]
    hidden: tuple[int, ...]
    sources: tuple[LeafSource, ...]
    program: ContractionProgram
    report: WidthReport
    scale: float
    backwards: dict[tuple[object, ...], Backward] = field(default_factory=dict)

    def backward(self, wanted: tuple[tuple[int, tuple[int, ...]], ...]) -> Backward:
        """The backward pass for some (table, variables), remembered."""
        backward = self.backwards.get(wanted)
        if backward is None:
            backward = self.backwards[wanted] = backward_for(self.program, wanted)
        return backward

    def leaf_arrays(
        self, evidence: EvidenceRows, tables: Sequence[np.ndarray], sizes: Sequence[int]
    ) -> tuple[list[np.ndarray], list[RowIndex | None]]:
        """Numbers of all leaves for ``evidence``, in the program's space."""
        logs = self.program.space != "linear"
        arrays: list[np.ndarray] = []
        rows: list[RowIndex | None] = []
        for source in self.sources:
            if source.factor is None and source.unary is None:
                size = sizes[source.rest[0]]
                array, index = (np.zeros(size) if logs else np.ones(size)), None
            else:
                array, index = leaf_values(source, evidence, tables, logs)
            arrays.append(array)
            rows.append(index)
        return arrays, rows


def relevant_factors(network: DiscreteNetwork, seen: Iterable[int]) -> tuple[int, ...]:
    """Factors that matter to ``seen`` (targets and evidence): all but the conditionals of barren variables.

    A conditional whose child is in no other factor left sums to one (Shachter 1988); undirected factors stay.
    """
    uses: list[set[int]] = [set() for _ in network.variables]
    for number, factor in enumerate(network.factors):
        for v in factor.scope:
            uses[v].add(number)
    seen = set(seen)
    left = set(range(len(network.factors)))
    stack = [v for v in range(len(uses)) if v not in seen]
    while stack:
        v = stack.pop()
        if v in seen or len(uses[v]) != 1:
            continue
        (number,) = uses[v]
        if network.factors[number].child != v:
            continue
        left.discard(number)
        for u in network.factors[number].scope:
            uses[u].discard(number)
            stack.append(u)
    return tuple(sorted(left))


def relevant(
    network: DiscreteNetwork, evidence: EvidenceRows, seen: Iterable[int] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the factors that matter to the targets ``seen`` (None: every variable) and the evidence, and the
    variables left hidden."""
    sizes = network.sizes
    observed = set(evidence.fixed) | set(evidence.hard)
    if seen is None:
        return tuple(range(len(network.factors))), tuple([v for v in range(len(sizes)) if v not in observed])
    wanted = set(seen) | observed | {u.variable for u in evidence.unary}
    chosen = relevant_factors(network, wanted)
    held = {v for number in chosen for v in network.factors[number].scope}
    dropped = {f.child for n, f in enumerate(network.factors) if n not in set(chosen)}
    return chosen, tuple(
        v for v in range(len(sizes)) if v not in observed and (v in held or v in wanted or v not in dropped)
    )


def compile_query(
    network: DiscreteNetwork,
    factors: Sequence[FactorTable],
    evidence: EvidenceRows,
    seen: Iterable[int] | None,
    *,
    outputs: Sequence[int] = (),
    join: bool = True,
    space: str = "linear",
    max_cells: int = DEFAULT_MAX_CELLS,
    elimination: Elimination | None = None,
) -> CompiledQuery:
    """Compile for the pattern of ``evidence``. ``seen``: targets (None: every variable); ``outputs``: hidden
    variables never summed (their joint is the root when ``join``); ``elimination``: as `order_for`, where it is known. PGM0603 when it would not fit."""
    sizes = network.sizes
    chosen, hidden = relevant(network, evidence, seen)
    sources = tuple(leaf_sources(factors, chosen, evidence, hidden))
    described = [describe(source, factors, evidence, sizes) for source in sources]
    leaves = tuple(leaf for leaf, _ in described)
    if elimination is None:
        elimination = order_for(leaves, sizes, hidden, outputs, evidence.num_rows)
    masks = [sum([1 << v for v in leaf.scope]) for leaf in leaves]
    output_mask = sum(1 << v for v in outputs)
    plan = contraction_plan(masks, [c for _, c in described], sizes, elimination.order, output_mask, join)
    report = _report(elimination, plan.scopes, sizes)
    if report.total_cells > max_cells:
        raise too_wide(network, report, max_cells, bool(outputs))
    program = ContractionProgram(plan, leaves, sizes, space)
    return CompiledQuery(chosen, hidden, sources, program, report, sum(factors[n].scale for n in chosen))


def order_for(
    leaves: Sequence[Leaf], sizes: Sequence[int], hidden: Sequence[int], outputs: Sequence[int], num_rows: int
) -> Elimination:
    """An elimination order of the hidden variables but the outputs, which stay."""
    graph = interaction_graph([leaf.scope for leaf in leaves], len(sizes))
    group = sum(1 << v for v in hidden) & ~sum(1 << v for v in outputs)
    return elimination_order(graph, sizes, [group], rows=num_rows)


def _report(elimination: Elimination, scopes: Sequence[int], sizes: Sequence[int]) -> WidthReport:
    total = sum([math.prod([sizes[v] for v in bits(mask)]) for mask in scopes])
    largest = elimination.largest
    return WidthReport(
        elimination.width,
        largest,
        math.prod(sizes[v] for v in largest),
        elimination.total_cells,
        total,
        16 * total,
    )


def _count(cells: int) -> str:
    return f"{cells:,}" if cells < 10**9 else f"10^{math.log10(cells):.1f}"


def too_wide(network: DiscreteNetwork, report: WidthReport, max_cells: int, joint: bool) -> PgmError:
    """PGM0603, naming the width, the largest clique and what would work instead."""
    names = [f"`{network.variables[v].name}`" for v in report.largest_clique]
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    cures = "observe some of these variables, or use an approximate method: `gibbs`, `bp` or `meanfield`"
    if joint:
        cures = "ask for fewer variables at once, " + cures
    return PgmError(
        Diagnostic(
            "PGM0603",
            f"`{network.name}` is too wide for exact inference: treewidth {report.treewidth}, "
            f"{_count(report.total_cells)} cells a row, the limit is {_count(max_cells)}",
            notes=(f"largest clique: {listed} ({_count(report.largest_cells)} cells)",),
            help=cures,
        )
    )

"""The engine: exact answers on a discrete network for many evidence rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pgmlang.exact.clique_tree import CliqueTree, clique_tree, posteriors_of
from pgmlang.exact.compiled import CompiledNetwork
from pgmlang.exact.contract import backward, is_suspect, normalised
from pgmlang.exact.counts import expected_counts
from pgmlang.exact.evidence import Evidence, EvidenceRows, Soft, prepare
from pgmlang.exact.joint_table import enumerated
from pgmlang.exact.mpe import marginal_map, mpe
from pgmlang.exact.query import WidthReport, compile_query, relevant
from pgmlang.exact.sampling import posterior_sample

_FEWEST_ROWS = 16
"""Fewer rows than this in a chunk are answered one by one."""
MOST_TREES = 64
"""Patterns of one row whose trees are remembered."""


@dataclass(frozen=True)
class Marginals:
    """``log_evidence``: (rows,), -inf where the evidence is impossible; ``tables``: variable -> (rows, size)
    posteriors, NaN in such rows."""

    log_evidence: np.ndarray
    tables: dict[int, np.ndarray]


class ExactEngine(CompiledNetwork):
    """Exact inference by variable elimination and its reverse (a junction tree in other words).

    ``max_cells``: refuse (PGM0603) a query that keeps more cells than this for a row; ``threads``: for the
    marginals of rows beyond one chunk (the linear algebra below has threads of its own). Compiled queries are kept
    by pattern: which variables are observed, and how. Evidence maps a variable to its code, or to codes
    (rows,), -1 for a missing cell; soft evidence to weights (size,) or (rows, size).
    """

    @cached_property
    def _trees(self) -> dict[tuple[object, ...], CliqueTree | None]:
        """Trees of cliques by the pattern of one row and what is asked."""
        return {}

    def marginals(
        self,
        evidence: Evidence | None = None,
        targets: Sequence[int] | None = None,
        soft: Soft | None = None,
        num_rows: int | None = None,
    ) -> Marginals:
        """log P(evidence) (undirected: log of the evidence's unnormalised sum) and single posteriors.

        ``targets``: all variables when None; an observed one has all its mass on its code.
        """
        rows = prepare(self.network, evidence, soft, num_rows)
        wanted = list(range(len(self.network.variables))) if targets is None else list(dict.fromkeys(targets))
        hidden = [v for v in wanted if v not in rows.fixed and v not in rows.hard]
        seen = None if targets is None else tuple(wanted)
        log_z, flat = self._marginals(rows, seen, hidden, self.space_for(rows))
        tables: dict[int, np.ndarray] = {}
        for v in wanted:
            if v in flat:
                tables[v] = rows.restore(flat[v])
            else:
                tables[v] = rows.restore(self._observed(rows, v, log_z))
        return Marginals(rows.restore(log_z), tables)

    def _observed(self, rows: EvidenceRows, variable: int, log_z: np.ndarray) -> np.ndarray:
        table = np.zeros((rows.num_rows, self.network.sizes[variable]))
        if variable in rows.fixed:
            table[:, rows.fixed[variable]] = 1.0
        else:
            table[np.arange(rows.num_rows), rows.hard[variable]] = 1.0
        table[np.isneginf(log_z)] = np.nan
        return table

    def _marginals(
        self, rows: EvidenceRows, seen: Sequence[int] | None, hidden: Sequence[int], space: str
    ) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        sizes = self.network.sizes
        if rows.num_rows == 1 and space == "linear" and not rows.hard and not rows.unary:
            chosen, remaining = relevant(self.network, rows, seen)
            factors = [self.factors[n] for n in chosen]
            answer = enumerated(factors, sizes, rows.fixed, remaining, hidden, self.max_cells)
            if answer is None:
                answer = self._by_cliques(rows, chosen, remaining, seen, upwards_only=not hidden)
            if answer is not None:
                return answer[0], {v: answer[1][v] for v in hidden}
        log_z = np.zeros(rows.num_rows)
        flat = {v: np.empty((rows.num_rows, sizes[v])) for v in hidden}
        if not rows.num_rows:
            return log_z, flat
        grouped = self.groups(rows, seen, space)
        if grouped:
            for members, chunk in grouped:
                left = [v for v in hidden if v not in chunk.hard]
                log_z[members], tables = self._marginals(chunk, seen, left, space)
                for v in hidden:
                    flat[v][members] = tables[v] if v in tables else self._observed(chunk, v, log_z[members])
            return log_z, flat
        query = self.query(rows, seen, space=space)
        program = query.program
        if rows.num_rows > 1 and self.chunk_rows(query) < _FEWEST_ROWS:
            # A row alone fills the memory set aside: plain tables are faster than runs of one or two rows.
            for r in range(rows.num_rows):
                chunk = rows.single(r)
                left = [v for v in hidden if v not in chunk.fixed]
                log_z[r : r + 1], tables = self._marginals(chunk, seen, left, space)
                for v in hidden:
                    flat[v][r] = tables[v] if v in tables else self._observed(chunk, v, log_z[r : r + 1])
            return log_z, flat
        passes = query.backward(tuple((program.home[v], (v,)) for v in hidden))

        def run(work: tuple[slice, EvidenceRows]) -> None:
            piece, chunk = work
            done = self.run_forward(query, chunk)
            log_z[piece] = done.log_z
            totals = []
            with np.errstate(invalid="ignore", divide="ignore"):
                for v, (values, index) in zip(hidden, backward(program, passes, done), strict=True):
                    table, total = normalised(values, index, space)
                    flat[v][piece] = (index.expand(table) if index is not None else table).T
                    totals.append((total, index))
            impossible = np.isneginf(done.log_z)
            if impossible.any():
                for v in hidden:
                    flat[v][piece][impossible] = np.nan
            again = is_suspect(program, done, totals)
            if again.any():
                members = np.arange(piece.start, piece.stop)[again]
                log_z[members], exact = self._marginals(rows.take(members), seen, hidden, "log")
                for v in hidden:
                    flat[v][members] = exact[v]

        pieces = list(self.chunks(query, rows))
        run(pieces[0])
        if self.threads > 1 and len(pieces) > 2:
            # Pieces are the same whatever the number of threads, and so are the answers.
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run, pieces[1:]))
        else:
            for work in pieces[1:]:
                run(work)
        return log_z, flat

    def _by_cliques(
        self, rows: EvidenceRows, chosen: Sequence[int], hidden: Sequence[int], seen: Sequence[int] | None, *, upwards_only: bool,
    ) -> tuple[np.ndarray, dict[int, np.ndarray]] | None:  # fmt: skip
        """The answer for one row from small cliques; None where they are not."""
        key = (rows.pattern, None if seen is None else tuple(seen))
        if key not in self._trees:
            if len(self._trees) >= MOST_TREES:
                self._trees.pop(next(iter(self._trees)))
            self._trees[key] = clique_tree(
                self.factors, chosen, self.network.sizes, rows.fixed, hidden, self.max_cells
            )
        tree = self._trees[key]
        if tree is None:
            return None
        return posteriors_of(tree, self.factors, rows.fixed, self.network.sizes, upwards_only=upwards_only)

    def log_z(
        self, evidence: Evidence | None = None, soft: Soft | None = None, num_rows: int | None = None
    ) -> np.ndarray:
        """log P(evidence), (rows,); for an undirected network the log of the unnormalised sum."""
        rows = prepare(self.network, evidence, soft, num_rows)
        return rows.restore(self._marginals(rows, (), (), self.space_for(rows))[0])

    def joint(
        self,
        targets: Sequence[int],
        evidence: Evidence | None = None,
        soft: Soft | None = None,
        num_rows: int | None = None,
    ) -> np.ndarray:
        """Posterior joint over ``targets``, (rows, *sizes), wherever they lie; NaN for impossible evidence."""
        rows = prepare(self.network, evidence, soft, num_rows)
        if len(set(targets)) != len(targets):
            raise ValueError("a target is named twice")
        hidden = [v for v in targets if v not in rows.fixed and v not in rows.hard]
        sizes = self.network.sizes
        table = np.zeros((rows.num_rows, *(sizes[v] for v in targets)))
        if rows.num_rows:
            hidden_part = self._joint(rows, tuple(targets), hidden, self.space_for(rows))
            index: list[np.ndarray | slice] = []
            for v in targets:
                shape = [rows.num_rows, *([1] * len(hidden))]
                if v in hidden:
                    axis = [1] * (len(hidden) + 1)
                    axis[1 + hidden.index(v)] = sizes[v]
                    index.append(np.arange(sizes[v]).reshape(axis))
                else:
                    index.append(rows.codes(v).reshape(shape))
            every = np.arange(rows.num_rows).reshape(rows.num_rows, *([1] * len(hidden)))
            table[(every, *index)] = hidden_part
            table[np.isnan(hidden_part).reshape(rows.num_rows, -1).any(axis=1)] = np.nan
        return rows.restore(table)

    def _joint(
        self, rows: EvidenceRows, targets: tuple[int, ...], hidden: Sequence[int], space: str
    ) -> np.ndarray:
        """(distinct rows, *sizes of the hidden targets)."""
        sizes = [self.network.sizes[v] for v in hidden]
        out = np.empty((rows.num_rows, *sizes))
        query = self.query(rows, targets, outputs=tuple(hidden), space=space)
        for piece, chunk in self.chunks(query, rows):
            done = self.run_forward(query, chunk)
            flat = np.ones((1, 1))
            for root in query.program.plan.roots:
                scope = query.program.scopes[root]
                if scope:
                    values, index = done.values[root], done.rows[root]
                    assert values is not None
                    order = [scope.index(v) for v in hidden]
                    values = values.transpose([*order, len(order)] if index is not None else order)
                    with np.errstate(invalid="ignore", divide="ignore"):
                        table, _ = normalised(values, index, space)
                    flat = (index.expand(table) if index is not None else table).T
            out[piece] = flat.reshape(-1, *sizes)
            out[piece][np.isneginf(done.log_z)] = np.nan
            again = is_suspect(query.program, done)
            if again.any():
                members = np.arange(piece.start, piece.stop)[again]
                out[members] = self._joint(rows.take(members), targets, hidden, "log")
        return out

    def mpe(
        self, evidence: Evidence | None = None, soft: Soft | None = None, num_rows: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The most probable configuration, (codes (rows, variables), log value (rows,)).

        Ties always fall the same way. Impossible evidence: codes -1, value -inf.
        """
        return mpe(self, evidence, soft, num_rows)

    def map(
        self,
        targets: Sequence[int],
        evidence: Evidence | None = None,
        soft: Soft | None = None,
        num_rows: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Marginal MAP, the other variables summed out: (codes (rows, targets), log value (rows,))."""
        return marginal_map(self, targets, evidence, soft, num_rows)

    def posterior_sample(
        self,
        evidence: Evidence | None,
        num_draws: int,
        rng: np.random.Generator,
        soft: Soft | None = None,
        num_rows: int | None = None,
    ) -> np.ndarray:
        """Independent draws from the joint posterior, (rows, draws, variables); -1 for impossible evidence."""
        return posterior_sample(self, evidence, num_draws, rng, soft, num_rows)

    def expected_counts(
        self,
        evidence: Evidence | None = None,
        weights: np.ndarray | None = None,
        soft: Soft | None = None,
        num_rows: int | None = None,
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Posterior counts of every factor's cells summed over rows, and the log-evidence (rows,)."""
        return expected_counts(self, evidence, weights, soft, num_rows)

    def width_report(
        self, evidence_vars: Sequence[int] = (), targets: Sequence[int] | None = None, num_rows: int = 1
    ) -> WidthReport:
        """What a query with these variables observed would cost; nothing is allocated."""
        fixed = dict.fromkeys(evidence_vars, 0)
        rows = EvidenceRows(num_rows, num_rows, None, fixed, {}, ())
        unlimited = compile_query(self.network, self.factors, rows, targets, max_cells=10**3000)
        return unlimited.report

"""A network with its compiled queries: what every kind of exact answer starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.exact.contract import ForwardTables, forward
from pgmlang.exact.evidence import EvidenceRows, by_pattern
from pgmlang.exact.leaves import WIDE_RANGE, FactorTable, factor_tables
from pgmlang.exact.query import DEFAULT_MAX_CELLS, CompiledQuery, compile_query
from pgmlang.graph.elimination import Elimination
from pgmlang.tables import DiscreteNetwork

# Memory for the tables of one chunk of rows, and the most rows a chunk may have.
_CHUNK_BYTES = 256 << 20
_CHUNK_ROWS = 1024
_CACHED_QUERIES = 64
# Missing cells: patterns handled one by one when there are few for the rows, or when all at once is too wide.
_GROUPS, _GROUP_ROWS, _MOST_GROUPS = 32, 200, 512


class CompiledNetwork:
    """``max_cells``: refuse (PGM0603) a query that keeps more cells than this for a row; ``threads``: for the
    marginals of rows beyond one chunk. Queries are kept by the pattern of their evidence."""

    def __init__(self, network: DiscreteNetwork, *, max_cells: int | None = None, threads: int = 1) -> None:
        self.network = network
        self.max_cells = DEFAULT_MAX_CELLS if max_cells is None else max_cells
        self.threads = threads
        self._queries: dict[tuple[object, ...], CompiledQuery] = {}

    @cached_property
    def factors(self) -> tuple[FactorTable, ...]:
        return factor_tables(self.network)

    @cached_property
    def linear_tables(self) -> list[np.ndarray]:
        return [f.linear for f in self.factors]

    @cached_property
    def log_tables(self) -> list[np.ndarray]:
        """Logarithms of the factors less their scales."""
        pairs = zip(self.network.factors, self.factors, strict=True)
        return [np.asarray(given.log_values() - f.scale, dtype=np.float64) for given, f in pairs]

    def space_for(self, evidence: EvidenceRows) -> str:
        """ "log" where a single table's range is beyond linear arithmetic, else "linear"."""
        low = max([f.low for f in self.factors] + [u.low for u in evidence.unary], default=0.0)
        return "log" if low > WIDE_RANGE else "linear"

    def query(
        self,
        evidence: EvidenceRows,
        seen: Sequence[int] | None,
        *,
        outputs: Sequence[int] = (),
        join: bool = True,
        space: str = "linear",
        elimination: Elimination | None = None,
    ) -> CompiledQuery:
        """The compiled query for this pattern of evidence, from the cache when asked before. ``elimination``: of its hidden variables, where
        one is known."""
        many = evidence.num_rows.bit_length() // 4
        key = (evidence.pattern, None if seen is None else tuple(seen), tuple(outputs), join, space, many)
        compiled = self._queries.get(key)
        if compiled is None:
            if len(self._queries) >= _CACHED_QUERIES:
                self._queries.pop(next(iter(self._queries)))
            compiled = self._queries[key] = compile_query(
                self.network, self.factors, evidence, seen,
                outputs=outputs, join=join, space=space, max_cells=self.max_cells, elimination=elimination,
            )  # fmt: skip
        return compiled

    def groups(
        self, rows: EvidenceRows, seen: Sequence[int] | None, space: str
    ) -> list[tuple[np.ndarray, EvidenceRows]]:
        """Rows with missing cells one pattern at a time, where that pays or is the only way to fit; else empty.

        An observed variable cut out of the tables costs nothing, an indicator of it leaves them as they are; but
        every pattern is compiled by itself.
        """
        few = by_pattern(rows, min(_GROUPS, 1 + rows.num_rows // _GROUP_ROWS))
        if few:
            return few
        try:
            self.query(rows, seen, space=space)
        except PgmError:
            many = by_pattern(rows, _MOST_GROUPS)
            if not many:
                raise
            return many
        return []

    def run_forward(self, query: CompiledQuery, evidence: EvidenceRows) -> ForwardTables:
        """The forward pass, log Z in full (scales of factors and likelihoods included)."""
        tables = self.linear_tables if query.program.space == "linear" else self.log_tables
        arrays, rows = query.leaf_arrays(evidence, tables, self.network.sizes)
        done = forward(query.program, arrays, rows, evidence.num_rows)
        done.log_z += query.scale + evidence.log_scale()
        return done

    def chunk_rows(self, query: CompiledQuery) -> int:
        """How many rows a chunk may have."""
        cells = sum(n for n, rows in zip(query.program.cells, query.program.has_rows, strict=True) if rows)
        return int(max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // (8 * max(cells, 1)))))

    def chunks(self, query: CompiledQuery, evidence: EvidenceRows) -> Iterator[tuple[slice, EvidenceRows]]:
        """The distinct rows in pieces whose tables fit the memory set aside."""
        size = self.chunk_rows(query)
        if evidence.num_rows <= size:
            yield slice(0, evidence.num_rows), evidence
            return
        pieces = -(-evidence.num_rows // size)
        size = -(-evidence.num_rows // pieces)
        for start in range(0, evidence.num_rows, size):
            piece = slice(start, min(start + size, evidence.num_rows))
            yield piece, evidence.take(piece)

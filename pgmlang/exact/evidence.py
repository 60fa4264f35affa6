"""Evidence as given (scalars, rows, missing cells, likelihoods) brought to distinct rows of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pgmlang.tables import DiscreteNetwork

Evidence = Mapping[int, "np.ndarray | int | Sequence[int]"]
Soft = Mapping[int, np.ndarray]


@dataclass(frozen=True)
class UnaryEvidence:
    """A likelihood of one variable: ``table`` (versions, size), the largest of each version 1, times exp of
    ``scale`` (versions,); ``ids`` (rows,) which version, None: version 0. ``is_indicator``: hard evidence, the id
    the code or, where it is missing, the size."""

    variable: int
    table: np.ndarray
    ids: np.ndarray | None
    scale: np.ndarray
    is_indicator: bool = False

    @property
    def low(self) -> float:
        """-log of the least nonzero weight, rounded up."""
        positive = self.table[self.table > 0]
        return 20.0 * float(np.ceil(-np.log(positive.min()) / 20.0)) if positive.size else 0.0


def _unary(variable: int, table: np.ndarray, ids: np.ndarray | None) -> UnaryEvidence:
    top = table.max(axis=1, initial=0.0)
    top = np.where(top > 0, top, 1.0)
    return UnaryEvidence(variable, table / top[:, None], ids, np.log(top))


@dataclass(frozen=True)
class EvidenceRows:
    """Distinct evidence rows. ``inverse``: which of them each given row is, None when they are the given ones.

    ``fixed``: variable -> code, the same in all rows; ``hard``: variable -> codes (rows,), none missing;
    ``unary``: likelihoods, among them the indicators of variables observed in some rows only.
    """

    num_given: int
    num_rows: int
    inverse: np.ndarray | None
    fixed: dict[int, int]
    hard: dict[int, np.ndarray]
    unary: tuple[UnaryEvidence, ...]

    @cached_property
    def pattern(self) -> tuple[object, ...]:
        """What a compiled program depends on."""
        unary = tuple((u.variable, u.ids is not None, u.low) for u in self.unary)
        return (tuple(sorted(self.fixed)), tuple(sorted(self.hard)), unary)

    def restore(self, values: np.ndarray) -> np.ndarray:
        """``values`` (distinct rows, ...) as (given rows, ...)."""
        return values if self.inverse is None else values[self.inverse]

    def codes(self, variable: int) -> np.ndarray:
        """Codes of an observed variable in the distinct rows."""
        if variable in self.fixed:
            return np.full(self.num_rows, self.fixed[variable], dtype=np.int64)
        return self.hard[variable]

    def log_scale(self) -> np.ndarray:
        """Log of the likelihoods' scales, (rows,)."""
        total = np.zeros(self.num_rows)
        for u in self.unary:
            total += u.scale[0 if u.ids is None else u.ids]
        return total

    def take(self, which: slice | np.ndarray) -> EvidenceRows:
        """Some of the distinct rows, as evidence of their own."""
        hard = {v: codes[which] for v, codes in self.hard.items()}
        unary = tuple(u if u.ids is None else replace(u, ids=u.ids[which]) for u in self.unary)
        count = len(range(self.num_rows)[which]) if isinstance(which, slice) else len(which)
        return EvidenceRows(count, count, None, self.fixed, hard, unary)

    def single(self, r: int) -> EvidenceRows:
        """One distinct row as evidence without a row axis: its tables are plain arrays."""
        fixed = self.fixed | {v: int(codes[r]) for v, codes in self.hard.items()}
        unary = []
        for u in self.unary:
            version = 0 if u.ids is None else int(u.ids[r])
            if not u.is_indicator:
                unary.append(UnaryEvidence(u.variable, u.table[version][None], None, u.scale[version][None]))
            elif version < u.table.shape[1]:
                fixed[u.variable] = version
        return EvidenceRows(1, 1, None, fixed, {}, tuple(unary))


def by_pattern(rows: EvidenceRows, most: int) -> list[tuple[np.ndarray, EvidenceRows]]:
    """The rows grouped by which cells are missing, each group with hard evidence in place of indicators.

    Empty when nothing is missing or there are more than ``most`` groups.
    """
    indicators = [u for u in rows.unary if u.is_indicator and u.ids is not None]
    if not indicators:
        return []
    missing = np.stack([u.ids == u.table.shape[1] for u in indicators], axis=1)
    patterns, inverse = np.unique(missing, axis=0, return_inverse=True)
    if len(patterns) > most:
        return []
    groups = []
    for number, pattern in enumerate(patterns):
        members = np.flatnonzero(inverse.reshape(-1) == number)
        group = rows.take(members)
        seen = {u.variable for u, gone in zip(indicators, pattern, strict=True) if not gone}
        hard = group.hard | {u.variable: u.ids for u in group.unary if u.is_indicator and u.ids is not None}
        hard = {v: codes for v, codes in sorted(hard.items()) if v in seen or v in group.hard}
        soft = tuple(u for u in group.unary if not u.is_indicator)
        groups.append((members, replace(group, hard=hard, unary=soft)))
    return groups


def _codes(network: DiscreteNetwork, variable: int, given: object) -> np.ndarray:
    if not 0 <= variable < len(network.variables):
        raise IndexError(f"no variable {variable}")
    codes = np.asarray(given)
    if codes.ndim > 1 or (codes.size and codes.dtype.kind not in "iu"):
        raise ValueError(f"evidence on `{network.variables[variable].name}` must be whole numbers, one a row")
    codes = codes.astype(np.int64)
    size = network.sizes[variable]
    if codes.size and (codes.min() < -1 or codes.max() >= size):
        raise ValueError(f"evidence on `{network.variables[variable].name}` is outside -1..{size - 1}")
    return codes


def _likelihood(network: DiscreteNetwork, variable: int, given: object) -> np.ndarray:
    table = np.asarray(given, dtype=np.float64)
    name, size = network.variables[variable].name, network.sizes[variable]
    if table.ndim not in (1, 2) or table.shape[-1] != size:
        raise ValueError(f"soft evidence on `{name}` must have {size} weights a row")
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError(f"soft evidence on `{name}` must be finite and not negative")
    return table


def _row_count(codes: Mapping[int, np.ndarray], soft: Mapping[int, np.ndarray], num_rows: int | None) -> int:
    counts = {len(c) for c in codes.values() if c.ndim} | {len(t) for t in soft.values() if t.ndim == 2}
    if num_rows is not None:
        counts.add(num_rows)
    if len(counts) > 1:
        raise ValueError(f"evidence arrays differ in their number of rows: {sorted(counts)}")
    return counts.pop() if counts else 1


def prepare(
    network: DiscreteNetwork, evidence: Evidence | None, soft: Soft | None = None, num_rows: int | None = None
) -> EvidenceRows:
    """Check evidence and find its distinct rows. ValueError or IndexError for what does not fit the network."""
    codes = {v: _codes(network, v, given) for v, given in sorted((evidence or {}).items())}
    weights = {v: _likelihood(network, v, given) for v, given in sorted((soft or {}).items())}
    rows = _row_count(codes, weights, num_rows)
    fixed: dict[int, int] = {}
    columns: dict[tuple[str, int], np.ndarray] = {}
    for v, column in codes.items():
        if column.ndim == 0 or (len(column) and (column == column[0]).all()):
            code = int(column if column.ndim == 0 else column[0])
            if code >= 0:
                fixed[v] = code
        else:
            columns["hard", v] = column
    tables: dict[int, np.ndarray] = {}
    for v, table in weights.items():
        if table.ndim == 1:
            tables[v] = table[None]
        else:
            tables[v], ids = np.unique(table, axis=0, return_inverse=True)
            columns["soft", v] = ids.reshape(-1)
    inverse = None
    distinct = rows if columns else min(rows, 1)
    if columns and rows > 1:
        matrix = np.stack(list(columns.values()), axis=1)
        matrix, inverse = np.unique(matrix, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        distinct = len(matrix)
        columns = {key: np.ascontiguousarray(matrix[:, i]) for i, key in enumerate(columns)}
    elif rows > 1:
        inverse = np.zeros(rows, dtype=np.int64)
    return EvidenceRows(rows, distinct, inverse, fixed, *_split(network, columns, tables))


def _split(
    network: DiscreteNetwork, columns: Mapping[tuple[str, int], np.ndarray], tables: Mapping[int, np.ndarray]
) -> tuple[dict[int, np.ndarray], tuple[UnaryEvidence, ...]]:
    """Columns observed in every row, and the likelihoods of the others."""
    hard: dict[int, np.ndarray] = {}
    unary: list[UnaryEvidence] = []
    for (kind, v), column in columns.items():
        if kind == "hard" and (column >= 0).all():
            hard[v] = column
        elif kind == "hard":
            size = network.sizes[v]
            # The last version is "not observed": a likelihood of ones.
            likelihood = np.vstack([np.eye(size), np.ones(size)])
            unary.append(
                UnaryEvidence(v, likelihood, np.where(column < 0, size, column), np.zeros(size + 1), True)
            )
    for v, table in tables.items():
        unary.append(_unary(v, table, columns.get(("soft", v))))
    return hard, tuple(unary)
